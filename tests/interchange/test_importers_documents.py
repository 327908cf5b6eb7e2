"""Documents of Fortio, Nighthawk, Meshery, Istio's pipeline and SMP: who wrote them, and what is unknown."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from import_making import ISTIO, RECORDINGS, meshery, nighthawk, read, written

from workbench.analysis import compare, headline
from workbench.errors import BadInputError
from workbench.interchange.importing.imported import Imported, Options
from workbench.interchange.importing.settling import settled
from workbench.interchange.landing import Landing
from workbench.interchange.receiving import receive
from workbench.store import Store


def _fortio(**changes: Any) -> dict[str, Any]:
    made = {
        "RunType": "HTTP",
        "Labels": "plane",
        "RequestedQPS": "50",
        "RequestedDuration": "2s",
        "ActualQPS": 50.0,
        "ActualDuration": 2_000_000_000,
        "NumThreads": 4,
        "Version": "1.60.3",
        "RetCodes": {"200": 100},
        "DurationHistogram": {
            "Count": 100,
            "Min": 0.001,
            "Max": 0.009,
            "Data": [
                {"Start": 0.001, "End": 0.004, "Percent": 60, "Count": 60},
                {"Start": 0.004, "End": 0.009, "Percent": 100, "Count": 40},
            ],
            "Percentiles": [{"Percentile": 50, "Value": 0.0035}],
        },
    }
    return {**made, **changes}


NOTHING = {"Count": 0, "Min": 0, "Max": 0, "Sum": 0, "Avg": 0, "StdDev": 0}
EMPTY = {**NOTHING, "Data": None, "Percentiles": [{"Percentile": 50, "Value": 0}, {"Percentile": 99, "Value": 0}]}


@pytest.mark.parametrize("counts", [{}, None, {"503": 0}])
def test_fortio_without_an_answer_has_no_latency(tmp_path, counts):
    made = _fortio(DurationHistogram=EMPTY, RetCodes=counts, ActualQPS=0)
    (run,) = read(written(tmp_path, "f.json", made))
    assert (run.requests, run.histograms, run.quantiles) == (0, {}, {})


def test_fortio_in_which_all_failed_has_no_latency(tmp_path):
    (run,) = read(written(tmp_path, "f.json", _fortio(RetCodes={"503": 90, "-1": 10})))
    assert (run.requests, run.errors, run.histograms) == (100, 100, {})
    assert any("all 100 requests failed" in note for note in run.notes)


@pytest.mark.parametrize("bad", [None, "NaN", "Infinity", -1.0])
@pytest.mark.parametrize("field", ["ActualDuration", "Min", "Max"])
def test_one_bad_figure_of_fortio_leaves_the_others(tmp_path, field, bad):
    made = copy.deepcopy(_fortio())
    (made if field in made else made["DurationHistogram"])[field] = bad
    (run,) = read(written(tmp_path, "f.json", made))
    assert run.requests == 100 and run.histograms["from_send"].count == 100
    assert any(field in note and "unknown" in note for note in run.notes)


@pytest.mark.parametrize(
    ("changes", "window", "rate"),
    [
        ({"ActualDuration": 2}, None, 50.0),  # seconds where nanoseconds belong
        ({"ActualQPS": 50_000.0}, 2.0, 50.0),
        ({"ActualDuration": 2_000_000, "ActualQPS": 50_000.0}, None, None),  # shorter than an answer in it
        ({"ActualDuration": 2_600_000_000, "ActualQPS": 38.46}, 2.6, 38.46),
        ({"RequestedDuration": "exactly 100 calls", "ActualDuration": 2}, None, None),
    ],
)
def test_a_told_duration_is_held_against_count_rate_and_what_was_asked(tmp_path, changes, window, rate):
    (run,) = read(written(tmp_path, "f.json", _fortio(**changes)))
    assert (run.window_s, run.achieved_rate_per_s) == (window, rate)
    assert run.histograms["from_send"].count == 100, "the good figures stay"


def test_possible_durations_are_left_alone(tmp_path):
    plain = read(written(tmp_path, "f.json", _fortio()))[0]
    assert plain.window_s == 2.0 and not any("unknown" in note or "cannot" in note for note in plain.notes)


def _in_fortio_form(**changes: Any) -> dict[str, Any]:
    made = _fortio(Labels="mesh-a Nighthawk", RequestedQPS=30, ActualQPS=31.0, RetCodes={"200": "56"}, Version="0.4.0")
    made["DurationHistogram"] = {
        "Count": "53",
        "Min": 0.05,
        "Max": 0.31,
        "Data": [{"Start": 0.05, "End": 0.05, "Count": "1"}, {"Start": 0.05, "End": 0.31, "Count": "52"}],
        "Percentiles": [],
    }
    return {**made, **changes}


@pytest.mark.parametrize(
    ("labels", "label"), [("mesh-a Nighthawk", "mesh-a"), ("Nighthawk", ""), ("no name of a tool", "no name of a tool")]
)
def test_nighthawk_in_the_form_of_fortio_is_nighthawk(tmp_path, labels, label):
    (run,) = read(written(tmp_path, "n.json", _in_fortio_form(Labels=labels)))
    assert (run.tool.name, run.loop, run.label) == ("nighthawk", "unknown", label)
    assert "overflow" in run.tool.omission
    assert (run.requests, run.errors, run.counts_by_status) == (62, 6, {"200": 56, "other": 6})
    assert any("56 answers but only 53 latencies" in note for note in run.notes)


def test_fortio_that_speaks_of_nighthawk_is_fortio(tmp_path):
    (run,) = read(written(tmp_path, "f.json", _fortio(Labels="against Nighthawk, by fortio")))
    assert run.tool.name == "fortio"


def test_nighthawk_that_answered_nothing(tmp_path):
    made = _in_fortio_form(RetCodes={"200": "0"}, DurationHistogram={**NOTHING, "Count": "0"})
    (run,) = read(written(tmp_path, "n.json", made))
    assert (run.requests, run.errors, run.histograms, run.quantiles) == (62, 62, {}, {})
    own = nighthawk()
    for result in own["results"]:
        result["statistics"] = [{"id": "benchmark_http_client.request_to_response", "count": "0", "percentiles": []}]
        result["counters"] = [{"name": "benchmark.pool_connection_failure", "value": "236"}]
    (run,) = read(written(tmp_path, "own.json", own))
    assert (run.requests, run.errors, run.histograms) == (236, 236, {})


def test_nighthawks_own_form_says_that_answers_and_latencies_differ(tmp_path):
    made = nighthawk(overflow=0)
    for result in made["results"]:
        result["counters"][0]["value"] = "195"
    (run,) = read(written(tmp_path, "n.json", made))
    assert any("205 answers and 200 latencies" in note for note in run.notes)


def _listed(*runners: Any, **changes: Any) -> dict[str, Any]:
    return {**meshery()["results"][0], "runner_results": list(runners), **changes}


def test_meshery_lists(tmp_path):
    one, other = _fortio(URL="http://a/1"), _fortio(URL="http://b/2", RetCodes={"200": 60, "503": 40})
    runs = read(written(tmp_path, "m.json", _listed(one, None, other)))
    assert [(run.requests, run.errors, run.workload) for run in runs] == [(100, 0, "a/1"), (100, 40, "b/2")]
    (alone,) = read(written(tmp_path, "m.json", [_listed(one)]))
    assert (alone.label, alone.workload) == ("Istio", "imported")
    text = "---\n".join(json.dumps(_listed(one), indent=1) + "\n" for _ in range(3))
    assert len(read(written(tmp_path, "m.yaml", f"---\n{text}"))) == 3


@pytest.mark.parametrize(
    "one", [_fortio(), nighthawk(), json.loads((RECORDINGS / "k6/arrival-summary.json").read_text())]
)
def test_a_list_of_documents_is_a_run_each(tmp_path, one):
    (alone,) = read(written(tmp_path, "one.json", one))
    listed = read(written(tmp_path, "list.json", [one, one]))
    assert [(run.requests, run.errors) for run in listed] == [(alone.requests, alone.errors)] * 2
    assert len({run.where for run in listed}) == 2


def test_meshery_knows_nighthawk_by_what_it_wrote(tmp_path):
    (run,) = read(written(tmp_path, "m.json", _listed(_in_fortio_form())))
    assert (run.tool.title, run.requests, run.errors, run.loop) == ("Nighthawk, by Meshery", 62, 6, "closed")


def test_meshery_takes_the_name_of_the_test_from_its_label(tmp_path):
    (run,) = read(written(tmp_path, "m.json", _listed(_fortio(Labels="No mesh_1 -_- https://x.example"), mesh=None)))
    assert run.label == "No mesh_1"


@pytest.mark.parametrize("runners", [[], [None], None])
def test_meshery_without_a_result_is_refused(tmp_path, runners):
    with pytest.raises(BadInputError):
        read(written(tmp_path, "m.json", {**meshery()["results"][0], "runner_results": runners}))


def _istio(parts: dict[str, float], path: str = "both") -> str:
    names = ",".join(f"cpu_mili_avg_{name}" for name in parts)
    head = f"StartTime,ActualDuration,Labels,NumThreads,ActualQPS,p50,p90,p99,{names}"
    line = f"2020-08-12T04:29:06Z,240,ff93ac4f_qps_1000_c_16_1024_x_{path},16,1000,316,421,547"
    return f"{head}\n{line},{','.join(str(used) for used in parts.values())}\n"


@pytest.mark.parametrize(
    ("part", "role"),
    [
        ("istio_proxy", "sidecar"),
        ("istio_proxy_fortioclient", "sidecar"),
        ("fsm_proxy_fortioserver", "sidecar"),
        ("fortioserver_deployment_proxy", "sidecar"),
        ("fortio_deployment_istio_proxy", "sidecar"),
        ("fortioserver", "application"),
        ("fortioserver_deployment_captured", "application"),
        ("fortioclient", "load-generator"),
        ("istiod", "control-plane"),
        ("pilot_discovery", "control-plane"),
        ("telemetry_mixer", "control-plane"),
        ("prometheus", "unattributed"),
        ("kube_proxy", "unattributed"),
        ("ingressgateway_proxy", "unattributed"),
        ("istio_proxy_istio-ingressgateway", "unattributed"),
        ("istio_proxy_prometheus", "unattributed"),
        ("client", "unattributed"),
        ("grafana", "unattributed"),
    ],
)
def test_only_named_proxies_are_data_plane(tmp_path, part, role):
    (run,) = read(written(tmp_path, "i.csv", _istio({part: 200.0})))
    assert [one.role for one in run.usage] == [role]
    assert any(part in note for note in run.notes) is (role == "unattributed")


def test_the_proxy_beside_the_path_is_not_charged(tmp_path):
    text = _istio({"istio_proxy_fortioclient": 3.0, "istio_proxy_fortioserver": 200.0}, "serveronly")
    (run,) = read(written(tmp_path, "i.csv", text))
    assert [one.role for one in run.usage] == ["unattributed", "sidecar"]


@pytest.mark.parametrize("cell", ["nan", "inf", "-1", "null", "0"])
def test_one_bad_cell_of_istios_table_leaves_the_others(tmp_path, cell):
    (run,) = read(written(tmp_path, "i.csv", _istio({"istio_proxy": 5.0}).replace(",316,", f",{cell},")))
    assert set(run.quantiles["from_send"]) == {"p90_s", "p99_s"} and run.usage


def test_a_small_share_of_errors_is_not_none(tmp_path):
    text = ISTIO.replace("p50,", "errorPercent,p50,").replace(",16,1000,", ",16,1000,0.0001,")
    assert {run.errors for run in read(written(tmp_path, "i.csv", text))} == {1}


DRAFT: dict[str, Any] = {
    "start_time": "2020-03-17T14:53:05.5Z",
    "end_time": "2020-03-17T14:54:05.5Z",
    "exp_uuid": "1",
    "endpoint_url": "http://x/",
    "client": {
        "connections": 3,
        "rps": 0.99,
        "latencies_ms": {"min": 12, "average": 23.5, "p50": 21.9, "p90": 33, "p99": 55, "max": 350},
    },
    "metrics": {"sidecars": {"count": 2, "cpu_mCores": 250.5}, "prometheus": {"cpu_mCores": 70}},
}


def test_the_first_drafts_of_smp_are_read(tmp_path):
    (run,) = read(written(tmp_path, "d.json", DRAFT))
    told = run.quantiles["from_send"]
    assert (run.achieved_rate_per_s, run.connections, run.window_s) == (0.99, 3, 60)
    assert (told["p50_s"], told["high_s"]) == pytest.approx((0.0219, 0.35))
    assert [(one.role, one.cpu_cores) for one in run.usage] == [("sidecar", 0.2505), ("unattributed", 0.07)]


def test_seconds_in_a_draft_are_asked_about(tmp_path):
    made = copy.deepcopy(DRAFT)
    made["client"]["latencies_ms"] = {"p50": 0.0219, "p90": 0.033, "p99": 0.055, "max": 0.35}
    path = written(tmp_path, "d.json", made)
    with pytest.raises(BadInputError, match="--latencies-in"):
        read(path)
    assert read(path, latencies_in="s")[0].quantiles["from_send"]["p50_s"] == pytest.approx(0.0219)


def test_a_result_of_smp_without_a_figure_is_refused(tmp_path):
    made = {name: DRAFT[name] for name in ("start_time", "end_time", "exp_uuid")}
    with pytest.raises(BadInputError, match="no figure"):
        read(written(tmp_path, "d.json", {**made, "latencies_ms": {"p50": 0, "max": 0}}))
    with pytest.raises(BadInputError, match="no figure"):
        read(written(tmp_path, "d.json", {**made, "latency": {"p50": 4}, "smp_version": "v0.0.1"}))


def test_a_duration_in_which_the_told_rate_makes_no_request_is_unknown(tmp_path):
    made = {**DRAFT, "end_time": "2020-03-17T14:53:05.501Z"}
    (run,) = read(written(tmp_path, "d.json", made))
    assert run.window_s is None and run.achieved_rate_per_s == 0.99


def test_what_is_settled_of_any_run():
    (tool,) = {run.tool for run in read(RECORDINGS / "fortio/normal.json")}
    plain = Imported(tool=tool, where="x", requests=10, errors=0, quantiles={"from_send": {"p50_s": 0.0, "p99_s": 0.1}})
    assert settled([plain], "x")[0].quantiles == {"from_send": {"p99_s": 0.1}}
    failed = replace(plain, requests=0, errors=236)
    assert settled([failed], "x")[0].quantiles == {}
    answers_only = replace(plain, requests=5874, errors=3316, achieved_rate_per_s=260.6, window_s=10.0)
    assert settled([answers_only], "x")[0].achieved_rate_per_s == 260.6, "a rate of answers is no contradiction"
    with pytest.raises(BadInputError, match="no figure"):
        settled([replace(plain, requests=None, errors=None, quantiles={})], "x")


def test_runs_of_one_file_are_blocks_and_never_superseded(tmp_path):
    """Two results of equal make, one that names its protocol and one that does not, and a block that is told twice."""
    path = written(tmp_path, "m.json", _listed(_fortio(), _fortio(RunType="")))
    base = written(tmp_path, "b.json", _listed(_fortio(), _fortio()))
    receive(tmp_path / "data", [f"base={base}", f"mesh={path}"], Options(), Landing(baseline="base"))
    store = Store(tmp_path / "data")
    runs = store.runs()
    comparison = compare(runs, store.consumption(), store.latency(), failures=store.failures())
    assert "superseded" not in set(comparison.left_out["why"])
    assert sorted(runs[runs["mesh"].eq("base")]["block"]) == [1, 2]


def test_an_imported_run_bears_its_protocol(tmp_path):
    receive(tmp_path, [str(RECORDINGS / "fortio/grpc-normal.json")], Options(), Landing())
    receive(tmp_path, [str(RECORDINGS / "fortio/h2-normal.json")], Options(), Landing())
    assert sorted(Store(tmp_path).runs()["protocol"]) == ["grpc", "http/2"]


def test_a_comparison_of_imports_says_what_failed(tmp_path):
    good, bad = (
        written(tmp_path, name, made)
        for name, made in (("a.json", _fortio()), ("b.json", _fortio(RetCodes={"-1": 60, "503": 40})))
    )
    receive(tmp_path / "data", [f"base={good}", f"mesh={bad}"], Options(), Landing(baseline="base"))
    store = Store(tmp_path / "data")
    frames = (store.runs(), store.consumption(), store.latency())
    comparison = compare(*frames, failures=store.failures())
    said = " ".join(headline(comparison))
    assert "mesh failed in every attempt (100 of 100: 60 transport-error, 40 503)" in said
    assert "saves" not in said
