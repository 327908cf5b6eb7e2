"""The playground's functions for notebooks: design widgets, a live session on real proxies, and a design's cost.

Like `workbench.api.experiments`, whose settings and runs it uses: each function is a few calls into the package, and
``workbench.NAME`` loads it when it is first used.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.api.experiments import compare, run
from workbench.files import shipped
from workbench.settings import Settings

if TYPE_CHECKING:
    from workbench.charts.engine import Picture
    from workbench.intents import Design
    from workbench.playground.live import LiveLab
    from workbench.widgets.player import PlayerView


def play(asked: str = "canary", *, data: str | Path = "") -> PlayerView:
    """Return widgets that edit a design, show each mesh's objects for it, and apply it in the lab or on a cluster.

    Parameters
    ----------
    asked
        Initial design: a name, or the path of a file.

    Raises
    ------
    BadInputError
        When there is no such design.
    """
    from workbench.widgets.cluster_panel import ClusterPanel
    from workbench.widgets.cost_panel import CostPanel
    from workbench.widgets.live_panel import LivePanel
    from workbench.widgets.player import PlayerView
    from workbench.widgets.playing import Playground

    settings = Settings.resolve(data=data)
    model = Playground(settings)
    panels = [
        ("In the lab", LivePanel()),
        ("On a cluster", ClusterPanel()),
        ("What it costs", CostPanel(settings, compare)),
    ]
    return PlayerView(model, model.open(asked), panels)


def live_lab(mesh: str = "l7-sidecars", **how: Any) -> LiveLab:
    """Return a live session of the lab, a context manager; see `workbench.playground.live.LiveLab`."""
    from workbench.playground.live import LiveLab

    return LiveLab(mesh, **how)


def price(asked: str | Design, *, mesh: str = "l7-sidecars", blocks: int = 6, data: str | Path = "") -> Picture:
    """Measure what a design costs on one of the lab's data planes, without and with it, and return the picture.

    Parameters
    ----------
    asked
        A design, its name, or its file.
    mesh
        The lab's archetype; for a mesh on a cluster see ``workbench design cost``.
    blocks
        Randomized passes, ten seconds each; 6 or more give 95 % intervals.

    Raises
    ------
    BadInputError
        When the archetype does not support all of the design.
    """
    from workbench.charts import change
    from workbench.intents import Design, read_design
    from workbench.playground.costing import costing

    where = Settings.resolve(data=data).data
    wanted = asked if isinstance(asked, Design) else read_design(shipped.design_file(asked, where))
    costs = costing(wanted, mesh, blocks=blocks)
    found = costs.answer(compare(run(costs.experiment, data=where), data=where))
    return change(found, costs.without, costs.with_design)
