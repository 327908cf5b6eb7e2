"""Bills of nodes close, what is reserved stands beside what is used, and what is unknown or missing is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cluster_frames import MESHES, cluster_frames
from frames_factory import MIB, frames

from workbench.analysis import cluster_checks, compare


def compared(**changes):
    """The comparison of the made-up frames; ``changes``: frame's name -> what is done to it."""
    residual = changes.pop("residual", None)
    names = ("runs", "consumption", "latency", "reservations", "sources")
    found = dict(zip(names, cluster_frames(residual=residual), strict=True))
    for name, change in changes.items():
        found[name] = change(found[name].copy())
    return compare(**found)


def checks(comparison, name):
    return [one for one in comparison.checks if one.name == name]


def test_the_parts_of_every_node_add_up_to_the_node():
    bill = compared().node_bill
    assert bill["closes"].all()
    sums = bill.groupby(["run_id", "node"]).agg(parts=("cpu_cores", "sum"), whole=("node_cores", "first"))
    assert sums["parts"].to_numpy() == pytest.approx(sums["whole"].to_numpy())
    assert len(sums) == 3 * 3 * 2


def test_the_summary_of_bills_closes_too():
    summary = compared().node_bill_summary
    cells = summary.groupby(["mesh", "node"]).agg(parts=("cpu_cores", "sum"), whole=("node_cores", "first"))
    assert cells["parts"].to_numpy() == pytest.approx(cells["whole"].to_numpy())
    row = summary[(summary["mesh"] == "l7-sidecars") & (summary["node"] == "node-2")].set_index("role")
    assert row.loc["unattributed", "ratio"] == pytest.approx(0.02 / 0.5)
    assert row.loc["sidecar", "cpu_cores"] == pytest.approx(0.24)
    assert set(summary["runs"]) == {3}


def test_a_residual_within_the_limit_is_not_flagged_and_one_above_it_is_with_what_the_baseline_leaves():
    assert checks(compared(), "bill-residual") == []
    found = checks(compared(residual={"node-1": 0.01, "node-2": 0.1}), "bill-residual")
    assert [one.scope for one in found] == [f"{mesh} on node-2" for mesh in MESHES]
    last = found[-1]
    assert last.severity == "warning"
    assert last.figure == "17.2 % unattributed: 0.100 of 0.580 cores (limit 10 %)"
    assert "(without a mesh 31.2 %)" in last.message
    assert "Compare it with the residual without a mesh" in last.next_step


def test_more_than_the_node_used_is_flagged_as_such():
    (one, *_) = checks(compared(residual={"node-1": -0.05, "node-2": 0.0}), "bill-residual")
    assert one.figure.startswith("-62.5 %")
    assert "add up to more than the node itself counted" in one.message
    assert checks(compared(residual={"node-1": -0.05, "node-2": 0.0}), "impossible-figures") == []


def unknown(component, *more):
    def change(frame):
        frame.loc[frame["component"].isin([component, *more]), ["cpu_s", "cpu_cores"]] = np.nan
        return frame

    return change


def test_a_bill_with_an_unknown_part_does_not_close_and_names_it():
    result = compared(consumption=unknown("server/proxy", "node-2, unattributed"))
    (one,) = checks(result, "bill-open")
    assert (one.severity, one.figure) == ("warning", "9 of 18 bills")
    assert "the CPU of server/proxy is unknown" in one.message
    sidecars = result.resources[result.resources["role"].eq("sidecar")]
    assert sidecars["cpu_cores"].isna().all(), "half of a role is not the role"
    assert not (result.node_bill_summary["node"] == "node-2").any()


def test_an_unknown_daemon_of_the_node_does_not_keep_the_bill_open():
    result = compared(consumption=unknown("node-1, kubelet"))
    assert checks(result, "bill-open") == []


def test_reserved_stands_beside_used_and_a_missing_request_is_counted_and_never_0():
    result = compared()
    table = result.resource_summary.set_index(["mesh", "role"])
    every = table.loc[("l7-sidecars", "all")]
    assert every["cpu_cores"] == pytest.approx(0.20 + 0.44 + 0.02)
    assert every["memory_bytes"] == pytest.approx((30 + 120 + 200) * MIB)
    assert (every["containers"], every["cpu_request_cores"], every["without_cpu_request"]) == (4, 0.75, 1)
    application = table.loc[("baseline", "application")]
    assert np.isnan(application["cpu_request_cores"]) and application["without_cpu_request"] == 1
    assert np.isnan(table.loc[("l7-sidecars", "sidecar"), "cpu_limit_cores"])
    assert ("l7-sidecars", "system") not in table.index
    said = checks(result, "nothing-reserved")
    assert [one.scope for one in said] == list(MESHES)
    assert said[0].figure == "1 without CPU and 1 without memory, of 1 container"


def test_reservations_that_were_not_read_are_not_said_to_be_missing():
    result = compared(reservations=lambda frame: frame.iloc[:0])
    assert result.resource_summary["without_cpu_request"].isna().all()
    assert checks(result, "nothing-reserved") == []


def test_coarse_and_doubtful_sources_are_said():
    def changed(frame):
        frame.loc[frame["node"] == "node-1", ["source", "coarse", "place", "why"]] = (
            *("metrics-api", True, "metrics.k8s.io", "this user may not get nodes/proxy"),
        )
        frame.loc[frame["node"] == "node-2", "doubt"] = "2 readings lie in the window, 3 are needed: measure for 60 s"
        return frame

    result = compared(sources=changed)
    (coarse,) = checks(result, "coarse-telemetry")
    assert (coarse.severity, coarse.scope) == ("warning", "all runs")
    assert "because this user may not get nodes/proxy" in coarse.message
    (sparse,) = checks(result, "sparse-telemetry")
    assert sparse.next_step == "Measure for 60 s."


def test_parts_that_a_limit_held_back_are_flagged():
    def held(frame):
        frame.loc[frame["component"] == "server/proxy", "cpu_throttled_s"] = 2.0
        return frame

    found = checks(compared(consumption=held), "cpu-throttled")
    assert [one.figure for one in found] == ["20 % of the window (server/proxy)"] * 2


def test_the_lab_has_neither_nodes_nor_reservations():
    runs, consumption, latency = frames()
    result = compare(runs, consumption, latency)
    assert result.resources.empty and result.node_bill.empty and result.sources.empty
    assert result.resource_summary.empty and result.node_bill_summary.empty


def moved(component, node, when):
    """Let a part have run elsewhere in those runs of whose name ``when`` is true."""

    def change(frame):
        rows = frame["component"].eq(component) & frame["run_id"].map(when)
        assert rows.any()
        frame.loc[rows, "node"] = node
        return frame

    return change


def runs_under(mesh):
    runs = cluster_frames()[0]
    return list(runs.loc[runs["mesh"].eq(mesh), "run_id"])


def test_a_client_that_is_beside_the_services_in_some_runs_only_is_flagged():
    assert checks(compared(), "placement-differs") == checks(compared(), "other-nodes") == []
    first, *_ = runs_under("l4-sidecars")
    (one,) = checks(compared(consumption=moved("client/fortio", "node-2", first.__eq__)), "placement-differs")
    assert (one.severity, one.scope) == ("warning", f"l4-sidecars: {first}")
    assert one.figure == "1 of 9 runs (11 %) on a node of the services"
    both = compared(consumption=moved("client/fortio", "node-2", lambda _: True))
    assert checks(both, "placement-differs") == [], "all alike, although on one node"


def test_the_fewer_are_named_whichever_they_are():
    most = [one for mesh in ("baseline", "l7-sidecars") for one in runs_under(mesh)]
    (one,) = checks(compared(consumption=moved("client/fortio", "node-2", most.__contains__)), "placement-differs")
    assert one.figure == "3 of 9 runs (33 %) on a node without services"
    assert one.scope.startswith("l4-sidecars: ")


def test_services_that_never_met_the_baselines_nodes_are_flagged():
    runs = runs_under("l7-sidecars")
    (one,) = checks(compared(consumption=moved("server/app", "node-3", runs.__contains__)), "other-nodes")
    assert (one.scope, one.figure) == ("l7-sidecars", "node-3 against node-2")
    once = compared(consumption=moved("server/app", "node-3", runs[0].__eq__))
    assert checks(once, "other-nodes") == []


def test_the_lab_knows_no_placement():
    runs, consumption, latency = frames()
    assert not {"placement-differs", "other-nodes"} & {one.name for one in compare(runs, consumption, latency).checks}


@pytest.mark.parametrize(
    ("doubts", "worst"),
    [
        (["up to 9 s outside: set edge_s = 14", "up to 15 s outside: set edge_s = 20"], "up to 15"),
        (["2 readings lie in the window", "1 readings lie in the window"], "1 readings"),
        (["no reading on both sides"], "no reading"),
    ],
)
def test_of_doubts_that_differ_in_their_numbers_the_worst_is_told(doubts, worst):
    assert cluster_checks._worst(pd.Series(doubts)).startswith(worst)
