"""URLs as the client's Fortio is asked to call them, on the real one: its REST interface, and a server of each kind."""

from __future__ import annotations

import json
import select
import shutil
import socket
import socketserver
import subprocess
import threading
import time
import urllib.error
import urllib.request
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import adapters
from workbench.environments.kubernetes.calling import answered, one_call
from workbench.model.experiment import PROTOCOLS, Load, Workload
from workbench.model.fortio_rest import PING_PATH, asked_of
from workbench.model.protocols import JobOutput
from workbench.model.records import Noise, Window

LISTENER = {"http/1.1": "http", "http/2": "http", "grpc": "grpc", "tcp": "tcp"}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def fortio(tmp_path_factory):
    """A Fortio that is client and server at once: (its REST interface, protocol -> port)."""
    if shutil.which("fortio") is None:
        pytest.skip("fortio is not on PATH: go install fortio.org/fortio@latest")
    ports = {kind: free_port() for kind in ("http", "grpc", "tcp")}
    words = [word for kind, port in ports.items() for word in (f"-{kind}-port", f"127.0.0.1:{port}")]
    data = tmp_path_factory.mktemp("fortio")
    off = ("-udp-port", "disabled", "-redirect-port", "disabled", "-data-dir", str(data), "-loglevel", "Warning")
    process = subprocess.Popen(["fortio", "server", *words, *off], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                ask(ports["http"], "rest/status")
                break
            except urllib.error.URLError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield ports
    finally:
        process.terminate()
        process.wait(10)


def ask(port, path, body=None):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/fortio/{path}", None if body is None else json.dumps(body).encode()
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


class Relay(socketserver.ThreadingTCPServer):
    """Stands before a server and counts what callers send to it."""

    daemon_threads, allow_reuse_address = True, True

    def __init__(self, port):
        self.sent, self.to = 0, port
        super().__init__(("127.0.0.1", 0), PassOn)
        self.port = self.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class PassOn(socketserver.BaseRequestHandler):
    """One connection, both ways, until either side ends it."""

    server: Any

    def handle(self):
        with socket.create_connection(("127.0.0.1", self.server.to)) as server:
            ends = {self.request: server, server: self.request}
            while True:
                for one in select.select(list(ends), [], [], 10)[0] or [None]:
                    data = one.recv(65_536) if one else b""
                    if not data:
                        return
                    self.server.sent += len(data) if one is self.request else 0
                    ends[one].sendall(data)


def url_of(protocol, ports):
    """As the workload `echo` says it, at an address of this machine."""
    said = adapters.load("workloads", "echo").cluster_application(Workload(), protocol).url
    return said.replace("server:8080", f"127.0.0.1:{ports[LISTENER[protocol]]}")


@pytest.mark.lab
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_one_call_is_made_and_its_answer_understood(fortio, protocol):
    url = url_of(protocol, fortio)
    said = json.loads(ask(fortio["http"], "rest/run", one_call(url)))
    assert answered(url, said), said
    kind = {"grpc": "GRPC Ping", "tcp": "TCP"}.get(protocol, "HTTP")
    assert said["RunType"] == kind
    assert said.get("H2", False) == (protocol == "http/2")
    nobody = url.replace(str(fortio[LISTENER[protocol]]), str(free_port()))
    assert not answered(nobody, json.loads(ask(fortio["http"], "rest/run", one_call(nobody))))


@pytest.mark.lab
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_proof_by_bytes_sends_that_many(fortio, protocol):
    """On the wire each call has headers of IP and TCP besides, of 40 bytes at the least."""
    with Relay(fortio[LISTENER[protocol]]) as relay:
        url = url_of(protocol, {LISTENER[protocol]: relay.port})
        said = json.loads(ask(fortio["http"], "rest/run", one_call(url, 65_536)))
        assert answered(url, said)
        calls = said["DurationHistogram"]["Count"]
        assert calls == {"tcp": 1, "http/1.1": 513}.get(protocol, 1366)
        assert relay.sent + 40 * calls > 65_536


@pytest.mark.lab
def test_somebody_elses_grpc_service_is_asked_for_its_health(fortio):
    port = fortio["grpc"]
    for service, right in (("ping", True), ("", True), ("nobody", False)):
        url = f"grpc://127.0.0.1:{port}/{service}"
        said = json.loads(ask(fortio["http"], "rest/run", one_call(url)))
        assert said["RunType"].startswith("GRPC Health")
        assert answered(url, said) is right


@pytest.mark.lab
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_load_of_a_cluster_is_made_and_parsed(fortio, protocol):
    generator = adapters.load("loadgens", "fortio")
    load = Load(rate_per_s=200, duration_s=1, warmup_s=0, connections=4, protocol=protocol, generator="fortio")
    asked = generator.cluster_load(load, Workload(payload_bytes=0 if protocol == "grpc" else 512), 0.1)
    body = {**asked.runs[1].settings, **asked_of(url_of(protocol, fortio))}
    started = time.time() + asked.head_s
    told = json.loads(ask(fortio["http"], "rest/run", body))
    deadline = time.monotonic() + 10
    while str(told["RunID"]) in (json.loads(ask(fortio["http"], "rest/status")).get("Statuses") or {}):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    raw = ask(fortio["http"], f"data/{told['ResultID']}.json")
    output = JobOutput(
        window=Window(start_s=started, end_s=started + 1),
        outputs={"fortio.json": raw},
        stdout="",
        stderr="",
        cpu_s=None,
        noise=Noise(),
    )
    result = generator.parse(load, output)
    assert result.errors == 0
    assert 100 < result.achieved_rate_per_s <= 200, "a busy machine misses some, and the run says so"
    assert result.requests == pytest.approx(result.achieved_rate_per_s, abs=1)
    assert bool(result.limited) == (result.achieved_rate_per_s < 198) or "cover the window" in result.limited
    assert result.histograms["from_send"].count == json.loads(raw)["DurationHistogram"]["Count"]
    assert result.generator_version


@given(st.sampled_from(["http", "https", "tcp"]), st.integers(1, 65535), st.text("abc/?=&", max_size=12))
def test_other_urls_are_left_alone(scheme, port, path):
    url = f"{scheme}://web:{port}/{path}"
    assert asked_of(url) == {"url": url}


def test_schemes_of_ours_become_fortios_words():
    assert asked_of("h2c://web:80/x?y=1") == {"url": "http://web:80/x?y=1", "h2": "on"}
    assert asked_of(f"grpc://web:80{PING_PATH}") == {"url": "web:80", "runner": "grpc", "ping": "on"}
    assert asked_of("grpc://web:80/shop.Cart") == {"url": "web:80", "runner": "grpc", "healthservice": "shop.Cart"}
