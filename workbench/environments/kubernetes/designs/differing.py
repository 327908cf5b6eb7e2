"""How an object would differ from what is there, for people: YAML without what servers keep for themselves. Pure."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from workbench.environments.kubernetes.client import MANAGER, Object
from workbench.environments.kubernetes.objects import DESIGN, MANAGED, redacted
from workbench.files.yaml_text import dumped

_SERVERS = (
    "managedFields",
    "resourceVersion",
    "uid",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
)
_COPIES = ("kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision")
_DRAWN = ("clusterIP", "clusterIPs")
_UNSHOWN = "# A hidden value changes (it may be secret).\n"


def pruned(found: Mapping[str, Any]) -> Object:
    """Return an object without status, bookkeeping and our labels: what its authors say."""
    said = {key: copy.deepcopy(value) for key, value in found.items() if key not in ("status", "metadata")}
    meta = {key: copy.deepcopy(value) for key, value in found["metadata"].items() if key not in _SERVERS}
    labels = {key: value for key, value in (meta.pop("labels", None) or {}).items() if not _ours(key, value)}
    annotations = {key: value for key, value in (meta.pop("annotations", None) or {}).items() if key not in _COPIES}
    meta |= {"labels": labels} if labels else {}
    meta |= {"annotations": annotations} if annotations else {}
    return {**said, "metadata": meta}


def _ours(key: str, value: Any) -> bool:
    return key == DESIGN or (key == MANAGED and value == MANAGER)


def shown(found: Mapping[str, Any]) -> Object:
    """Return an object as it may be shown and stored: pruned, secrets hidden."""
    hidden: Object = redacted(pruned(found))
    return hidden


def as_yaml(found: Mapping[str, Any]) -> str:
    """Return an object as YAML, its identity first."""
    order = ("apiVersion", "kind", "metadata")
    sorted_keys = [*order, *sorted(set(found) - set(order))]
    return dumped({key: found[key] for key in sorted_keys if key in found}, 10_000) + "\n"


def difference(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> str:
    """Return the unified difference; ``before`` is None where nothing is there. Empty when nothing would change."""
    if before is not None and pruned(before) == pruned(after):
        return ""
    old = "" if before is None else as_yaml(shown(before))
    new = as_yaml(shown(after if before is not None else _without_drawn(after)))
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), "what is there", "the design", n=3
    )
    return "".join(lines) or _UNSHOWN


def _without_drawn(made: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a new object without what servers draw by lot for it: another time it would be another."""
    if made["kind"] != "Service" or not isinstance(made.get("spec"), Mapping):
        return made
    return {**made, "spec": {key: value for key, value in made["spec"].items() if key not in _DRAWN}}


def changed_fields(before: Any, after: Any, above: str = "") -> Iterator[str]:
    """Yield the paths of values that differ; lists are compared whole."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            place = f"{above}.{key}" if above else str(key)
            if key in before and key in after:
                yield from changed_fields(before[key], after[key], place)
            else:
                yield place
    elif before != after:
        yield above
