"""The command plan: every step of an experiment, without running it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.measuring import announce
from workbench.cli.options import Data, Json, settle
from workbench.cli.show import say, say_json

if TYPE_CHECKING:
    from workbench.model.environment import AnyDescribed
    from workbench.model.experiment import RunSpec


def plan(
    experiment: Annotated[str, typer.Argument(metavar="EXPERIMENT", help="Name or file of an experiment.")],
    show_steps: Annotated[
        bool, typer.Option("--show-steps", help="Show every step in full: manifests, chart values, processes.")
    ] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Print every step of an experiment without running it."""
    from workbench.api.experiments import plan_of
    from workbench.campaigns.deployments import deployments
    from workbench.campaigns.runner import estimate_s

    settings = settle(data)
    asked = plan_of(experiment, settings.data)
    todo = deployments(asked)
    if json:
        say_json({"plan": asked, "about_s": estimate_s(asked), "deployments": [_as_data(one) for one in todo]})
        return
    announce(asked)
    for one in todo:
        for line in _deployment(one, in_full=show_steps):
            say(line)


def _deployment(one: AnyDescribed, *, in_full: bool) -> Iterator[str]:
    first = one.runs[0]
    yield f"\nblock {first.block}, {first.mesh.label}, {first.workload.name}:"
    yield from (f"  note  {said}" for said in one.notes)
    yield from _prepares(one, in_full=in_full)
    for step in one.everything:
        yield f"  up    {_said(step)}"
        if in_full:
            yield _in_full(step)
    for gate in one.gates:
        yield f"  check {gate.name}"
    yield "        a failed check fails these runs"
    yield from map(_run, one.runs)
    if one.outlives:
        yield "  down  the application, while its mesh still runs"
    for step in one.removal:
        yield f"  down  {_said(step)}"
        if in_full:
            yield _in_full(step)
    yield "  down  everything else that was started" + (", by its label" if one.outlives else "")


def _prepares(one: AnyDescribed, *, in_full: bool) -> Iterator[str]:
    """Print the steps of the pod that queries the kubelets, and the condition under which it is created."""
    steps, only_where = one.prepares, one.prepares_where
    if only_where and steps:
        yield f"  up?   a pod that queries the kubelets, only if {only_where}"
        if not in_full:
            return
    for step in steps:
        yield f"  {'up? ' if only_where else 'up  '}  {_said(step)}"
        if in_full:
            yield _in_full(step)


def _run(run: RunSpec) -> str:
    load = run.load
    return (
        f"  run   {run.ordinal:>3}  {load.rate_per_s:g} requests/s, {load.arrival}, {load.connections} "
        f"connections, {load.duration_s:g} s after {load.warmup_s:g} s of warm-up, by {load.generator}"
    )


def _as_data(one: AnyDescribed) -> dict[str, Any]:
    return {
        "first_run": one.runs[0].ordinal,
        "notes": list(one.notes),
        "collector": {"steps": [_step_as_data(step) for step in one.prepares], "only_where": one.prepares_where},
        "steps": [_step_as_data(step) for step in one.everything],
        "gates": [_step_as_data(gate) for gate in one.gates],
        "removal": [_step_as_data(step) for step in one.removal],
    }


def _step_as_data(step: Any) -> dict[str, Any]:
    return {"kind": type(step).__name__, **dataclasses.asdict(step)}


def _in_full(step: Any) -> str:
    """Return a step as YAML, without values named like secrets."""
    from pydantic_core import to_jsonable_python

    from workbench.environments.kubernetes.objects import redacted
    from workbench.files.yaml_text import dumped

    shown = redacted(to_jsonable_python({"step": type(step).__name__, **dataclasses.asdict(step)}))
    return "\n".join(f"        {line}" for line in dumped(shown).splitlines())


def _said(step: Any) -> str:
    """Return one step in words."""
    from workbench.model.lab_steps import Certificates, Network, Process

    match step:
        case Process():
            where = f" in namespace {step.namespace}" if step.namespace else ""
            return f"{step.role}: {step.name} ({step.program} {' '.join(step.arguments)}){where}"
        case Certificates():
            return f"certificates for {', '.join(step.identities)} under {step.trust_domain}"
        case Network():
            return (
                f"network namespaces {', '.join(step.namespaces)}, {len(step.links)} links, {len(step.vxlans)} VXLANs"
            )
        case _:
            return _said_of_cluster(step)


def _said_of_cluster(step: Any) -> str:
    """Return one step of a cluster in words."""
    from workbench.model.cluster_steps import Delete, HelmRelease, Manifest, TrustAnchor, Uninstall, Wait

    match step:
        case Manifest():
            names = [f"{one['kind']} {one['metadata']['name']}" for one in step.objects]
            return f"{step.name}: {', '.join((*names, step.source) if step.source else names)}"
        case HelmRelease():
            source = f" from {step.repository}" if step.repository else ""
            return f"chart {step.chart} {step.version}{source} as {step.namespace}/{step.name}"
        case TrustAnchor():
            return f"authority {step.root}, issuer {step.issuer}, kept in Secret {step.namespace}/{step.secret}"
        case Wait():
            what = ", ".join(step.names) or f"{step.namespace} {step.selector}".strip() or "what was made"
            return f"wait for {what}: {step.condition}"
        case Delete():
            return f"delete {step.name}: {', '.join(dict.fromkeys(map(_meant, step.objects)))}"
        case Uninstall():
            return f"uninstall {step.namespace}/{step.release}"
        case _:
            return repr(step)


def _meant(one: Any) -> str:
    meta = one["metadata"]
    return f"{one['kind']} {meta.get('name') or ', '.join(f'{k}={v}' for k, v in meta.get('labels', {}).items())}"
