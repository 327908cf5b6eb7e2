"""What the machine can do is said; JupyterLab opens on the notebooks, also where its port is taken."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from workbench import adapters
from workbench.files import shipped


def test_the_doctor_says_what_can_be_done_and_why_not(here, tmp_path):
    done = here("doctor", "--json")
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert told["meshes"] == list(adapters.names("meshes"))
    names = [check["what"] for check in told["checks"]]
    assert any("Envoy" in name for name in names)
    assert {"workbench", "data folder", "load generator builtin"} <= set(names)
    assert all(check["because"] for check in told["checks"])
    assert not (tmp_path / "data").exists()
    text = here("doctor").stdout
    assert re.search(r"^yes +workbench ", text, re.MULTILINE)
    assert re.search(r"^mesh.*by name: baseline, ", text, re.MULTILINE)


def read_until(stream, pattern: str, seconds: float) -> str:
    read, end = "", time.monotonic() + seconds
    while time.monotonic() < end:
        read += stream.readline()
        if re.search(pattern, read):
            return read
    raise AssertionError(f"{pattern} was not said in {seconds} s, but: {read}")


def fetched(url: str) -> dict:
    """Return what ``url`` answers; a server says its address a moment before it listens."""
    end = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(url.replace("localhost", "127.0.0.1"), timeout=10) as answer:
                return json.load(answer)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def test_the_lab_opens_on_copies_of_the_notebooks_and_takes_another_port_when_its_own_is_busy(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "00_take_the_tour.ipynb").write_text("mine")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = subprocess.Popen(
            [sys.executable, "-m", "workbench", "lab", "--no-browser", "--port", str(port)],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            said = read_until(server.stderr, r"http://(localhost|127\.0\.0\.1):\d+/lab\?token=\w+", 60)
            url, token = re.search(r"(http://(?:localhost|127\.0\.0\.1):\d+)/lab\?token=(\w+)", said).groups()
            assert not url.endswith(f":{port}")
            names = {item["name"] for item in fetched(f"{url}/api/contents?token={token}")["content"]}
            assert names == {path.name for path in shipped.notebooks()}
            news = fetched(f"{url}/lab/api/settings/@jupyterlab/apputils-extension:notification?token={token}")
            assert news["schema"]["properties"]["fetchNews"]["default"] == "false"
            kernels = fetched(f"{url}/api/kernelspecs?token={token}")
            assert kernels["default"] in kernels["kernelspecs"]
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=20)
    assert (tmp_path / "notebooks" / "00_take_the_tour.ipynb").read_text() == "mine"


def test_in_a_checkout_the_lab_opens_on_its_notebooks_themselves():
    from workbench.cli.machine import _own_notebooks

    folder = shipped.home() / "notebooks"
    before = {path.name: path.stat().st_mtime_ns for path in Path(folder).iterdir()}
    assert _own_notebooks(folder) == folder.resolve()
    assert {path.name: path.stat().st_mtime_ns for path in Path(folder).iterdir()} == before
