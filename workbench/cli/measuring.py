"""Commands that measure: demo, run."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.clusters import Context, Kubeconfig
from workbench.cli.options import Data, Json, Parameters, Reports, Yes, read_parameters, refuse_taken, settle
from workbench.cli.show import duration, note, say, say_json
from workbench.errors import BadInputError, StoppedError, StoreError, UnknownNameError, WorkbenchError

if TYPE_CHECKING:
    from workbench.model.experiment import Plan
    from workbench.settings import Settings

RUN_NOTEBOOK = "20_run_an_experiment"

PLACE = ("context", "kubeconfig", "charts")
"""The notebook's parameters that select the cluster."""

LONG_S = 3600.0
"""Seconds; a longer plan needs a confirmation."""

Asked = Annotated[str, typer.Argument(metavar="EXPERIMENT", help="Name or file of an experiment.", show_default=False)]


def run(
    experiment: Asked = "",
    resume: Annotated[
        str,
        typer.Option(help="Continue this campaign where it stopped; 'latest' is the newest one.", metavar="CAMPAIGN"),
    ] = "",
    parameter: Parameters = None,
    wanted_id: Annotated[
        str, typer.Option("--id", help="Id for the new campaign. Default: time and name.", metavar="ID")
    ] = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    data: Data = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Run an experiment and keep all measurements."""
    settings = settle(data)
    if bool(experiment) == bool(resume):
        raise BadInputError(
            "Name either an EXPERIMENT to run (`workbench run quick`) or a campaign to continue (--resume CAMPAIGN)."
        )
    if wanted_id and (resume or (settings.data / "runs" / wanted_id).exists()):
        raise BadInputError(
            f"--id {wanted_id} must be new: a campaign keeps its id when it is resumed, and is never overwritten."
        )
    campaign_id = _resumed(settings, resume) if resume else ""
    campaign_id = measure(
        settings,
        experiment,
        resume=campaign_id,
        wanted_id=wanted_id,
        yes=yes,
        quiet=json,
        parameters=read_parameters(parameter),
        place={"context": context, "kubeconfig": kubeconfig},
    )
    if json:
        from workbench.api.experiments import open_store

        found = open_store(settings.data).campaign(campaign_id)
        say_json({"campaign_id": campaign_id, "folder": settings.data / "runs" / campaign_id, "campaign": found})
    else:
        say(f"{campaign_id} is in {settings.data / 'runs' / campaign_id}")
        say("Show it: workbench compare. As one page: workbench report.")


def demo(data: Data = None, reports: Reports = None, json: Json = False) -> None:
    """Measure real data planes on this machine, compare them, and write the report."""
    from workbench.cli.reading import as_data, report_execution, say_comparison, write_report

    started = time.monotonic()
    settings = settle(data, reports)
    campaign_id = measure(settings, "quick", quiet=json)
    execution, target = report_execution(settings, [campaign_id])
    execution.start()

    from workbench.api.experiments import compare

    comparison = compare(campaign_id, data=settings.data)  # meanwhile, on the other CPU
    write_report(execution, target, quiet=json)
    elapsed = time.monotonic() - started
    measured = float(comparison.runs["window_s"].sum())
    if json:
        facts = {"campaign_id": campaign_id, "report": target, "elapsed_s": elapsed, "measured_s": measured}
        say_json({**facts, **as_data(comparison)})
        return
    say_comparison(comparison)
    say(f"\n{duration(measured)} measured in {duration(elapsed)}. The report: {target}")


def measure(
    settings: Settings,
    asked: str,
    *,
    resume: str = "",
    wanted_id: str = "",
    yes: bool = False,
    quiet: bool = False,
    parameters: Mapping[str, str] | None = None,
    place: Mapping[str, str] | None = None,
) -> str:
    """Run the notebook that runs an experiment, and return the campaign's id.

    Parameters
    ----------
    parameters
        Further ones of the notebook.
    place
        Context and kubeconfig of a cluster, if set.

    Raises
    ------
    WorkbenchError
        See `workbench.campaigns.runner.run_experiment`.
    """
    from workbench.cli.executing import record_of, see_through
    from workbench.cli.progress import Meter
    from workbench.files.shipped import notebook
    from workbench.notebooks import Execution, read_values
    from workbench.store.layout import EXPERIMENT_NAME

    said = {**(place or {}), **{name: (parameters or {}).get(name, "") for name in PLACE if name in (parameters or {})}}
    what = _checked(settings, asked, resume, said, yes=yes, quiet=quiet)
    campaign_id = resume or wanted_id or fresh_id(what.experiment.name)
    folder = settings.data / "runs" / campaign_id
    again = {"resume": resume, "experiment": str(folder / EXPERIMENT_NAME)}
    own = {"data": str(settings.data), **(again if resume else _asked(settings, asked, campaign_id))}
    own |= {name: text for name, text in (place or {}).items() if text}
    source = notebook(RUN_NOTEBOOK)
    refuse_taken(own, parameters)
    execution = Execution(source, record_of(folder, RUN_NOTEBOOK), {**own, **read_values(source, parameters or {})})
    try:
        with Meter(what.experiment.name, quiet=quiet) as meter:
            see_through(execution, meter, stop=lambda: _stop(folder), events=folder / "events.jsonl")
    except WorkbenchError as error:
        _complete(settings)
        if isinstance(error, StoppedError) and folder.is_dir() and "--resume" not in str(error):
            raise StoppedError(f"{error} Continue with: workbench run --resume {campaign_id}") from error
        raise
    if not (folder / "campaign.json").is_file():
        raise StoreError(f"The notebook ran to its end, but there is no campaign in {folder}. Nothing was measured.")
    return campaign_id


def fresh_id(name: str) -> str:
    """Return a unique campaign id: time, experiment, four random digits."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{name}-{secrets.token_hex(2)}"


def _asked(settings: Settings, asked: str, campaign_id: str) -> dict[str, str]:
    from workbench.files.shipped import experiment_file

    return {"experiment": str(experiment_file(asked, settings.data).resolve()), "campaign_id": campaign_id}


def _checked(settings: Settings, asked: str, resume: str, place: Mapping[str, str], *, yes: bool, quiet: bool) -> Plan:
    """Return the plan; refuse what cannot work, and ask before a long plan."""
    from workbench.api.experiments import asked_before, experiment, placed, plan_of
    from workbench.campaigns.deployments import pinned
    from workbench.campaigns.runner import estimate_s, steps_of
    from workbench.store import read_campaign

    if resume:
        asked_before(settings.data, resume)
        what = read_campaign(settings.data / "runs" / resume).plan
    else:
        what = plan_of(pinned(placed(experiment(asked, settings.data), place.get("context", ""), place)))
    steps_of(what)  # refuses unknown names, profiles, options and impossible loads
    if not quiet:
        announce(what, to=note)
        context = what.experiment.environment.options.get("context")
        if context:
            note(f"On the cluster of context {context}.")
        if not resume:
            _mention_namesakes(settings, asked, what.experiment.name)
    about = estimate_s(what)
    if about > LONG_S and not yes and not resume:
        _ask(f"This takes about {duration(about)}.")
    return what


def _mention_namesakes(settings: Settings, asked: str, name: str) -> None:
    """Print which of several experiments of one name is used, and whether the name had another content before."""
    from workbench.files.shipped import experiment_file, experiment_files

    files = experiment_files(settings.data).get(asked, ())
    if len(files) > 1:
        note(f"Using {files[0]}, which takes precedence over the shipped experiment of that name.")
    before = sorted((settings.data / "runs").glob(f"*-{name}-*/experiment.toml"))
    if before and before[-1].read_bytes() != experiment_file(asked, settings.data).read_bytes():
        note(f"{before[-1].parent.name} ran a different file of this name; campaigns are never mixed by name.")


def _ask(sentence: str) -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise BadInputError(f"{sentence} Add --yes to start it anyway.")
    if not typer.confirm(f"{sentence} Start?", err=True):
        raise StoppedError("Nothing was started.")


def announce(what: Plan, to: Any = say) -> None:
    """Print a plan's question, its number of runs and its approximate duration."""
    from workbench.campaigns.runner import estimate_s

    experiment = what.experiment
    if experiment.question:
        to(experiment.question)
    to(
        f"{experiment.name}: {len(what.runs)} runs in {experiment.blocks} randomized blocks of "
        f"{len(experiment.meshes)} data planes, about {duration(estimate_s(what))}."
    )


def _stop(folder: Path) -> bool:
    """Request a stop; return whether the campaign is running and will see it.

    A campaign that starts later discards earlier requests.
    """
    from workbench.campaigns.runner import request_stop
    from workbench.store.lock import is_held

    if not folder.is_dir():
        return False
    request_stop(folder)
    return is_held(folder)


def _complete(settings: Settings) -> None:
    """Complete the records that a killed kernel left unfinished."""
    from workbench.store import recover

    try:
        recover(settings.data)
    except WorkbenchError as error:
        note(f"workbench: {error}")


def _resumed(settings: Settings, asked: str) -> str:
    from workbench.store import read_campaign

    folders = sorted(path.parent for path in (settings.data / "runs").glob("*/campaign.json"))
    if asked != "latest":
        if asked not in {folder.name for folder in folders}:
            raise UnknownNameError("campaign", asked, [folder.name for folder in folders][-20:], str(settings.data))
        return asked
    if not folders:
        raise BadInputError(f"There is no campaign in {settings.data} to continue.")
    newest = max(folders, key=lambda folder: read_campaign(folder).started_at_s)
    return newest.name
