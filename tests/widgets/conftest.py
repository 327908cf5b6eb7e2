"""Stores to explore, and JupyterLab in a folder of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / part) for part in ("report", "analysis")]

from report_store import write_campaign  # noqa: E402

from workbench.store import Store  # noqa: E402

TOKEN = "loopback-only"


@pytest.fixture(scope="session")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two campaigns of unlike circumstances, one with a failed data plane; made-up numbers."""
    data = tmp_path_factory.mktemp("explored") / "data"
    meshes = ("baseline", "l4-sidecars", "l7-sidecars", "node-l7", "cross-connect")
    from report_store import _as_spec

    chosen = {name: _as_spec(name) for name in meshes}
    write_campaign(data, name="other", blocks=1, duration_s=1.0, meshes=chosen)
    write_campaign(data, meshes=chosen, failing="l4-sidecars", blocks=3)
    return Store(data)


@dataclass(frozen=True)
class Lab:
    """A JupyterLab that answers at ``url`` with ``token``; notebooks go into ``folder``."""

    url: str
    folder: Path
    data: Path


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, explored: Store) -> Iterator[Lab]:
    """JupyterLab without its news, with settings of its own, on any free port of loopback."""
    home = tmp_path_factory.mktemp("lab")
    folder = home / "notebooks"
    folder.mkdir()
    data = home / "data"
    shutil.copytree(explored.data, data)  # what is measured here is nobody else's
    overrides = home / "settings"
    overrides.mkdir()
    (overrides / "overrides.json").write_text(
        '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}'
    )
    environment = {
        **os.environ,
        "WORKBENCH_DATA": str(data),
        "WORKBENCH_REPORTS": str(home / "reports"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "share"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "IPYTHONDIR": str(home / "ipython"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    arguments = [
        "--no-browser",
        "--allow-root",
        "--ServerApp.port=0",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.root_dir={folder}",
        f"--IdentityProvider.token={TOKEN}",
        f"--LabApp.app_settings_dir={overrides}",
    ]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *arguments],
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    try:
        yield Lab(url=_address(home / "log", server), folder=folder, data=data)
    finally:
        server.send_signal(signal.SIGINT)
        server.send_signal(signal.SIGTERM)
        server.wait(20)


def _address(log: Path, server: subprocess.Popen[bytes]) -> str:
    """Return where the server says it answers, once it does."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        for word in log.read_text(errors="replace").split():
            if word.startswith("http://127.0.0.1:") and "/lab" in word:
                url = word.partition("/lab")[0]
                try:
                    urllib.request.urlopen(f"{url}/api?token={TOKEN}", timeout=5).close()
                except OSError:
                    continue
                return url
        time.sleep(0.2)
    raise AssertionError(f"JupyterLab did not start: {log.read_text(errors='replace')[-2000:]}")
