"""Makes the recordings anew with the Fortio on PATH, against Fortio's own echo server on loopback.

    python tests/recordings/fortio/make.py [NAME ...]

All of them, or those named. Each recording is what `workbench.loadgens.fortio` gets back of one of its own jobs;
``recordings.json`` says for each with which version, command and server it was made, and the window that was announced.
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
from workbench.model.experiment import Load, Workload  # noqa: E402

LOAD = {"rate_per_s": 100, "duration_s": 1, "warmup_s": 0, "connections": 4}
RECORDINGS = [
    ("normal", "", Load(rate_per_s=200, duration_s=2, warmup_s=0.5, connections=4), 1024),
    ("no-payload", "", Load(rate_per_s=100, duration_s=1, warmup_s=0, connections=4), 0),
    ("large-payload", "", Load(rate_per_s=50, duration_s=1, warmup_s=0, connections=2), 8192),
    ("errors", "status=503:10", Load(rate_per_s=200, duration_s=2, warmup_s=0, connections=4), 64),
    ("slow-errors", "status=500:20&delay=5ms:50", Load(rate_per_s=100, duration_s=2, warmup_s=0, connections=4), 64),
    ("missed-rate", "delay=50ms", Load(rate_per_s=200, duration_s=1, warmup_s=0, connections=2), 64),
    ("refused", None, Load(rate_per_s=100, duration_s=1, warmup_s=0.2, connections=4), 64),
    ("h2-normal", "", Load(**LOAD, protocol="http/2"), 1024),
    ("h2-errors", "status=503:20", Load(**LOAD, protocol="http/2"), 64),
    ("h2-refused", None, Load(**LOAD, protocol="http/2"), 64),
    ("grpc-normal", "", Load(**LOAD, protocol="grpc"), 512),
    ("grpc-missed-rate", "50ms", Load(**LOAD | {"connections": 2}, protocol="grpc"), 0),
    ("grpc-refused", None, Load(**LOAD, protocol="grpc"), 0),
    ("tcp-normal", "", Load(**LOAD, protocol="tcp"), 1024),
    ("tcp-no-payload", "", Load(**LOAD, protocol="tcp"), 0),
    ("tcp-refused", None, Load(**LOAD, protocol="tcp"), 64),
]
"""Name, what the server does (HTTP: parameters of its echo; gRPC: its delay; None: there is none), load, payload."""


@contextmanager
def server(port: int, parameters: str | None, listener: str):
    if parameters is None:
        yield
        return
    ports = dict.fromkeys(("http", "redirect", "grpc", "tcp", "udp"), "disabled") | {listener: f"127.0.0.1:{port}"}
    words = [word for kind, where in ports.items() for word in (f"-{kind}-port", where)]
    if listener == "http":
        words += ["-echo-server-default-params", parameters]
    process = subprocess.Popen(
        ["fortio", "server", *words],
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
    told = json.loads((HERE / "recordings.json").read_text())
    for name, parameters, load, payload_bytes in RECORDINGS:
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        delay_s = float(parameters.removesuffix("ms")) / 1000 if load.protocol == "grpc" and parameters else 0.0
        job = ADAPTER.job(load, Workload(payload_bytes=payload_bytes, server_delay_s=delay_s), 1)
        port, listener = free_port(), load.protocol.split("/")[0]
        with server(port, parameters, listener), tempfile.TemporaryDirectory() as folder:
            output = carry_out(job, port, Path(folder))
        (HERE / f"{name}.json").write_bytes(output.outputs["fortio.json"])
        arguments = job.arguments[job.arguments.index("--") :]
        told[name] = {
            "fortio": version,
            "server": "none: nobody listens"
            if parameters is None
            else f"fortio server, {listener}, parameters {parameters!r}",
            "command": " ".join(arguments[arguments.index("--", 1) + 1 :]),
            "load": {key: getattr(load, key) for key in (*LOAD, "protocol")},
            "payload_bytes": payload_bytes,
            "window": [output.window.start_s, output.window.end_s],
        }
    (HERE / "recordings.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
