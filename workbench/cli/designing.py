"""Commands for designs: design show, design render, design cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.options import Data, Json, settle
from workbench.cli.show import facts, say, say_json, table
from workbench.errors import BadInputError

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.intents import Design, Rendering

design = typer.Typer(
    help="Designs: traffic policies for one service, independent of the mesh.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Which = Annotated[
    str, typer.Argument(metavar="DESIGN", help="A design's name, or its file (TOML).", show_default=False)
]


def found(asked: str, data: Path | None) -> Design:
    """Return the design with this name or file."""
    from workbench.files.shipped import design_file
    from workbench.intents import read_design

    return read_design(design_file(asked, settle(data).data))


@design.command()
def show(which: Which, data: Data = None, json: Json = False) -> None:
    """Show a design's policies and service."""
    from workbench.intents import FEATURES
    from workbench.intents.words import said

    asked = found(which, data)
    if json:
        say_json({"design": asked})
        return
    target = asked.target
    say(f"{asked.intent.name}: {asked.intent.says or 'no description.'}")
    say()
    say(
        facts(
            {
                "service": f"{target.service}, port {target.port} ({target.protocol}), namespace {target.namespace}",
                "caller": target.caller,
                "versions": ", ".join(target.versions),
            }
        )
    )
    say()
    rows = [
        {
            "feature": FEATURES[name].title,
            "asked": said(getattr(asked.intent, name)),
            "what the application experiences": FEATURES[name].says,
        }
        for name in asked.intent.asked
    ]
    say(table(rows) or "It requests no features.")


@design.command()
def render(
    which: Which,
    mesh: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[/PROFILE]", help="Only this mesh; repeatable. Default: all.", show_default=False),
    ] = None,
    yaml: Annotated[bool, typer.Option("--yaml", help="Print the objects of one --mesh for kubectl apply.")] = False,
    environment: Annotated[str, typer.Option(help="Meshes of this environment: kubernetes or lab.")] = "kubernetes",
    data: Data = None,
    json: Json = False,
) -> None:
    """Print a design as each mesh's own objects, with unsupported features and the nearest alternatives."""
    from workbench.playground import distinct, render_all, to_yaml

    asked = found(which, data)
    renderings = render_all(asked, mesh, environment)
    if json:
        say_json({"renderings": renderings})
        return
    if yaml:
        if len(renderings) != 1:
            raise BadInputError(
                "--yaml prints the objects of one mesh: choose it with --mesh, such as --mesh istio --yaml."
            )
        say(to_yaml(renderings[0], asked).rstrip())
        return
    shown = renderings if mesh else distinct(renderings)
    _say_side_by_side(asked, shown)
    if len(shown) == 1:
        _say_objects(shown[0])


@design.command()
def cost(
    which: Which,
    mesh: Annotated[
        str, typer.Option(metavar="NAME[/PROFILE]", help="The mesh on which to measure it.")
    ] = "l7-sidecars",
    environment: Annotated[str, typer.Option(help="Environment: lab or kubernetes.")] = "lab",
    blocks: Annotated[int, typer.Option(help="Randomized passes; 6 or more give 95 % intervals.", min=1)] = 6,
    data: Data = None,
    json: Json = False,
) -> None:
    """Print an experiment for `workbench run` that measures a design's cost: the same mesh without and with it."""
    from workbench.model.experiment import MeshSpec
    from workbench.playground.costing import costing

    name, _, profile = mesh.partition("/")
    spec = MeshSpec(name=name, profile=profile or "default")
    asked = costing(found(which, data), spec, environment=environment, blocks=blocks)
    if json:
        say_json({"experiment": asked.experiment, "notes": asked.notes})
        return
    for note in asked.notes:
        say(f"# {note}")
    say(asked.toml.rstrip())


def _say_side_by_side(asked: Design, renderings: tuple[Rendering, ...]) -> None:
    from workbench.intents import FEATURES
    from workbench.playground import SUPPORT_WORDS

    answers = {one.mesh: {answer.feature: answer for answer in one.answers} for one in renderings}
    say(f"{asked.intent.name}: {asked.intent.says}\n")
    rows = [
        {"": FEATURES[name].title, **{mesh: SUPPORT_WORDS[given[name].support] for mesh, given in answers.items()}}
        for name in asked.intent.asked
    ]
    say(table(rows))
    for one in renderings:
        say(f"\n{one.mesh}")
        for answer in one.answers:
            nearest = f" Nearest: {answer.nearest}" if answer.nearest else ""
            say(f"  {SUPPORT_WORDS[answer.support]:6}  {FEATURES[answer.feature].title}: {answer.says}{nearest}")


def _say_objects(one: Rendering) -> None:
    from workbench.intents import identity

    rows = [
        {"": what, "kind": kind, "namespace": namespace, "name": name}
        for what, manifests in (("makes", one.objects), ("changes", one.patches))
        for _, kind, namespace, name in map(identity, manifests)
    ]
    rows += [{"": "values", "kind": "chart", "namespace": "", "name": chart} for chart in one.values]
    if rows:
        say("\n" + table(rows))
        say("\nShow the objects with --yaml.")
