"""Commands for this machine: doctor, lab."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from workbench.cli.clusters import KUBERNETES, Context, Kubeconfig, examine
from workbench.cli.options import Data, Json, Reports, settle
from workbench.cli.show import note, say, say_json, table

if TYPE_CHECKING:
    from workbench.settings import Settings

MIB = 2**20
ROOM_BYTES = 500 * MIB
"""Free space under which the doctor warns: some hundred campaigns of the size of the demo."""


def doctor(
    data: Data = None,
    environment: Annotated[Literal["lab", "kubernetes"], typer.Option(help="Environment to check.")] = "lab",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    json: Json = False,
) -> None:
    """Check what this machine or a cluster can do, and why not; changes nothing."""
    from workbench import adapters

    if environment == KUBERNETES:
        examine(context, kubeconfig, json=json)
        return
    settings = settle(data)
    found = [*_software(), *_machine(), *_folders(settings)]
    groups = {group: list(adapters.names(group)) for group in ("meshes", "loadgens", "workloads", "environments")}
    where = {group: _by_environment(group) for group in ("meshes", "workloads")}
    if json:
        say_json({"checks": found, **groups, "by_environment": where})
        return
    say(table([{"": "yes" if one["can"] else "NO", "what": one["what"], "because": one["because"]} for one in found]))
    for group, names in groups.items():
        for place, those in where.get(group, {"": names}).items():
            say(f"\n{adapters.SINGULAR[group]}{place and f' in {place}'}, by name: {', '.join(those)}")


def _by_environment(group: Literal["meshes", "workloads"]) -> dict[str, list[str]]:
    """Return environment -> names of the adapters that can run there."""
    from workbench import adapters

    found: dict[str, list[str]] = {}
    for name in adapters.names(group):
        for place in adapters.load(group, name).environments:
            found.setdefault(place, []).append(name)
    return dict(sorted(found.items(), key=lambda one: one[0] != "lab"))


def _check(what: str, can: bool, because: str) -> dict[str, object]:
    return {"what": what, "can": can, "because": because}


def _software() -> list[dict[str, object]]:
    from workbench import __version__, adapters

    found = [_check("workbench", True, f"{__version__} on Python {sys.version.split()[0]} ({sys.executable})")]
    for name in adapters.names("loadgens"):
        traits = adapters.load("loadgens", name).traits
        path = shutil.which(traits.needs) if traits.needs else "comes with the workbench"
        because = path or f"{traits.needs} is not on PATH; {traits.install_hint}"
        found.append(_check(f"load generator {name}", bool(path), because))
    return found


def _machine() -> list[dict[str, object]]:
    from workbench import adapters

    return [_check(one.name, one.passed, one.evidence) for one in adapters.load("environments", "lab").diagnose()]


def _folders(settings: Settings) -> list[dict[str, object]]:
    found = []
    for what, folder in (("data folder", settings.data), ("report folder", settings.reports)):
        there = next(one for one in (folder, *folder.parents) if one.exists())
        writable = os.access(there, os.W_OK | os.X_OK)
        free = shutil.disk_usage(there).free
        because = f"{folder}, {free / MIB:,.0f} MiB free" if writable else f"no permission to write in {there}"
        found.append(_check(what, writable and free > ROOM_BYTES, because))
    return found


def lab(
    data: Data = None,
    reports: Reports = None,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any.")] = 8888,
    notebooks: Annotated[
        Path | None,
        typer.Option(help="Folder with your copies of the notebooks. Default: ./notebooks.", show_default=False),
    ] = None,
) -> None:
    """Open JupyterLab on the notebooks, without its news; the data folder remembers the open tabs."""
    from workbench.files import shipped

    settings = settle(data, reports)
    folder = _own_notebooks(notebooks or Path.cwd() / "notebooks")
    arguments = [
        sys.executable,
        "-P",  # no file of the current folder in place of a library
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={folder}",
        f"--ServerApp.port={port}",
        f"--ServerApp.open_browser={browser}",
        f"--LabApp.workspaces_dir={settings.data / 'jupyterlab'}",
        *(["--allow-root"] if os.geteuid() == 0 else []),
    ]
    note(f"JupyterLab on {folder}; Ctrl-C ends it.")
    sys.stdout.flush()
    environment = settings.child_environment()
    paths = [str(shipped.jupyter_config()), environment.get("JUPYTER_CONFIG_PATH", "")]
    environment["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    os.execve(sys.executable, arguments, environment)


def _own_notebooks(folder: Path) -> Path:
    """Return ``folder`` with a copy of each shipped notebook; existing files stay as they are.

    In a checkout the shipped notebooks are that folder.
    """
    from workbench.files import shipped

    folder.mkdir(parents=True, exist_ok=True)
    fresh = [path for path in shipped.notebooks() if not (folder / path.name).exists()]
    for path in fresh:
        shutil.copy(path, folder / path.name)
    if fresh:
        note(f"Copied {len(fresh)} notebooks to {folder}.")
    return folder.resolve()
