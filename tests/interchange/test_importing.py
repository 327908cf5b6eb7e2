"""From files to a store: runs that everything else can show, never mixed with measured ones, and all or nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from campaign_making import make_campaign
from hypothesis import given, settings
from hypothesis import strategies as st
from import_making import ISTIO, RECORDINGS, WRK2, meshery, nighthawk, read, written

from workbench import analysis, charts
from workbench.errors import BadInputError, StoreError, WorkbenchError
from workbench.interchange.importing.imported import Options
from workbench.interchange.landing import Landing, tame
from workbench.interchange.receiving import options_of, receive, split_label
from workbench.model.experiment import read_experiment
from workbench.store import Store


def bring(data: Path, *given: object, kind: str = "", landing: Landing | None = None, **options: object):
    return receive(data, [str(one) for one in given], Options(**options), landing or Landing(), kind)


def frames(store: Store, **wanted: str):
    runs = store.runs(**wanted)
    ids = list(runs["run_id"])
    return runs, store.consumption(ids), store.latency(ids)


def test_an_import_is_a_campaign_of_imported_runs(tmp_path):
    received = bring(tmp_path, RECORDINGS / "fortio/normal.json", RECORDINGS / "wrk/latency.txt")
    store = Store(tmp_path)
    assert store.problems() == []
    runs = store.runs(campaign_id=received.landed.campaign_id)
    assert list(runs["provenance"]) == ["imported", "imported"]
    assert list(runs["status"]) == ["finished", "finished"]
    assert list(runs["mesh"]) == ["workbench", "latency"]
    assert set(received.kinds.values()) == {"Fortio JSON", "text of wrk or wrk2"}
    folder = tmp_path / "runs" / received.landed.campaign_id / runs["run_id"].iloc[0]
    assert (folder / "raw/fortio.json").read_bytes() == (RECORDINGS / "fortio/normal.json").read_bytes()
    told = json.loads((folder / "raw/import.json").read_text())
    assert "warmup_s" in told["not_told"] and "coordinated omission" in told["tool"]["omission"]


def test_what_is_not_told_is_missing_and_not_zero(tmp_path):
    bring(tmp_path, RECORDINGS / "wrk/latency.txt")
    run = Store(tmp_path).runs().iloc[0]
    for name in ("rate_per_s", "payload_bytes", "warmup_s", "server_delay_s", "fan_out", "psi_ratio", "cpus"):
        assert run[name] != run[name], name
    assert run["started_at"] is None or run["started_at"] != run["started_at"]
    assert run["connections"] == 8 and run["arrival"] == "closed"
    latency = Store(tmp_path).latency().iloc[0]
    assert latency["p99_s"] > latency["p50_s"] > 0
    assert latency["p999_s"] != latency["p999_s"] and latency["low_s"] != latency["low_s"]
    assert Store(tmp_path).histograms().empty


def test_distributions_arrive_whole(tmp_path):
    bring(tmp_path, RECORDINGS / "k6/arrival.csv")
    (run,) = read(RECORDINGS / "k6/arrival.csv")
    histogram = Store(tmp_path).histograms().iloc[0]
    assert histogram["encoded"] == run.histograms["from_send"].encoded
    assert histogram["count"] == run.histograms["from_send"].count


def test_imported_runs_compare_among_themselves(tmp_path):
    bring(tmp_path, written(tmp_path, "istio.csv", ISTIO))
    compared = analysis.compare(*frames(Store(tmp_path)))
    added = compared.overhead.query("metric == 'latency_p50_s'")
    assert list(added["mesh"]) == ["none_mtls, both"]
    assert added["median"].iloc[0] == pytest.approx(((1214 - 316) + (1444 - 359)) / 2 * 1e-6)
    assert added["blocks"].iloc[0] == 2
    names = {check.name for check in compared.checks}
    assert {"not-measured", "latency-from-send"} <= names
    cores = compared.summary.query("metric == 'cores_per_1000_rps' and mesh == 'none_mtls, both'")["median"].iloc[0]
    assert cores == pytest.approx((0.1779 + 0.2251 + 0.197 + 0.2132) / 2, rel=0.01)


def test_closed_loops_compare_at_no_stated_rate(tmp_path):
    files = [f"base={RECORDINGS / 'wrk/latency.txt'}", f"proxy={RECORDINGS / 'wrk/latency.txt'}"]
    bring(tmp_path, *files, landing=Landing(baseline="base"))
    compared = analysis.compare(*frames(Store(tmp_path)))
    added = compared.overhead.query("metric == 'latency_p50_s'").iloc[0]
    assert (added["mesh"], added["rate_per_s"], added["median"]) == ("proxy", float("inf"), 0.0)
    achieved = compared.summary.query("metric == 'achieved_ratio'")["median"]
    assert achieved.isna().all()
    assert next(check for check in compared.checks if check.name == "no-rate").figure.startswith("base ")
    assert analysis.headline(compared)[0].startswith("At no stated rate")
    for picture in (charts.latency_by_percentile, charts.overhead):
        frame = compared.summary if picture is charts.latency_by_percentile else compared.overhead
        assert "no stated rate" in json.dumps(picture(frame, compared.order).to_dict())


def test_measured_and_imported_are_never_mixed(tmp_path):
    measured = make_campaign(tmp_path)
    bring(tmp_path, RECORDINGS / "fortio/normal.json", landing=Landing(environment="lab"))
    store = Store(tmp_path)
    compared = analysis.compare(*frames(store))
    assert set(compared.runs["provenance"]) == {"measured"} and compared.campaigns == [measured]
    unlike = next(check for check in compared.checks if check.name == "unlike-circumstances")
    assert "provenance (imported against measured)" in unlike.message


def test_labels_and_baseline_can_be_given(tmp_path):
    one, two = RECORDINGS / "wrk/latency.txt", RECORDINGS / "wrk/plain.txt"
    bring(
        tmp_path,
        f"direct={one}",
        f"proxy={two}",
        landing=Landing(baseline="direct", name="mine"),
        facts={"payload_bytes": 0},
    )
    runs = Store(tmp_path).runs()
    assert list(runs["mesh"]) == ["direct", "proxy"] and list(runs["is_baseline"]) == [True, False]
    assert list(runs["payload_bytes"]) == [0, 0] and set(runs["experiment"]) == {"mine"}
    with pytest.raises(BadInputError, match="No run has the label 'none'"):
        bring(tmp_path, one, landing=Landing(baseline="none"))


def test_an_equals_sign_in_a_path_is_no_label(tmp_path):
    path = written(tmp_path, "a=b.json", json.loads((RECORDINGS / "fortio/normal.json").read_text()))
    assert split_label(str(path)) == ("", path)
    assert split_label("x=/no/such") == ("x", Path("/no/such"))


def test_repeated_runs_become_blocks(tmp_path):
    path = RECORDINGS / "fortio/normal.json"
    bring(tmp_path, path, path, path)
    assert list(Store(tmp_path).runs()["block"]) == [1, 2, 3]


def test_facts_fill_gaps_and_contradict_nothing(tmp_path):
    bring(tmp_path, RECORDINGS / "wrk/latency.txt", facts=options_of(["rate_per_s=1000"], None, "").facts)
    assert Store(tmp_path).runs()["rate_per_s"].iloc[0] == 1000.0
    with pytest.raises(BadInputError, match="contradicts it"):
        bring(tmp_path, RECORDINGS / "wrk/latency.txt", facts={"connections": 99})
    with pytest.raises(BadInputError, match="Did you mean 'rate_per_s'"):
        options_of(["rate_pers=1"], None, "")
    with pytest.raises(BadInputError, match="NAME=VALUE"):
        options_of(["rate"], None, "")


SMP = """{"smp_version":"%s","id":"r1","labels":{"mesh":"l7"},"start_time":"2026-01-01T00:00:00Z",
"end_time":"2026-01-01T00:04:00Z","latencies_ms":{"min":%s,"average":%s,"p50":%s,"p90":%s,"p99":%s,"max":%s},
"actual_qps":99.7,"details_uri":"%s","test_id":"%s","mesh_config_id":"%s","env_id":"%s"}"""
SECONDS = ("0.001", "0.03", "0.0219", "0.03", "0.04", "0.06")
MESHERY = SMP % ("test_smp_version", *SECONDS, "test_details", "test_test_id", "test_meshconfigID", "test_envID")


def test_merys_broken_results_are_mended_aloud(tmp_path):
    received = bring(tmp_path, written(tmp_path, "meshery-smp.json", MESHERY))
    assert any("copies Fortio's seconds into latencies_ms" in one for one in received.said)
    assert Store(tmp_path).latency()["p50_s"].iloc[0] == pytest.approx(0.0219)


def test_suspect_seconds_are_asked_about(tmp_path):
    path = written(tmp_path, "it.json", SMP % ("v0.6.1", *SECONDS, "d", "t", "m", "e"))
    with pytest.raises(BadInputError, match="--latencies-in ms"):
        bring(tmp_path, path)
    assert bring(tmp_path, path, latencies_in="s").landed.runs[0][1].quantiles["from_send"]["p50_s"] == 0.0219
    assert bring(tmp_path, path, latencies_in="ms").landed.runs[0][1].quantiles["from_send"]["p50_s"] == 0.0219e-3


def test_unknown_fields_are_left_out_aloud(tmp_path):
    text = SMP % ("v0.6.1", 1, 3, 2, 3, 4, 5, "d", "t", "m", "e")
    received = bring(
        tmp_path, written(tmp_path, "it.json", text.replace('"actual_qps"', '"exp_uuid":"x","actual_qps"'))
    )
    assert any("exp_uuid" in one and "left out" in one for one in received.said)
    run = Store(tmp_path).runs().iloc[0]
    assert run["errors"] != run["errors"] and run["window_s"] == 240.0


def test_documents_in_one_file_tell_more(tmp_path):
    result = SMP % ("v0.6.1", 1, 3, 2, 3, 4, 5, "d", "t", "m", "e")
    text = f"""[{result},
    {{"smp_version":"v0.6.1","id":"t","duration":"4m","clients":[{{"load_generator":"wrk2","connections":8,"rps":"100","protocol":1}}]}},
    {{"smp_version":"v0.6.1","id":"m","mesh_type":{{"type":"LINKERD","version":"2.18"}},"sidecar":{{"count":2,"cpu_mcores":150}}}}]"""
    bring(tmp_path, written(tmp_path, "it.json", text.replace('"env_id":"e"', '"env_id":""')))
    run = Store(tmp_path).runs().iloc[0]
    assert (run["mesh"], run["generator"], run["latency_from"]) == ("linkerd 2.18", "wrk2", "schedule")
    assert (run["rate_per_s"], run["connections"], run["protocol"]) == (100.0, 8, "http/1.1")
    assert Store(tmp_path).consumption()["cpu_cores"].iloc[0] == pytest.approx(0.15)


PROFILE = """test:
  smp_version: v0.0.1
  name: Load Test!
  clients:
    - internal: false
      load_generator: %s
      protocol: 1
      connections: 2
      rps: %s
      headers: {x: y}
      body: 'hello'
      endpoint_urls:
        - 'https://example.test/productpage'
  duration: 60s
mesh:
  type: %s
"""


def test_a_profile_becomes_an_experiment(tmp_path):
    received = bring(tmp_path, written(tmp_path, "profile.yaml", PROFILE % ("fortio", 10, 3)))
    (path,) = received.experiments
    assert path == tmp_path / "experiments" / "load-test.toml"
    experiment = read_experiment(path)
    assert [mesh.name for mesh in experiment.meshes] == ["baseline", "istio"]
    (load,) = experiment.loads
    assert (load.rate_per_s, load.duration_s, load.connections, load.generator) == (10.0, 60.0, 2, "fortio")
    assert experiment.workloads[0].payload_bytes == 5
    assert any("headers" in one for one in received.said) and any("is not called" in one for one in received.said)
    with pytest.raises(BadInputError, match="already"):
        bring(tmp_path, tmp_path / "profile.yaml")


def test_what_a_profile_asks_that_cannot_be_is_said(tmp_path):
    received = bring(tmp_path, written(tmp_path, "kuma.yaml", PROFILE % ("wrk2", 10, 4)))
    assert any("no adapter for KUMA" in one for one in received.said)
    assert any("'wrk2' cannot be used here" in one for one in received.said)
    unlimited = written(tmp_path, "max.yaml", (PROFILE % ("fortio", 0, 3)).replace("Load Test", "Max"))
    with pytest.raises(BadInputError, match="--fact rate_per_s"):
        bring(tmp_path, unlimited)
    bring(tmp_path, unlimited, facts={"rate_per_s": 500.0})
    assert read_experiment(tmp_path / "experiments/max.toml").loads[0].rate_per_s == 500.0


def test_a_profile_in_grpc_or_tcp_is_measured_on_a_cluster(tmp_path):
    from workbench.campaigns.deployments import deployments
    from workbench.model.plan import make_plan

    for number, protocol in ((4, "grpc"), (2, "tcp")):
        text = (PROFILE % ("wrk2", 10, 3)).replace("protocol: 1", f"protocol: {number}").replace("Load Test", protocol)
        received = bring(tmp_path, written(tmp_path, f"{protocol}.yaml", text))
        experiment = read_experiment(tmp_path / f"experiments/{protocol}.toml")
        (load,) = experiment.loads
        assert (load.protocol, load.generator) == (protocol, "fortio")
        assert experiment.workloads[0].payload_bytes == (0 if protocol == "grpc" else 5)
        assert any("'wrk2' cannot be used on a cluster; fortio replaces it" in one for one in received.said)
        assert deployments(make_plan(experiment)), "and nothing of it is refused"
    unmeshed = (PROFILE % ("fortio", 10, 4)).replace("protocol: 1", "protocol: 4").replace("Load Test", "Kuma")
    with pytest.raises(BadInputError, match="uses PROTOCOL_GRPC, which is measured only on clusters"):
        bring(tmp_path, written(tmp_path, "kuma.yaml", unmeshed))


def recorded(name: str, old: str = "", new: str = "", keep: int | None = None) -> str:
    """A recording's text, changed once or cut."""
    return (RECORDINGS / name).read_text(encoding="utf-8").replace(old, new, 1 if old else 0)[:keep]


def labelled(label: str) -> dict:
    made = nighthawk()
    return {**made, "options": {**made["options"], "labels": [label]}}


LONG_COLUMN = "metric_name,timestamp,metric_value," + "x" * 10_000_000 + "\n1,2,3,4\n"
HOSTILE = {
    "formula": ("i.csv", ISTIO.replace("none_mtls_both", "=HYPERLINK(1)_both"), "begins like a spreadsheet's formula"),
    "control": ("n.json", labelled("a\x1b[31m"), "control characters"),
    "long-label": ("n.json", labelled("x" * 200), "200 characters"),
    "huge-name": ("x.json", '{"' + "x" * 10_000_000 + '": 1}', "a name of 10,000,000 characters"),
    "huge-column": ("x.csv", LONG_COLUMN, "does not end within"),
    "long-column": (
        "x.csv",
        f"metric_name,timestamp,metric_value,{'x' * 300}\n",
        "line 1: column 4 has no usable name",
    ),
    "twice": ("x.csv", "metric_name,timestamp,metric_value,a,a\n", "is there twice"),
    "cut-json": ("f.json", recorded("fortio/normal.json", keep=3000), "the JSON ends too early"),
    "cut-csv": ("k.csv", recorded("k6/arrival.csv", keep=-40), r"line \d+: \d+ fields where the table has 19"),
    "cut-istio": ("i.csv", ISTIO[:-30], r"line 5: \d+ fields, not 14"),
    "cut-wrk": ("w.txt", recorded("wrk/latency.txt", keep=300), "ends before wrk's totals"),
    "cut-hey": ("h.txt", recorded("hey/closed.txt", keep=600), "ends before hey's totals"),
    "cut-h2load": ("h.txt", recorded("h2load/counted.txt", "time for connect", "\0"), "NUL"),
    "text": (
        "k.csv",
        recorded("k6/arrival.csv", "http_req_duration,17", "http_req_duration,1x"),
        "which is not a number",
    ),
    "impossible": ("h.csv", recorded("hey/requests.csv", "\n0.0", "\n-1.0"), "line 2: '-1.0.*not a possible latency"),
    "nan": ("h.csv", recorded("hey/requests.csv", "\n0.0", "\nnan"), "not a possible latency|not a number"),
    "negative": (
        "f.json",
        recorded("fortio/normal.json", '"ActualQPS": ', '"ActualQPS": -'),
        "line 7: ActualQPS is '-",
    ),
    "infinite": ("f.json", recorded("fortio/normal.json", '"NumThreads": 4', '"NumThreads": 1e999'), "NumThreads"),
    "buckets": ("f.json", recorded("fortio/normal.json", '"Count": ', '"Count": 1'), "buckets contain"),
    "deep": ("d.json", '{"metrics":' + "[" * 5000 + "]" * 5000 + "}", "nested more than"),
    "empty": ("e.csv", "", "is empty"),
    "binary": ("b.json", "{\0}", "NUL"),
    "zip": ("z.csv", b"PK\x03\x04" + b"\0" * 1000, r"compressed \(zip\)"),
    "gzip": ("z.json", b"\x1f\x8b\x08" + b"\0" * 1000, r"compressed \(gzip\)"),
    "no-samples": ("k.csv", "metric_name,timestamp,metric_value\nvus,1,2\n", "contains no request"),
    "alias-bomb": ("m.yaml", "runner_results: &a [1]\nb: [*a, *a]\n", "aliases"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_and_broken_files_are_refused_with_the_place_and_nothing_is_left(tmp_path, name):
    file, content, said = HOSTILE[name]
    path = tmp_path / file
    path.write_bytes(content) if isinstance(content, bytes) else written(tmp_path, file, content)
    data = tmp_path / "data"
    good = RECORDINGS / "fortio/normal.json"
    with pytest.raises(BadInputError, match=said) as told:
        bring(data, good, path)
    assert str(path) in str(told.value) and len(str(told.value)) < 600
    assert Store(data).runs().empty and list(data.glob(".*")) == []


def test_a_path_that_leads_elsewhere_only_names_a_file(tmp_path):
    with pytest.raises(BadInputError, match="not a regular file"):
        bring(tmp_path, "/dev/null")
    with pytest.raises(BadInputError, match="There is no file"):
        bring(tmp_path, "../../../../no/such")
    with pytest.raises(BadInputError, match="not a bundle"):
        bring(tmp_path, tmp_path)
    with pytest.raises(BadInputError, match="nothing to import"):
        bring(tmp_path)


MUTABLE = [
    (RECORDINGS / "fortio/errors.json").read_text(),
    (RECORDINGS / "wrk/latency.txt").read_text(),
    (RECORDINGS / "hey/limited.txt").read_text(),
    (RECORDINGS / "h2load/timed.txt").read_text(),
    (RECORDINGS / "k6/arrival-summary.json").read_text(),
    (RECORDINGS / "hey/requests.csv").read_text()[:2000],
    WRK2,
    ISTIO,
    json.dumps(nighthawk(), indent=1),
    json.dumps(meshery(), indent=1),
    MESHERY,
    PROFILE % ("fortio", 10, 3),
]


@settings(max_examples=150)
@given(st.sampled_from(MUTABLE), st.data())
def test_garbled_files_are_read_or_refused_in_one_sentence(tmp_path_factory, text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start, min(len(text), start + 60)))
    put = data.draw(
        st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
        | st.sampled_from(["-1", "1e999", "null", "[]", '"'])
    )
    path = tmp_path_factory.mktemp("garbled") / "it.txt"
    path.write_text(text[:start] + put + text[end:], encoding="utf-8")
    try:
        runs = read(path)
    except BadInputError as error:
        assert len(str(error)) < 700 and "\n" not in str(error)
    else:
        for run in runs:
            assert run.requests is None or run.requests >= 0
            assert all(value >= 0 for figures in run.quantiles.values() for value in figures.values())


def test_foreign_text_that_is_only_shown_is_tamed():
    assert tame("a\x1b[31m\nb") == r"a\x1b[31m\nb"
    assert tame("=1+1") == "'=1+1" and tame("-1") == "-1" and tame("-x") == "'-x"
    assert len(tame("x" * 1000)) == 100


def test_a_full_or_forbidden_disk_leaves_nothing(tmp_path, monkeypatch):
    import shutil

    monkeypatch.setattr("workbench.store.run_writer.seal", _full)
    with pytest.raises(StoreError, match="disk is full"):
        bring(tmp_path / "data", RECORDINGS / "fortio/normal.json")
    assert Store(tmp_path / "data").runs().empty
    assert list((tmp_path / "data").glob(".*")) == []
    shutil.rmtree(tmp_path / "data")
    (tmp_path / "data").write_text("a file")
    with pytest.raises(WorkbenchError):
        bring(tmp_path / "data", RECORDINGS / "fortio/normal.json")


def _full(*_: object) -> None:
    raise StoreError("the disk is full")


KILLED = """
import sys
from pathlib import Path
from workbench.interchange.importing.imported import Options
from workbench.interchange.landing import Landing
from workbench.interchange.receiving import receive
print("ready", flush=True)
receive(Path(sys.argv[1]), sys.argv[2:], Options(), Landing())
"""


def test_a_killed_import_leaves_no_half_campaign(tmp_path):
    files = [str(RECORDINGS / "fortio/normal.json")] * 60
    for delay in (0.02, 0.1, 0.3):
        child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path), *files], stdout=subprocess.PIPE)
        child.stdout.readline()
        time.sleep(delay)
        os.kill(child.pid, signal.SIGKILL)
        child.wait(10)
        child.stdout.close()
        counts = Store(tmp_path).runs().groupby("campaign_id").size()
        assert set(counts) <= {60}
        assert Store(tmp_path).problems() == []
