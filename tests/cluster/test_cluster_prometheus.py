"""A real Prometheus behind the real API server's proxy: a run's consumption comes from what it scraped."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from dataclasses import replace

import pytest

from workbench.campaigns.runner import run_experiment
from workbench.environments.kubernetes.sources import PAGE_S, choose
from workbench.errors import WorkbenchError
from workbench.model.experiment import EnvironmentSpec, Experiment, Load, MeshSpec, Workload
from workbench.model.records import SourceUse
from workbench.store import Store, read_run

READY = "/api/v1/namespaces/watching/services/scraper:9090/proxy/api/v1/query?query=up"


@pytest.fixture
def prometheus(live, cluster, tmp_path):
    """A Prometheus that scrapes the kubelets, and its Service, which is found by its label alone."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("needs Prometheus: apt-get install prometheus")
    targets = [
        {"targets": [f"{server.server_address[0]}:{server.server_port}"], "labels": {"node": name}}
        for name, server in zip(live.names, live.servers, strict=True)
    ]
    job = {"job_name": "kubelet", "scheme": "https", "metrics_path": "/metrics/cadvisor", "scrape_interval": "500ms",
           "tls_config": {"insecure_skip_verify": True}, "static_configs": targets}  # fmt: skip
    (tmp_path / "prometheus.yml").write_text(json.dumps({"scrape_configs": [job]}))
    named = {
        "namespace": "watching",
        "name": "scraper",
        "labels": {"app": "scraper", "app.kubernetes.io/name": "prometheus"},
    }
    container = {"name": "prometheus", "image": "example.test/prometheus:1", "ports": [{"containerPort": 9090}]}
    ports = [{"name": "web", "port": 9090}]
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "watching"}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": named, "spec": {"containers": [container]}}
    spec = {"selector": {"app": "scraper"}, "ports": ports}
    process = None
    try:
        for one in (namespace, pod, {"apiVersion": "v1", "kind": "Service", "metadata": named, "spec": spec}):
            cluster.apply(one)
        # The API server's proxy leads to addresses of pods only, so the program listens where its pod is said to be.
        address = until(lambda: _address(cluster), lambda: "the pod has no address")
        files = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
        options = [*files, "--log.level=error", f"--web.listen-address={address}:9090"]
        process = subprocess.Popen([program, *options])
        until(lambda: _scrapes(cluster, len(targets)), lambda: f"Prometheus scraped nothing: {_why(cluster)}")
        yield
    finally:
        if process is not None:
            process.kill()
            process.wait()
        cluster.delete(pod)
        cluster.delete(namespace)
        until(lambda: cluster.get("v1", "Namespace", "watching") is None, lambda: "the namespace stays")


def until(look, why, deadline_s: float = 30.0):
    """Return what `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + deadline_s
    while not (found := look()):
        assert time.monotonic() < deadline, why()
        time.sleep(0.2)
    return found


def _address(cluster) -> str:
    return (cluster.get("v1", "Pod", "scraper", "watching").get("status") or {}).get("podIP", "")


def _why(cluster) -> str:
    """Return what is wrong with its targets, or with the way to it."""
    try:
        page = replace(cluster, patience_s=0.0).page(READY.replace("query?query=up", "targets"), PAGE_S)
    except WorkbenchError as error:
        return str(error)
    return str(
        [(one["scrapeUrl"], one["health"], one["lastError"]) for one in json.loads(page)["data"]["activeTargets"]]
    )


def _scrapes(cluster, count: int) -> bool:
    page = cluster.page_once(READY, PAGE_S)
    found = json.loads(page)["data"]["result"] if page else []
    return [one["value"][1] for one in found] == ["1"] * count


def test_a_run_is_measured_by_what_prometheus_scraped(prometheus, plane, cluster, live, tmp_path):
    assert choose(cluster, "prometheus", "").prometheus == "watching/scraper:9090"
    options = {"kubeconfig": str(plane.kubeconfig), "edge_s": 4.0, "poll_s": 0.5, "telemetry": "prometheus"}
    asked = Experiment(
        name="by-prometheus",
        environment=EnvironmentSpec(name="kubernetes", options=options),
        meshes=(MeshSpec(name="baseline"),),
        workloads=(Workload(name="echo", payload_bytes=512),),
        loads=(Load(rate_per_s=200, duration_s=4.0, warmup_s=0.5, connections=4, generator="fortio"),),
        blocks=1,
    )
    campaign_id = run_experiment(asked, data=tmp_path / "store")
    (run,) = [read_run(one.parent) for one in (tmp_path / "store" / "runs" / campaign_id).glob("*/manifest.json")]
    assert (run.status, run.reason) == ("finished", "")
    used = Store(tmp_path / "store").consumption([run.run_id]).set_index("component")
    for node in {one.node for one in run.components}:
        parts = [one.name for one in run.components if one.node == node and one.role != "node"]
        assert used.loc[parts, "cpu_s"].sum() == pytest.approx(used.loc[node, "cpu_s"], abs=1e-6)
    assert used.loc[used["role"] == "application", "cpu_s"].item() > 0.01
    assert (used.loc[used["role"] == "application", "mem_anon_bytes"] > 1e6).all()
    for use in run.sources:
        assert isinstance(use, SourceUse)
        assert (use.source, use.coarse, use.doubt) == ("prometheus", False, "")
        assert use.place == "the Prometheus at the Service watching/scraper:9090"
        assert use.readings >= 3 and use.interval_s == pytest.approx(live.refresh_s, rel=0.5)
