"""The answer: true, whole sentences for one, two or many data planes and whatever is missing."""

import re

import numpy as np
import pytest
from cluster_frames import cluster_frames
from frames_factory import frames

from workbench.analysis import compare, headline
from workbench.model.recording import MADE_UP

PRODUCTS = ("istio", "linkerd", "consul", "cilium", "network service mesh", "nsm", "ztunnel")


def _said(*given_frames):
    *found, badge = headline(compare(*given_frames))
    assert badge == f"{MADE_UP}."  # the frames are made up, and say so
    for sentence in found:
        assert sentence.endswith(".")
        assert not re.search(r"nan|None|  |;\.|; ;|,,|\[\]|– *\]|\.\.", sentence), sentence
        assert not any(name in sentence.lower() for name in PRODUCTS)
    return found


def _headline(*given_frames):
    """Return what is said of no mesh, of each data plane, of reliability, and what to do next."""
    found = _said(*given_frames)
    places = [place for place, sentence in enumerate(found) if sentence.startswith("At ")]
    assert places == [0]
    return found[0], {sentence.split()[0]: sentence for sentence in found[1:-2]}, found[-2], found[-1]


def _of(meshes, **given):
    return frames(meshes=("baseline", *meshes), **given)


def _number(pattern, text):
    return float(re.search(pattern, text)[1].replace(",", ""))


def test_many_data_planes():
    base, meshes, trust, then = _headline(*frames(noisy={9}))
    assert re.match(
        r"At 997 requests/s \(workload echo, environment lab\), without a mesh, 1000 requests/s cost 0\.\d{3} cores "
        r"\(application and load generator\) and the median request \(p50\) takes \d+ µs\.$",
        base,
    )
    assert re.search(
        r"adds 0\.\d{3} cores \[0\.\d{3}–0\.\d{3}\] \(\d\.\d× in all\) and \d+ µs \[\d+–\d+\] at p50\.$",
        meshes["l7-sidecars"],
    )
    assert trust.startswith("These are medians over 3 blocks, in brackets the range, which holds the true median in 75")
    assert "other work disturbed 1 of 42 runs (2 %)" in trust
    assert "lab archetypes, not products" in trust
    assert "3 more blocks" in then


def test_what_is_added_is_the_difference_to_no_mesh_in_the_same_block():
    frame = _of(["l7-sidecars"], blocks=6)
    comparison = compare(*frame)
    base, meshes, _, _ = _headline(*frame)
    costs = comparison.costs.query("metric == 'cpu_per_request_s' and rate_per_s == 997")
    table = costs.pivot_table(index="block", columns="mesh", values="value") * 1000
    added = table["l7-sidecars"] - table["baseline"]
    assert _number(r"cost ([\d.]+) cores", base) == pytest.approx(table["baseline"].median(), abs=6e-4)
    assert _number(r"adds ([\d.]+) cores", meshes["l7-sidecars"]) == pytest.approx(added.median(), abs=6e-4)
    times = np.exp((table["l7-sidecars"] / table["baseline"]).transform(np.log).median())
    assert _number(r"\(([\d.]+)× in all", meshes["l7-sidecars"]) == pytest.approx(times, abs=0.051)


def test_on_a_cluster_the_nodes_say_what_is_added_and_by_what():
    frame = cluster_frames()
    base, meshes, _, then = _headline(*frame)
    added = compare(*frame).added.query("mesh == 'l7-sidecars' and rate_per_s == 500").set_index("part")["median"]
    assert added["data plane"] == pytest.approx(0.44, rel=0.1)
    assert added["control plane"] == pytest.approx(0.02, rel=0.1)
    assert added["all parts"] == pytest.approx(added.drop("all parts").sum(), rel=0.05)
    assert re.search(r"without a mesh, the nodes use 0\.\d{3} cores", base)
    assert f"data plane {added['data plane']:.3f}, control plane {added['control plane']:.3f}" in meshes["l7-sidecars"]
    assert then.startswith("By CPU of the nodes, the cheapest first: l4-sidecars; l7-sidecars.")


def test_a_bill_that_does_not_close_leaves_the_parts_unsaid():
    runs, consumption, *rest = cluster_frames()
    consumption.loc[consumption["role"].eq("unattributed"), "cpu_cores"] = np.nan
    _, meshes, *_ = _headline(runs, consumption, *rest)
    assert "× in all)" in meshes["l7-sidecars"]
    assert "data plane" not in meshes["l7-sidecars"]


def test_only_what_cannot_be_told_from_no_mesh():
    runs, consumption, latency = _of(["cross-connect"])
    mine = consumption["run_id"].isin(runs.loc[runs["mesh"].eq("cross-connect") & runs["block"].eq(2), "run_id"])
    consumption.loc[mine, "cpu_s"] *= 0.7
    slow = latency["run_id"].isin(runs.loc[runs["mesh"].eq("cross-connect") & runs["block"].eq(1), "run_id"])
    latency.loc[slow, "p50_s"] *= 0.8
    _, meshes, *_ = _headline(runs, consumption, latency)
    assert re.search(r"adds no measurable CPU \(-0\.\d+ to 0\.\d+ cores\)", meshes["cross-connect"])
    assert meshes["cross-connect"].endswith("no measurable latency at p50.")
    assert "×" not in meshes["cross-connect"]


def test_only_the_baseline():
    base, meshes, _, then = _headline(*_of([]))
    assert "1000 requests/s cost" in base
    assert not meshes
    assert then == "Next: add a mesh to compare with."


def test_a_failed_baseline():
    runs, consumption, latency = _of(["cross-connect", "l4-sidecars", "l7-sidecars"])
    runs.loc[runs["is_baseline"], ["status", "reason"]] = ["failed", "it did not start"]
    base, meshes, _, then = _headline(runs, consumption, latency)
    assert "the baseline has no finished run" in base
    assert re.search(r"costs 0\.\d+ cores \[.*\] for 1000 requests/s in all and takes \d+ µs", meshes["l7-sidecars"])
    assert "missing-baseline" in then


def test_a_single_data_plane_without_its_baseline():
    runs, consumption, latency = _of(["cross-connect"])
    runs.loc[runs["is_baseline"], "status"] = "failed"
    _, meshes, trust, _ = _headline(runs, consumption, latency)
    assert "adds" not in meshes["cross-connect"]
    assert trust.startswith("These are medians over 3 blocks")


def test_one_block_gives_no_interval():
    _, meshes, trust, _ = _headline(*frames(blocks=1))
    assert not any("[" in one for one in meshes.values())
    assert trust.startswith("A single block gives no interval")


def test_enough_blocks():
    *_, trust, then = _headline(*_of(["l7-sidecars", "l4-sidecars"], blocks=6))
    assert "in brackets the interval, which holds the true median in 96.9 % of cases" in trust
    assert then == "By normalised CPU, which scatters least, the cheapest first: l4-sidecars; l7-sidecars."


def test_no_latency_and_no_cpu():
    runs, consumption, latency = _of(["l7-sidecars"])
    base, meshes, *_ = _headline(runs, consumption, latency.iloc[:0])
    assert "p50" not in base
    assert meshes["l7-sidecars"].endswith("and has an unknown latency.")
    base, meshes, *_ = _headline(runs, consumption.iloc[:0], latency)
    assert "CPU use is unknown" in base
    assert "has an unknown CPU cost and adds" in meshes["l7-sidecars"]


def test_a_data_plane_that_is_faster_saves_latency():
    runs, consumption, latency = _of(["l7-sidecars"])
    mine = latency["run_id"].isin(runs.loc[runs["is_baseline"], "run_id"])
    latency.loc[mine, ["p50_s", "p90_s", "p99_s", "p999_s", "high_s"]] *= 20
    _, meshes, *_ = _headline(runs, consumption, latency)
    assert re.search(r"and saves [\d,]+ µs \[[\d,]+–[\d,]+\] at p50\.$", meshes["l7-sidecars"])


def _alike(tax, blocks):
    """Return frames in which the CPU of two sets of proxies is that of the endpoints times ``tax`` (mesh, block)."""
    runs, consumption, latency = _of(["node-tunnel", "l4-sidecars"], blocks=blocks)
    known = runs.set_index("run_id")
    of, block = (consumption["run_id"].map(known[name]) for name in ("mesh", "block"))
    proxies = consumption["role"].isin(["sidecar", "node-proxy"])
    ends = consumption[~proxies & consumption["role"].ne("node")].groupby("run_id")["cpu_s"].sum()
    share = np.array([tax(mesh, number) for mesh, number in zip(of, block, strict=True)])
    consumption["cpu_s"] = np.where(proxies, consumption["run_id"].map(ends) * share, consumption["cpu_s"])
    return runs, consumption, latency


def test_pairs_without_a_difference_share_a_place_and_it_is_said_what_would_separate_them():
    frame = _alike(lambda mesh, block: 0.70 + 0.05 * (block % 2) + 0.03 * (mesh == "node-tunnel") * (block % 3), 6)
    then = _headline(*frame)[-1]
    assert "l4-sidecars and node-tunnel show no measurable difference" in then
    needed = int(re.search(r"Next: measure about (\d+) more blocks? to separate l4-sidecars from node-tunnel", then)[1])
    assert 1 <= needed <= 18


def test_pairs_that_no_number_of_blocks_would_separate():
    sign = {"node-tunnel": 1}
    frame = _alike(lambda mesh, block: 0.70 + 0.01 * (block % 3) * sign.get(mesh, -1) * (-1) ** block, 6)
    assert re.search(r"Any difference between .* is below \d+(\.\d)? %", _headline(*frame)[-1])


def test_a_disturbed_machine_comes_before_more_blocks():
    then = _headline(*_of(["l7-sidecars"], noisy=set(range(1, 9))))[-1]
    assert "quieter machine" in then


def test_the_workload_with_the_most_runs_speaks_at_its_highest_rate():
    runs, consumption, latency = _of(["l7-sidecars"])
    runs.loc[runs["rate_per_s"].eq(997), "workload"] = "chain"
    runs.loc[runs["rate_per_s"].eq(997) & runs["block"].eq(3), "status"] = "failed"
    assert _headline(runs, consumption, latency)[0].startswith("At 293 requests/s (workload echo,")


def test_a_saturated_data_plane_is_said_first_and_its_latency_is_no_cost():
    runs, consumption, latency = _of(["l4-sidecars", "l7-sidecars"])
    runs.loc[runs["mesh"].eq("l7-sidecars") & runs["rate_per_s"].eq(997), "achieved_rate_per_s"] = 932
    said = _said(runs, consumption, latency)
    assert said[0].startswith("l7-sidecars is saturated: it carried 932 of 997 requests/s.")
    mine = next(one for one in said if one.startswith("l7-sidecars adds"))
    assert "p50" not in mine
    assert "at p50" in next(one for one in said if one.startswith("l4-sidecars adds"))


def test_failed_requests_are_said_first_too_but_not_those_of_an_intent():
    runs, consumption, latency = _of(["l7-sidecars"])
    mine = runs["mesh"].eq("l7-sidecars")
    runs.loc[mine, "errors"] = (runs.loc[mine, "requests"] * 0.03).round()
    assert _said(runs, consumption, latency)[0] == (
        "l7-sidecars is saturated: 3 % of its requests failed. Its latency is that of a limit and is not compared."
    )
    runs.loc[mine, ["asked_failing_low", "asked_failing_high"]] = 0.03
    assert _said(runs, consumption, latency)[0].startswith("At 997 requests/s")


def test_a_generator_that_was_the_limit_is_not_charged_to_the_mesh():
    runs, consumption, latency = _of(["l7-sidecars"])
    mine = runs["mesh"].eq("l7-sidecars")
    runs.loc[mine, "achieved_rate_per_s"] = runs.loc[mine, "rate_per_s"] * 0.9
    runs.loc[mine, "limited"] = "it sent late"
    first = _said(runs, consumption, latency)[0]
    assert first.startswith("The load generator was the limit under l7-sidecars: it carried 897 of 997 requests/s.")
    assert "saturated" not in first
