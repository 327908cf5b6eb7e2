"""What every environment does when it describes a deployment: look adapters up, check them, apply an intent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from workbench import adapters
from workbench.errors import BadInputError
from workbench.intents import Design, Rendering, Target, rendered
from workbench.intents.words import in_words
from workbench.model.experiment import MeshSpec, Workload
from workbench.model.protocols import Mesh
from workbench.model.records import MeshFacts

_NOTHING = Rendering(mesh="")


def _of_kind(group: adapters.Group, name: str, kind: str) -> Any:
    """Return an adapter, refused when it does not run in environments of this kind."""
    adapter = adapters.load(group, name)
    if kind not in adapter.environments:
        raise BadInputError(
            f"The {adapters.SINGULAR[group]} {name!r} cannot run in the environment {kind!r}, "
            f"only in {', '.join(adapter.environments)}."
        )
    return adapter


# `Any`: which protocol an adapter offers depends on its name; each environment assigns it to the protocol of its kind.
def mesh_of(spec: MeshSpec, kind: str) -> Any:
    """Return the mesh that ``spec`` names.

    Raises
    ------
    BadInputError
        When it does not run in environments of this kind.
    """
    return _of_kind("meshes", spec.name, kind)


def workload_of(workload: Workload, kind: str, protocol: str) -> Any:
    """Return the workload that ``workload`` names.

    Raises
    ------
    BadInputError
        When it does not run in environments of this kind, or cannot be called in ``protocol`` there.
    """
    adapter = _of_kind("workloads", workload.name, kind)
    if protocol not in adapter.protocols[kind]:
        spoken = (f"{', '.join(known)} in the environment {place}" for place, known in adapter.protocols.items())
        raise BadInputError(
            f"The workload {workload.name!r} does not support {protocol!r} here: it supports {'; '.join(spoken)}."
        )
    return adapter


def generator_of(name: str, kind: str) -> Any:
    """Return the load generator ``name``.

    Raises
    ------
    BadInputError
        When it does not run in environments of this kind, with those that do.
    """
    generator = adapters.load("loadgens", name)
    if kind not in generator.traits.environments:
        able = [one for one in adapters.names("loadgens") if kind in adapters.load("loadgens", one).traits.environments]
        choose = " or ".join(f'generator = "{one}"' for one in able) or "an environment that it runs in"
        raise BadInputError(f"The load generator {name!r} cannot run in the environment {kind!r}: choose {choose}.")
    return generator


def facts_of(facts: MeshFacts, spec: MeshSpec, protocol: str) -> MeshFacts:
    """Add to a mesh's facts what this load makes pointless, and the intent."""
    if protocol == "tcp" and facts.layer == "L7":
        facts = replace(facts, features=(*facts.features, "connections only under this load: TCP has no requests"))
    return facts if spec.intent is None else replace(facts, title=f"{facts.title}; asked: {in_words(spec.intent)}")


def intent_rendered(mesh: Mesh[Any, Any, Any], spec: MeshSpec, target: Target, path: str) -> Rendering:
    """Return what the mesh makes of its intent; an empty rendering when none is asked.

    Parameters
    ----------
    target
        The service that the application's client calls.
    path
        Path of the load's requests.

    Raises
    ------
    BadInputError
        When the intent does not fit the application, or the mesh does not support all of it.
    """
    if spec.intent is None:
        return _NOTHING
    design = Design(intent=spec.intent, target=target)
    _require_answers(design, path)
    return rendered(mesh, spec, design.intent, design.target).require_support()


def _require_answers(design: Design, path: str) -> None:
    """Refuse an intent under which not one of the load's requests, POST ``path``, could be answered."""
    intent = design.intent
    asked, delay, timeout = intent.authorization, intent.delay, intent.timeout
    why = ""
    if intent.abort is not None and intent.abort.percent == 100:
        why = "every request is answered with an error on purpose"
    elif delay and timeout and delay.percent == 100 and delay.seconds >= timeout.request_s:
        why = f"every request is delayed {delay.seconds:g} s, and none may take longer than {timeout.request_s:g} s"
    elif asked is not None and asked.callers and design.target.caller not in asked.callers:
        why = f"authorization allows {', '.join(asked.callers)}, but the load comes from {design.target.caller}"
    elif asked is not None and asked.methods and "POST" not in asked.methods:
        why = f"authorization allows {', '.join(asked.methods)}, but the load uses POST"
    elif asked is not None and asked.paths and not any(_covers(one, path) for one in asked.paths):
        why = f"authorization allows {', '.join(asked.paths)}, but the load calls {path}"
    if why:
        raise BadInputError(
            f"The intent {intent.name!r} cannot be measured: {why}, so no request would be answered. "
            "Change it for the measurement."
        )


def _covers(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern


def versions_of(workload: Workload) -> tuple[str, ...]:
    """Return the names of the versions of the service that the client calls."""
    return tuple(f"v{n}" for n in range(1, workload.versions + 1))
