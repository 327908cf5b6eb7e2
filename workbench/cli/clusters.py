"""Commands for clusters: clean, rbac; and doctor's checks of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.options import Json
from workbench.cli.show import note, say, say_json, table

if TYPE_CHECKING:
    from workbench.model.experiment import EnvironmentSpec

KUBERNETES = "kubernetes"

Context = Annotated[
    str,
    typer.Option(help="Context of the kubeconfig. Default: its current context.", metavar="NAME", show_default=False),
]
Kubeconfig = Annotated[
    str, typer.Option(help="Default: KUBECONFIG, else ~/.kube/config.", metavar="FILE", show_default=False)
]


def clean(
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    force: Annotated[bool, typer.Option("--force", help="Clean up even if the run still seems to be alive.")] = False,
    json: Json = False,
) -> None:
    """Remove what an interrupted run left on a cluster, from any machine; touch nothing else."""
    from workbench.errors import RunFailedError

    left = _adapter().clean(_spec(context, kubeconfig), force=force, say=lambda text: None if json else note(text))
    if json:
        say_json({"left_behind": list(left)})
    if left:
        raise RunFailedError(f"The cluster is not as it was before the run: {'; '.join(left)}.")
    if not json:
        say("The workbench left nothing on the cluster.")


def rbac(
    name: Annotated[str, typer.Option(help="Name of the ClusterRole.")] = "mesh-workbench",
    metrics_only: Annotated[
        bool, typer.Option("--metrics-only", help="Without nodes/proxy; a pod of the run then queries the kubelets.")
    ] = False,
    json: Json = False,
) -> None:
    """Print the ClusterRole that a run needs."""
    from workbench.files.yaml_text import dumped

    role = _adapter().cluster_role(name, metrics_only=metrics_only)
    if json:
        say_json(role)
    else:
        say(dumped(role))


def examine(context: str, kubeconfig: str, *, json: bool) -> None:
    """Print what a cluster can and cannot do, and why; change nothing."""
    found = [
        {"what": one.name, "can": one.passed, "because": one.evidence}
        for one in _adapter().diagnose(_spec(context, kubeconfig))
    ]
    if json:
        say_json({"checks": found})
    else:
        say(
            table(
                [{"": "yes" if one["can"] else "NO", "what": one["what"], "because": one["because"]} for one in found]
            )
        )


def _adapter() -> Any:
    from workbench import adapters

    return adapters.load("environments", KUBERNETES)


def _spec(context: str, kubeconfig: str) -> EnvironmentSpec:
    from workbench.model.experiment import EnvironmentSpec

    given = {"context": context, "kubeconfig": kubeconfig}
    return EnvironmentSpec(name=KUBERNETES, options={key: value for key, value in given.items() if value})
