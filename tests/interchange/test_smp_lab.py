"""The whole way on real data planes: measure in the lab, export, check with protobuf and DuckDB, bring back."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from campaign_making import comparable
from google.protobuf import json_format
from smp_proto import classes

from workbench.api import experiments
from workbench.interchange.importing.imported import Options
from workbench.interchange.landing import Landing
from workbench.interchange.receiving import receive
from workbench.interchange.smp.bundle import KINDS, export_bundle
from workbench.interchange.smp.messages import DOCUMENTS
from workbench.interchange.smp.unbundling import documents, open_bundle
from workbench.model.experiment import experiment_from_toml
from workbench.store import Store

TINY = """
name = "tiny"
blocks = 1
[[meshes]]
name = "baseline"
[[meshes]]
name = "l4-sidecars"
[load]
rates_per_s = [150]
duration_s = 1.0
warmup_s = 0.2
connections = 4
"""


@pytest.mark.lab
def test_a_real_run_goes_out_valid_and_comes_back_identical(tmp_path: Path):
    data, target = tmp_path / "data", tmp_path / "bundle"
    campaign = experiments.run(experiment_from_toml(TINY), data=data, on_event=lambda event: None)
    store = Store(data)
    assert set(store.runs()["status"]) == {"finished"}
    export_bundle(store, [campaign], target, with_raw=True)

    proto = classes()
    for kind in KINDS:
        for path in target.glob(f"runs/*/{kind}.json"):
            document = json.loads(path.read_text())
            message = json_format.ParseDict(document, proto[DOCUMENTS[kind].proto]())
            assert json_format.MessageToDict(message, preserving_proto_field_name=True) == document
    assert [one.findings for one in documents(open_bundle(target))] == [()] * 8

    counted = duckdb.sql(
        f"SELECT mesh, sum(count)::BIGINT FROM '{target}/distributions.parquet' WHERE kind = 'from_send' GROUP BY 1"
    )
    requests = store.runs().set_index("mesh")
    assert dict(counted.fetchall()) == {mesh: int(row["requests"] - row["errors"]) for mesh, row in requests.iterrows()}

    mesh = next(
        json.loads(path.read_text()) for path in target.glob("runs/*/mesh.json") if "sidecar" in path.read_text()
    )
    used = store.consumption().query("role == 'sidecar'")["cpu_cores"].sum()
    assert mesh["sidecar"]["count"] == 2 and float(mesh["labels"]["workbench.sidecar.cpu_cores"]) == pytest.approx(used)

    receive(tmp_path / "other", [str(target)], Options(), Landing())
    other = Store(tmp_path / "other")
    assert other.problems() == [] and comparable(other, campaign) == comparable(store, campaign)
