"""The headline: true, whole sentences for one, two or many data planes and whatever is missing."""

import re

import numpy as np
from frames_factory import frames

from workbench.analysis import compare, headline

PRODUCTS = ("istio", "linkerd", "consul", "cilium", "network service mesh", "nsm", "ztunnel")


def _headline(*given_frames):
    found = headline(compare(*given_frames))
    assert len(found) == 3
    for sentence in found:
        assert sentence.endswith(".")
        assert sentence[0].isupper()
        assert not re.search(r"nan|None|  |;\.|; ;|,,|\[\]|– *\]|\.\.", sentence), sentence
        assert not any(name in sentence.lower() for name in PRODUCTS)
    return found


def _of(meshes, **given):
    return frames(meshes=("baseline", *meshes), **given)


def test_many_data_planes():
    cpu, latency, trust = _headline(*frames(noisy={9}))
    assert re.match(
        r"At 997 requests/s \(workload echo, environment lab\), the data planes cost from \d\.\d\d× \[.*\].* for .* "
        r"to \d\.\d\d× \[\d\.\d\d–\d\.\d\d\] \(0\.\d{3} cores per 1000 requests/s\) for l7-sidecars, "
        r"where 1× is the CPU that the request itself costs",
        cpu,
    )
    assert re.match(r"Without a mesh the median request \(p50\) took \d+ µs; .* added \d+ µs \[\d+–\d+\]", latency)
    assert trust.startswith(
        "These are medians over 3 blocks, in brackets the range, which holds the true median in 75 %"
    )
    assert "other work disturbed 1 of 42 runs (2 %)" in trust
    assert "lab archetypes, not products" in trust


def test_one_data_plane():
    cpu, latency, _ = _headline(*_of(["l7-sidecars"]))
    assert re.search(
        r"\), l7-sidecars cost \d\.\d\d× \[.*\] \(0\.\d{3} cores.*\) the CPU that the request itself costs\.$", cpu
    )
    assert re.search(r"µs; l7-sidecars added \d+ µs \[\d+–\d+\]\.$", latency)


def test_two_data_planes():
    cpu, latency, _ = _headline(*_of(["l4-sidecars", "l7-sidecars"]))
    assert "for l4-sidecars to " in cpu
    assert re.search(r"l4-sidecars added .* and l7-sidecars added ", latency)


def test_only_what_cannot_be_told_from_no_mesh():
    runs, consumption, latency = _of(["cross-connect"])
    mine = consumption["run_id"].isin(runs.loc[runs["mesh"].eq("cross-connect") & runs["block"].eq(2), "run_id"])
    consumption.loc[mine, "cpu_s"] *= 0.7
    slow = latency["run_id"].isin(runs.loc[runs["mesh"].eq("cross-connect") & runs["block"].eq(1), "run_id"])
    latency.loc[slow, "p50_s"] *= 0.8
    cpu, added, _ = _headline(runs, consumption, latency)
    assert cpu.endswith("cross-connect showed no measurable difference from no mesh in CPU.")
    assert added.endswith("cross-connect showed no measurable difference from no mesh in p50.")
    assert "×" not in cpu


def test_only_the_baseline():
    cpu, latency, _ = _headline(*_of([]))
    assert "only the baseline has finished runs" in cpu
    assert "no other data plane" in latency


def test_a_failed_baseline():
    runs, consumption, latency = _of(["cross-connect", "l4-sidecars", "l7-sidecars"])
    runs.loc[runs["is_baseline"], ["status", "reason"]] = ["failed", "it did not start"]
    cpu, added, trust = _headline(runs, consumption, latency)
    assert "the data planes cost from" in cpu
    assert "the CPU cost of cross-connect is unknown" in cpu
    assert added.startswith("How much latency was added is unknown, because the baseline")
    assert "read the errors among the checks first (missing-baseline)" in trust


def test_a_kernel_alone_without_its_baseline():
    runs, consumption, latency = _of(["cross-connect"])
    runs.loc[runs["is_baseline"], "status"] = "failed"
    cpu, _, trust = _headline(runs, consumption, latency)
    assert cpu.endswith("the CPU cost of cross-connect is unknown.")
    assert trust.startswith("No block is complete enough to judge by")


def test_one_block_gives_no_interval():
    cpu, _, trust = _headline(*frames(blocks=1))
    assert "[" not in cpu
    assert trust.startswith("A single block gives no interval")


def test_enough_blocks():
    _, _, trust = _headline(*_of(["l7-sidecars"], blocks=6))
    assert "in brackets the interval, which holds the true median in 96.9 % of cases" in trust


def test_no_latency_and_no_cpu():
    runs, consumption, latency = _of(["l7-sidecars"])
    assert _headline(runs, consumption, latency.iloc[:0])[1] == "No latency was measured."
    cpu, _, _ = _headline(runs, consumption.iloc[:0], latency)
    assert cpu.endswith("the CPU cost of l7-sidecars is unknown.")


def test_a_data_plane_that_is_faster_took_latency_away():
    runs, consumption, latency = _of(["l7-sidecars"])
    mine = latency["run_id"].isin(runs.loc[runs["is_baseline"], "run_id"])
    latency.loc[mine, ["p50_s", "p90_s", "p99_s", "p999_s", "high_s"]] *= 20
    assert re.search(
        r"l7-sidecars took away \d+ µs \[\d+–\d+\]\.$", _headline(runs, consumption, latency)[1].replace(",", "")
    )


def test_pairs_that_cpu_cannot_tell_are_named():
    runs, consumption, latency = _of(["node-tunnel", "l4-sidecars"])
    of = consumption["run_id"].map(runs.set_index("run_id")["mesh"])
    proxies = consumption["role"].isin(["sidecar", "node-proxy"])
    ends = consumption[~proxies & consumption["role"].ne("node")].groupby("run_id")["cpu_s"].sum()
    tax = np.where(of.eq("node-tunnel"), 0.70, 0.71)
    consumption["cpu_s"] = np.where(proxies, consumption["run_id"].map(ends) * tax, consumption["cpu_s"])
    assert (
        "no measurable CPU difference between l4-sidecars and node-tunnel" in _headline(runs, consumption, latency)[2]
    )


def test_the_workload_with_the_most_runs_speaks_at_its_highest_rate():
    runs, consumption, latency = _of(["l7-sidecars"])
    runs.loc[runs["rate_per_s"].eq(997), "workload"] = "chain"
    runs.loc[runs["rate_per_s"].eq(997) & runs["block"].eq(3), "status"] = "failed"
    assert _headline(runs, consumption, latency)[0].startswith("At 293 requests/s (workload echo,")
