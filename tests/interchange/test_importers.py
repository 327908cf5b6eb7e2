"""Every kind of file: right numbers in SI units, distributions kept, what is not told missing and never 0."""

from __future__ import annotations

import json

import pytest
from import_making import ISTIO, RECORDINGS, WRK2, meshery, nighthawk, read, written

from workbench.errors import BadInputError, UnknownNameError
from workbench.interchange.importing import kinds
from workbench.interchange.importing.imported import missing
from workbench.interchange.importing.source import InputFile
from workbench.model.histograms import buckets, quantiles

RECORDED = {
    "fortio/normal.json": "fortio",
    "fortio/errors.json": "fortio",
    "fortio/refused.json": "fortio",
    "fortio/missed-rate.json": "fortio",
    "fortio/h2-errors.json": "fortio",
    "fortio/grpc-normal.json": "fortio",
    "fortio/tcp-refused.json": "fortio",
    "wrk/latency.txt": "wrk",
    "wrk/plain.txt": "wrk",
    "hey/closed.txt": "hey",
    "hey/limited.txt": "hey",
    "hey/refused.txt": "hey",
    "hey/requests.csv": "hey-csv",
    "h2load/counted.txt": "h2load",
    "h2load/timed.txt": "h2load",
    "h2load/log.tsv": "h2load-log",
    "k6/arrival-summary.json": "k6",
    "k6/arrival-handled.json": "k6",
    "k6/closed-summary.json": "k6",
    "k6/arrival.csv": "k6-csv",
}


@pytest.mark.parametrize("name", RECORDED)
def test_recordings_of_real_tools_are_known_and_read(name):
    source = InputFile(RECORDINGS / name)
    assert kinds.detect(source).name == RECORDED[name]
    for run in read(source.path):
        assert run.requests is None or run.requests > 0
        for kind, whole in run.histograms.items():
            assert kind == f"from_{run.tool.latency_from}"
            assert whole.count > 0 and whole.low_s >= 0
            assert kind not in run.quantiles
        for figures in run.quantiles.values():
            assert all(0 < value < 100 for value in figures.values())
        assert all(getattr(run, field) is None for field in missing(run))
        assert run.tool.omission and run.tool.units and run.tool.percentiles


@pytest.mark.parametrize("folder", ["wrk", "hey", "h2load", "k6"])
def test_recordings_say_version_and_command(folder):
    told = json.loads((RECORDINGS / folder / "recordings.json").read_text())
    assert told["version"]
    assert {path.name for path in (RECORDINGS / folder).iterdir()} == {*told["files"], "recordings.json"}


def test_fortio():
    report = json.loads((RECORDINGS / "fortio/errors.json").read_text())
    (run,) = read(RECORDINGS / "fortio/errors.json")
    whole = run.histograms["from_send"]
    assert whole.count == report["DurationHistogram"]["Count"] == run.requests
    assert (whole.low_s, whole.high_s) == (report["DurationHistogram"]["Min"], report["DurationHistogram"]["Max"])
    told = {one["Percentile"]: one["Value"] for one in report["DurationHistogram"]["Percentiles"]}
    for percent in (50, 90, 99):
        assert quantiles(whole, [percent / 100])[0] == pytest.approx(told[percent], rel=0.03)
    assert run.errors == report["RetCodes"]["503"]
    assert run.rate_per_s == float(report["RequestedQPS"])
    assert run.achieved_rate_per_s == report["ActualQPS"]
    assert run.window_s == report["ActualDuration"] / 1e9
    assert run.duration_s == float(report["RequestedDuration"].removesuffix("s"))
    assert (run.connections, run.payload_bytes, run.loop) == (4, 64, "closed")
    assert run.tool_version == report["Version"]
    assert "warmup_s" in missing(run)


@pytest.mark.parametrize(
    ("name", "protocol", "payload_bytes", "counts"),
    [
        ("h2-normal", "http/2", 1024, {"200": 164}),
        ("grpc-normal", "grpc", 512, {"SERVING": 164}),
        ("grpc-missed-rate", "grpc", 0, {"SERVING": 54}),
        ("grpc-refused", "grpc", 0, {"ERROR": 164}),
        ("tcp-normal", "tcp", None, {"OK": 164}),
        ("tcp-refused", "tcp", None, {"transport-error": 164}),
    ],
)
def test_fortio_in_other_protocols(name, protocol, payload_bytes, counts):
    (run,) = read(RECORDINGS / f"fortio/{name}.json")
    assert (run.protocol, run.payload_bytes, run.counts_by_status) == (protocol, payload_bytes, counts)
    assert run.errors == (164 if "refused" in name else 0)


def test_fortio_without_a_rate_has_none(tmp_path):
    report = json.loads((RECORDINGS / "fortio/normal.json").read_text())
    (run,) = read(written(tmp_path, "max.json", {**report, "RequestedQPS": "max"}))
    assert run.rate_per_s is None and run.arrival == "closed"
    assert any("closed loop" in note for note in run.notes)


def test_nighthawk(tmp_path):
    (run,) = read(written(tmp_path, "nighthawk.json", nighthawk()))
    assert (run.loop, run.rate_per_s, run.connections, run.payload_bytes) == ("open", 100.0, 8, 1024)
    assert (run.requests, run.errors, run.window_s, run.achieved_rate_per_s) == (200, 10, 2.0, 100.0)
    whole = run.histograms["from_send"]
    assert (whole.count, whole.low_s, whole.high_s) == (200, 0.0001, 0.003)
    assert quantiles(whole, [0.5, 0.9]) == pytest.approx([0.0004, 0.001], rel=0.01)
    assert run.label == "l7" and any(note.startswith("7 requests") for note in run.notes)
    (closed,) = read(written(tmp_path, "closed.json", nighthawk(open_loop=False, overflow=0)))
    assert (closed.loop, closed.notes) == ("closed", ())


def test_wrk():
    (run,) = read(RECORDINGS / "wrk/latency.txt")
    assert (run.tool.name, run.loop, run.rate_per_s, run.connections) == ("wrk", "closed", None, 8)
    assert set(run.quantiles["from_send"]) == {"p50_s", "p75_s", "p90_s", "p99_s", "high_s"}
    assert run.histograms == {}
    text = (RECORDINGS / "wrk/latency.txt").read_text()
    assert f"{run.requests} requests in" in text and f"responses: {run.errors}" in text
    (plain,) = read(RECORDINGS / "wrk/plain.txt")
    assert set(plain.quantiles["from_send"]) == {"high_s"}
    assert any("only the percentiles" in note for note in plain.notes)


def test_wrk2_keeps_its_spectrum(tmp_path):
    (run,) = read(written(tmp_path, "wrk2.txt", WRK2))
    assert (run.tool.name, run.loop, run.arrival, run.rate_per_s) == ("wrk2", "open", "constant", None)
    whole = run.histograms["from_schedule"]
    assert (whole.count, whole.low_s, whole.high_s) == (100, 0.001, 0.004)
    assert quantiles(whole, [0.1, 0.5, 0.75]) == pytest.approx([0.001, 0.002, 0.003], rel=0.01)
    assert (run.requests, run.errors, run.connections) == (60018, 0, 100)
    assert "rate_per_s" in missing(run)


def test_hey_cannot_tell_what_is_below_its_resolution():
    (run,) = read(RECORDINGS / "hey/closed.txt")
    assert "low_s" not in run.quantiles["from_send"]
    assert run.requests == sum(run.counts_by_status.values())
    assert run.errors == run.counts_by_status["503"]
    assert any("below its resolution" in note for note in run.notes)
    (refused,) = read(RECORDINGS / "hey/refused.txt")
    assert (refused.requests, refused.errors, refused.quantiles) == (4, 4, {})


def test_hey_table_of_requests():
    (run,) = read(RECORDINGS / "hey/requests.csv")
    whole = run.histograms["from_send"]
    rows = (RECORDINGS / "hey/requests.csv").read_text().splitlines()[1:]
    right = sorted(float(row.split(",")[0]) for row in rows if row.split(",")[6] == "200")
    assert (run.requests, whole.count) == (len(rows), len(right))
    assert whole.high_s == pytest.approx(right[-1])
    assert quantiles(whole, [0.5])[0] == pytest.approx(right[(len(right) - 1) // 2], rel=0.001)


def test_h2load():
    (run,) = read(RECORDINGS / "h2load/counted.txt")
    assert (run.requests, run.errors, run.connections, run.protocol) == (1000, 10, 4, "http/1.1")
    assert set(run.quantiles["from_send"]) == {"low_s", "high_s"}
    (log,) = read(RECORDINGS / "h2load/log.tsv")
    assert (log.requests, log.errors, log.histograms["from_send"].count) == (1000, 10, 990)
    assert log.started_at_s == pytest.approx(1.79e9, rel=0.01)


def test_k6():
    (table,) = read(RECORDINGS / "k6/arrival.csv")
    (summary,) = read(RECORDINGS / "k6/arrival-summary.json")
    (handled,) = read(RECORDINGS / "k6/arrival-handled.json")
    assert summary.quantiles == handled.quantiles
    assert (summary.requests, summary.errors) == (table.requests, table.errors)
    told = summary.quantiles["from_send"]
    whole = table.histograms["from_send"]
    assert (whole.low_s, whole.high_s) == pytest.approx((told["low_s"], told["high_s"]))
    assert quantiles(whole, [0.5, 0.9]) == pytest.approx([told["p50_s"], told["p90_s"]], rel=0.05)
    assert table.protocol == "HTTP/1.1" and table.workload == "load"
    assert summary.loop == "unknown" and "connections" in missing(summary)


def test_k6_says_dropped_iterations(tmp_path):
    summary = json.loads((RECORDINGS / "k6/arrival-summary.json").read_text())
    summary["metrics"]["dropped_iterations"] = {"count": 12, "rate": 6}
    (run,) = read(written(tmp_path, "dropped.json", summary))
    assert run.loop == "open" and any(note.startswith("12 iterations were dropped") for note in run.notes)


def test_istio_table(tmp_path):
    runs = read(written(tmp_path, "istio.csv", ISTIO))
    assert [(run.is_baseline, run.rate_per_s, run.connections, run.payload_bytes) for run in runs] == [
        (flag, 1000.0, 16, 1024) for flag in (True, False, True, False)
    ]
    assert runs[1].quantiles["from_send"] == {"p50_s": 1214e-6, "p90_s": 1696e-6, "p99_s": 2186e-6}
    used = {one.component: (one.role, one.cpu_cores) for one in runs[1].usage}
    assert used["istio_proxy_fortioclient"] == ("sidecar", 0.1779)
    assert used["istio_proxy_istio-ingressgateway"][0] == "unattributed"
    assert {one.role for one in runs[0].usage} == {"unattributed"}
    assert all(not one.memory for run in runs for one in run.usage)
    assert runs[1].extra["mem_Mi_avg_istio_proxy_fortioserver"] == "93.7"
    assert runs[1].errors is None and "errors" in missing(runs[1])


def test_istio_zeros_of_prometheus_are_unknown(tmp_path):
    line = "2020-07-23T07:04:50.661794667Z,240,b3e4d802_qps_1000_c_32_1024_x_both,32,1000,579,1217,1884,0,0,0,0,0,0"
    (run,) = read(written(tmp_path, "istio.csv", f"{ISTIO.splitlines()[0]}\n{line}\n"))
    assert run.usage == ()


@pytest.mark.parametrize(
    ("mesh", "generator", "label", "baseline", "loop"),
    [("Istio", "fortio", "Istio", None, "closed"), ("None", "wrk2", "workbench", True, "open")],
)
def test_meshery_results(tmp_path, mesh, generator, label, baseline, loop):
    (run,) = read(written(tmp_path, "meshery.json", meshery(mesh, generator)))
    (plain,) = read(RECORDINGS / "fortio/normal.json")
    assert (run.label, run.is_baseline, run.loop, run.tool.name) == (label, baseline, loop, generator)
    assert list(run.histograms.values()) == list(plain.histograms.values())
    assert run.extra["meshery_id"] == "1f"


def test_meshery_results_in_yaml(tmp_path):
    from workbench.interchange.smp.canonical import yaml_text

    (run,) = read(written(tmp_path, "meshery.yaml", yaml_text(meshery())))
    assert run.label == "Istio" and run.requests > 0


JMETER = """kind = "requests"
generator = "jmeter"
generator_version = "5.6"
latency_from = "send"
loop = "closed"
[columns]
latency = "elapsed"
status = "responseCode"
start = "timeStamp"
label = "mesh"
[units]
latency = "ms"
start = "ms"
[known]
connections = 8
"""
ROWS = "timeStamp,elapsed,label,responseCode,mesh\n" + "".join(
    f"{1_700_000_000_000 + 10 * n},{1 + n % 5},GET,{500 if n % 50 == 0 else 200},{'base' if n % 2 else 'mesh'}\n"
    for n in range(200)
)


def test_any_table_of_requests_by_a_mapping(tmp_path):
    runs = read(written(tmp_path, "jmeter.csv", ROWS), mapping=(JMETER, "jmeter.toml"))
    assert {run.label: (run.requests, run.errors, run.connections) for run in runs} == {
        "base": (100, 0, 8),
        "mesh": (100, 4, 8),
    }
    mesh = next(run for run in runs if run.label == "mesh")
    assert mesh.started_at_s == 1_700_000_000.0 and mesh.window_s == pytest.approx(2.0), (
        "100 intervals of 20 ms, not 99"
    )
    assert mesh.achieved_rate_per_s == pytest.approx(50)
    found = buckets(mesh.histograms["from_send"])
    assert sum(found.counts) == 96 and found.low_s[0] == pytest.approx(0.001, rel=0.001)


def test_any_table_of_runs_by_a_mapping(tmp_path):
    mapping = """kind = "runs"
generator = "oha"
latency_from = "send"
[columns]
label = "proxy"
rate_per_s = "rps"
p50 = "median"
p99 = "p99"
proxy_cpu_cores = "cpu"
[units]
p50 = "us"
p99 = "ms"
"""
    rows = "proxy,rps,median,p99,cpu\nbase,1000,316,0.5,\nsidecar,1000,1214,2.1,0.4\nsidecar,,1215,,0.5\n"
    runs = read(written(tmp_path, "runs.csv", rows), mapping=(mapping, "m.toml"))
    assert [run.quantiles["from_send"].get("p50_s") for run in runs] == pytest.approx([316e-6, 1214e-6, 1215e-6])
    assert [len(run.usage) for run in runs] == [0, 1, 1]
    assert runs[2].rate_per_s is None and "p99_s" not in runs[2].quantiles["from_send"]


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ("kind = ", "not valid TOML"),
        ("kind = 'x'", "Unknown kind 'x'"),
        ("kind = 'requests'", "must set latency_from: send or schedule"),
        ("kind = 'requests'\nlatency_from = 'send'", "must name the tool"),
        (JMETER.replace('"elapsed"', '"elapsd"'), "Unknown column 'elapsd'"),
        (JMETER.replace('latency = "ms"', ""), "must state the unit of latency"),
        (JMETER.replace('latency = "ms"', 'latency = "mins"'), "Unknown unit"),
        (JMETER.replace("connections = 8", "conections = 8"), "Did you mean 'connections'"),
        (JMETER.replace("connections = 8", "connections = 'x'"), "must be of type int"),
        (JMETER.replace('status = "responseCode"', 'stats = "responseCode"'), "Did you mean 'status'"),
    ],
)
def test_what_is_wrong_with_a_mapping_is_said(tmp_path, mapping, said):
    with pytest.raises((BadInputError, UnknownNameError), match=said):
        read(written(tmp_path, "jmeter.csv", ROWS), mapping=(mapping, "m.toml"))


def test_an_unknown_file_lists_what_is_known(tmp_path):
    with pytest.raises(BadInputError, match=r"Fortio JSON;.*Nighthawk JSON;.*--map FILE.toml"):
        read(written(tmp_path, "x.txt", "hello\n"))
