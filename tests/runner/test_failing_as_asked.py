"""A fault that is asked for, measured in real proxies: the comparison knows that its failures are no fault."""

import pytest

import workbench as wb
from workbench.intents import Abort, Intent
from workbench.model.experiment import Experiment, Load, MeshSpec
from workbench.store.layout import INDEX_NAME

pytestmark = pytest.mark.lab

FAULT = Intent(name="fault", abort=Abort(percent=20))


def test_failures_that_the_intent_asks_for_are_said_to_be_so_also_by_a_rebuilt_index(tmp_path):
    load = Load(rate_per_s=400, duration_s=2.0, warmup_s=0.2, connections=8)
    meshes = (MeshSpec(name="baseline"), MeshSpec(name="l7-sidecars", intent=FAULT))
    campaign = wb.run(Experiment(name="faulty", meshes=meshes, loads=(load,), blocks=1), data=tmp_path)
    for again in (False, True):
        if again:
            (tmp_path / INDEX_NAME).unlink()
        comparison = wb.compare(campaign, data=tmp_path)
        found = {check.name: check for check in comparison.checks}
        assert "failed-requests" not in found
        assert found["failed-as-asked"].severity == "info"
        assert "about 20 %" in found["failed-as-asked"].message
        failing = comparison.runs.set_index("mesh_name").loc["l7-sidecars"]
        assert failing["errors"] / failing["requests"] == pytest.approx(0.2, abs=0.07)
