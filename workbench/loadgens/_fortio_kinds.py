"""What is different for each protocol that Fortio speaks: its flags, its targets, how it names a right answer.

HTTP/2 is spoken in plaintext with prior knowledge (h2c), by Go's own client, whose every connection carries one request
at a time here. gRPC is Fortio's own ping, a message that the server sends back; TCP writes bytes and reads them again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from workbench.model.experiment import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One protocol.

    Attributes
    ----------
    target
        What the command calls.
    http
        Whether Fortio's HTTP client does it, which tells sizes of answers and takes HTTP's flags.
    flags
        Of the command, besides those of every load.
    right
        How a right answer is counted.
    known
        Fortio's names -> ours.
    failure
        How everything else that Fortio names is counted; empty: by Fortio's own name, a status. Fortio names a failed
        connection by its error's text, with the ports of both ends.
    """

    target: str
    http: bool = False
    flags: tuple[str, ...] = ()
    right: str = "200"
    known: Mapping[str, str] = field(default_factory=dict)
    failure: str = ""

    def status(self, name: str) -> str:
        """Return how we count what Fortio calls ``name``."""
        return self.known.get(name) or self.failure or name


KINDS: Mapping[str, Kind] = {
    "http/1.1": Kind(
        target="http://${target.host}:${target.port}/",
        http=True,
        known={"-1": "transport-error"},
    ),
    "http/2": Kind(
        target="http://${target.host}:${target.port}/",
        http=True,
        flags=("-h2",),
        known={"-1": "transport-error"},
    ),
    "grpc": Kind(
        target="${target.host}:${target.port}",
        flags=("-grpc", "-ping"),
        right="OK",
        known={"SERVING": "OK", "ERROR": "grpc-error"},
    ),
    "tcp": Kind(
        target="tcp://${target.host}:${target.port}",
        right="OK",
        known={"OK": "OK"},
        failure="transport-error",
    ),
}


def flags_of(protocol: str, workload: Workload) -> tuple[str, ...]:
    """Return a protocol's flags; a gRPC server waits as long as the ping asks it to."""
    delay = ("-grpc-ping-delay", f"{workload.server_delay_s:g}s") if workload.server_delay_s else ()
    return (*KINDS[protocol].flags, *(delay if protocol == "grpc" else ()))
