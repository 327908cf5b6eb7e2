"""Commands that read measurements: runs, compare, report, rebuild."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.clusters_read import say_taken
from workbench.cli.options import Data, Json, NoFail, Parameters, Reports, read_parameters, refuse_taken, settle
from workbench.cli.show import duration, facts, note, records, say, say_json, say_table
from workbench.errors import BadInputError, NothingToShowError, StoreError, UnknownNameError, UnreliableError
from workbench.model.recording import badge_of

if TYPE_CHECKING:
    import pandas as pd

    from workbench.analysis import Comparison
    from workbench.api.selecting import Selected
    from workbench.notebooks import Execution
    from workbench.settings import Settings
    from workbench.store import Store

REPORT_NOTEBOOK = "50_build_a_report"

SHOWN_METRICS = (
    "node_cores",
    "normalised_cpu",
    "cpu_per_request_s",
    "latency_p50_s",
    "latency_p99_s",
    "memory_per_replica_bytes",
)

SHOWN_ALWAYS = ("cpu_per_request_s", "latency_p50_s")
"""These have a column although nothing is known of them."""

Which = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CAMPAIGN|EXPERIMENT",
        help="Campaigns, or experiments (their latest campaign); `example` for the one that comes with the workbench. "
        "Default: the latest campaign that can answer; newer ones that cannot (one block, a design's price) are named.",
        show_default=False,
    ),
]


def runs(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN|CAMPAIGN",
            help="Show this run, or the runs of this campaign; `example` for those of the example.",
            show_default=False,
        ),
    ] = "",
    experiment: Annotated[str, typer.Option(help="Only runs of this experiment.")] = "",
    mesh: Annotated[str, typer.Option(help="Only runs under this mesh.")] = "",
    status: Annotated[
        str, typer.Option(help="Only runs with this status: finished, failed, interrupted or skipped.")
    ] = "",
    most: Annotated[int, typer.Option(min=1, help="Maximum number of runs; the newest are shown.")] = 40,
    data: Data = None,
    json: Json = False,
) -> None:
    """List runs, or show one in full."""
    from workbench.api.selecting import nothing_yet, open_for

    settings = settle(data)
    _check_status(status)
    opened, run = open_for(run, settings.data)
    known = opened.runs()
    for folder, reason in opened.problems():
        note(f"Skipped {folder}: {reason}")
    if known.empty:
        raise nothing_yet(settings.data)
    if run in set(known["run_id"]):
        _show_run(opened, run, json=json)
        return
    if run and run not in set(known["campaign_id"]):
        raise UnknownNameError("run or campaign", run, [*known["campaign_id"].unique()[-10:], *known["run_id"].tail(5)])
    chosen = _chosen(known, campaign_id=run, experiment=experiment, mesh=mesh, status=status)
    if json:
        say_json(records(chosen))
        return
    _list_runs(chosen, most)


def _check_status(status: str) -> None:
    from typing import get_args

    from workbench.model.records import Status

    if status and status not in get_args(Status):
        raise UnknownNameError("status", status, get_args(Status))


def _chosen(known: pd.DataFrame, **filters: str) -> pd.DataFrame:
    """Return the runs that match every filter; an empty one matches all."""
    chosen = known
    for column, value in filters.items():
        if value:
            if column != "status" and value not in set(known[column]):
                raise UnknownNameError(column.removesuffix("_id"), value, known[column].unique())
            chosen = chosen[chosen[column] == value]
    if chosen.empty:
        asked = ", ".join(f"{column} {value}" for column, value in filters.items() if value)
        raise NothingToShowError(f"No run with {asked}; `workbench runs` lists them all.")
    return chosen


def _list_runs(chosen: pd.DataFrame, most: int) -> None:
    shown = chosen.sort_values(["started_at", "run_id"]).tail(most)
    rows = [
        {
            "run": row["run_id"],
            "block": row["block"],
            "mesh": row["mesh"],
            "workload": row["workload"],
            "rate/s": row["rate_per_s"],
            "achieved/s": None if _missing(row["achieved_rate_per_s"]) else round(row["achieved_rate_per_s"], 1),
            "status": row["status"],
            "remark": row["reason"] or row["limited"] or row["noisy"],
        }
        for row in records(shown)
    ]
    say_table("", rows, badge_of(chosen), right=("block", "rate/s", "achieved/s"))
    if len(chosen) > len(shown):
        note(f"The newest {len(shown)} of {len(chosen)} runs; --most shows more.")


def _missing(value: Any) -> bool:
    return value is None or value != value


def _show_run(opened: Store, run_id: str, *, json: bool) -> None:
    known = opened.runs()
    row = records(known[known["run_id"] == run_id])[0]
    parts = opened.consumption([run_id]).drop(columns="run_id")
    latency = opened.latency([run_id]).drop(columns="run_id")
    gates = opened.gates([run_id])
    more = {
        "reserved": opened.reservations([run_id]).drop(columns="run_id"),
        "sources": opened.sources([run_id]).drop(columns="run_id"),
    }
    if json:
        told = {name: records(frame) for name, frame in more.items()}
        say_json({**row, "consumption": records(parts), "latency": records(latency), "gates": records(gates), **told})
        return
    say(facts({key: value for key, value in row.items() if value not in (None, "", [])}))
    for title, frame in (("who consumed what", parts), *more.items(), ("latency", latency), ("gates", gates)):
        if len(frame):
            rows = records(frame)
            say_table(f"{title}:", rows, opened.badge, right=tuple(frame.select_dtypes("number").columns))


def compare(which: Which = None, no_fail: NoFail = False, data: Data = None, json: Json = False) -> None:
    """Show what each data plane costs, and how reliable the figures are.

    Exit code 8 if a check says not to believe figures of it.
    """
    from workbench.api.selecting import select

    settings = settle(data)
    chosen = select(*(which or ()), data=settings.data, or_example=False)
    for sentence in chosen.newer:
        note(sentence)
    comparison = chosen.compare()
    if json:
        say_json(as_data(comparison))
    else:
        say_comparison(comparison)
    if not no_fail:
        _fail_on_errors(comparison)


def _fail_on_errors(comparison: Comparison) -> None:
    """Make the command fail where a check says not to believe figures, so that no pipeline takes them for good."""
    wrong = [check for check in comparison.checks if check.severity == "error"]
    if wrong:
        names = ", ".join(dict.fromkeys(check.name for check in wrong))
        raise UnreliableError(
            f"Checks of severity error stand: {names}. {wrong[0].message} {wrong[0].next_step} "
            "The comparison itself is complete; --no-fail exits with 0."
        )


def as_data(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as plain data, for machines."""
    from workbench import analysis

    frames = (
        "summary",
        "overhead",
        "added",
        "saturated",
        "bill_summary",
        "resource_summary",
        "node_bill_summary",
        "sources",
        "verdicts",
        "meshes",
        "left_out",
    )
    return {
        "headline": analysis.headline(comparison),
        "badge": comparison.badge,
        "order": comparison.order,
        **{name: records(getattr(comparison, name)) for name in frames},
        "checks": [asdict(check) for check in comparison.checks],
        "circumstances": comparison.circumstances,
        "campaigns": comparison.campaigns,
    }


def say_comparison(comparison: Comparison) -> None:
    """Print the answer, a table for each workload and rate, and the checks of their reliability."""
    from workbench import analysis
    from workbench.analysis.words import at_rate

    say("\n".join(analysis.headline(comparison)))
    summary = comparison.summary
    for (workload, _), cell in summary.groupby(["workload", "rate_per_s"]):
        rate = at_rate(float(cell["rate_per_s"].iloc[0]))
        known = set(cell.loc[cell["median"].notna(), "metric"])
        names = [name for name in SHOWN_METRICS if name in known or name in SHOWN_ALWAYS]
        rows = [_line(cell, mesh, names) for mesh in comparison.order if mesh in set(cell["mesh"])]
        say_table(f"{workload} {rate}, medians over blocks [their range or interval]:", rows, comparison.badge)
    say_taken(comparison)
    for check in comparison.checks:
        if check.severity != "info":
            say(f"\n{check.severity}: {check.message} ({check.figure}; {check.scope}) {check.next_step}")


def _line(cell: pd.DataFrame, mesh: str, names: Sequence[str]) -> dict[str, str]:
    from workbench.model.metrics import metric

    line = {"data plane": mesh}
    for name in names:
        found = cell[(cell["mesh"] == mesh) & (cell["metric"] == name)]
        value = found.iloc[0] if len(found) else None
        shown = metric(name)
        text = "–"
        if value is not None and not _missing(value["median"]):
            text = shown.show(value["median"])
            if not _missing(value["low"]):
                low, high = (f"{value[end] * shown.scale:,.{shown.digits}f}" for end in ("low", "high"))
                text += f" [{low} .. {high}]"
        line[shown.label] = text
    return line


def report(
    which: Which = None,
    notebook: Annotated[
        Path | None,
        typer.Option(
            help="Convert this executed notebook to a page, instead of reporting a campaign.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    parameter: Parameters = None,
    no_fail: NoFail = False,
    data: Data = None,
    reports: Reports = None,
    json: Json = False,
) -> None:
    """Write the comparison as one HTML file that works offline.

    Exit code 8 if a check says not to believe figures of it; the file is written all the same.
    """
    settings = settle(data, reports)
    if notebook:
        from workbench.report import notebook_page

        if which or parameter:
            raise BadInputError(
                "--notebook takes neither a campaign nor parameters: it shows the notebook as it was executed."
            )
        page = notebook_page(notebook, settings.reports / f"{notebook.stem}.html")
        say_json({"report": page, "bytes": page.stat().st_size}) if json else say(str(page))
        return
    from workbench.api.selecting import select

    chosen = select(*(which or ()), data=settings.data, or_example=False)
    for sentence in chosen.newer:
        note(sentence)
    if chosen.store.recording is not None:
        target = _report_recording(settings, chosen, parameter)
    else:
        execution, target = report_execution(settings, list(chosen.campaigns), read_parameters(parameter))
        write_report(execution, target, quiet=json)
    if json:
        say_json({"report": target, "campaigns": chosen.campaigns, "bytes": target.stat().st_size})
    else:
        say(str(target))
    if not no_fail:
        _fail_on_errors(chosen.compare())


def _report_recording(settings: Settings, chosen: Selected, parameter: list[str] | None) -> Path:
    """Write the report of a recording without the notebook: a copy of it is kept beside runs, and these are only read.

    Raises
    ------
    BadInputError
        For a parameter of the notebook.
    """
    from workbench.api.experiments import report_file
    from workbench.report import build_report

    if parameter:
        raise BadInputError("The report of the example is written without a notebook: leave --parameter out.")
    return build_report(chosen.store, chosen.campaigns, report_file(chosen, settings.reports))


def report_execution(
    settings: Settings, ids: list[str], parameters: Mapping[str, str] | None = None
) -> tuple[Execution, Path]:
    """Return the execution, not yet started, of the notebook that reports on these campaigns; and its report's path.

    Raises
    ------
    BadInputError
        For parameters that the notebook does not have, or that the command sets itself.
    """
    from workbench.api.experiments import report_file
    from workbench.api.selecting import select
    from workbench.cli.executing import record_of
    from workbench.files.shipped import notebook
    from workbench.notebooks import Execution, read_values

    source = notebook(REPORT_NOTEBOOK)
    target = report_file(select(*ids, data=settings.data), settings.reports)
    own = {"campaigns": " ".join(ids), "data": str(settings.data), "target": str(target)}
    refuse_taken(own, parameters)
    copy = record_of(settings.data / "runs" / ids[-1], REPORT_NOTEBOOK)
    return Execution(source, copy, {**own, **read_values(source, parameters or {})}), target


def write_report(execution: Execution, target: Path, *, quiet: bool = False) -> None:
    """Execute the report's notebook.

    Raises
    ------
    WorkbenchError
        When the notebook failed.
    StoreError
        When the notebook succeeded but there is no report.
    """
    from workbench.cli.executing import see_through
    from workbench.cli.progress import Meter

    with Meter("report", quiet=quiet) as meter:
        see_through(execution, meter, stop=lambda: False)
    if not target.is_file():
        raise StoreError(f"The notebook ran to its end, but there is no report {target}. Try again with --reports.")


def rebuild(data: Data = None, json: Json = False) -> None:
    """Rebuild the index from the run folders; exit code 6 if a folder cannot be read."""
    from workbench.api.experiments import open_store
    from workbench.store import recover

    settings = settle(data)
    started = time.monotonic()
    recover(settings.data)
    opened = open_store(settings.data)
    count = opened.rebuild()
    problems = [{"folder": str(folder), "reason": reason} for folder, reason in opened.problems()]
    if json:
        say_json({"folders": count, "problems": problems, "elapsed_s": time.monotonic() - started})
    else:
        say(f"{count} folders of campaigns and runs indexed in {duration(time.monotonic() - started)}.")
        for problem in problems:
            say(f"Skipped {problem['folder']}: {problem['reason']}")
    if problems:
        raise StoreError(
            f"{len(problems)} folders could not be indexed and are listed above with the "
            "next step. All others are indexed."
        )
