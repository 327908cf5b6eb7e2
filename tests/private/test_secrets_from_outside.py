"""Secrets planted in everything that answers: none is in what is printed, stored, reported or sent."""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from workbench.environments.kubernetes.client import Cluster
from workbench.environments.kubernetes.helm import HelmProgram
from workbench.errors import WorkbenchError
from workbench.notebooks import execute

SECRET = "Zq9-planted_S3cret!x"
BASIC = base64.b64encode(f"joe:{SECRET}".encode()).decode()
SAID = (
    f"Authorization: Bearer {SECRET}\nCookie: sid={SECRET}; a={SECRET}\npassword: {SECRET}\n--token {SECRET}\n"
    f'{{"apiKey": "{SECRET}", "headers": {{"Authorization": ["Basic {BASIC}"]}}}}\nhttps://joe:{SECRET}@h.test/x?'
    f"access_token={SECRET}&y=1\n-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----\n"
)
TINY = """
name = "tiny"
blocks = 1
[environment]
name = "kubernetes"
[[meshes]]
name = "baseline"
[load]
rates_per_s = [100]
duration_s = 0.5
"""


def leaked(text: str | bytes) -> bool:
    told = text if isinstance(text, bytes) else text.encode(errors="replace")
    return SECRET.encode() in told or BASIC.encode() in told


def files_with_secrets(*folders: Path) -> list[str]:
    found = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [str(path) for path in found if leaked(path.read_bytes())]


@pytest.fixture
def telling_server() -> Iterator[int]:
    """An API server that refuses everything and echoes what it was sent, with secrets of its own."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            message = f"user {self.headers.get('Authorization')} may not: {SAID}"
            status = {"kind": "Status", "status": "Failure", "message": message, "reason": "Forbidden", "code": 403}
            body = json.dumps(status).encode()
            self.send_response(403, "Forbidden")
            self.send_header("Content-Type", "application/json")
            self.send_header("Set-Cookie", f"sid={SECRET}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def kubeconfig(folder: Path, server: str, user: dict) -> Path:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(document))
    return path


def measured(folder: Path, config: Path) -> subprocess.CompletedProcess:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    (folder / "tiny.toml").write_text(TINY)
    return subprocess.run(
        [sys.executable, "-m", "workbench", "run", "tiny.toml", "--context", "c", "--yes", "--traceback",
         "--kubeconfig", str(config)],
        cwd=folder, env={**os.environ, "HOME": str(home)}, capture_output=True, timeout=120, check=False,
    )  # fmt: skip


def program(folder: Path, name: str, text: str, code: int = 1) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\nprintf '%s' {shlex.quote(text)} >&2\nexit {code}\n")
    path.chmod(0o755)
    return path


def test_a_server_that_echoes_what_it_was_sent(tmp_path, telling_server):
    config = kubeconfig(tmp_path, f"http://joe:{SECRET}@127.0.0.1:{telling_server}", {"token": SECRET})
    kept = config.read_text()
    config.rename(tmp_path.with_name(f"{tmp_path.name}-kubeconfig"))
    done = measured(tmp_path, tmp_path.with_name(f"{tmp_path.name}-kubeconfig"))
    assert leaked(kept) and done.returncode not in (0, 1), done.stderr
    assert not leaked(done.stdout) and not leaked(done.stderr)
    assert files_with_secrets(tmp_path) == []


def test_a_credential_plugin_that_says_too_much(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    plugin = program(outside, "plugin", SAID)
    user = {
        "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}
    }
    inside = tmp_path / "inside"
    inside.mkdir()
    done = measured(inside, kubeconfig(outside, "http://127.0.0.1:9", user))
    assert done.returncode != 0
    assert not leaked(done.stdout) and not leaked(done.stderr)
    assert files_with_secrets(inside) == []


def test_a_helm_that_says_too_much(tmp_path):
    cluster = Cluster(context="c", kubeconfig="", server="h:6443", dynamic=None)
    helm = HelmProgram(cluster=cluster, program=str(program(tmp_path, "helm", SAID)))
    with pytest.raises(WorkbenchError) as failed:
        helm._call(["install", "x"], 20)
    assert not leaked(str(failed.value))
    assert "helm install x failed" in str(failed.value)


@pytest.mark.parametrize(
    "ending", ["", "raise ValueError(said)", "from workbench.errors import RunFailedError\nraise RunFailedError(said)"]
)
def test_a_cell_that_prints_and_fails(tmp_path, ending):
    source = f"import sys\nfrom pathlib import Path\nsaid = Path({str(tmp_path / 'said')!r}).read_text()"
    shown = "print(said)\nprint(said, file=sys.stderr)\nprint(f'\\x1b[31m{said}\\x1b[0m')\nsaid"
    (tmp_path / "said").write_text(SAID)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [
        {"cell_type": "code", "id": f"c{place}", "metadata": {"tags": ["parameters"]} if not place else {},
         "source": text, "outputs": [], "execution_count": None}
        for place, text in enumerate(('data: str = ""  # data folder', source, shown, ending or "1"))
    ]  # fmt: skip
    notebook = tmp_path / "n.ipynb"
    notebook.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": cells}))
    target = tmp_path / "data" / "runs" / "c" / "n.ipynb"
    target.parent.mkdir(parents=True)
    try:
        execute(notebook, target, {"data": str(tmp_path / "data")})
        assert not ending
    except WorkbenchError as error:
        assert ending and not leaked(str(error))
    kept = target.read_text()
    assert not leaked(kept)
    assert str(tmp_path) not in kept and str(Path.home()) not in kept.replace('"~', "")
    assert json.loads(kept)["metadata"]["papermill"]["output_path"] == "n.ipynb"
