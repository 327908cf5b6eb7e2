"""``wb.deploy``: deploy one mesh with its application, verify it, and remove it again; nothing is measured.

Without a cluster, the lab's archetype of the same shape is deployed, under its own name. One program has one deployed
mesh at a time: deploying another removes it first, and so does the end of the program.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from types import TracebackType
from typing import TYPE_CHECKING, Any

from workbench import adapters
from workbench.api.experiments import on_cluster
from workbench.api.status_line import line_of_text
from workbench.campaigns.deployments import deployments, environment_of, proven
from workbench.errors import GateFailedError, UnsupportedError
from workbench.model.environment import AnyDescribed
from workbench.model.experiment import EnvironmentSpec, Experiment, Load, MeshSpec, Workload
from workbench.model.plan import make_plan
from workbench.model.records import Facts, GateResult, MeshFacts, Placed
from workbench.text.plain import Sentences

if TYPE_CHECKING:
    import pandas as pd

LAB = "lab"
_MIB = 2**20
_standing: list[weakref.ref[DeployedMesh]] = []


class DeployedMesh:
    """A deployed and verified mesh with its application; a context manager, or call `remove`.

    Attributes
    ----------
    mesh
        The facts shown with its numbers: title, layer, mTLS, features, and what is missing.
    circumstances
        Circumstances of the cluster (with its context) or of this machine.
    where
        One sentence: what is deployed where, and what it represents.
    """

    def __init__(
        self,
        held: ExitStack,
        mesh: MeshFacts,
        circumstances: Facts,
        where: str,
        gates: tuple[GateResult, ...],
        placed: tuple[Placed, ...],
        left: Callable[[], tuple[str, ...]],
    ) -> None:
        self.mesh, self.circumstances, self.where = mesh, circumstances, where
        self._gates, self._placed, self._left = gates, placed, left
        self._remove = weakref.finalize(self, held.close)

    @property
    def gates(self) -> pd.DataFrame:
        """The gates that verify that traffic goes through the mesh: what, passed, evidence."""
        import pandas as pd

        return pd.DataFrame([{"what": one.name, "passed": one.passed, "evidence": one.evidence} for one in self._gates])

    @property
    def parts(self) -> pd.DataFrame:
        """Every deployed part, with the fields of `workbench.model.records.Placed`."""
        import pandas as pd

        frame = pd.DataFrame([asdict(one) for one in self._placed])
        return frame.astype({name: float for name in frame.columns if name.startswith(("requested_", "limit_"))})

    @property
    def reserved(self) -> pd.DataFrame:
        """Reservations by role: parts, silent (parts that request nothing), cores, memory_mib."""
        import pandas as pd

        frame = self.parts
        grouped = frame.groupby("role", sort=True)
        silent = frame["requested_cores"].isna() & frame["requested_bytes"].isna()
        columns = {
            "parts": grouped.size(),
            "silent": silent.groupby(frame["role"]).sum(),
            "cores": grouped["requested_cores"].sum(min_count=1),
            "memory_mib": grouped["requested_bytes"].sum(min_count=1) / _MIB,
        }
        return pd.DataFrame(columns)

    def remove(self) -> str:
        """Remove mesh and application, and return whether everything is as before; a second call changes nothing.

        Raises
        ------
        UnsupportedError
            When a cluster differs from its state before, with the differences.
        """
        self._remove()
        left = self._left()
        if left:
            raise UnsupportedError(
                f"{self.mesh.label} was removed, but these differ from before: {'; '.join(left)}. See: workbench clean"
            )
        return f"{self.mesh.label} is removed; the environment is as it was before."

    def __enter__(self) -> DeployedMesh:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.remove()
        else:
            self._remove()

    def __repr__(self) -> str:
        return str(self._told)

    def _repr_html_(self) -> str:
        return self._told._repr_html_()

    @property
    def _told(self) -> Sentences:
        stands = "is up" if self._remove.alive else "was removed"
        return Sentences([f"{self.mesh.label} {stands}: {self.mesh.title}. {self.where}"])


def deploy(
    mesh: str,
    *,
    profile: str = "default",
    version: str = "",
    options: Mapping[str, Any] | None = None,
    workload: str = "echo",
    context: str = "",
    **settings: Any,
) -> DeployedMesh:
    """Deploy a mesh with its application, verify that traffic goes through it, and return it.

    Parameters
    ----------
    mesh, profile, version, options
        As in an experiment's ``[[meshes]]``; an empty version: the adapter's pinned one.
    workload
        Name of the workload, the application.
    context
        Context of the kubeconfig for the cluster. Empty: no cluster is touched, and the lab's archetype
        of the same shape is deployed instead, whatever the options.
    settings
        Further options of the environment ``kubernetes``: kubeconfig, charts, registry, existing ...

    Raises
    ------
    BadInputError, UnknownNameError
        For invalid arguments; nothing was started.
    UnsupportedError, RunFailedError
        When the deployment fails, with the cluster's report; everything is removed again.
    GateFailedError
        When it is up but traffic does not go through it as it should; it is removed again.
    """
    while _standing:
        earlier = _standing.pop()()
        if earlier is not None:
            earlier._remove()  # its caller may not have removed it
    asked = MeshSpec(name=mesh, profile=profile, version=version or None, options=dict(options or {}))
    environment = on_cluster(context, **settings) if context else EnvironmentSpec(name=LAB)
    stands_for = ""
    if not context:
        asked, stands_for = _in_the_lab(asked)
    one = _described(asked, workload, environment)
    made = _raise_up(one, environment, stands_for)
    _standing.append(weakref.ref(made))
    return made


def deployable() -> pd.DataFrame:
    """Return the meshes that can be deployed: mesh, where (environments), profiles, options (with their help)."""
    import pandas as pd

    known = [adapters.load("meshes", name) for name in adapters.names("meshes")]
    rows = [
        {
            "mesh": one.name,
            "where": ", ".join(one.environments),
            "profiles": ", ".join(one.profiles),
            "options": "; ".join(f"{name}: {option.help}" for name, option in one.options.items()),
        }
        for one in known
    ]
    return pd.DataFrame(rows)


def _described(mesh: MeshSpec, workload: str, environment: EnvironmentSpec) -> AnyDescribed:
    experiment = Experiment(
        name="deploy",
        environment=environment,
        meshes=(mesh,),
        baseline=mesh.name,
        workloads=(Workload(name=workload),),
        loads=(Load(rate_per_s=100, generator=environment_of(environment).generator),),
        blocks=1,
    )
    return deployments(make_plan(experiment))[0]


def _raise_up(one: AnyDescribed, environment: EnvironmentSpec, stands_for: str) -> DeployedMesh:
    with ExitStack() as held:
        opened = held.enter_context(environment_of(environment)(environment))
        opened.say = line_of_text()
        circumstances = opened.facts()
        refused = opened.refuses(one.everything, existing=one.existing)
        if refused:
            raise UnsupportedError(f"{one.facts.label} cannot be deployed: {refused}.")
        up = held.enter_context(proven(opened, one))
        if up.failure:
            raise GateFailedError(f"{one.facts.label} came up and was removed again: {up.failure}.")
        placed = up.deployment.inventory()
        opened.say(f"{one.facts.label} is up")
        return DeployedMesh(
            held.pop_all(),
            one.facts,
            circumstances,
            _where(circumstances, stands_for),
            up.gates,
            placed,
            lambda: opened.left_behind,
        )
    raise AssertionError("unreachable: an exit stack passes errors on")


def _where(circumstances: Facts, stands_for: str) -> str:
    held = circumstances.details.get("cluster")
    if held:
        return (
            f"It runs on the cluster of context {held['context']} ({held['server']}, "
            f"Kubernetes {held['kubernetes']}, {len(circumstances.details['nodes'])} nodes)."
        )
    return f"It runs on this machine: no cluster was named.{stands_for}"


def _in_the_lab(asked: MeshSpec) -> tuple[MeshSpec, str]:
    """Return the archetype that replaces a mesh without a cluster, and a sentence that says so.

    It is the archetype with the same layer and kind of data plane: chosen by declared facts, never by name.
    """
    mesh = adapters.load("meshes", asked.name)
    if LAB in mesh.environments:
        return asked, ""
    wanted: MeshFacts = mesh.facts(asked)
    known = [MeshSpec(name=name) for name in adapters.names("meshes")]
    facts = [
        (one, adapters.load("meshes", one.name).facts(one))
        for one in known
        if LAB in adapters.load("meshes", one.name).environments
    ]
    chosen, shape = max(facts, key=lambda one: _likeness(one[1], wanted))
    lacks = f" It is missing {', '.join(shape.lacks)}." if shape.lacks else ""
    return chosen, (
        f" {shape.label} is a lab archetype in the shape of {', '.join(shape.shape_of)}, and not {wanted.label}: "
        f"name a context to deploy that.{lacks}"
    )


def _likeness(one: MeshFacts, wanted: MeshFacts) -> tuple[bool, bool, bool, bool]:
    return one.archetype, one.layer == wanted.layer, one.data_plane == wanted.data_plane, one.mtls == wanted.mtls
