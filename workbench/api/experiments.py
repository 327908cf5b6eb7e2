"""Functions for notebooks: experiments by name, runs, comparisons and reports, with the user's settings filled in.

Each function is one or two calls into the package; ``workbench.NAME`` loads them when first used. An empty ``data`` or
``reports`` means the user's setting, see `workbench.settings`.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.api.selecting import LATEST, Selected, select
from workbench.errors import BadInputError, UnknownNameError
from workbench.files import shipped
from workbench.model.experiment import EnvironmentSpec, Experiment, Plan, experiment_from_toml, read_experiment
from workbench.settings import Settings
from workbench.text.decoding import decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from workbench.analysis import Comparison
    from workbench.model.events import Event
    from workbench.store import Store
    from workbench.widgets.explorer import ExplorerView
    from workbench.widgets.launcher import LauncherView


def experiments(data: str | Path = "") -> pd.DataFrame:
    """Return the experiments that can be run by name: name, question, meshes, runs, about_s (seconds), file."""
    import pandas as pd

    from workbench.campaigns.runner import estimate_s
    from workbench.model.plan import make_plan

    rows: list[dict[str, object]] = []
    for name, files in shipped.experiment_files(Settings.resolve(data=data).data).items():
        try:
            asked = make_plan(read_experiment(files[0]))
        except BadInputError as error:
            rows.append({"name": name, "question": f"cannot be read: {error}", "file": str(files[0])})
            continue
        meshes = [mesh.label for mesh in asked.experiment.meshes]
        question, about = asked.experiment.question, estimate_s(asked)
        row = {"name": name, "question": question, "meshes": meshes, "runs": len(asked.runs), "about_s": about}
        rows.append({**row, "file": str(files[0])})
    return pd.DataFrame(rows, columns=["name", "question", "meshes", "runs", "about_s", "file"])


def experiment(asked: str, data: str | Path = "") -> Experiment:
    """Return the experiment with the name ``asked``, or from the file at this path.

    Raises
    ------
    UnknownNameError, BadInputError
        See `workbench.files.shipped.experiment_file` and `workbench.model.experiment.read_experiment`.
    """
    return read_experiment(shipped.experiment_file(asked, Settings.resolve(data=data).data))


def plan_of(asked: str | Experiment, data: str | Path = "") -> Plan:
    """Return the ordered runs of an experiment; start nothing. See `workbench.model.plan.make_plan`."""
    from workbench.model.plan import make_plan

    return make_plan(asked if isinstance(asked, Experiment) else experiment(asked, data))


def outline(asked: str | Experiment, data: str | Path = "", *, resume: str = "") -> pd.DataFrame:
    """Return the runs of an experiment in their order: block, mesh, workload, rate_per_s, duration_s, warmup_s.

    Parameters
    ----------
    asked
        As in `run`.
    resume
        Campaign to continue: its stored plan is shown, and ``asked`` is ignored.
    """
    import pandas as pd

    plan = open_store(data).campaign(resume).plan if resume else plan_of(asked, data)
    rows = [
        {
            "block": one.block,
            "mesh": one.mesh.label,
            "workload": one.workload.name,
            "rate_per_s": one.load.rate_per_s,
            "duration_s": one.load.duration_s,
            "warmup_s": one.load.warmup_s,
        }
        for one in plan.runs
    ]
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="run"))


def run(
    asked: str | Experiment = "",
    *,
    data: str | Path = "",
    campaign_id: str = "",
    resume: str = "",
    context: str = "",
    on_event: Callable[[Event], None] | None = None,
    **settings: Any,
) -> str:
    """Run an experiment and return the campaign's id.

    Parameters
    ----------
    asked
        An experiment's name or file, or the experiment itself; not needed with ``resume``.
    campaign_id
        Id to use; empty: made from the time and the experiment's name.
    resume
        Campaign to continue where it stopped, on the cluster where it began.
    context
        Context of the kubeconfig for an experiment on a cluster; empty: as the experiment says.
    on_event
        Called with every event; None: a line that shows the progress, in a notebook.
    settings
        Further options of the environment ``kubernetes``: kubeconfig, charts ...

    Raises
    ------
    WorkbenchError
        See `workbench.campaigns.runner.run_experiment`.
    """
    from workbench.api.status_line import line_of_events
    from workbench.campaigns.runner import run_experiment

    where = Settings.resolve(data=data).data
    if resume:
        if context:
            raise BadInputError("A campaign continues on the cluster where it started: leave out the context.")
        text = asked_before(where, resume)
        wanted = experiment_from_toml(text, f"campaign {resume}")
    elif isinstance(asked, Experiment):
        wanted, text = asked, ""
    else:
        path = shipped.experiment_file(asked, where)
        wanted, text = read_experiment(path), decoded(path.read_bytes())
    return run_experiment(
        placed(wanted, context, settings),
        data=where,
        toml=text,
        campaign_id=campaign_id or None,
        resume=resume or None,
        on_event=on_event or line_of_events(),
    )


def placed(asked: Experiment, context: str, settings: Mapping[str, Any]) -> Experiment:
    """Return the experiment with this context and these settings; unchanged if there are none.

    Raises
    ------
    BadInputError
        For an experiment in the lab, which has no clusters.
    """
    given = {key: value for key, value in {"context": context, **settings}.items() if value}
    if not given:
        return asked
    if asked.environment.name != on_cluster(context).name:
        raise BadInputError(
            f"The experiment {asked.name!r} runs in the environment {asked.environment.name!r}, which has no "
            f"{', '.join(given)}: choose one for clusters, such as four-meshes."
        )
    options = {**asked.environment.options, **given}
    return replace(asked, environment=replace(asked.environment, options=options))


def asked_before(data: Path, campaign_id: str) -> str:
    """Return the experiment file that a campaign was started from.

    Raises
    ------
    UnknownNameError
        When there is no such campaign.
    BadInputError
        When the campaign was started without a file.
    """
    file = data / "runs" / campaign_id / "experiment.toml"
    if not file.parent.is_dir() or not campaign_id:
        known = sorted(path.parent.name for path in (data / "runs").glob("*/campaign.json"))
        raise UnknownNameError("campaign", campaign_id, known[-20:], str(data))
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    if not text.strip():
        raise BadInputError(f"Campaign {campaign_id} was not started from a file; run its experiment again instead.")
    return text


def open_store(data: str | Path = "") -> Store:
    """Return the store of the data folder: all measurements, as frames."""
    from workbench.store import Store

    return Store(Settings.resolve(data=data).data)


def compare(*asked: str, data: str | Path = "") -> Comparison:
    """Compare the data planes of one campaign or several.

    Parameters
    ----------
    asked
        See `select`; none: the latest.

    Raises
    ------
    NothingToShowError
        When no run of it has finished.
    """
    return select(*asked, data=data, or_example=False).compare()


def write_report(
    *asked: str, data: str | Path = "", reports: str | Path = "", target: str | Path = "", title: str = ""
) -> Path:
    """Write the report of one campaign or several as one HTML file, and return its path.

    Parameters
    ----------
    asked
        See `select`; none: the latest.
    target
        File to write; empty: named after the last campaign, in the report folder.
    title
        Empty: the experiment's question.

    Raises
    ------
    NothingToShowError
        When no run of it has finished.
    StoreError
        When the file cannot be written.
    """
    from workbench.report import build_report

    chosen = select(*asked, data=data, or_example=False)
    out = Path(target).expanduser() if target else report_file(chosen, Settings.resolve(reports=reports).reports)
    return build_report(chosen.store, chosen.campaigns, out, title or None)


def report_file(chosen: Selected, reports: Path) -> Path:
    """Return where the report of these campaigns goes by default; that of the example says so in its name."""
    more = f"-and-{len(chosen.campaigns) - 1}-more" if len(chosen.campaigns) > 1 else ""
    kind = "" if chosen.store.recording is None else "example-"
    return reports / f"{kind}{chosen.campaign}{more}.html"


def explore(asked: str = LATEST, *, data: str | Path = "", reports: str | Path = "") -> ExplorerView:
    """Return widgets that select runs and show their consumption; ``.chart`` is the same picture without a kernel.

    While nothing has been measured they show the example, and say so.

    Parameters
    ----------
    asked
        Where to begin, see `select`.
    reports
        Folder for exports; empty: the report folder.

    Raises
    ------
    NothingToShowError
        When nothing has been measured yet, and a campaign of your own was asked for.
    """
    from workbench.widgets.explorer import ExplorerView
    from workbench.widgets.exploring import Explorer

    chosen = select(asked, data=data)
    return ExplorerView(Explorer(chosen.store), chosen.campaign, Settings.resolve(reports=reports).reports)


def launch(asked: str = "quick", *, data: str | Path = "", reports: str | Path = "") -> LauncherView:
    """Return widgets that build an experiment, start it in the background, watch it, stop it and open its report.

    They find a running or earlier campaign again; closing the notebook stops nothing.

    Parameters
    ----------
    asked
        Experiment to begin from: a name, or the path of a file.
    """
    from workbench.widgets.launcher import LauncherView
    from workbench.widgets.launching import Launches

    settings = Settings.resolve(data=data, reports=reports)
    found = {Path(asked).stem if "/" in asked or asked.endswith(".toml") else asked: experiment(asked, data)}
    for name, files in shipped.experiment_files(settings.data).items():
        with contextlib.suppress(BadInputError):  # `experiments` reports a broken file
            found.setdefault(name, read_experiment(files[0]))
    return LauncherView(
        Launches(settings),
        found,
        next(iter(found)),
        lambda one: write_report(one, data=settings.data, reports=settings.reports),
    )


def enable_charts() -> None:
    """Show charts in this notebook, live and in executed copies, without a network; call it before the first chart.

    Tables then also show the badge of their figures, and a dollar sign as it is instead of as the start of a formula.
    """
    import pandas as pd

    from workbench.api.tables import show_badges
    from workbench.charts.display import enable

    enable()
    show_badges()
    pd.set_option("display.html.use_mathjax", False)


def doctor(context: str = "", **settings: Any) -> pd.DataFrame:
    """Return what this machine, or a context's cluster, can do: what, can, because; change nothing.

    Parameters
    ----------
    context
        Context of the kubeconfig; empty: this machine.
    settings
        Further options of the environment ``kubernetes``: kubeconfig, charts ...
    """
    import pandas as pd

    from workbench import adapters

    asked = on_cluster(context, **settings) if context else EnvironmentSpec()
    found = adapters.load("environments", asked.name).diagnose(asked)
    return pd.DataFrame([{"what": one.name, "can": one.passed, "because": one.evidence} for one in found])


def on_cluster(context: str, **settings: Any) -> EnvironmentSpec:
    """Return the environment for a kubeconfig's context, with the settings that are not empty."""
    given = {key: value for key, value in settings.items() if value}
    return EnvironmentSpec(name="kubernetes", options={"context": context, **given})
