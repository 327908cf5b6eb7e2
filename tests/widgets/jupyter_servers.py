"""JupyterLab as ``workbench lab`` opens it, and Voila: on loopback, with settings of nobody but the test."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TOKEN = "loopback-only"


@dataclass(frozen=True)
class Lab:
    """A server that answers at ``url`` with ``TOKEN``; notebooks go into ``folder``."""

    url: str
    folder: Path
    data: Path


def _environment(home: Path, data: Path) -> dict[str, str]:
    own = {"CONFIG": "config", "DATA": "share", "RUNTIME": "runtime"}
    return {
        **os.environ,
        **{f"JUPYTER_{name}_DIR": str(home / folder) for name, folder in own.items()},
        "JUPYTER_TOKEN": TOKEN,
        "IPYTHONDIR": str(home / "ipython"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "WORKBENCH_DATA": str(data),
        "WORKBENCH_REPORTS": str(home / "reports"),
    }


@contextmanager
def served(home: Path, data: Path, arguments: list[str], pattern: str, asked: str) -> Iterator[str]:
    """Start ``python -m`` `arguments`; give its address, by `pattern` in what it says, once `asked` is answered."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=home,
            stdout=log,
            stderr=log,
            env=_environment(home, data),
            start_new_session=True,
        )
    try:
        yield _address(home / "log", server, pattern, asked)
    finally:
        server.send_signal(signal.SIGINT)
        server.send_signal(signal.SIGTERM)
        server.wait(20)


def _address(log: Path, server: subprocess.Popen[bytes], pattern: str, asked: str) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        found = re.search(pattern, log.read_text(errors="replace"))
        if found:
            url = found[1].replace("localhost", "127.0.0.1").rstrip("/")
            try:
                urllib.request.urlopen(f"{url}/{asked}", timeout=5).close()
                return url
            except OSError:
                pass
        time.sleep(0.2)
    raise AssertionError(f"No server: {log.read_text(errors='replace')[-2000:]}")


@contextmanager
def lab_server(home: Path, data: Path) -> Iterator[Lab]:
    """``workbench lab`` in ``home``, on any free port."""
    arguments = ["workbench", "lab", "--no-browser", "--port", "0", "--notebooks", str(home / "notebooks")]
    with served(home, data, arguments, r"(http://(?:localhost|127\.0\.0\.1):\d+)/lab", f"api?token={TOKEN}") as url:
        yield Lab(url=url, folder=home / "notebooks", data=data)


@contextmanager
def voila_server(home: Path, data: Path, notebook: Path) -> Iterator[str]:
    """``voila notebook`` on a free port, with nothing told to it but where to listen."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["voila", str(notebook), "--no-browser", f"--port={port}"]
    with served(home, data, arguments, r"(http://(?:localhost|127\.0\.0\.1):\d+)", "voila/static/voila.js") as url:
        yield url
