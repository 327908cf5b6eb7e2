"""The auditor finds what is known to be wrong with published material, and finds nothing wrong where nothing is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from campaign_making import make_campaign
from import_making import ISTIO, RECORDINGS, read, written

from workbench import analysis
from workbench.errors import UnknownNameError
from workbench.files import shipped
from workbench.interchange.audit import (
    RULES,
    Claim,
    ResultSet,
    audit,
    set_of_campaign,
    set_of_imported,
    set_of_publication,
)
from workbench.interchange.published_figures import read_folder
from workbench.store import Store

CLEAN = ResultSet(
    name="clean",
    loop="open",
    called="constant rate",
    repetitions=6,
    claims=tuple(
        Claim(
            mesh=mesh, is_baseline=mesh == "none", cell="echo", rate_per_s=100.0, quantity="latency", metric="latency",
            aspect=aspect, per="path", value=value, shown=f"{value * 1e3:g} ms", has_interval=True,
        )
        for mesh, values in (("none", (0.001, 0.002, 0.003)), ("M", (0.002, 0.004, 0.006)))
        for aspect, value in zip(("p50", "p90", "p99"), values, strict=True)
    ),
)  # fmt: skip


def rules(*sets: ResultSet) -> list[str]:
    return [one.rule for one in audit(sets)]


def changed(**fields: object) -> ResultSet:
    return replace(CLEAN, **fields)


def with_claim(**fields: object) -> ResultSet:
    """The clean set with its last claim (M, p99, 6 ms) changed."""
    return replace(CLEAN, claims=(*CLEAN.claims[:-1], replace(CLEAN.claims[-1], **fields)))


def test_a_clean_set_has_no_findings():
    assert rules(CLEAN) == []


@pytest.mark.parametrize(
    ("results", "rule"),
    [
        (with_claim(value=0.0001, shown="0.1 ms"), "percentiles-out-of-order"),
        (changed(repetitions=1), "one-repetition"),
        (changed(repetitions=None), "one-repetition"),
        (changed(discards="the worst", discards_by="outcome"), "outcome-based-discards"),
        (changed(loop="closed"), "closed-loop-called-constant-rate"),
        (changed(saturated=True), "saturation-called-overhead"),
        (changed(party="contestant"), "contestant"),
        (changed(said=(("contradiction", "one: 1 here, 2 there"),)), "contradiction"),
        (with_claim(rate_per_s=None), "missing-rate"),
        (with_claim(quantity="cpu", metric="cpu", per=""), "per-proxy-or-hop"),
        (with_claim(quantity="memory", metric="memory"), "memory-undefined"),
        (changed(claims=tuple(replace(one, has_interval=False) for one in CLEAN.claims)), "no-interval"),
        (changed(claims=tuple(replace(one, value=one.value / 1e3) for one in CLEAN.claims)), "seconds-as-milliseconds"),
    ],
)
def test_each_rule_finds_what_it_is_for_and_nothing_else(results, rule):
    assert set(rules(results)) == {rule}


def test_discards_by_cause_and_defined_memory_are_fine():
    assert rules(changed(discards="the machine was disturbed", discards_by="cause")) == []
    assert rules(with_claim(quantity="memory", metric="memory", memory_definition="working set")) == []


def test_the_known_defects_of_published_material_are_found():
    found = audit([set_of_publication(one) for one in read_folder(shipped.reference())])
    told = {(one.rule, one.source) for one in found}
    assert {
        ("percentiles-out-of-order", "linkerd-2025-04"),
        ("outcome-based-discards", "linkerd-2025-04"),
        ("faster-than-baseline", "linkerd-2025-04"),
        ("verdict-compares-unlike", "linkerd-2021-11"),
        ("contradiction", "linkerd-2021-11"),
        ("one-repetition", "istio-example-2020-08"),
        ("repeat-differs", "istio-example-2020-08"),
        ("closed-loop-called-constant-rate", "istio-documentation"),
        ("per-proxy-or-hop", "istio-aks-2024-03"),
        ("memory-undefined", "istio-documentation"),
        ("saturation-called-overhead", "idmcarvalho-2026-02"),
        ("percentile-of-averages", "idmcarvalho-2026-02"),
        ("citations-disagree", "arxiv-2411-02267"),
    } <= told
    order = next(one for one in found if one.rule == "percentiles-out-of-order")
    assert order.figure == "p50 239.7 ms, p90 226.6 ms" and order.severity == "error" and order.why
    moved = [one.figure for one in found if one.rule == "repeat-differs"]
    assert "547 us to 694 us" in moved and "92 MiB to 166 MiB" in moved
    assert not any(one.source == "reserved-2026-08" and one.severity != "info" for one in found)
    assert ("no-interval", "linkerd-2021-11") not in told, "its charts have bars of one standard deviation"


def test_files_are_audited_before_anybody_imports_them(tmp_path):
    runs = read(written(tmp_path, "istio.csv", ISTIO))
    found = {one.rule for one in audit([set_of_imported("istio.csv", runs)])}
    assert {"repeat-differs", "no-interval", "closed-loop-called-constant-rate"} <= found
    assert "memory-undefined" not in found, "it is said to be usage with page cache"
    single = audit([set_of_imported("wrk", read(RECORDINGS / "wrk/latency.txt"))])
    assert {"one-repetition", "missing-rate"} <= {one.rule for one in single}


def test_our_own_campaigns_are_audited_by_the_same_rules(tmp_path):
    for blocks, wanted in ((1, {"one-repetition", "no-interval"}), (3, set())):
        campaign = make_campaign(tmp_path / str(blocks), blocks=blocks)
        store = Store(tmp_path / str(blocks))
        runs = store.runs(campaign_id=campaign)
        compared = analysis.compare(runs, store.consumption(), store.latency())
        found = audit([set_of_campaign(campaign, compared.runs, compared.summary)])
        assert {one.rule for one in found} <= wanted | {"faster-than-baseline"}
        assert wanted <= {one.rule for one in found}


def test_rules_can_be_chosen_and_unknown_ones_are_refused():
    assert [one.rule for one in audit([changed(repetitions=1, party="contestant")], ["contestant"])] == ["contestant"]
    with pytest.raises(UnknownNameError, match="Did you mean 'one-repetition'"):
        audit([CLEAN], ["one-repetitions"])
    with pytest.raises(UnknownNameError):
        audit([changed(said=(("no-such-rule", "x"),))])
    assert all(rule.why.endswith(".") and rule.title for rule in RULES.values())
