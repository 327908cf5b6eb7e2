"""Makes the recordings anew with the Fortio on PATH, against Fortio's own echo server on loopback.

    python tests/recordings/fortio/make.py

Each recording is what `workbench.loadgens.fortio` gets back of one of its own jobs; ``recordings.json`` says for each
with which version, command and server it was made, and the window that was announced.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "loadgens"))

from loadgen_lab import carry_out, free_port  # noqa: E402

from workbench.loadgens.fortio import ADAPTER  # noqa: E402
from workbench.spec import Load, Workload  # noqa: E402

RECORDINGS = [
    ("normal", "", Load(rate_per_s=200, duration_s=2, warmup_s=0.5, connections=4), 1024),
    ("no-payload", "", Load(rate_per_s=100, duration_s=1, warmup_s=0, connections=4), 0),
    ("large-payload", "", Load(rate_per_s=50, duration_s=1, warmup_s=0, connections=2), 8192),
    ("errors", "status=503:10", Load(rate_per_s=200, duration_s=2, warmup_s=0, connections=4), 64),
    ("slow-errors", "status=500:20&delay=5ms:50", Load(rate_per_s=100, duration_s=2, warmup_s=0, connections=4), 64),
    ("missed-rate", "delay=50ms", Load(rate_per_s=200, duration_s=1, warmup_s=0, connections=2), 64),
    ("refused", None, Load(rate_per_s=100, duration_s=1, warmup_s=0.2, connections=4), 64),
]


@contextmanager
def server(port: int, parameters: str | None):
    if parameters is None:
        yield
        return
    off = [word for kind in ("redirect", "grpc", "tcp", "udp") for word in (f"-{kind}-port", "disabled")]
    process = subprocess.Popen(
        ["fortio", "server", "-http-port", f"127.0.0.1:{port}", *off, "-echo-server-default-params", parameters],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(0.5)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def main() -> None:
    version = subprocess.run(["fortio", "version"], capture_output=True, text=True, check=True).stdout.strip()
    told = {}
    for name, parameters, load, payload_bytes in RECORDINGS:
        job = ADAPTER.job(load, Workload(payload_bytes=payload_bytes), 1)
        port = free_port()
        with server(port, parameters), tempfile.TemporaryDirectory() as folder:
            output = carry_out(job, port, Path(folder))
        (HERE / f"{name}.json").write_bytes(output.outputs["fortio.json"])
        arguments = job.arguments[job.arguments.index("--") :]
        told[name] = {
            "fortio": version,
            "server": "none: nobody listens" if parameters is None else f"fortio server, parameters {parameters!r}",
            "command": " ".join(arguments[arguments.index("--", 1) + 1 :]),
            "load": {key: getattr(load, key) for key in ("rate_per_s", "duration_s", "warmup_s", "connections")},
            "payload_bytes": payload_bytes,
            "window": [output.window.start_s, output.window.end_s],
        }
    (HERE / "recordings.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
