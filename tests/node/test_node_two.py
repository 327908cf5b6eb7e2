"""Two real nodes: the client on its own, a mesh's proxies on both, two kubelets' accounts, two bills that close."""

from __future__ import annotations

import node_campaign
import pytest
from kernel_account import RATIO, SECONDS, KernelAccount
from node_campaign import MESH
from node_machine import NODE
from second_node import SecondNode

from workbench import analysis
from workbench.campaigns.runner import run_experiment
from workbench.environments.kubernetes import snapshot
from workbench.model.experiment import MeshSpec
from workbench.store import Store

pytestmark = pytest.mark.timeout(300)  # the first waits for the whole campaign

NEAR = "baseline"
NODES = {NODE, SecondNode.node}


@pytest.fixture(scope="module")
def second(machine, real, tmp_path_factory):
    made = SecondNode(machine, real, tmp_path_factory.mktemp("second"))
    try:
        made.start()
        node_campaign.add_images(machine)
        node_campaign.add_images(made)
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def accounts(machine, second, real):
    """What the kernel counts, node by node."""
    return {one.node: KernelAccount(one, real) for one in (machine, second)}


@pytest.fixture(scope="module")
def campaign(machine, real, accounts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    before = snapshot.take(real)
    with node_campaign.webhook(machine, folder) as options, node_campaign.known():
        asked = node_campaign.experiment(
            machine.kubeconfig,
            MeshSpec(name="baseline", options={"placement": "same-node"}),
            MeshSpec(name=MESH, options=options),
        )
        with accounts[NODE], accounts[SecondNode.node]:
            where, runs = node_campaign.stored(folder, run_experiment(asked, data=folder / "data"))
    differences = snapshot.differences(before, snapshot.take(real))
    return node_campaign.Campaign(folder / "data", where, runs, accounts[NODE], differences)


def nodes_of(run, role):
    return {one.node for one in run.components if one.role == role}


def test_the_client_has_a_node_of_its_own_where_there_are_two(campaign):
    assert {(run.status, run.reason) for run in campaign.runs.values()} == {("finished", "")}
    assert {run.load_result.errors for run in campaign.runs.values()} == {0}
    run = campaign.runs[MESH]
    assert nodes_of(run, "load-generator") | nodes_of(run, "application") == NODES
    assert nodes_of(run, "load-generator").isdisjoint(nodes_of(run, "application"))
    assert campaign.differences == ()


def test_a_placement_that_is_asked_for_is_kept(campaign):
    run = campaign.runs[NEAR]
    assert nodes_of(run, "load-generator") == nodes_of(run, "application")


def test_parts_on_both_nodes_are_charged(campaign):
    run = campaign.runs[MESH]
    assert nodes_of(run, "sidecar") == nodes_of(run, "node-proxy") == nodes_of(run, "node") == NODES
    assert all(gate.passed for gate in run.gates)


@pytest.mark.parametrize("mesh", [NEAR, MESH])
def test_cpu_on_both_nodes_is_what_the_kernel_counted(campaign, accounts, mesh):
    run = campaign.runs[mesh]
    found = Store(campaign.data).consumption([run.run_id]).set_index("component")
    read = [one for one in run.components if "/" in one.name or one.role == "node"]
    assert {one.node for one in read} == (NODES if mesh == MESH else nodes_of(run, "application"))
    for one in read:
        node, _, container = one.instance.partition("/")
        truth = accounts[node].used_s(container, run.window.start_s, run.window.end_s)
        assert found.loc[one.name, "cpu_s"] == pytest.approx(truth, rel=RATIO, abs=SECONDS), one.name


def test_the_bill_of_each_node_closes(campaign):
    store = Store(campaign.data)
    told = analysis.compare(store.runs(), store.consumption(), store.latency(), store.reservations(), store.sources())
    assert told.node_bill["closes"].all()
    label = campaign.runs[MESH].mesh.label
    assert set(told.node_bill.loc[told.node_bill["mesh"].eq(label), "node"]) == NODES
    assert {one.node for one in campaign.runs[MESH].sources} == NODES
