"""Commands for designs on a cluster: design check, diff, apply, revert, list, rights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.clusters import KUBERNETES, Context, Kubeconfig
from workbench.cli.designing import found as found_design
from workbench.cli.options import Data, Json
from workbench.cli.show import note, say, say_json, table
from workbench.text.decoding import content_of, decoded

if TYPE_CHECKING:
    from workbench.environments.kubernetes.designs.configuring import Configuration

Which = Annotated[
    str,
    typer.Argument(
        metavar="DESIGN|FILE",
        help="A design's name or file (TOML), or objects (YAML, as `render --yaml` writes them).",
        show_default=False,
    ),
]
MeshName = Annotated[
    str,
    typer.Option(metavar="NAME[/PROFILE]", help="Mesh that the design is rendered for.", show_default=False),
]
Name = Annotated[
    str,
    typer.Option(metavar="NAME", help="Name of the design on the cluster. Default: the file's.", show_default=False),
]
Force = Annotated[
    bool, typer.Option("--force", help="Take over fields of other field managers; reverting returns them.")
]
Named = Annotated[str, typer.Argument(metavar="NAME", help="Name of the design, see `list`.", show_default=False)]


@dataclass(frozen=True, slots=True)
class Asked:
    """The objects of a design or file, ready for a cluster."""

    name: str
    objects: tuple[Any, ...]
    patches: tuple[Any, ...] = ()
    lacking: tuple[str, ...] = ()


def check(
    which: Which,
    mesh: MeshName = "",
    name: Name = "",
    data: Data = None,
    force: Force = False,
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    json: Json = False,
) -> None:
    """Check each object on a cluster without changing anything.

    The API server and its webhooks do this in a dry run with strict validation.
    """
    from workbench.errors import BadInputError

    asked = _asked(which, mesh, name, data)
    with _opened(context, kubeconfig) as cluster:
        verdicts = cluster.check(asked.objects, asked.patches, name=asked.name, force=force)
    if json:
        say_json({"context": cluster.context, "design": asked.name, "verdicts": [asdict(one) for one in verdicts]})
    else:
        say(table([{"": "yes" if one.passed else "NO", "what the server says": one.sentence} for one in verdicts]))
        for one in verdicts:
            for warning in one.warnings:
                note(f"{one.object}: warning from the server: {warning}")
    failed = sum(not one.passed for one in verdicts)
    if failed:
        raise BadInputError(f"{cluster.context} would not accept {failed} of {len(verdicts)} objects.")


def diff(
    which: Which,
    mesh: MeshName = "",
    name: Name = "",
    data: Data = None,
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    json: Json = False,
) -> None:
    """Show what would change on a cluster, as YAML; secrets are not shown.

    Changes nothing. Fields of other field managers are shown as if they were taken over.
    """
    asked = _asked(which, mesh, name, data)
    with _opened(context, kubeconfig) as cluster:
        found = cluster.differences(asked.objects, asked.patches, name=asked.name)
    if json:
        say_json({"context": cluster.context, "design": asked.name, "differences": [asdict(one) for one in found]})
        return
    for one in found:
        rolls = ", its pods are replaced" if one.rolls else ""
        say(f"{one.object}: {one.change}{rolls}" if one.verdict.passed else one.verdict.sentence)
        if one.diff:
            say(one.diff)


def apply(
    which: Which,
    mesh: MeshName = "",
    name: Name = "",
    data: Data = None,
    force: Force = False,
    partly: Annotated[bool, typer.Option("--partly", help="Apply only the supported part of the design.")] = False,
    deadline_s: Annotated[
        float, typer.Option("--deadline", metavar="SECONDS", help="How long to watch it take effect; 0: not at all.")
    ] = 120.0,
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    json: Json = False,
) -> None:
    """Apply a whole design or nothing, and watch it take effect.

    `revert` undoes it, from any machine.
    """
    from workbench.errors import BadInputError, RunFailedError, StoppedError

    asked = _asked(which, mesh, name, data)
    if asked.lacking and not partly:
        raise BadInputError(
            f"Nothing was applied: {mesh} does not support all of {which} ({'; '.join(asked.lacking)}). "
            "Change the design, or apply the supported part with --partly."
        )
    with _opened(context, kubeconfig, quiet=json) as cluster:
        undo = f"workbench design revert {asked.name} --context {cluster.context}"
        try:
            applied = cluster.apply(asked.name, asked.objects, asked.patches, force=force)
            seen = []
            for effect in cluster.watch(applied, deadline_s) if deadline_s > 0 else ():
                seen.append(effect)
                if not json:
                    say(f"{effect.after_s:6.1f} s  {effect.state:9}  {effect.object}: {effect.sentence}")
        except KeyboardInterrupt:
            raise StoppedError(f"Stopped; the applied part of {asked.name} stays. Undo it with: {undo}") from None
    if json:
        say_json({"applied": asdict(applied), "effects": [asdict(one) for one in seen]})
    failed = [one for one in seen if one.state == "failed"]
    if failed:
        told = "; ".join(f"{one.object}: {one.sentence.rstrip('.')}" for one in failed)
        raise RunFailedError(
            f"The design {asked.name} was applied and did not take effect ({told}). Undo it with: {undo}"
        )
    if not json:
        say(f"The design {asked.name} is in force on {cluster.context}. Undo it with:\n    {undo}")


def revert(name: Named, context: Context = "", kubeconfig: Kubeconfig = "", json: Json = False) -> None:
    """Undo a design, whoever applied it.

    Created objects are deleted and changed fields restored; later changes by others stay and are reported.
    """
    with _opened(context, kubeconfig, quiet=json) as cluster:
        done = cluster.revert(name)
    if json:
        say_json({**asdict(done), "as_before": done.as_before})
        return
    for one in done.objects:
        say(f"{one.outcome:8}  {one.object}" + (f": {one.sentence}" if one.sentence else ""))
    if not done.objects:
        say(f"No design {name} is in force on {done.context}.")
    elif done.as_before:
        say(f"The design {name} is reverted completely.")


def listed(context: Context = "", kubeconfig: Kubeconfig = "", json: Json = False) -> None:
    """List the designs in force on a cluster."""
    with _opened(context, kubeconfig) as cluster:
        found = cluster.applied()
    if json:
        say_json({"context": cluster.context, "designs": [asdict(one) for one in found]})
        return
    rows = [
        {
            "design": one.name,
            "applied": one.at,
            "by": one.by,
            "objects": ", ".join(part.object for part in one.objects)
            + ("" if one.complete else " (INTERRUPTED: revert it)"),
        }
        for one in found
    ]
    say(table(rows) if rows else f"No design is in force on {cluster.context}.")


def rights(
    which: Which,
    mesh: MeshName = "",
    name: Name = "",
    data: Data = None,
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    json: Json = False,
) -> None:
    """Print the ClusterRole that a design needs, and what you are missing."""
    from workbench.files.yaml_text import dumped

    asked = _asked(which, mesh, name, data)
    with _opened(context, kubeconfig) as cluster:
        found = cluster.rights(asked.objects, asked.patches, name=asked.name)
    if json:
        say_json({"context": cluster.context, "role": found.role, "missing": list(found.missing)})
        return
    say(dumped(found.role))
    for one in found.missing:
        note(f"missing: {one}")


# ---------------------------------------------------------------------- input
@contextmanager
def _opened(context: str, kubeconfig: str, *, quiet: bool = True) -> Iterator[Configuration]:
    """Open the cluster and print its context."""
    from workbench import adapters
    from workbench.model.experiment import EnvironmentSpec

    given = {key: value for key, value in {"context": context, "kubeconfig": kubeconfig}.items() if value}
    adapter = adapters.load("environments", KUBERNETES)
    spec = EnvironmentSpec(name=KUBERNETES, options=given)
    with adapter.configuration(spec, say=(lambda _: None) if quiet else note) as cluster:
        note(f"context {cluster.context}, server {cluster.server}")
        yield cluster


def _asked(which: str, mesh: str, name: str, data: Path | None) -> Asked:
    """Return the objects to apply: a design as rendered by a mesh, or those of a YAML file.

    Raises
    ------
    BadInputError
        When there is neither, or for a design without a mesh.
    """
    from workbench.errors import BadInputError

    file = Path(which)
    if file.suffix not in (".yaml", ".yml"):
        return _rendered(which, mesh, name, data)
    from workbench.playground import from_yaml

    if mesh:
        raise BadInputError(f"{file} contains objects, which already belong to a mesh: leave out --mesh.")
    try:
        objects, patches = from_yaml(decoded(content_of(file)), str(file))
    except FileNotFoundError as error:
        raise BadInputError(f"There is no file {file}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{file} cannot be read: {error}.") from error
    return Asked(name or file.stem, objects, patches)


def _rendered(which: str, mesh: str, name: str, data: Path | None) -> Asked:
    from workbench.errors import BadInputError
    from workbench.intents import FEATURES
    from workbench.playground import SUPPORT_WORDS, render_all

    asked = found_design(which, data)
    if not mesh:
        raise BadInputError(f"{which} is a design: choose the mesh with --mesh.")
    (rendering,) = render_all(asked, [mesh])
    lacking = []
    for answer in rendering.answers:
        title = FEATURES[answer.feature].title
        if answer.support != "supported":
            nearest = f" Nearest: {answer.nearest}" if answer.nearest else ""
            lacking.append(f"{title.lower()}: {answer.says.rstrip('.')}")
            note(f"{mesh}, {title.lower()}: {SUPPORT_WORDS[answer.support]}. {answer.says}{nearest}")
    for chart in rendering.values:
        note(
            f"The rest can only be set at installation, as values of the chart {chart}: workbench design render --yaml"
        )
    return Asked(name or asked.intent.name, rendering.objects, rendering.patches, tuple(lacking))
