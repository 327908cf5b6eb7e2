"""Commands to exchange results: export, import, audit, and smp (validate, schema, mark)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.options import Data, Json, settle
from workbench.cli.show import facts, note, say, say_json, table
from workbench.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.interchange.audit import ResultSet
    from workbench.interchange.receiving import Received
    from workbench.interchange.smp.validation import Document

Which = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CAMPAIGN|EXPERIMENT",
        help="Campaigns, or experiments (their latest campaign). Default: the latest campaign.",
        show_default=False,
    ),
]

smp = typer.Typer(
    help="Documents of the Service Mesh Performance specification: validate, schema, mark.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

PUBLISHED = "published"
"""The name of the shipped published figures in `audit`."""


def export(
    campaigns: Which = None,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder to create. Default: ./CAMPAIGN-smp.", show_default=False)
    ] = None,
    smp: Annotated[bool, typer.Option("--smp", help="As SMP documents, the only format so far.")] = True,
    form: Annotated[str, typer.Option(help="Format of the documents: json or yaml.")] = "json",
    raw: Annotated[bool, typer.Option("--raw", help="Include the raw output of the tools.")] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Write runs as a bundle of SMP documents with their distributions and full records."""
    from workbench.api.experiments import open_store
    from workbench.api.selecting import campaign
    from workbench.interchange.smp.bundle import export_bundle

    settings = settle(data)
    ids = list(dict.fromkeys(campaign(one, settings.data) for one in campaigns or ("latest",)))
    target = to or Path(f"{ids[0]}-smp")
    done = export_bundle(open_store(settings.data), ids, target, form=form, with_raw=raw)
    if json:
        say_json(done)
        return
    size = f"{done.size / 1e6:.1f} MB" if done.size > 1e5 else f"{done.size:,} bytes"
    say(f"{done.folder}: {len(done.runs)} runs, {done.files} files, {size}.")
    say(f"The bundle reveals: {'; '.join(done.reveals) or 'nothing about the machine'}. Check it before you send it.")
    say(f"Query the distributions: duckdb -c \"FROM '{done.folder}/distributions.parquet'\"")


def bring(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="[LABEL=]FILE...",
            help="Output of load generators (Fortio, Nighthawk, wrk, wrk2, hey, oha, ghz, h2load, k6), Meshery's and "
            "Istio's results, tables, SMP documents and bundles, test profiles. LABEL names the data plane.",
            show_default=False,
        ),
    ],
    baseline: Annotated[str, typer.Option(metavar="LABEL", help="The data plane to use as baseline ('no mesh').")] = "",
    name: Annotated[str, typer.Option(help="Experiment to file the runs under.")] = "imported",
    environment: Annotated[
        str, typer.Option(help="Environment of the measurements; imports from one environment can be compared.")
    ] = "",
    fact: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A fact that is not in the files, such as rate_per_s=1000; repeatable.",
            show_default=False,
        ),
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(
            "--map", metavar="FILE", help="Mapping file (TOML): the meaning of a table's columns.", show_default=False
        ),
    ] = None,
    kind: Annotated[str, typer.Option(help="Kind of the files; by default recognized by their content.")] = "",
    latencies_in: Annotated[str, typer.Option(help="Unit of latencies_ms in a doubtful SMP result: ms or s.")] = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """Import results of other tools; they stay marked as imported."""
    from workbench.interchange.landing import Landing
    from workbench.interchange.receiving import options_of, receive

    settings = settle(data)
    options = options_of(fact or [], mapping, latencies_in)
    landing = Landing(name=name, baseline=baseline, environment=environment)
    received = receive(settings.data, files, options, landing, kind)
    if json:
        say_json(_plain(received))
        return
    _say_received(received)


def _plain(received: Received) -> dict[str, Any]:
    landed = received.landed
    return {
        "campaign": landed.campaign_id if landed else None,
        "runs": [run_id for run_id, _ in landed.runs] if landed else [],
        "bundles": received.campaigns,
        "experiments": received.experiments,
        "kinds": received.kinds,
        "said": received.said,
    }


def _say_received(received: Received) -> None:
    from workbench.interchange.importing.imported import missing

    for given, title in received.kinds.items():
        say(f"{given}: {title}")
    if received.landed is not None:
        rows = [
            {
                "run": run_id,
                "mesh": run.label,
                "rate/s": run.rate_per_s,
                "generator": run.tool.title,
                "not told": ", ".join(missing(run)),
            }
            for run_id, run in received.landed.runs
        ]
        say("\n" + table(rows, right=("rate/s",)))
        for tool in {run.tool.name: run.tool for _, run in received.landed.runs}.values():
            say(f"\n{tool.title}: {tool.omission} Units: {tool.units} Percentiles: {tool.percentiles}")
        name = received.landed.campaign_id
        say(f"\nCampaign {name}, provenance imported: `workbench compare {name}`.")
    for old, new in received.campaigns.items():
        say(f"Campaign {new}, provenance imported" + ("." if old == new else f" (there is a campaign {old} already)."))
    for path in received.experiments:
        say(f"Experiment {path}: `workbench plan {path}`.")
    for one in received.said:
        note(one)


@smp.command()
def validate(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE|BUNDLE...", help="Documents, JSON or YAML, or folders of bundles.")
    ],
    kind: Annotated[
        str, typer.Option(help="test, result, mesh, environment or profile; by default recognized by the file names.")
    ] = "",
    json: Json = False,
) -> None:
    """Check documents against SMP v0.6.1 and additional rules; print file, line, field and rule."""
    from workbench.interchange.smp.findings import errors

    documents = [one for path in files for one in _documents(path, kind)]
    findings = [one for document in documents for one in document.findings]
    invalid = errors(findings)
    if json:
        say_json({"documents": len(documents), "valid": not invalid, "findings": findings})
    else:
        for one in findings:
            say(f"{one.severity}: {one}")
        valid = sum(not errors(document.findings) for document in documents)
        warnings = len(findings) - len(invalid)
        say(f"{valid} of {len(documents)} documents are valid; {len(invalid)} errors, {warnings} warnings.")
    if invalid:
        raise BadInputError(f"Not valid: {invalid[0]}")


def _documents(path: Path, kind: str) -> Sequence[Document]:
    from workbench.interchange.smp.bundle import is_bundle
    from workbench.interchange.smp.unbundling import documents, open_bundle
    from workbench.interchange.smp.validation import validate_file

    return documents(open_bundle(path)) if is_bundle(path) else validate_file(path, kind)


@smp.command()
def schema(
    kind: Annotated[str, typer.Option(help="test, result, mesh, environment or profile. Default: any of them.")] = "",
) -> None:
    """Print a JSON Schema of the documents, which the specification itself does not provide."""
    from workbench.interchange.smp.schema import json_schema

    say_json(json_schema(kind))


@smp.command()
def mark(
    campaigns: Which = None,
    profile: Annotated[str, typer.Option(help="Weights and budgets to use.")] = "even",
    data: Data = None,
    json: Json = False,
) -> None:
    """Show an index in the style of MeshMark, with every input; the original is not computable as published."""
    from workbench.api.experiments import compare
    from workbench.interchange.smp.meshmark import marks

    settings = settle(data)
    found = marks(compare(*campaigns or (), data=settings.data), profile)
    if json:
        say_json(found)
        return
    say(found.title)
    say(table([one.as_row() for one in found.marks], right=tuple(found.marks[0].as_row())[1:] if found.marks else ()))
    say("\n" + facts(found.inputs))


def audit(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WHAT...",
            help="Campaigns, experiments, files of results, TOML files of figures, or 'published'. Default: published.",
            show_default=False,
        ),
    ] = None,
    rule: Annotated[list[str] | None, typer.Option(help="Only this rule; repeatable.", show_default=False)] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail (exit code 2) when an error is found.")] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Check results for common benchmarking mistakes; each finding shows its figure and why it matters."""
    from workbench.interchange.audit import audit as look

    settings = settle(data)
    sets = [one for asked in what or (PUBLISHED,) for one in _sets(asked, settings.data)]
    findings = look(sets, rule or ())
    if json:
        say_json({"sets": [one.name for one in sets], "findings": findings})
    else:
        _say_findings(sets, findings)
    grave = [one for one in findings if one.severity == "error"]
    if strict and grave:
        raise BadInputError(f"{grave[0].source}: {grave[0].message}")


def _say_findings(sets: Sequence[ResultSet], findings: Sequence[Any]) -> None:
    for one in findings:
        say(f"{one.severity}: {one.title}: {one.source}, {one.scope}: {one.figure}\n    {one.message}\n    {one.why}\n")
    number = {name: sum(one.severity == name for one in findings) for name in ("error", "warning", "info")}
    claims = sum(len(one.claims) for one in sets)
    say(
        f"{len(sets)} sets of results, {claims} figures: "
        + ", ".join(f"{count} {name}s" for name, count in number.items())
        + "."
    )


def _sets(asked: str, data: Path) -> list[ResultSet]:
    """Return the sets of results that ``asked`` refers to."""
    from workbench.files import shipped
    from workbench.interchange import audit as auditor
    from workbench.interchange.published_figures import read_folder, read_publication

    if asked == PUBLISHED:
        return [auditor.set_of_publication(one) for one in read_folder(shipped.reference())]
    path = Path(asked).expanduser()
    if path.suffix == ".toml" and path.is_file():
        return [auditor.set_of_publication(read_publication(path))]
    if path.is_file():
        return [_set_of_file(path)]
    return [_set_of_campaign(asked, data)]


def _set_of_file(path: Path) -> ResultSet:
    from workbench.interchange.audit import set_of_imported
    from workbench.interchange.importing import kinds
    from workbench.interchange.importing.imported import Options
    from workbench.interchange.importing.source import InputFile

    _, runs = kinds.read(InputFile(path), Options(latencies_in="ms"))
    return set_of_imported(str(path), runs)


def _set_of_campaign(asked: str, data: Path) -> ResultSet:
    from workbench.api.selecting import select
    from workbench.interchange.audit import set_of_campaign

    chosen = select(asked, data=data, or_example=False)
    compared = chosen.compare()
    return set_of_campaign(chosen.campaign, compared.runs, compared.summary)
