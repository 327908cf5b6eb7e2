"""Published figures: every one complete, checked against the fact sheet's values, and none without its source."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import BadInputError, FaultsError, UnknownNameError
from workbench.files import shipped
from workbench.interchange.publications import CONFIDENCES
from workbench.interchange.published_figures import figures_of, read_folder, read_publication

GOOD = """format = 1
[source]
id = "a"
title = "A"
publisher = "P"
party = "independent"
date = "2025"
where = "here"
[setup]
generator = "wrk2"
[definitions]
latency = "what it is"
[[figures]]
mesh = "M"
metric = "latency"
unit = "ms"
kind = "absolute"
confidence = "F"
values = { p50 = 1.5, p99 = 4 }
"""


@pytest.fixture(scope="module")
def publications():
    return read_folder(shipped.reference())


def test_all_shipped_figures_are_complete(publications):
    figures = figures_of(publications, secondary=True)
    assert len(publications) == 14 and len(figures) > 500
    for figure in figures:
        assert figure.definition and figure.origin.where and figure.origin.date
        assert figure.confidence in CONFIDENCES and figure.kind in ("absolute", "added", "ratio")
        assert figure.mesh and figure.value >= 0 and figure.shown
        assert figure.confidence != "Px" or figure.plus_minus


def test_secondary_figures_are_hidden_unless_asked_for(publications):
    shown = figures_of(publications)
    hidden = [one for one in figures_of(publications, secondary=True) if one not in shown]
    assert {one.confidence for one in hidden} == {"S"} and hidden
    assert {one.origin.id for one in hidden} == {"ambient-2024-2025", "arxiv-2411-02267"}


SPOT = [
    ("istio-documentation", "Istio", "1.24, sidecar with 2 workers", "cpu_per_1000", "", 1000, 0.20, "cores"),
    ("istio-documentation", "Istio", "1.24, ztunnel", "memory", "", 1000, 12e6, "bytes"),
    ("istio-documentation", "Istio", "1.7 or just after", "added_latency", "p99", 1000, 2.88e-3, "s"),
    ("istio-example-2020-08", "Istio", "v2-stats-nullvm, sweep", "cpu", "server", 3000, 0.657, "cores"),
    ("linkerd-2021-11", "Istio", "1.12.0, minimal", "latency", "p99", 2000, 0.2584, "s"),
    ("linkerd-2021-05", "Linkerd", "2.10.2", "proxy_memory_max", "", 2000, 17.8e6, "bytes"),
    ("linkerd-2025-04", "Istio", "1.25.0, sidecar", "latency", "p50", 2000, 0.2397, "s"),
    ("kinvolk-2019-05", "Istio", "1.1.6, tuned", "latency", "p99", 600, 264.0, "s"),
    ("idmcarvalho-2026-02", "Cilium", "L7", "throughput", "", None, 191.6, "1/s"),
    ("meshinsight-2023", "Istio", "", "latency_increase", "", None, 2.69, "1"),
    ("reserved-2026-08", "Istio", "ztunnel", "memory_request", "", None, 512 * 2**20, "bytes"),
    ("istio-aks-2024-03", "Istio", "asm-1-19", "max_sidecars", "", None, 25000, "1"),
]


@pytest.mark.parametrize("row", SPOT, ids=lambda row: f"{row[0]}-{row[3]}")
def test_values_are_those_of_the_sources(publications, row):
    source, mesh, version, metric, aspect, rate, value, unit = row
    found = [
        one
        for one in figures_of(publications)
        if (one.origin.id, one.mesh, one.version, one.metric, one.aspect) == (source, mesh, version, metric, aspect)
        and one.rate_per_s == rate
    ]
    assert found and found[0].value == pytest.approx(value) and found[0].unit == unit


def test_a_figure_reads_in_its_own_unit_and_converts(tmp_path):
    (tmp_path / "a.toml").write_text(GOOD)
    (publication,) = read_folder(tmp_path)
    half, tail = publication.figures
    assert (half.shown, half.value, half.unit, half.aspect) == ("1.5 ms", 0.0015, "s", "p50")
    assert tail.origin.title == "A" and tail.setup.generator == "wrk2"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("format = 1", "format = 2", "reads 1"),
        ('party = "independent"', 'party = "friend"', "Unknown party"),
        ('date = "2025"\n', "", "date"),
        ('[definitions]\nlatency = "what it is"', "[definitions]", "none is shown without its definition"),
        ('confidence = "F"', 'confidence = "Px"', "needs its error"),
        ('confidence = "F"', 'confidence = "G"', "Unknown confidence"),
        ('unit = "ms"', 'unit = "msec"', "Unknown unit"),
        ('kind = "absolute"', 'kind = "extra"', "Unknown kind"),
        ("values = { p50 = 1.5, p99 = 4 }", "", "either value or values"),
        ("p50 = 1.5", 'p50 = "1.5"', r"values\.p50 must be a number"),
        ("p50 = 1.5", "p50 = nan", r"values\.p50 must be a number, not nan"),
        ('mesh = "M"\n', "", "lacks mesh"),
        ('mesh = "M"', 'mush = "M"', "Did you mean 'mesh'"),
        ("[setup]", "[setup]\ngenerater = 1", "Did you mean 'generator'"),
        ('latency = "what it is"', 'latency = "x"\nmore = "y"', "of which there is no figure"),
        ("format = 1", "format = ", "not valid TOML"),
    ],
)
def test_what_a_file_lacks_is_said(tmp_path, old, new, said):
    assert old in GOOD
    path = tmp_path / "a.toml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises((BadInputError, UnknownNameError), match=said) as told:
        read_publication(path)
    assert str(path) in str(told.value)


def test_all_that_is_wrong_with_a_file_is_said_at_once_and_a_default_not_a_hundred_times(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(GOOD.replace('"independent"', '"friend"').replace("format = 1", "format = 1\nverdict = 1"))
    with pytest.raises(FaultsError, match="Unknown party"):
        read_publication(path)
    figures = GOOD[GOOD.index("[[figures]]") :].replace('unit = "ms"\n', "")
    path.write_text(GOOD + "[defaults]\nunit = 7\n" + 99 * figures)
    with pytest.raises(FaultsError) as error:
        read_publication(path)
    assert len(error.value.faults) == 21
    assert "[[figures]] 2: unit must be text" in str(error.value.faults[0])
    assert "Of 99 faults" in str(error.value.faults[-1])


def test_a_source_stands_there_once(tmp_path: Path):
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(GOOD)
    with pytest.raises(BadInputError, match="holds a twice"):
        read_folder(tmp_path)
