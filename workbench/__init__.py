"""Measure what a service mesh costs an application.

``import workbench as wb`` gives a notebook the following names, each loaded when first used::

    wb.doctor()                       what this machine can do
    wb.deploy("istio", context="...") deploy and verify one mesh with its application
    wb.experiments()                  the experiments that can be run by name
        wb.experiment("quick")            one of them
    wb.outline("quick")               its runs in order; starts nothing
    wb.run("quick")                   run it; returns the campaign's id
    wb.open_store()                   all measurements, as frames
    wb.campaign("quick")              the id of an experiment's latest campaign
    wb.example()                      four meshes, recorded: what comes with the workbench, to look at
    wb.select("latest")               campaigns with their store; the example while nothing has been measured
    wb.compare("quick")               what each data plane costs, with intervals and checks
    wb.headline(comparison)           the answer in words
    wb.choose("mTLS, gRPC")           which meshes meet these needs, and why the others do not
    wb.charts.consumption(...)        frames in, charts out
    wb.explore()                      widgets to select, brush and export measurements
    wb.play("canary")                 widgets to set a traffic policy, see each mesh's objects, apply and measure it
    wb.live_lab()                     real proxies under a light stream of requests, reconfigured live
    wb.price("canary")                measure what a design costs
    wb.launch("quick")                widgets to build, start, watch and stop an experiment
    wb.enable_charts()                show charts without a network; once in a notebook
    wb.metric("normalised_cpu")       unit, label and exact definition
    wb.write_report("quick")          one HTML file
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "campaign": "workbench.api.selecting",
    "charts": "",
    "choose": "workbench.api.choosing",
    "compare": "workbench.api.experiments",
    "deploy": "workbench.api.deploying",
    "doctor": "workbench.api.experiments",
    "enable_charts": "workbench.api.experiments",
    "example": "workbench.api.selecting",
    "experiment": "workbench.api.experiments",
    "experiments": "workbench.api.experiments",
    "explore": "workbench.api.experiments",
    "headline": "workbench.analysis",
    "launch": "workbench.api.experiments",
    "live_lab": "workbench.api.playground",
    "metric": "workbench.model.metrics",
    "open_store": "workbench.api.experiments",
    "outline": "workbench.api.experiments",
    "play": "workbench.api.playground",
    "price": "workbench.api.playground",
    "run": "workbench.api.experiments",
    "select": "workbench.api.selecting",
    "write_report": "workbench.api.experiments",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'workbench' has no attribute {name!r}; it has {', '.join(__all__)}")
    home = _HOMES[name]
    return getattr(importlib.import_module(home), name) if home else importlib.import_module(f"workbench.{name}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
