"""The real node: one for all tests of this folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "cluster"))
sys.path.insert(0, str(Path(__file__).parent))

import node_campaign
import node_machine

from workbench.environments.kubernetes.client import Cluster


@pytest.fixture(scope="session")
def machine(tmp_path_factory):
    reason = node_machine.why_not()
    if reason:
        pytest.skip(reason)
    made = node_machine.Machine(tmp_path_factory.mktemp("node"), housekeeping_s=1)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def real(machine):
    """The administrator's connection."""
    return Cluster.connect(kubeconfig=str(machine.kubeconfig))


@pytest.fixture(scope="session")
def campaign(machine, real, tmp_path_factory):
    return node_campaign.carry_out(machine, real, tmp_path_factory.mktemp("campaign"))
