"""Makes the recordings of real tools under ``tests/recordings/``: wrk, hey, h2load, k6, on a small server of its own.

Not a test. Run it where the tools are installed: ``python tests/interchange/record_tools.py [K6]``; K6 is the path of
the k6 program (its recordings are left as they are without). Load goes to loopback, a few seconds each. Every folder
gets a ``recordings.json`` with the tool's version and the command of each file.

Fortio's recordings are made by ``tests/recordings/fortio/make.py``.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

HOME = Path(__file__).resolve().parents[1] / "recordings"

K6_SCRIPT = """
import http from 'k6/http';
export const options = {
  scenarios: {load: {executor: 'constant-arrival-rate', rate: 100, timeUnit: '1s', duration: '2s', preAllocatedVUs: 8}},
  summaryTrendStats: ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)', 'p(99.9)', 'count'],
};
export default function () { http.get(__ENV.TARGET); }
export function handleSummary(data) { return {[__ENV.HANDLED]: JSON.stringify(data)}; }
"""
K6_CLOSED = """
import http from 'k6/http';
export const options = {vus: 4, duration: '1s'};
export default function () { http.get(__ENV.TARGET); }
"""


class Server(asyncio.Protocol):
    """Answers every request with 64 bytes; every hundredth with 503."""

    count = 0

    def connection_made(self, transport):
        self.transport, self.received = transport, b""

    def data_received(self, data):
        self.received += data
        while b"\r\n\r\n" in self.received:
            _, self.received = self.received.split(b"\r\n\r\n", 1)
            Server.count += 1
            status = b"503 Busy" if Server.count % 100 == 0 else b"200 OK"
            self.transport.write(b"HTTP/1.1 %b\r\nContent-Length: 64\r\n\r\n%b" % (status, b"x" * 64))


def serve() -> str:
    """Start the server in a thread; return its address."""
    ready: list[int] = []
    up = threading.Event()

    async def run():
        server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
        ready.append(server.sockets[0].getsockname()[1])
        up.set()
        await server.serve_forever()

    threading.Thread(target=lambda: asyncio.run(run()), daemon=True).start()
    up.wait(5)
    return f"http://127.0.0.1:{ready[0]}/"


def call(*command: str) -> str:
    """Run a tool and return what it printed."""
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout


def keep(tool: str, version: str, files: dict[str, tuple[str, str]]) -> None:
    """Write a tool's files and say how each was made."""
    folder = HOME / tool
    folder.mkdir(parents=True, exist_ok=True)
    told = {"version": version, "files": {name: command for name, (command, _) in files.items()}}
    for name, (_, content) in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    (folder / "recordings.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def wrk(target: str) -> None:
    version = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False).stdout.splitlines()[0]
    commands = {
        "latency.txt": ("wrk", "-t1", "-c8", "-d2s", "--latency", target),
        "plain.txt": ("wrk", "-t2", "-c4", "-d1s", target),
    }
    keep("wrk", version, {name: (" ".join(line), call(*line)) for name, line in commands.items()})


def hey(target: str) -> None:
    version = call("dpkg-query", "-W", "-f", "${Package} ${Version}", "hey")
    commands = {
        "closed.txt": ("hey", "-z", "1s", "-c", "4", target),
        "limited.txt": ("hey", "-n", "400", "-c", "4", "-q", "50", target),
        "requests.csv": ("hey", "-n", "300", "-c", "4", "-q", "50", "-o", "csv", target),
        "refused.txt": ("hey", "-n", "4", "-c", "2", "http://127.0.0.1:9/"),
    }
    keep("hey", version, {name: (" ".join(line), call(*line)) for name, line in commands.items()})


def h2load(target: str) -> None:
    version = call("h2load", "--version").strip()
    with tempfile.TemporaryDirectory() as folder:
        log = str(Path(folder) / "log.tsv")
        line = ("h2load", "--h1", "-n", "1000", "-c", "4", "-t", "1", f"--log-file={log}", target)
        printed = call(*line)
        rows = Path(log).read_text(encoding="utf-8")
    rated = ("h2load", "--h1", "-c", "4", "-D", "2", "--warm-up-time=0", target)
    command = " ".join(line).replace(log, "log.tsv")
    files = {
        "counted.txt": (command, printed),
        "log.tsv": (command, rows),
        "timed.txt": (" ".join(rated), call(*rated)),
    }
    keep("h2load", version, files)


def k6(program: str, target: str) -> None:
    version = call(program, "version").splitlines()[0]
    files: dict[str, tuple[str, str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for name, script in (("arrival", K6_SCRIPT), ("closed", K6_CLOSED)):
            (home / f"{name}.js").write_text(script, encoding="utf-8")
            summary, rows, handled = home / f"{name}.json", home / f"{name}.csv", home / "handled.json"
            call(
                *(program, "run", "-q", "--no-usage-report", f"--summary-export={summary}", f"--out=csv={rows}"),
                *("-e", f"TARGET={target}", "-e", f"HANDLED={handled}", str(home / f"{name}.js")),
            )
            command = f"k6 run --summary-export={name}.json --out=csv={name}.csv {name}.js"
            files[f"{name}-summary.json"] = (command, summary.read_text(encoding="utf-8"))
            if name == "arrival":  # the other one has megabytes
                files[f"{name}.csv"] = (command, rows.read_text(encoding="utf-8"))
            files[f"{name}.js"] = ("the script", script)
        files["arrival-handled.json"] = ("handleSummary of arrival.js", handled.read_text(encoding="utf-8"))
    keep("k6", version, files)


def main(program: str = "") -> None:
    target = serve()
    wrk(target)
    hey(target)
    h2load(target)
    if program:
        k6(program, target)


if __name__ == "__main__":
    main(*sys.argv[1:])
