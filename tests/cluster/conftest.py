"""The rig: one control plane with two nodes for all tests of this folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import control_plane
import node_agent
from design_objects import GROUP, SHOP, install_kinds, spec_of
from rig_objects import namespace

from workbench.environments.kubernetes.client import Cluster
from workbench.environments.kubernetes.designs.configuring import open_configuration
from workbench.environments.kubernetes.options import Options
from workbench.environments.kubernetes.session import OpenCluster


@pytest.fixture(scope="session")
def plane(tmp_path_factory):
    reason = control_plane.why_not()
    if reason:
        pytest.skip(reason)
    made = control_plane.ControlPlane(tmp_path_factory.mktemp("plane"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def cluster(plane):
    """The administrator's connection, for looking and for breaking things."""
    return Cluster.connect(kubeconfig=str(plane.kubeconfig))


@pytest.fixture(scope="session")
def agent(plane, cluster, tmp_path_factory):
    made = node_agent.NodeAgent(cluster, tmp_path_factory.mktemp("agent"), live=not node_agent.can_be_live())
    made.start()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def live(agent):
    """The agent, when pods are real processes."""
    if not agent.live:
        pytest.skip(node_agent.can_be_live())
    return agent


@pytest.fixture
def options(plane):
    return Options(kubeconfig=str(plane.kubeconfig), helm=control_plane.helm() or "")


@pytest.fixture
def opened(agent, options):
    with OpenCluster(options) as environment:
        yield environment


@pytest.fixture
def needs_helm():
    if control_plane.helm() is None:
        pytest.skip("no helm: put it on PATH or run scripts/control_plane/build")


@pytest.fixture(scope="session")
def kinds(cluster):
    """Kinds in the shape of the meshes'."""
    install_kinds(cluster)


@pytest.fixture
def shop(cluster, kinds):
    """A namespace as somebody has it; empty again after each test."""
    cluster.apply(namespace(SHOP))
    yield SHOP
    for kind in ("Route", "Setting", "Attachment"):
        for one in cluster.listed(f"{GROUP}/v1", kind, SHOP)[0]:
            cluster.delete(one)
    for one in cluster.listed("v1", "ConfigMap", SHOP)[0]:
        cluster.delete(one)


@pytest.fixture
def here(plane, shop):
    """The cluster, opened for designs."""
    with open_configuration(spec_of(plane.kubeconfig)) as configuration:
        yield configuration
        for one in configuration.applied():
            configuration.revert(one.name)
