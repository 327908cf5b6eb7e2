"""``httpbin``: one service that answers any request with a description of it; go-httpbin, as Istio's samples use it."""

from __future__ import annotations

from workbench.model.experiment import Workload
from workbench.workloads._ready import Ready, Unit


class Httpbin(Ready):
    """Client -> httpbin; a payload is sent and described, a delay is the server's."""

    __slots__ = ()

    def path_of(self, workload: Workload) -> str:
        """Return the path that waits for the delay, or the one that answers at once; both take a body."""
        return f"/delay/{workload.server_delay_s:g}" if workload.server_delay_s else self.path


ADAPTER = Httpbin(
    name="httpbin",
    title="go-httpbin: one service that describes the request (one hop)",
    units=(
        Unit(
            name="httpbin",
            image="docker.io/mccutchen/go-httpbin:v2.15.0",
            port=8080,
            service_port=8000,
            user=65534,
        ),
    ),
    path="/anything",
    uses=("payload_bytes", "server_delay_s"),
)
