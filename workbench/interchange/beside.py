"""One's own numbers beside published ones of the same kind: what can be set side by side, and why it may differ.

Pure: a comparison and publications in, rows and sentences out; `workbench.charts.published_chart` draws the rows and
the report shows them with their sources. Published values stand as they are: none is converted beyond its unit,
averaged, or subtracted from another. Own values are brought to the published kind where that is exact (all proxies of a
data plane to one of them), and say so.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from workbench.analysis import Comparison
from workbench.interchange.publications import CONFIDENCES, Figure, Origin, Publication
from workbench.interchange.published_figures import figures_of
from workbench.interchange.unlike import reasons
from workbench.model.lab_steps import DATA_PLANE_ROLES

NEAR_RATE = 1000.0
"""Most published figures are at 1000 requests/s; own values are taken at the measured rate nearest to it."""

MOST_PUBLISHED = 6
"""Published values that a panel of the chart shows; the table has them all."""

PROVENANCE = {
    "measured": "own",
    "recorded": "recorded",
    "imported": "imported",
    "published": "published",
    "synthetic": "synthetic",
}

COLUMNS = (
    *("panel", "who", "row", "mesh", "shape", "same_shape", "value", "low", "high", "said", "rate_per_s"),
    *("definition", "source_id", "source", "date", "confidence", "circumstances", "note"),
)

Own = Mapping[str, tuple[float, float, float]]
"""Mesh -> median, low, high; NaN where there is no interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A kind of number that both sides have.

    Attributes
    ----------
    key, title
        The title ends in the unit that is shown.
    scale
        Shown value = SI value x scale.
    unit
        Behind a value.
    digits
        Significant digits shown.
    of
        Whether a published figure is of this kind.
    own
        The own values in SI units.
    definition
        What exactly the own value is.
    """

    key: str
    title: str
    scale: float
    unit: str
    digits: int
    of: Callable[[Figure], bool]
    own: Callable[[_Mine], Own]
    definition: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Beside:
    """What can be shown.

    Attributes
    ----------
    rows
        Columns `COLUMNS`; value, low and high in the panel's unit (NaN: no interval); ``who`` is own, imported or
        published; ``said`` is the value in words. Own rows first in each panel, in the comparison's order.
    reasons
        Why own and published numbers may differ, in sentences, the gravest first.
    rate_per_s
        The own rate that they were taken at.
    publications
        Sources of the rows.
    """

    rows: pd.DataFrame
    reasons: tuple[str, ...]
    rate_per_s: float
    publications: tuple[Publication, ...]


class _Mine:
    """The own side: medians at one rate, and how many proxies each data plane has."""

    def __init__(self, comparison: Comparison, consumption: pd.DataFrame) -> None:
        self.comparison = comparison
        summary = comparison.summary
        counts = comparison.runs["workload"].value_counts()
        self.workload = str(counts.index[0])
        rates = sorted(
            float(rate) for rate in summary.loc[summary["workload"].eq(self.workload), "rate_per_s"].unique()
        )
        self.rate = min(rates, key=lambda rate: abs(rate - NEAR_RATE))
        proxies = consumption[consumption["role"].isin(DATA_PLANE_ROLES)]
        each = proxies.groupby("run_id").size()
        self.proxies = (
            each.reindex(comparison.runs["run_id"]).groupby(comparison.runs["mesh"].to_numpy()).max().to_dict()
        )

    def median(self, frame: pd.DataFrame, metric: str, columns: Sequence[str] = ("median", "low", "high")) -> Own:
        """Return mesh -> values of ``columns`` of a metric at the own rate and workload; baselines left out."""
        if frame.empty:
            return {}
        meshes = self.comparison.meshes
        baselines = set(meshes.loc[meshes["is_baseline"], "mesh"])
        rows = frame[
            frame["metric"].eq(metric)
            & frame["workload"].eq(self.workload)
            & frame["rate_per_s"].eq(self.rate)
            & frame[columns[0]].notna()
        ]
        return {
            str(row["mesh"]): (float(row[columns[0]]), float(row[columns[1]]), float(row[columns[2]]))
            for row in rows.to_dict("records")
            if row["mesh"] not in baselines
        }

    def each_proxy(self, factor: float = 1.0) -> Own:
        """Return cores at 1000 requests/s of one proxy: those of the whole data plane by the number of its proxies."""
        found = self.median(self.comparison.summary, "cores_per_1000_rps")
        return {
            mesh: tuple(value * factor / self.proxies[mesh] for value in values)  # type: ignore[misc]  # still three
            for mesh, values in found.items()
            if self.proxies.get(mesh) == self.proxies.get(mesh) and self.proxies.get(mesh)
        }


_US, _MIB = 1e6, 1 / 2**20
_ADDED = ("p50", "p90", "p99")


def _added(quantile: str) -> Panel:
    def own(mine: _Mine) -> Own:
        return mine.median(mine.comparison.overhead, f"latency_{quantile}_s")

    def of(figure: Figure) -> bool:
        return figure.kind == "added" and figure.unit == "s" and figure.aspect == quantile

    return Panel(
        key=f"added-{quantile}",
        title=f"Added latency {quantile} (ms)",
        scale=1e3,
        unit="ms",
        digits=3,
        of=of,
        own=own,
        definition=f"{quantile} latency minus the baseline's in the same block, median over blocks.",
    )


def _increase(mine: _Mine) -> Own:
    found = mine.median(mine.comparison.overhead, "latency_p50_s", ("ratio_median", "ratio_low", "ratio_high"))
    return {mesh: (values[0] - 1, values[1] - 1, values[2] - 1) for mesh, values in found.items()}


PANELS = (
    Panel(
        key="proxy-cpu",
        title="CPU of one proxy at 1000 requests/s (cores)",
        scale=1.0,
        unit="cores",
        digits=3,
        of=lambda one: (
            one.per == "proxy"
            and one.unit == "cores"
            and one.rate_per_s == NEAR_RATE
            and one.metric in ("cpu_per_1000", "cpu")
            and not one.is_baseline
        ),
        own=_Mine.each_proxy,
        definition="CPU of the whole data plane per 1000 requests/s, divided by the number of its proxies.",
    ),
    Panel(
        key="proxy-memory",
        title="Memory of one proxy (MiB)",
        scale=_MIB,
        unit="MiB",
        digits=3,
        of=lambda one: one.metric == "memory" and one.per in ("proxy", "node") and not one.is_baseline,
        own=lambda mine: mine.median(mine.comparison.summary, "rss_per_replica_bytes"),
        definition="Resident set (RSS) of one proxy under load, shared pages in full; mean over proxies.",
    ),
    *(_added(quantile) for quantile in _ADDED),
    Panel(
        key="increase",
        title="Median latency relative to no mesh (%)",
        scale=100.0,
        unit="%",
        digits=3,
        of=lambda one: one.metric == "latency_increase" and one.kind == "ratio",
        own=_increase,
        definition="p50 latency divided by the baseline's in the same block, minus one, median over blocks.",
    ),
    Panel(
        key="reserved",
        title="CPU that charts reserve for a proxy (cores)",
        scale=1.0,
        unit="cores",
        digits=3,
        of=lambda one: one.metric == "cpu_request" and one.per in ("proxy", "node"),
        own=lambda mine: mine.each_proxy(mine.rate / 1000) if math.isfinite(mine.rate) else {},
        definition="CPU that one proxy used at the measured rate, to compare reserved with used.",
    ),
)


def beside(
    comparison: Comparison,
    consumption: pd.DataFrame,
    publications: Sequence[Publication],
    *,
    secondary: bool = False,
) -> Beside:
    """Set own numbers beside published ones.

    Parameters
    ----------
    comparison
        Of one campaign or several.
    consumption
        ``Store.consumption()`` of its runs: tells how many proxies a data plane has.
    publications
        From `workbench.interchange.published_figures.read_folder`.
    secondary
        Whether figures from secondary sources come along.
    """
    mine = _Mine(comparison, consumption)
    figures = figures_of(publications, secondary=secondary)
    usual = {one.origin.id: one.setup.connections for one in publications}
    rows: list[dict[str, Any]] = []
    used: list[Figure] = []
    for panel in PANELS:
        published = [one for one in figures if panel.of(one)]
        own = panel.own(mine)
        if not published or not own:
            continue
        shapes = {_shape_of(mesh, comparison.meshes) for mesh in own}
        rows += [_own_row(panel, mesh, own[mesh], mine) for mesh in comparison.order if mesh in own]
        rows += [_published_row(panel, one, shapes, usual) for one in _sorted(published, shapes)]
        used += published
    sources = {one.origin.id for one in used}
    return Beside(
        rows=pd.DataFrame(rows, columns=list(COLUMNS)),
        reasons=reasons(comparison, mine.rate, used),
        rate_per_s=mine.rate,
        publications=tuple(one for one in publications if one.origin.id in sources),
    )


def for_chart(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that a chart has room for: all own ones, and of published ones the nearest kin of each panel."""
    if rows.empty:
        return rows
    published = rows["who"].eq("published")
    place = rows[published].groupby("panel", sort=False).cumcount()
    return rows[~published | place.reindex(rows.index).lt(MOST_PUBLISHED)].reset_index(drop=True)


def _sorted(figures: Iterable[Figure], shapes: set[tuple[str, str]]) -> list[Figure]:
    """Return figures so that the first few show every source: in turn one of each, like shapes and later ones first."""
    by_source: dict[str, list[Figure]] = {}
    for one in figures:
        by_source.setdefault(one.origin.id, []).insert(0, one)
    for listed in by_source.values():
        listed.sort(key=lambda one: (one.data_plane, one.layer) not in shapes)
    turns = itertools.zip_longest(*by_source.values())
    return [one for turn in turns for one in turn if one is not None]


def _shape_of(mesh: str, meshes: pd.DataFrame) -> tuple[str, str]:
    row = meshes.loc[meshes["mesh"].eq(mesh)].iloc[0]
    return str(row["data_plane"]), str(row["layer"])


def _shape_text(data_plane: str, layer: str) -> str:
    names = {"none": "no data plane", "kernel": "in the kernel", "": ""}
    return " ".join(part for part in (layer, names.get(data_plane, data_plane)) if part)


def _number(value: float, panel: Panel) -> str:
    return f"{value * panel.scale:.{panel.digits}g}"


def _place(origin: Origin) -> str:
    return f"{origin.where} at {origin.commit}" if origin.commit else origin.where


def _own_row(panel: Panel, mesh: str, values: tuple[float, float, float], mine: _Mine) -> dict[str, Any]:
    median, low, high = values
    interval = f" [{_number(low, panel)} to {_number(high, panel)}]" if low == low and high == high else ""
    told = mine.comparison.circumstances
    return {
        "panel": panel.title,
        "who": PROVENANCE.get(str(told["provenance"]), str(told["provenance"])),
        "row": mesh,
        "mesh": mesh,
        "shape": _shape_text(*_shape_of(mesh, mine.comparison.meshes)),
        "same_shape": True,
        "value": median * panel.scale,
        "low": low * panel.scale,
        "high": high * panel.scale,
        "said": f"{_number(median, panel)} {panel.unit}{interval}",
        "rate_per_s": mine.rate,
        "definition": panel.definition,
        "source_id": "",
        "source": "this report",
        "date": "",
        "confidence": "",
        "circumstances": f"{told['environment']}, {mine.workload}, {told['generator']}",
        "note": "",
    }


def _published_row(
    panel: Panel, figure: Figure, shapes: set[tuple[str, str]], usual: Mapping[str, int | None]
) -> dict[str, Any]:
    setup, origin = figure.setup, figure.origin
    error = math.nan if figure.plus_minus is None else figure.plus_minus * panel.scale
    value = figure.value * panel.scale
    name = " ".join(part for part in (figure.mesh, figure.version) if part)
    aspect = f", {figure.aspect}" if figure.aspect and not figure.aspect.startswith("p") else ""
    run = f", run {figure.run}" if figure.run else ""
    connections = f"{setup.connections} connections" if setup.connections else ""
    unusual = f", {connections}" if setup.connections != usual[origin.id] else ""
    circumstances = (setup.environment, setup.workload, setup.generator, connections, setup.statistic)
    return {
        "panel": panel.title,
        "who": "published",
        "row": f"{name}{aspect}{run}{unusual}",
        "mesh": figure.mesh,
        "shape": _shape_text(figure.data_plane, figure.layer),
        "same_shape": (figure.data_plane, figure.layer) in shapes,
        "value": value,
        "low": value - error,
        "high": value + error,
        "said": figure.shown,
        "rate_per_s": math.nan if figure.rate_per_s is None else figure.rate_per_s,
        "definition": figure.definition,
        "source_id": origin.id,
        "source": f"{origin.publisher}, {origin.title}: {_place(origin)}",
        "date": origin.date,
        "confidence": f"{figure.confidence}: {CONFIDENCES[figure.confidence]}",
        "circumstances": "; ".join(part for part in circumstances if part),
        "note": figure.note,
    }
