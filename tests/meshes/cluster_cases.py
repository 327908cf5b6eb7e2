"""Every mesh of a cluster with every profile, and what is said of one: for the conformance tests and golden files."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from workbench import adapters
from workbench.model.cluster_steps import ClusterApplication, Manifest
from workbench.model.experiment import MeshSpec, Workload

GOLDEN = Path(__file__).parent / "golden"
REMAKE = "python tests/meshes/cluster_cases.py"

MESHES = [name for name in adapters.names("meshes") if "kubernetes" in adapters.load("meshes", name).environments]
PROFILES = [(name, profile) for name in MESHES for profile in adapters.load("meshes", name).profiles]


def application(workload: str = "echo", **settings: Any) -> ClusterApplication:
    return adapters.load("workloads", workload).cluster_application(Workload(name=workload, **settings))


def described(name: str, profile: str, workload: str = "echo", **options: Any) -> dict[str, Any]:
    """Everything that the mesh says about itself, in the order in which it would happen."""
    mesh, spec = adapters.load("meshes", name), MeshSpec(name=name, profile=profile, options=options)
    before = application(workload)
    enrolled = mesh.enrol(spec, before)
    return {
        "facts": mesh.facts(spec),
        "install": mesh.install(spec, before),
        "application": enrolled,
        "gates": mesh.gates(spec, enrolled),
        "parts": mesh.parts(spec),
        "remove": mesh.remove(spec, enrolled),
    }


def manifests(steps: Any) -> Iterator[dict[str, Any]]:
    """The complete objects of steps."""
    for step in steps:
        if isinstance(step, Manifest):
            yield from step.objects


class _Plain(yaml.SafeDumper):
    """Texts of several lines as such, no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Plain.add_representer(str, _text)
_Plain.add_representer(tuple, lambda dumper, values: dumper.represent_list(values))


def _plain(value: Any) -> Any:
    """Steps as tables with the kind of step first."""
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        return {"step": type(value).__name__, **asdict(value)}
    return value


def as_yaml(name: str, profile: str) -> str:
    """What the mesh says, as YAML."""
    said = {key: _plain(value) for key, value in described(name, profile).items()}
    return yaml.dump(said, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)


def golden(name: str, profile: str) -> tuple[Path, str]:
    """The golden file of a profile and what should be in it: the default in full, others by what differs from it."""
    first = adapters.load("meshes", name).profiles[0]
    if profile == first:
        return GOLDEN / f"{name}.yaml", as_yaml(name, profile)
    lines = difflib.unified_diff(
        as_yaml(name, first).splitlines(), as_yaml(name, profile).splitlines(), first, profile, n=2, lineterm=""
    )
    return GOLDEN / f"{name}-{profile}.diff", "\n".join(lines) + "\n"


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for path in GOLDEN.iterdir():
        path.unlink()
    for case in PROFILES:
        path, text = golden(*case)
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path.name}\n")
