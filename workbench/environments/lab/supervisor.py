"""Processes of the lab: started so that they die with us, watched while they start, stopped whatever happens."""

from __future__ import annotations

import http.client
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.environments.lab.envoy import envoy_path
from workbench.errors import DeadlineExceededError, RunFailedError, UnsupportedError
from workbench.model.lab_steps import Role

START_DEADLINE_S = 20.0
"""An Envoy with one cluster is up in 0.1 s and with 3,000 in 6 s; a loaded machine may take thrice that."""

_STOP_DEADLINE_S = 3.0


@dataclass(slots=True, kw_only=True)
class Child:
    """A running process of the lab."""

    name: str
    role: Role
    folder: Path
    popen: subprocess.Popen[bytes]

    def output(self, limit: int = 2000) -> str:
        """Return the last of what it printed."""
        try:
            content = (self.folder / "output").read_bytes()
        except OSError:
            return ""
        return content[-limit:].decode("utf-8", "replace").strip()

    def check_alive(self) -> None:
        """Raise RunFailedError when it has ended."""
        code = self.popen.poll()
        if code is not None:
            raise RunFailedError(f"{self.name} {_ending(code)}. It printed last: {self.output() or 'nothing'}")


def _ending(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"


def program_path(program: str) -> str:
    """Return the absolute path of ``"python"`` (this interpreter), ``"envoy"`` or a program on PATH."""
    if program == "python":
        return sys.executable
    if program == "envoy":
        return envoy_path()
    found = shutil.which(program)
    if found is None:
        raise UnsupportedError(f"The program {program!r} is not on PATH; install it or choose another load generator.")
    return found


class Supervisor:
    """Starts processes and ends every one of them."""

    def __init__(self) -> None:
        self.children: list[Child] = []

    def start(self, name: str, role: Role, argv: Sequence[str], folder: Path) -> Child:
        """Start ``argv``, made by `enter_command`, in ``folder``; what it prints goes to the file ``output`` there."""
        with (folder / "output").open("wb") as output:
            popen = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                start_new_session=True,
            )
        child = Child(name=name, role=role, folder=folder, popen=popen)
        self.children.append(child)
        return child

    def stop(self, children: Sequence[Child]) -> None:
        """Ask them to end, then make them; returns when they are gone."""
        for child in children:
            _signal(child, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_DEADLINE_S
        for child in children:
            try:
                child.popen.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(child, signal.SIGKILL)
                child.popen.wait()
        self.children = [child for child in self.children if child not in children]

    def stop_all(self) -> None:
        """End everything that was started."""
        self.stop(list(self.children))


def _signal(child: Child, number: signal.Signals) -> None:
    if child.popen.poll() is None:
        child.popen.send_signal(number)


def wait_until(condition: Callable[[], bool], children: Sequence[Child], what: str, deadline_s: float) -> None:
    """Wait for ``condition`` while every child lives.

    Raises
    ------
    RunFailedError
        When a child ends meanwhile.
    DeadlineExceededError
        When the condition does not come to hold.
    """
    end, pause = time.monotonic() + deadline_s, 0.002
    while not condition():
        for child in children:
            child.check_alive()
        if time.monotonic() > end:
            said = "; ".join(f"{child.name}: {child.output(400) or 'nothing'}" for child in children)
            raise DeadlineExceededError(f"{what} did not happen within {deadline_s:g} s. Printed last: {said}")
        time.sleep(pause)
        pause = min(pause * 1.3, 0.05)


class _AdminConnection(http.client.HTTPConnection):
    """HTTP over Envoy's admin socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=5)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(5)
        self.sock.connect(self._path)


def admin(path: Path, request: str) -> tuple[int, str]:
    """GET ``request`` from the admin socket ``path``: (status, text); (0, reason) when it cannot be reached."""
    connection = _AdminConnection(path)
    try:
        connection.request("GET", request)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, f"{type(error).__name__}: {error}"
    finally:
        connection.close()
