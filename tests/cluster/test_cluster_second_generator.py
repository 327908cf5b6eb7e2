"""A second load generator on clusters is one file: its own container, requests and result; nothing else knows it."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest

from workbench import adapters
from workbench.campaigns.runner import run_experiment
from workbench.environments.kubernetes import snapshot
from workbench.loadgens.fortio import Fortio
from workbench.model.cluster_load import Begun, PodCall, PodRun
from workbench.model.experiment import EnvironmentSpec, Experiment, Load, MeshSpec, Workload
from workbench.model.fortio_rest import asked_of
from workbench.store import read_run


class OtherInPod:
    """Speaks to its generator in its own way: requests in the query, a result under a name of its own."""

    result_name = "other.json"

    def start(self, run: PodRun, url: str) -> PodCall:
        fields = {"async": "on", "save": "on", "qps": "100", "c": "2", "t": f"{run.lasts_s}s", "labels": "other"}
        return PodCall(port=8080, path="fortio/rest/run", body={**fields, "uniform": "on", **asked_of(url)})

    def begun(self, page: bytes) -> Begun:
        told = json.loads(page)
        return Begun(run=str(told["RunID"]), result=told["ResultID"])

    def result(self, begun: Begun, ask) -> bytes | None:
        going = json.loads(ask(PodCall(port=8080, path=f"fortio/rest/status?runid={begun.run}"))).get("Statuses") or {}
        return None if begun.run in going else ask(PodCall(port=8080, path=f"fortio/data/{begun.result}.json"))

    def began_s(self, result: bytes) -> float:
        from datetime import datetime

        return datetime.fromisoformat(json.loads(result)["StartTime"]).timestamp()


class Other:
    """The adapter: its pod has a mark of its own, and its results are read by another's parser under their own name."""

    name = "other"
    traits = replace(Fortio.traits, title="Other", environments=("kubernetes",))

    def client(self, client):
        marked = copy.deepcopy(dict(client))
        template = marked["spec"]["template"]["metadata"]
        template["annotations"] = {**template.get("annotations", {}), "other-generator": "here"}
        return marked

    def cluster_load(self, load: Load, workload: Workload, edge_s: float):
        fortio = Fortio().cluster_load(load, workload, edge_s)
        runs = tuple(PodRun(lasts_s=one.lasts_s, timeout_s=5.0) for one in fortio.runs)
        return replace(fortio, driver=OtherInPod(), runs=runs)

    def parse(self, load: Load, output):
        found = Fortio().parse(load, replace(output, outputs={"fortio.json": output.outputs["other.json"]}))
        return replace(found, generator=self.name)

    def requests(self, output) -> None:
        return None


@pytest.fixture
def other(monkeypatch):
    load = adapters.load
    monkeypatch.setattr(
        adapters, "load", lambda group, name: Other() if (group, name) == ("loadgens", "other") else load(group, name)
    )


def test_it_measures_on_a_cluster_and_its_pod_is_its_own(other, live, plane, cluster, tmp_path):
    before = snapshot.take(cluster)
    place = {"kubeconfig": str(plane.kubeconfig), "context": "rig", "edge_s": 2.0, "poll_s": 0.4}
    asked = Experiment(
        name="second",
        environment=EnvironmentSpec(name="kubernetes", options=place),
        meshes=(MeshSpec(name="baseline"),),
        workloads=(Workload(name="echo", payload_bytes=0),),
        loads=(Load(rate_per_s=100, duration_s=3.0, warmup_s=0.5, connections=2, generator="other"),),
        blocks=1,
    )
    campaign = run_experiment(asked, data=tmp_path)
    (folder,) = [path.parent for path in (tmp_path / "runs" / campaign).glob("*/manifest.json")]
    run = read_run(folder)
    assert (run.status, run.reason, run.load_result.generator) == ("finished", "", "other")
    assert run.load_result.requests == pytest.approx(300, rel=0.2)
    assert (folder / "raw" / "other.json").exists()
    deployed = json.loads((folder / "raw" / "deployed.json").read_bytes())
    assert "other-generator" in json.dumps(deployed["manifests"])
    assert snapshot.differences(before, snapshot.take(cluster)) == ()
