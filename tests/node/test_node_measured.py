"""The whole experiment, unmodified, on a real kubelet: proven, measured as the kernel counted it, charged, removed."""

from __future__ import annotations

import json

import pytest
from kernel_account import RATIO, SECONDS
from node_campaign import MESH
from node_machine import FORTIO, NODE

from workbench import analysis
from workbench.store import Store

pytestmark = pytest.mark.timeout(300)  # the first waits for the whole campaign


def used(campaign, mesh, by="component"):
    return Store(campaign.data).consumption([campaign.runs[mesh].run_id]).set_index(by)


def test_runs_on_a_real_kubelet_finish_and_leave_nothing(campaign):
    assert {(run.status, run.reason) for run in campaign.runs.values()} == {("finished", "")}
    assert {run.load_result.errors for run in campaign.runs.values()} == {0}
    events = [json.loads(line) for line in (campaign.folder / "events.jsonl").read_text().splitlines()]
    removed = [one["data"]["left_behind"] for one in events if one["kind"] == "mesh-removed"]
    assert removed == [[], []]
    assert campaign.differences == ()


def test_the_mesh_is_proven_by_its_own_proxies(campaign):
    evidence = {gate.name: gate.evidence for gate in campaign.runs[MESH].gates if gate.passed}
    assert "moved by 1;" in evidence["the call crossed the client's proxy"]
    assert "proxy is ready in client-" in evidence["a proxy in every pod"]
    assert "all 2 pods have the annotation" in evidence["every pod is injected"]


def test_the_measured_load_itself_crossed_the_proxies(campaign):
    run = campaign.runs[MESH]
    (gate,) = [one for one in run.gates if one.name == "the call crossed the client's proxy, under the load"]
    assert gate.passed
    (told,) = json.loads((campaign.folder / run.run_id / "raw" / "proxies.json").read_bytes())
    assert told["moved"] >= run.load_result.requests
    assert told["before"]["at_s"] < run.window.start_s and told["after"]["at_s"] > run.window.end_s
    assert not (campaign.folder / campaign.runs["baseline"].run_id / "raw" / "proxies.json").exists()


@pytest.mark.parametrize("mesh", ["baseline", MESH])
def test_cpu_of_every_container_is_what_the_kernel_counted(campaign, mesh):
    run, found = campaign.runs[mesh], used(campaign, mesh)
    for one in run.components:
        if "/" in one.name or one.role == "node":
            truth = campaign.kernel.used_s(one.instance.partition("/")[2], run.window.start_s, run.window.end_s)
            assert found.loc[one.name, "cpu_s"] == pytest.approx(truth, rel=RATIO, abs=SECONDS), one.name
            assert found.loc[one.name, "mem_anon_bytes"] > 3e5


def test_every_container_of_a_meshed_pod_is_charged_to_its_own(campaign):
    run = campaign.runs[MESH]
    sidecars = [one.name for one in run.components if one.role == "sidecar"]
    assert {one.rpartition("/")[2] for one in sidecars} == {"proxy"} and len(sidecars) == 2
    assert {"control-plane", "node-proxy"} <= {one.role for one in run.components}
    assert {one.role for one in campaign.runs["baseline"].components}.isdisjoint({"sidecar", "control-plane"})


@pytest.mark.parametrize("mesh", ["baseline", MESH])
def test_the_bill_of_a_real_node_closes(campaign, mesh):
    found = used(campaign, mesh, "role")["cpu_s"]
    assert found.drop("node").sum() == pytest.approx(found["node"], abs=1e-6)
    assert found["unattributed"] >= -0.05 * found["node"], "daemons' times are whole seconds, the node's are exact"


def test_the_nodes_daemons_are_told_from_the_rest(campaign):
    found = used(campaign, MESH)
    assert found.loc[f"{NODE}, kubelet", "cpu_s"] > 0.01
    assert found.loc[f"{NODE}, runtime", "cpu_s"] > 0.01


def test_two_proxies_cost_more_than_none(campaign):
    parts = {mesh: used(campaign, mesh, "role")["cpu_s"].drop("node").sum() for mesh in campaign.runs}
    assert parts[MESH] > 1.3 * parts["baseline"]


def test_what_is_used_and_reserved_stands_side_by_side(campaign):
    store = Store(campaign.data)
    told = analysis.compare(store.runs(), store.consumption(), store.latency(), store.reservations(), store.sources())
    assert told.node_bill["closes"].all()
    assert "bill-open" not in {one.name for one in told.checks}
    taken, label = told.resource_summary.set_index(["mesh", "role"]), campaign.runs[MESH].mesh.label
    assert {"application", "sidecar", "control-plane", "node-proxy", "all"} <= set(taken.loc[label].index)
    every = taken.loc[(label, "all")]
    assert every["cpu_cores"] > taken.loc[("baseline", "all"), "cpu_cores"] > 0.005
    assert 0 < every["without_cpu_request"] <= every["containers"]
    assert {(one.source, one.coarse) for run in campaign.runs.values() for one in run.sources} == {("kubelet", False)}


def test_the_charts_values_are_stored_with_the_run(campaign):
    deployed = json.loads((campaign.folder / campaign.runs[MESH].run_id / "raw" / "deployed.json").read_bytes())
    (release,) = deployed["releases"]
    assert (release["version"], set(release["values"])) == ("1.2.3", {"webhookUrl", "caBundle"})
    assert {one["node"] for one in deployed["pods"]} == {NODE}


def test_facts_of_a_real_node_are_stored(campaign):
    facts = json.loads((campaign.folder / "campaign.json").read_text())["campaign"]["facts"]["details"]
    (node,) = facts["nodes"]
    assert (node["name"], node["kubelet"]) == (NODE, "v1.34.4")
    assert node["runtime"].startswith("containerd://")
    for path in campaign.folder.glob("*/raw/deployed.json"):
        assert len(json.loads(path.read_bytes())["images"][FORTIO].partition("sha256:")[2]) == 64
