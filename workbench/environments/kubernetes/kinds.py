"""What a server serves: kinds and where their objects are, out of its own lists. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind that the server serves: where its objects are, and what may be done with them."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: tuple[str, ...]

    @property
    def group(self) -> str:
        """API group; empty for the core's."""
        return self.api_version.rpartition("/")[0]

    def path(self, namespace: str = "", name: str = "") -> str:
        """Return the path of one object, or of a collection (all namespaces when `namespace` is empty)."""
        parts = ["apis" if "/" in self.api_version else "api", self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.plural)
        if name:
            parts.append(quote(name, safe=":"))
        return "/" + "/".join(parts)


def kinds_in(found: Mapping[str, Any], api_version: str) -> tuple[Kind, ...] | None:
    """Return the kinds in a server's list of one group and version; None when it is no such list."""
    try:
        return tuple(
            Kind(api_version, str(one["kind"]), str(one["name"]), bool(one["namespaced"]), tuple(one["verbs"]))
            for one in found["resources"] or ()
            if "/" not in one["name"]
        )
    except (KeyError, TypeError):
        return None


def preferred(found: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the preferred version of every group in a server's list of groups; None when it is no such list."""
    try:
        return tuple(str(group["preferredVersion"]["groupVersion"]) for group in found["groups"] or ())
    except (KeyError, TypeError):
        return None
