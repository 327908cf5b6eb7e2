"""Runs out of a store as a bundle, checked by protobuf and DuckDB, and back into another store without loss."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import jsonschema
import pytest
from campaign_making import comparable, make_campaign
from google.protobuf import json_format
from smp_proto import classes

from workbench.errors import BadInputError, NothingToShowError
from workbench.interchange.importing.imported import Options
from workbench.interchange.landing import Landing
from workbench.interchange.receiving import receive
from workbench.interchange.smp.bundle import KINDS, export_bundle
from workbench.interchange.smp.messages import DOCUMENTS
from workbench.interchange.smp.schema import json_schema
from workbench.interchange.smp.unbundling import documents, open_bundle
from workbench.store import Store

PROTO = classes()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A store with a campaign, one of its runs failed, and its bundle."""
    home = tmp_path_factory.mktemp("exported")
    campaign = make_campaign(home / "data", failed={2})
    target = home / "bundle"
    export_bundle(Store(home / "data"), [campaign], target)
    return home / "data", campaign, target


def _import(data: Path, *given: Path):
    return receive(data, [str(one) for one in given], Options(), Landing())


def _documents(target: Path, kind: str) -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted(target.glob(f"runs/*/{kind}.json"))]


@pytest.mark.parametrize("kind", KINDS)
def test_every_document_is_valid_by_protobuf_by_the_schema_and_by_our_rules(exported, kind):
    found = _documents(exported[2], kind)
    assert len(found) == 4
    for document in found:
        message = json_format.ParseDict(document, PROTO[DOCUMENTS[kind].proto]())
        assert json_format.MessageToDict(message, preserving_proto_field_name=True) == document
        jsonschema.Draft202012Validator(json_schema(kind)).validate(document)
    checked = [one for one in documents(open_bundle(exported[2])) if one.kind == kind]
    assert [finding.rule for one in checked for finding in one.findings if one.findings] in ([], ["missing-latency"])


def test_milliseconds_are_milliseconds_and_what_lacks_a_field_is_in_labels(exported):
    data, _, target = exported
    latency = Store(data).latency().query("kind == 'from_schedule'").set_index("run_id")
    for result in _documents(target, "result"):
        labels = {name.removeprefix("workbench."): text for name, text in result["labels"].items()}
        if labels["status"] == "failed":
            assert "latencies_ms" not in result and labels["reason"] == "the gate did not hold"
            continue
        row = latency.loc[result["id"]]
        assert result["latencies_ms"]["p50"] == pytest.approx(row["p50_s"] * 1e3)
        assert result["latencies_ms"]["max"] == pytest.approx(row["high_s"] * 1e3)
        assert float(labels["latency_ms.p999"]) == pytest.approx(row["p999_s"] * 1e3)
        assert (labels["errors"], labels["requests"], labels["provenance"]) == ("1", "200", "measured")
        assert labels["status_counts"] == "200: 199; timeout: 1"
        assert (target / "runs" / result["id"] / result["details_uri"]).is_file()


def test_consumption_stands_where_the_specification_has_room(exported):
    data, _, target = exported
    for mesh, environment in zip(_documents(target, "mesh"), _documents(target, "environment"), strict=True):
        run_id = mesh["id"].removesuffix("-mesh")
        parts = Store(data).consumption([run_id]).set_index("component")
        if mesh["labels"].get("workbench.data_plane") == "none" or parts.empty:
            assert "sidecar" not in mesh
            continue
        both = parts.loc[["client-sidecar", "server-sidecar"]]
        assert mesh["sidecar"]["count"] == 2
        assert mesh["sidecar"]["cpu_mcores"] == round(both["cpu_cores"].sum() * 1000)
        assert float(mesh["labels"]["workbench.sidecar.cpu_cores"]) == pytest.approx(both["cpu_cores"].sum())
        assert mesh["sidecar"]["mem_mb"] == 50 and mesh["labels"]["workbench.sidecar.memory_metric"] == "mem_pss_bytes"
        assert mesh["mesh_control_plane"]["mem_mb"] == 40 and mesh["ingress_gateway"]["mem_mb"] == 50
        assert "type" not in mesh["mesh_type"] and mesh["mesh_type"]["labels"] == {"name": "l4-sidecars"}
        used = {part["name"]: part["cpu_mcores"] for part in environment["individual_workloads"]}
        assert used == {name: round(parts.loc[name, "cpu_cores"] * 1000) for name in ("echo", "load-generator")}
        assert environment["nodes"] == [{"type": "A processor", "cores": 2, "mem_mb": "25126"}]


def test_one_line_of_sql_reads_the_distributions(exported):
    _, _, target = exported
    found = duckdb.sql(
        f"SELECT kind, sum(count)::BIGINT FROM '{target}/distributions.parquet' GROUP BY ALL ORDER BY ALL"
    )
    assert found.fetchall() == [("from_schedule", 600), ("from_send", 600), ("send_lag", 600)]
    names = duckdb.sql(f"DESCRIBE FROM '{target}/distributions.parquet'").fetchall()
    assert [row[0] for row in names] == ["run_id", "mesh", "workload", "kind", "rate_per_s", "low_s", "high_s", "count"]


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_a_bundle_comes_back_identical(exported, tmp_path, form):
    data, campaign, _ = exported
    store = Store(data)
    export_bundle(store, [campaign], tmp_path / "bundle", form=form, with_raw=True)
    received = _import(tmp_path / "data", tmp_path / "bundle")
    assert received.campaigns == {campaign: campaign}
    there = Store(tmp_path / "data")
    assert there.problems() == []
    assert comparable(there, campaign) == comparable(store, campaign)
    assert set(there.runs()["provenance"]) == {"imported"}
    assert list(there.runs()["run_id"]) == list(store.runs()["run_id"])
    assert there.campaign(campaign).facts == store.campaign(campaign).facts
    export_bundle(there, [campaign], tmp_path / "again", form=form)
    for kind in KINDS:
        for path in sorted((tmp_path / "bundle").glob(f"runs/*/{kind}.{form}")):
            again = (tmp_path / "again" / path.relative_to(tmp_path / "bundle")).read_text()
            assert again.replace("imported", "measured") == path.read_text()


def test_a_campaign_that_is_there_already_comes_under_a_new_name(exported):
    data, campaign, target = exported
    received = _import(data, target)
    (new,) = received.campaigns.values()
    assert new == f"{campaign}-again1"
    store = Store(data)
    assert store.problems() == []
    assert comparable(store, new) == comparable(store, campaign)
    assert all(run_id.startswith(new) for run_id in store.runs(campaign_id=new)["run_id"])
    assert list(data.glob(".*")) == []


def _break(target: Path, name: str, content: bytes) -> None:
    (target / name).write_bytes(content)


@pytest.mark.parametrize(
    ("breaking", "said"),
    [
        (lambda target, run: _break(target, f"runs/{run}/result.json", b"{}"), "is not the exported file"),
        (lambda target, run: (target / f"runs/{run}/details.json").unlink(), "is missing, but"),
        (
            lambda target, run: _index(target, lambda index: index["files"].update({"../../etc/passwd": "0"})),
            "not part of a bundle",
        ),
        (
            lambda target, run: _index(target, lambda index: index["files"].update({"/etc/passwd": "0"})),
            "not part of a bundle",
        ),
        (lambda target, run: _index(target, lambda index: index["runs"][0].update(run_id="../x")), "cannot be an id"),
        (lambda target, run: _index(target, lambda index: index.update(version=9)), "Upgrade it"),
        (lambda target, run: _index(target, lambda index: index.update(form="../json")), "has documents in the format"),
        (lambda target, run: _index(target, lambda index: index.pop("runs")), "is damaged"),
        (lambda target, run: _break(target, "bundle.json", b'{"format": 1}'), "is not an index"),
        (lambda target, run: _link(target, run), "is a link"),
        (lambda target, run: _rewrite(target, run, '"p50": ', '"p50": 9'), "not valid"),
    ],
)
def test_a_bundle_that_was_tampered_with_is_refused_whole(exported, tmp_path, breaking, said):
    import shutil

    target = tmp_path / "bundle"
    shutil.copytree(exported[2], target)
    run = sorted(path.name for path in (target / "runs").iterdir())[0]
    breaking(target, run)
    with pytest.raises(BadInputError, match=said):
        _import(tmp_path / "data", target)
    assert not list((tmp_path / "data").rglob("*")) or Store(tmp_path / "data").runs().empty


def _index(target: Path, change) -> None:
    index = json.loads((target / "bundle.json").read_text())
    change(index)
    (target / "bundle.json").write_text(json.dumps(index))


def _link(target: Path, run: str) -> None:
    path = target / f"runs/{run}/test.json"
    path.rename(target / "elsewhere.json")
    path.symlink_to(target / "elsewhere.json")


def _rewrite(target: Path, run: str, old: str, new: str) -> None:
    """Change a document and its digest alike."""
    import hashlib

    path = target / f"runs/{run}/result.json"
    path.write_text(path.read_text().replace(old, new))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    _index(target, lambda index: index["files"].update({f"runs/{run}/result.json": digest}))


def test_a_bundle_never_replaces_anything(exported, tmp_path):
    data, campaign, target = exported
    with pytest.raises(BadInputError, match="exists already"):
        export_bundle(Store(data), [campaign], target)
    with pytest.raises(NothingToShowError, match="no campaign"):
        export_bundle(Store(data), [], tmp_path / "none")
    assert list(tmp_path.iterdir()) == []
