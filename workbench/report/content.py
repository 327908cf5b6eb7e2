"""Everything a report says, as one frozen value: pure, from material to content.

Second stage: material -> content -> page.
"""

from __future__ import annotations

from workbench.analysis import answer_sentences
from workbench.model.recording import RECORDED
from workbench.report import figures, prose, tables, trust
from workbench.report.cluster_tables import cluster_tables
from workbench.report.downloads import downloads
from workbench.report.material import Material
from workbench.report.parts import ReportContent
from workbench.report.published_section import published

DEFAULT_QUESTION = "What does each data plane cost the application?"


def report_content(material: Material, title: str | None = None) -> ReportContent:
    """Say everything that ``material`` holds; ``title`` replaces the title that the experiments' names make."""
    comparison, order = material.comparison, figures.full_order(material)
    campaigns = tuple(prose.campaign(sheet) for sheet in material.sheets)
    names = list(dict.fromkeys(one.experiment or one.campaign_id for one in campaigns))
    question = next((one.question for one in campaigns if one.question), DEFAULT_QUESTION)
    return ReportContent(
        title=title or _title(material, names),
        question=question,
        dateline=_dateline(material, campaigns[0].started),
        banners=trust.banners(material),
        answer=tuple(answer_sentences(comparison)),
        badge=comparison.badge,
        badges=trust.badges(material),
        headline=figures.headline_figure(material),
        figures=figures.cost_figures(material),
        taken=cluster_tables(comparison),
        costs=tables.cost_tables(comparison, figures.absent(material)),
        matrix=tables.verdict_matrix(comparison, order),
        verdicts=tables.verdict_table(comparison),
        cards=prose.cards(material, order),
        findings=trust.findings(comparison),
        trust=figures.trust_figures(material),
        gates=tables.gate_table(material.gates, material.runs, order),
        left_out=tables.left_out_table(comparison),
        load=prose.load(comparison),
        watching=prose.watching(comparison),
        measured=comparison.circumstances["provenance"] in ("measured", "synthetic", RECORDED),
        definitions=prose.definitions(comparison),
        campaigns=campaigns,
        downloads=downloads(material),
        versions=prose.versions(),
        published=published(material),
        recording=material.recording,
    )


def _title(material: Material, names: list[str]) -> str:
    return material.recording.title if material.recording else f"Data planes compared: {', '.join(names)}"


def _dateline(material: Material, started: str) -> str:
    comparison = material.comparison
    count = len(comparison.campaigns)
    several = f" and {count - 1} more" if count > 1 else ""
    return f"{started}{several} · {comparison.circumstances['environment']} · {len(comparison.runs)} runs"
