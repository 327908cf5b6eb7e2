"""What the built-in load generator costs and how well it keeps its schedule, against a small uvloop echo server.

Run as a program with the argument ``serve`` this file is that server.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy

from workbench import adapters
from workbench.model.experiment import Load, Workload
from workbench.model.histograms import quantiles, record
from workbench.model.protocols import JobOutput
from workbench.model.records import LoadResult, Noise, Window

ROUNDS = 3


class Echo(asyncio.Protocol):
    """Answers every whole request with its body."""

    def connection_made(self, transport):
        self.transport, self.received = transport, b""

    def data_received(self, data):
        self.received += data
        head = self.received.find(b"\r\n\r\n") + 4
        start = self.received.find(b"Content-Length: ") + 16
        length = int(self.received[start : self.received.find(b"\r\n", start)])
        if len(self.received) >= head + length:
            body, self.received = self.received[head : head + length], b""
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (length, body))


async def serve():
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def measure(port: int, rate: float, duration_s: float) -> LoadResult:
    adapter = adapters.load("loadgens", "builtin")
    load = Load(rate_per_s=rate, duration_s=duration_s, warmup_s=0.5)
    job = adapter.job(load, Workload(), 1)
    with tempfile.TemporaryDirectory() as folder:
        places = {"${target.host}": "127.0.0.1", "${target.port}": str(port), "${dir}": folder}
        arguments = list(job.arguments)
        for name, value in places.items():
            arguments = [argument.replace(name, value) for argument in arguments]
        ran = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, check=True, timeout=job.deadline_s
        )
        outputs = {name: (Path(folder) / name).read_bytes() for name in job.outputs}
    told = json.loads(ran.stdout.split("\n", 1)[0])
    window = Window(start_s=told["window_start_ns"] / 1e9, end_s=told["window_end_ns"] / 1e9)
    return adapter.parse(
        load,
        JobOutput(window=window, outputs=outputs, stdout=ran.stdout, stderr=ran.stderr, cpu_s=None, noise=Noise()),
    )


def start_seconds() -> float:
    """From starting the program to its complaint that an argument is missing: all imports done."""
    adapter = adapters.load("loadgens", "builtin")
    job = adapter.job(Load(rate_per_s=100), Workload(), 1)
    started = time.perf_counter()
    subprocess.run([sys.executable, *job.arguments[:3]], capture_output=True, timeout=10, check=False)
    return time.perf_counter() - started


def rows() -> list[dict]:
    server = subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline())
        found = [(rate, measure(port, rate, 4.0)) for _ in range(ROUNDS) for rate in (1000, 2000)]
    finally:
        server.terminate()
        server.wait(10)
        server.stdout.close()
    table = []
    for rate, cpu_target in ((1000, "<= 70 when quiet"), (2000, "")):
        results = [result for asked, result in found if asked == rate]
        figures = {
            ("load generator CPU per request", "µs", cpu_target): [one.cpu_per_request_s * 1e6 for one in results],
            ("achieved rate off by", "%", "<= 0.2"): [abs(one.achieved_rate_per_s / rate - 1) * 100 for one in results],
            ("send-lag p99", "ms", "<= 0.5 when quiet"): [
                quantiles(one.histograms["send_lag"], [0.99])[0] * 1e3 for one in results
            ],
            ("latency from schedule p50", "µs", ""): [
                quantiles(one.histograms["from_schedule"], [0.5])[0] * 1e6 for one in results
            ],
            ("failed requests", "", "0"): [one.errors for one in results],
        }
        table += [row(f"{what} at {rate}/s", values, unit, target) for (what, unit, target), values in figures.items()]
    table.append(row("load generator start", [start_seconds() * 1e3 for _ in range(9)], "ms", "<= 30 when quiet"))
    values = numpy.random.default_rng(1).lognormal(12, 1, 1_000_000)
    table.append(row("histogram of 1e6 latencies", [timed(record, values) * 1e3 for _ in range(5)], "ms", ""))
    return table


def timed(function, *arguments) -> float:
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started


def row(what: str, values: list[float], unit: str, target: str) -> dict:
    return {"what": what, "value": float(statistics.median(values)), "unit": unit, "target": target}


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        import gc

        import uvloop

        gc.freeze()
        gc.disable()
        uvloop.run(serve())
    else:
        for one in rows():
            print(one)
