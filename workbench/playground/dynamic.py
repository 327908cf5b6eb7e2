"""The live form of a proxy: the same listeners and clusters, taken from files that can be replaced while it runs. Pure.

A proxy of an experiment reads its whole configuration once. In the live form its bootstrap names two files instead,
``lds.json`` and ``cds.json``, which Envoy watches: a new file moved over the old one is taken up without a restart.
Connections that were made under the old listeners are closed at their next answer, or after a second, so that a change
is seen at once. What Envoy would ignore in such a file, a misspelt key, it is told to refuse.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from workbench.model.lab_steps import Process

BOOTSTRAP, LISTENERS, CLUSTERS = "envoy.json", "lds.json", "cds.json"

_TYPE = "type.googleapis.com/envoy.config."
_FURTHER = ("--drain-time-s", "1", "--drain-strategy", "immediate", "--reject-unknown-dynamic-fields")


def is_proxy(step: object) -> bool:
    """Whether ``step`` is a process whose configuration can be made live."""
    return isinstance(step, Process) and BOOTSTRAP in step.files


def resources(process: Process) -> dict[str, dict[str, Any]]:
    """Return file name -> the resources in it, by their names."""
    static = json.loads(process.files[BOOTSTRAP])["static_resources"]
    return {
        LISTENERS: _named(static.get("listeners", []), "listener.v3.Listener"),
        CLUSTERS: _named(static.get("clusters", []), "cluster.v3.Cluster"),
    }


def _named(found: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return {one["name"]: {"@type": _TYPE + kind, **one} for one in found}


def as_text(named: Mapping[str, Any]) -> str:
    """Return resources as Envoy reads them from a file."""
    return json.dumps({"resources": list(named.values())}, indent=1)


def live(process: Process) -> Process:
    """Return a copy whose listeners and clusters come from files."""
    bootstrap = json.loads(process.files[BOOTSTRAP])
    del bootstrap["static_resources"]
    bootstrap["dynamic_resources"] = {
        "lds_config": {"path_config_source": {"path": f"${{dir}}/{LISTENERS}"}},
        "cds_config": {"path_config_source": {"path": f"${{dir}}/{CLUSTERS}"}},
    }
    files = {BOOTSTRAP: json.dumps(bootstrap, indent=1)}
    files |= {name: as_text(named) for name, named in resources(process).items()}
    return replace(process, files=files, arguments=(*process.arguments, *_FURTHER))
