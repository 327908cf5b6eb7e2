"""Intents to ask of every mesh: each feature alone and all together; and what is said, for the golden files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from workbench import adapters
from workbench.intents import (
    FEATURES,
    Abort,
    Authorization,
    CircuitBreaking,
    Delay,
    Design,
    Intent,
    Mtls,
    OutlierDetection,
    ProxyResources,
    RateLimit,
    Rendering,
    Retries,
    Share,
    Target,
    Timeout,
)
from workbench.model.experiment import MeshSpec
from workbench.playground import distinct, mesh_specs, to_yaml

GOLDEN = Path(__file__).parent / "golden_intents"
REMAKE = "python tests/meshes/intent_cases.py"

VALUES: dict[str, Any] = {
    "mtls": Mtls(mode="strict"),
    "split": (Share(version="v1", weight=90), Share(version="v2", weight=10)),
    "retries": Retries(attempts=2, per_try_timeout_s=0.25),
    "timeout": Timeout(request_s=1.5),
    "delay": Delay(percent=12.5, seconds=0.3),
    "abort": Abort(percent=5, status=502),
    "circuit_breaking": CircuitBreaking(max_connections=10, max_pending_requests=20, max_requests=30),
    "outlier_detection": OutlierDetection(consecutive_errors=4, interval_s=5, ejection_s=20, max_ejected_percent=40),
    "authorization": Authorization(callers=("client", "other"), methods=("GET", "POST"), paths=("/echo", "/api/*")),
    "rate_limit": RateLimit(requests_per_s=2.5, burst=10),
    "access_log": True,
    "metrics": True,
    "proxy_threads": 3,
    "proxy_resources": ProxyResources(cpu_request=0.1, cpu_limit=2.5, memory_request=64, memory_limit=256),
}
OTHER_VALUES: dict[str, tuple[Any, ...]] = {
    "mtls": (Mtls(mode="permissive"), Mtls(mode="off")),
    "retries": (Retries(attempts=0), Retries(attempts=1, on=("reset",)), Retries(attempts=1)),
    "circuit_breaking": (CircuitBreaking(max_connections=1), CircuitBreaking(max_requests=1)),
    "outlier_detection": (OutlierDetection(max_ejected_percent=0), OutlierDetection(max_ejected_percent=100)),
    "authorization": (Authorization(callers=("client",)), Authorization(methods=("GET",)), Authorization(paths=("/",))),
    "rate_limit": (RateLimit(requests_per_s=100, burst=1), RateLimit(requests_per_s=0.1)),
    "access_log": (False,),
    "metrics": (False,),
    "proxy_resources": (ProxyResources(cpu_limit=1), ProxyResources(memory_request=1)),
}
"""What a feature may be besides, where a mesh answers otherwise."""

TARGET = Target(namespace="shop", service="reviews", port=9080, caller="web", versions=("v1", "v2"))


def alone(feature: str) -> Design:
    return Design(intent=Intent(name="one", **{feature: VALUES[feature]}), target=TARGET)


def together() -> Design:
    return Design(intent=Intent(name="all", **VALUES), target=TARGET)


def designs() -> Iterator[Design]:
    """Everything worth a strict look: each feature in each way, all at once, and connections only."""
    yield together()
    for feature in FEATURES:
        yield alone(feature)
    for feature, values in OTHER_VALUES.items():
        for value in values:
            yield Design(intent=Intent(name="one", **{feature: value}), target=TARGET)
    tcp = Target(namespace="shop", service="db", port=5432, protocol="tcp", caller="web")
    for feature in ("mtls", "circuit_breaking", "authorization"):
        for value in (VALUES[feature], *OTHER_VALUES.get(feature, ())):
            yield Design(intent=Intent(name="one", **{feature: value}), target=tcp)
    grpc = Target(namespace="shop", service="db", port=5432, protocol="grpc", caller="web")
    yield Design(intent=Intent(name="all", **VALUES), target=grpc)


def rendered(spec: MeshSpec, design: Design) -> Rendering:
    rendering: Rendering = adapters.load("meshes", spec.name).configure(spec, design.intent, design.target)
    return rendering


def golden() -> dict[str, str]:
    """File name -> what should be in it: each mesh in each distinct profile, each feature alone, then all together."""
    found: dict[str, str] = {}
    for spec in mesh_specs():
        own = [rendered(other, together()) for other in mesh_specs() if other.name == spec.name]
        if not any(one.mesh == spec.label for one in distinct(own)):
            continue
        parts = [to_yaml(rendered(spec, alone(feature))) for feature in FEATURES]
        parts.append(f"# All together.\n{to_yaml(rendered(spec, together()), together())}")
        found[f"{spec.label.replace('/', '-')}.yaml"] = "\n".join(parts)
    return found


def documents(text: str) -> list[Any]:
    return [one for one in yaml.safe_load_all(text) if one is not None]


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for path in GOLDEN.iterdir():
        path.unlink()
    for name, text in golden().items():
        (GOLDEN / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{name}\n")
