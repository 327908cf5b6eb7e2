"""A little server that misbehaves on demand, and a way to carry out a job without an environment."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from workbench.model.lab_steps import Job
from workbench.model.protocols import JobOutput
from workbench.model.records import Noise, Window


def reply(body: bytes, status: int = 200, extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status} Some Reason\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


def echo(number: int, body: bytes) -> bytes | None:
    """Answer of a well-behaved server; ``None`` from such a function closes the connection."""
    return reply(body)


class Server:
    """Threads and blocking sockets on loopback; `answer` gets the request's number, from 0, and its body."""

    def __init__(self, answer: Callable[[int, bytes], bytes | None] = echo, port: int = 0) -> None:
        self.answer = answer
        self.requests = self.connections = 0
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> Server:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            for one in (self._listener, *self._open):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        received = b""
        while True:
            while b"\r\n\r\n" not in received:
                received += self._more(connection)
            head, _, received = received.partition(b"\r\n\r\n")
            fields = (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            length = next((int(line[15:]) for line in fields), 0)
            while len(received) < length:
                received += self._more(connection)
            body, received = received[:length], received[length:]
            with self._lock:
                number, self.requests = self.requests, self.requests + 1
            answer = self.answer(number, body)
            if answer is None:
                return
            connection.sendall(answer)
            if b"connection: close" in answer[:200].lower():
                return

    @staticmethod
    def _more(connection: socket.socket) -> bytes:
        data = connection.recv(65536)
        if not data:
            raise ConnectionError("the client has gone")
        return data


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def carry_out(
    job: Job, port: int, folder: Path, meanwhile: Callable[[subprocess.Popen], None] = lambda _process: None
) -> JobOutput:
    """Run ``job`` against ``port`` on loopback, as an environment would, and check what it announces."""
    filled = {"${target.host}": "127.0.0.1", "${target.port}": str(port), "${dir}": str(folder)}
    arguments = list(job.arguments)
    for placeholder, value in filled.items():
        arguments = [one.replace(placeholder, value) for one in arguments]
    program = sys.executable if job.program == "python" else job.program
    started = time.monotonic_ns()
    with subprocess.Popen(
        [program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
    ) as process:
        try:
            meanwhile(process)
            stdout, stderr = process.communicate(timeout=job.deadline_s)
        except BaseException:
            process.kill()
            raise
    ended = time.monotonic_ns()
    assert process.returncode == 0, stdout + stderr
    told = json.loads(stdout.split("\n", 1)[0]) if job.announces else {}
    start, end = told.get("window_start_ns", started), told.get("window_end_ns", ended)
    assert started <= start < end <= ended
    offset = time.time_ns() - time.monotonic_ns()
    return JobOutput(
        window=Window(start_s=(start + offset) / 1e9, end_s=(end + offset) / 1e9),
        outputs={name: (folder / name).read_bytes() for name in job.outputs},
        stdout=stdout,
        stderr=stderr,
        cpu_s=None,
        noise=Noise(),
    )
