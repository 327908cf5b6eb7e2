"""The section of a report that sets its numbers beside published ones, with reasons and the auditor's findings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from workbench.charts.published_chart import OTHERS, beside_published
from workbench.charts.rows import rate_text, records
from workbench.interchange.audit import audit, set_of_publication
from workbench.interchange.beside import Beside, beside, for_chart
from workbench.report.figures import figure, full_order
from workbench.report.material import Material
from workbench.report.parts import Cell, Column, Published, Table

_HEADS = ("What", "Kind", "Value", "At", "Definition", "Source", "Date", "Confidence")
_KIND = 1


def published(material: Material) -> Published | None:
    """Return own and published numbers of one kind; None where there are none."""
    found = beside(material.comparison, material.consumption, material.publications)
    if found.rows.empty:
        return None
    return Published(
        figure=figure("published", beside_published(for_chart(found.rows), full_order(material))),
        table=_table(found),
        reasons=found.reasons,
        faults=_faults(found),
    )


def _table(found: Beside) -> Table:
    rows = tuple(_row(row) for row in records(found.rows))
    columns = tuple(Column(head=head, number=head == "Value") for head in _HEADS)
    return Table(
        key="published",
        caption="Your own and published values of the same kind, each as its source states it",
        columns=columns,
        rows=rows,
        filters=(_KIND,),
        more="Figures known only from secondary sources are not shown.",
    )


def _row(row: Mapping[str, Any]) -> tuple[Cell, ...]:
    rate = row["rate_per_s"]
    is_own = row["who"] != OTHERS
    return (
        Cell(text=row["row"], more="" if is_own else row["shape"]),
        Cell(text=row["panel"]),
        Cell(text=row["said"], more=row["who"], sort=float(row["value"])),
        Cell(text="no stated rate" if math.isnan(rate) else rate_text(rate)),
        Cell(text=row["definition"], more=row["circumstances"]),
        Cell(text=row["source"], more=row["note"]),
        Cell(text=row["date"]),
        Cell(text=row["confidence"]),
    )


def _faults(found: Beside) -> Table:
    findings = [one for one in audit(set_of_publication(each) for each in found.publications) if one.severity != "info"]
    rows = tuple(
        (
            Cell(text=one.source),
            Cell(text=one.title, tone="more" if one.severity == "error" else ""),
            Cell(text=one.figure, more=one.scope),
            Cell(text=one.message),
            Cell(text=one.why),
        )
        for one in findings
    )
    heads = ("Source", "Rule", "Figure", "Circumstance", "Why it matters")
    return Table(
        key="published-faults",
        caption="The auditor's findings in these sources",
        columns=tuple(Column(head=head) for head in heads),
        rows=rows,
        filters=(0,),
    )
