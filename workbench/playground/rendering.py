"""One design as every mesh's own objects, side by side; as YAML for ``kubectl apply``; as a table of answers.

Each mesh says what it makes of an intent (`workbench.model.protocols.Mesh.configure`); this module asks them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from workbench import adapters
from workbench.intents import FEATURES, Answer, Design, Rendering, Support, identity, rendered
from workbench.model.experiment import MeshSpec
from workbench.model.options import check_profile

if TYPE_CHECKING:
    import pandas as pd

SUPPORT_WORDS: Final[Mapping[Support, str]] = {"supported": "yes", "partial": "partial", "unsupported": "no"}
"""For people: whether a mesh does what is asked."""

_WIDTH: Final = 118
_CHANGES: Final = "# Changes an existing object."


def mesh_specs(environment: str = "kubernetes") -> tuple[MeshSpec, ...]:
    """Return every mesh of an environment in every profile, those that answer intents, the baseline first."""
    found = [
        MeshSpec(name=name, profile=profile)
        for name in adapters.names("meshes")
        for profile in _answering(name, environment)
    ]
    return tuple(sorted(found, key=lambda spec: adapters.load("meshes", spec.name).facts(spec).data_plane != "none"))


def _answering(name: str, environment: str) -> tuple[str, ...]:
    mesh = adapters.load("meshes", name)
    profiles: tuple[str, ...] = mesh.profiles
    return profiles if environment in mesh.environments and hasattr(mesh, "configure") else ()


def render_all(
    design: Design, meshes: Iterable[str | MeshSpec] | None = None, environment: str = "kubernetes"
) -> tuple[Rendering, ...]:
    """Return what each mesh makes of ``design``.

    Parameters
    ----------
    meshes
        Names, with their profile where it is not the default (``"istio/ambient"``), or specs with versions and options;
        None: every mesh of ``environment`` in every profile.

    Raises
    ------
    UnknownNameError
        For a mesh or profile that there is not, with the known ones.
    BadInputError
        For a mesh that answers no intents.
    """
    wanted = mesh_specs(environment) if meshes is None else [_spec(one) for one in meshes]
    return tuple(_rendered(spec, design) for spec in wanted)


def _spec(one: str | MeshSpec) -> MeshSpec:
    if isinstance(one, MeshSpec):
        return one
    name, _, profile = one.partition("/")
    return MeshSpec(name=name, profile=profile or "default")


def _rendered(spec: MeshSpec, design: Design) -> Rendering:
    mesh = adapters.load("meshes", spec.name)
    check_profile(spec, mesh.profiles)
    return rendered(mesh, spec, design.intent, design.target)


def distinct(renderings: Iterable[Rendering]) -> tuple[Rendering, ...]:
    """Return the renderings that differ in more than the mesh's label: the first of each kind."""
    found: list[Rendering] = []
    for one in renderings:
        if not any(_content(one) == _content(other) for other in found):
            found.append(one)
    return tuple(found)


def _content(one: Rendering) -> tuple[Any, ...]:
    name = one.mesh.split("/")[0]
    return name, one.objects, one.patches, one.values, one.files, one.answers


def to_yaml(rendering: Rendering, design: Design | None = None) -> str:
    """Return a rendering as YAML documents for ``kubectl apply --server-side``.

    Comments say mesh and design, what is not supported as asked, which objects must be there already, and what only an
    installation can say (chart values). Plain client-side apply is no way to change objects that are there: it takes
    away what it once applied and a later file does not name.
    """
    parts = ["\n".join(_comments(rendering, design))]
    parts += [_document(one) for one in rendering.objects]
    parts += [f"{_CHANGES}\n{_document(one)}" for one in rendering.patches]
    return "\n---\n".join(parts) + "\n"


def from_yaml(text: str, where: str = "the file") -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return (objects, patches) of YAML documents: what `to_yaml` wrote, or anybody's manifests, which have no patches.

    Raises
    ------
    BadInputError
        When it is no YAML, with the place.
    """
    import re

    from workbench.files.yaml_text import load_all, unfolded

    found: dict[bool, list[Any]] = {False: [], True: []}
    if _CHANGES not in text:
        return tuple(one for part in load_all(text, where) for one in unfolded(part) if one is not None), ()
    begins = [0, *(one.start() for one in re.finditer(r"^---(?=\s|$)", text, re.MULTILINE)), len(text)]
    for begin, end in pairwise(begins):
        part = text[begin:end].removeprefix("---")
        changes = part.lstrip().startswith(_CHANGES)
        for document in load_all("\n" * text.count("\n", 0, begin) + part, where):
            found[changes] += [one for one in unfolded(document) if one is not None]
    return tuple(found[False]), tuple(found[True])


def _comments(rendering: Rendering, design: Design | None) -> Iterator[str]:
    if design is None:
        yield from _comment(f"For the mesh {rendering.mesh}.")
    else:
        target = design.target
        says = f": {design.intent.says}" if design.intent.says else ""
        yield from _comment(f"{design.intent.name} for the mesh {rendering.mesh}{says}")
        yield from _comment(f"The Service {target.service}, port {target.port}, in the namespace {target.namespace}.")
    if rendering.objects or rendering.patches:
        yield from _comment("kubectl apply --server-side --field-manager=mesh-workbench-design -f FILE")
    else:
        yield from _comment("Nothing to apply.")
    if rendering.patches:
        changed = ", ".join(f"{kind} {name}" for _, kind, _, name in map(identity, rendering.patches))
        yield from _comment(f"These objects must exist and are changed: {changed}.")
    yield from _told(rendering.answers)
    if rendering.values:
        yield "#"
        yield from _comment("Set the following at installation, as values of the charts:")
        yield from (f"#     {line}" for line in _document(rendering.values).splitlines())
    for component, text in rendering.files.items():
        yield "#"
        yield from _comment(f"Configuration of {component}:")
        yield from (f"#     {line}" for line in text.splitlines())


def _told(answers: Iterable[Answer]) -> Iterator[str]:
    words = {"supported": "", "partial": "Partial: ", "unsupported": "Unsupported: "}
    for one in answers:
        yield "#"
        nearest = f" Nearest: {one.nearest}" if one.nearest else ""
        yield from _comment(f"{FEATURES[one.feature].title}: {words[one.support]}{one.says}{nearest}")


def _comment(text: str) -> Iterator[str]:
    import textwrap

    printable = "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
    for line in textwrap.wrap(printable, _WIDTH, break_long_words=False, break_on_hyphens=False):
        yield f"# {line}"


def _document(value: Any) -> str:
    from workbench.files.yaml_text import dumped

    return dumped(_plain(value), _WIDTH)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def answers_table(renderings: Iterable[Rendering]) -> pd.DataFrame:
    """Return what becomes of each feature in each mesh.

    Returns
    -------
    DataFrame
        One row for each feature asked and mesh: feature, title, mesh (label), support ("supported", "partial",
        "unsupported"), says, nearest (empty: nothing comes near, or it is supported as asked).
    """
    import pandas as pd

    rows = [
        {
            "feature": answer.feature,
            "title": FEATURES[answer.feature].title,
            "mesh": rendering.mesh,
            "support": answer.support,
            "says": answer.says,
            "nearest": answer.nearest,
        }
        for rendering in renderings
        for answer in rendering.answers
    ]
    return pd.DataFrame(rows, columns=["feature", "title", "mesh", "support", "says", "nearest"])
