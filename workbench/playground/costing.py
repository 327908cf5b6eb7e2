"""The experiment that measures a design's cost: the same mesh without and with the design, in every block.

::

    cost = costing(design)                    # or costing(design, "linkerd", environment="kubernetes")
    campaign = wb.run(cost.experiment)        # about a minute in the lab
    cost.answer(wb.compare(campaign))         # what changes, with its interval

Nothing is measured here. The workbench's own application replaces the design's service, so the names of the
design's caller and versions become that application's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from workbench import adapters
from workbench.errors import BadInputError
from workbench.intents import Authorization, Design, Intent, Target, rendered
from workbench.intents.words import in_words
from workbench.model.experiment import EnvironmentSpec, Experiment, Load, MeshSpec, Workload, experiment_toml

if TYPE_CHECKING:
    import pandas as pd

    from workbench.analysis import Comparison

CALLER: Final = "client"
"""The identity of the load in every environment."""

_MOST_VERSIONS: Final = 4
_LONGEST_DELAY_S: Final = 3.0
_MOST_HELD: Final = 400.0
"""Requests that a delay may hold at a time."""

_BELOW_LIMIT: Final = 0.8

COST_OF: Final = "cost-of-"
"""How the names of these experiments begin."""

_LAB: Final[dict[str, Any]] = {"rate_per_s": 997.0, "duration_s": 2.3, "warmup_s": 0.3}
_CLUSTER: Final[dict[str, Any]] = {"rate_per_s": 500.0, "duration_s": 60.0, "warmup_s": 20.0, "generator": "fortio"}
"""As in the shipped experiments `quick` and `four-meshes`, which say why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costing:
    """An experiment that measures a design's cost.

    Attributes
    ----------
    experiment
        The baseline, the mesh without and the mesh with the design.
    without, with_design
        Labels of the two to compare.
    notes
        What was chosen differently because of the design, such as the rate, in sentences.
    """

    design: Design
    experiment: Experiment
    without: str
    with_design: str
    notes: tuple[str, ...] = ()

    @property
    def toml(self) -> str:
        """The experiment as a file."""
        return experiment_toml(self.experiment)

    def answer(self, comparison: Comparison) -> pd.DataFrame:
        """Return what changes with the design; see `workbench.analysis.pairs.between`."""
        from workbench.analysis.pairs import between

        return between(comparison, self.without, self.with_design)


def costing(
    design: Design,
    mesh: MeshSpec | str = "l7-sidecars",
    *,
    environment: EnvironmentSpec | str = "lab",
    blocks: int = 6,
    seed: int = 1,
) -> Costing:
    """Return the experiment without and with ``design``; start nothing.

    Raises
    ------
    BadInputError
        When the mesh does not support all of the design, or the workbench's application cannot replace its service.
    """
    plain = replace(MeshSpec(name=mesh) if isinstance(mesh, str) else mesh, intent=None)
    where = EnvironmentSpec(name=environment) if isinstance(environment, str) else environment
    in_lab = where.name == "lab"
    intent, versions, notes = _stand_in(design, "/" if in_lab else "/echo")
    changed = replace(plain, intent=intent)
    target = Target(versions=tuple(f"v{number}" for number in range(1, versions + 1)))
    rendered(adapters.load("meshes", plain.name), plain, intent, target).require_support()
    load, chosen = _load(intent, _LAB if in_lab else _CLUSTER)
    experiment = Experiment(
        name=f"{COST_OF}{intent.name}",
        question=f"What does {intent.name} cost on {plain.label} ({in_words(intent)})?",
        environment=where,
        meshes=(MeshSpec(name="baseline"), plain, changed),
        workloads=(Workload(versions=versions),),
        loads=(load,),
        blocks=blocks,
        seed=seed,
    )
    return Costing(
        design=design, experiment=experiment, without=plain.label, with_design=changed.label, notes=(*notes, *chosen)
    )


def _stand_in(design: Design, path: str) -> tuple[Intent, int, list[str]]:
    """Return the intent in the names of the workbench's application, how many versions that must have, and notes."""
    intent, target = design.intent, design.target
    versions = len(target.versions) if intent.split else 1
    if versions > _MOST_VERSIONS:
        raise BadInputError(
            f"A design with {versions} versions cannot be measured, at most {_MOST_VERSIONS} run side by side."
        )
    names = {version: f"v{number}" for number, version in enumerate(target.versions, start=1)}
    split = tuple(replace(share, version=names[share.version]) for share in intent.split)
    changed = replace(intent, split=split)
    if intent.authorization is None:
        return changed, versions, []
    authorization, notes = _let_in(intent.authorization, target.caller, path)
    return replace(changed, authorization=authorization), versions, notes


def _let_in(asked: Authorization, caller: str, path: str) -> tuple[Authorization, list[str]]:
    """Return the authorization extended to allow the load, and the extensions."""
    callers = tuple(dict.fromkeys(CALLER if one == caller else one for one in asked.callers))
    made, added = replace(asked, callers=callers), []
    if callers and CALLER not in callers:
        made, added = replace(made, callers=(*callers, CALLER)), [f"the caller {CALLER}"]
    if asked.methods and "POST" not in asked.methods:
        made, added = replace(made, methods=(*asked.methods, "POST")), [*added, "POST"]
    if asked.paths and path not in asked.paths:
        made, added = replace(made, paths=(*asked.paths, path)), [*added, f"the path {path}"]
    return made, [f"Authorization also allows the load: {', '.join(added)}."] if added else []


def _load(intent: Intent, usual: dict[str, Any]) -> tuple[Load, list[str]]:
    """Return a load under which the design works and does not throttle: else its cost would be that of refusing."""
    rate, connections, notes = float(usual["rate_per_s"]), 16, []
    if intent.rate_limit is not None and rate > _BELOW_LIMIT * intent.rate_limit.requests_per_s:
        rate = max(1.0, math.floor(_BELOW_LIMIT * intent.rate_limit.requests_per_s))
        notes.append(f"{rate:g} requests/s, below the rate limit: the limit is measured, not the refusals.")
    if intent.abort is not None and intent.abort.percent:
        notes.append(f"{intent.abort.percent:g} % of the requests fail on purpose; they count as failed, not as cheap.")
    if intent.delay is not None:
        if intent.delay.seconds > _LONGEST_DELAY_S:
            raise BadInputError(
                f"A delay of {intent.delay.seconds:g} s is longer than a run can wait for: measure with at most "
                f"{_LONGEST_DELAY_S:g} s."
            )
        held_s = intent.delay.seconds * intent.delay.percent / 100
        if rate * held_s > _MOST_HELD:
            rate = max(1.0, math.floor(_MOST_HELD / held_s))
            notes.append(f"{rate:g} requests/s, so that the delay holds no more than {_MOST_HELD:g} at a time.")
        connections += math.ceil(2 * rate * held_s)
    return Load(**{**usual, "rate_per_s": rate, "connections": connections}), notes
