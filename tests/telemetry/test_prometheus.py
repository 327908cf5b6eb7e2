"""A real Prometheus: raw samples with the times they were counted at come back, each once, whatever scraped them."""

from __future__ import annotations

import http.server
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from typing import Any

import pytest

from workbench import adapters
from workbench.environments.kubernetes import sources
from workbench.model.protocols import Ask
from workbench.model.records import Component, Window

COMPONENTS = (
    Component(name="server/app", role="application", instance="n1/shop/server/app", node="n1"),
    Component(name="server/proxy", role="sidecar", instance="n1/shop/server/proxy", node="n1"),
    Component(name="n1", role="node", instance="n1", node="n1"),
    Component(name="n1, kubelet", role="system", instance="n1/@kubelet", node="n1"),
    Component(name="n1, unattributed", role="unattributed", instance="n1/", node="n1"),
)
RATES = {"app": 0.25, "proxy": 0.5, "": 2.0, "kubelet": 0.125}
"""Cores of each part."""

KEPT_S = 0.7
"""The exporter counts anew so often, as a kubelet does every 10 s."""


class Exporter(http.server.ThreadingHTTPServer):
    """A page of cAdvisor's with times of its own; counters are their rate times the time since the start."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Page)
        self.began = time.time()

    def page(self) -> bytes:
        at = self.began + KEPT_S * int((time.time() - self.began) / KEPT_S)
        lines = []
        for family, factor in (("container_cpu_usage_seconds_total", at - self.began), ("container_memory_rss", 1e6)):
            lines.append(f"# TYPE {family} {'counter' if 'cpu' in family else 'gauge'}")
            for name, rate in RATES.items():
                lines.append(f"{family}{{{labels(name)}}} {rate * factor!r} {int(at * 1e3)}")
        return ("\n".join(lines) + "\n").encode()


def labels(name: str) -> str:
    if name in ("app", "proxy"):
        return f'id="/kubepods/p/{name}",namespace="shop",pod="server",container="{name}"'
    return 'id="/"' if not name else 'id="/system.slice/kubelet.service"'


class Page(http.server.BaseHTTPRequestHandler):
    server: Any

    def do_GET(self):
        content = self.server.page()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def scraped(tmp_path_factory):
    """A Prometheus that scrapes the exporter by two jobs; yields its URL and when the exporter began."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("needs Prometheus: apt-get install prometheus")
    folder, exporter = tmp_path_factory.mktemp("prometheus"), Exporter()
    threading.Thread(target=exporter.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    target = {"targets": [f"127.0.0.1:{exporter.server_port}"], "labels": {"node": "n1"}}
    jobs = [{"job_name": name, "scrape_interval": "300ms", "static_configs": [target]} for name in ("kubelet", "again")]
    (folder / "prometheus.yml").write_text(json.dumps({"scrape_configs": jobs}))
    options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data", "--log.level=error"]
    process = subprocess.Popen([program, *options, f"--web.listen-address=127.0.0.1:{port}"])
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: ready(url), 30)
        yield url, exporter.began
    finally:
        process.kill()
        process.wait()
        exporter.shutdown()
        exporter.server_close()


def ready(url: str) -> bool:
    """Whether both jobs have scraped: targets are looked for every 5 s."""
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query?query=up", timeout=2) as answer:
            return len(json.load(answer)["data"]["result"]) == 2
    except OSError:
        return False


def wait_until(condition, deadline_s: float) -> None:
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.1)


def test_counters_at_the_edges_come_from_real_samples_at_their_own_times(scraped):
    url, began = scraped
    reader = adapters.load("telemetry", "prometheus").reader(COMPONENTS)
    choice = sources.Choice(name="prometheus", place="", prometheus=url)
    window = Window(start_s=time.time() + 1.0, end_s=time.time() + 4.0)
    assert reader.during() == ()
    rows = []

    def known() -> bool:
        for ask in reader.after(window):
            rows.extend(reader.take(ask, sources.page(None, choice, None, ask)))
        return len(reader.edges((window.start_s, window.end_s))) == 2 * len(COMPONENTS)

    wait_until(known, 20)
    at = {
        (moment, place): values["cpu_time_s"] for moment, place, values in reader.edges((window.start_s, window.end_s))
    }
    used = [at[window.end_s, place] - at[window.start_s, place] for place in range(len(COMPONENTS))]
    assert used == pytest.approx([0.75, 1.5, 6.0, 0.375, 3.375], abs=1e-3)
    times = [moment for moment, place, values in rows if place == 0 and "cpu_time_s" in values]
    assert len(times) == len(set(times)) >= 4, "two jobs scraped the same; each time counts once"
    assert all(
        (moment - began) / KEPT_S == pytest.approx(round((moment - began) / KEPT_S), abs=0.01) for moment in times
    )
    assert {values["mem_anon_bytes"] for _, place, values in rows if place == 1 and "mem_anon_bytes" in values} == {5e5}
    (use,) = reader.used(window)
    assert (use.source, use.node, use.coarse) == ("prometheus", "n1", False)
    assert use.interval_s == pytest.approx(KEPT_S, abs=0.01)
    assert use.reach_s <= KEPT_S + 0.01


def test_a_query_that_it_refuses_and_a_server_that_is_away_give_nothing(scraped):
    url, _ = scraped
    wrong = Ask(via="prometheus", path="api/v1/query?query=%7B")
    assert sources.page(None, sources.Choice(name="prometheus", place="", prometheus=url), None, wrong) is None
    away = sources.Choice(name="prometheus", place="", prometheus="http://127.0.0.1:9")
    assert sources.page(None, away, None, wrong) is None


def reply(*series: tuple[dict[str, str], list[tuple[float, str]]]) -> bytes:
    result = [
        {"metric": {"__name__": "container_cpu_usage_seconds_total", **said}, "values": told} for said, told in series
    ]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


def read(*series):
    reader = adapters.load("telemetry", "prometheus").reader(COMPONENTS, {"n1": "10.0.0.7"})
    (ask, _) = reader.after(Window(start_s=0.0, end_s=60.0))
    return reader, reader.take(ask, reply(*series))


APP = {"namespace": "shop", "pod": "server", "container": "app", "id": "/a"}


def test_a_container_that_was_restarted_has_no_figure_although_both_counted():
    again = {**APP, "id": "/b"}
    reader, rows = read((APP, [(0.0, "1"), (15.0, "2")]), (again, [(30.0, "2.5"), (45.0, "9")]))
    assert len(rows) == 4
    assert reader.edges((5.0, 40.0)) == []
    assert len(reader.edges((32.0, 40.0))) == 2


def test_labels_of_the_target_do_not_hide_whose_series_it_is_and_a_node_is_known_by_its_address():
    hidden = {"exported_namespace": "shop", "exported_pod": "server", "exported_container": "app",
              "namespace": "kube-system", "pod": "exporter", "container": "exporter"}  # fmt: skip
    node = {"id": "/", "instance": "10.0.0.7:10250"}
    _, rows = read((hidden, [(0.0, "1")]), (node, [(0.0, "3")]), ({**node, "instance": "10.0.0.8:1"}, [(0.0, "9")]))
    assert rows == [(0.0, 0, {"cpu_time_s": 1.0}), (0.0, 2, {"cpu_time_s": 3.0})]


@pytest.mark.parametrize(
    "damaged",
    [b"", b"null", b"{}", b'{"status": "error"}', b'{"status": "success", "data": {"resultType": "vector"}}',
     reply((APP, [(0.0, "x")])), reply((APP, [(0.0, "NaN")])),
     b'{"status": "success", "data": {"resultType": "matrix"}}'],
)  # fmt: skip
def test_damaged_replies_give_nothing(damaged):
    reader = adapters.load("telemetry", "prometheus").reader(COMPONENTS)
    (ask, _) = reader.after(Window(start_s=0.0, end_s=60.0))
    assert reader.take(ask, damaged) == []


def test_the_place_that_is_recorded_holds_no_credentials(monkeypatch):
    chosen = sources.choose(None, "prometheus", "https://user:hunter2@prometheus.example:9090/base")
    assert chosen.place == "the Prometheus at https://prometheus.example:9090/base"
