"""The playground's panel for the price of a design: the same data plane without and with it, one click.

What is started is an experiment like any other: it outlives this kernel, stands in the store, and is found by
`explore`, `launch` and the report.
"""

from __future__ import annotations

import asyncio
import html
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from workbench import adapters
from workbench.campaigns.deployments import estimate_s
from workbench.charts.change import change, describe_change
from workbench.errors import WorkbenchError
from workbench.intents import Design
from workbench.model.experiment import EnvironmentSpec, MeshSpec
from workbench.model.plan import make_plan
from workbench.playground import mesh_specs
from workbench.playground.costing import Costing, costing
from workbench.settings import Settings
from workbench.widgets.controls import button, notes, words
from workbench.widgets.launching import Launches
from workbench.widgets.live_panel import ARCHETYPE
from workbench.widgets.picture import Picture
from workbench.widgets.playing import Played

LOOK_S = 2.0
"""Seconds between two looks at the running experiment: whatever is drawn takes CPU from what is measured."""
ON_CLUSTER = "the mesh shown, on a cluster"


class CostPanel(widgets.VBox):  # type: ignore[misc]  # ipywidgets tells no types
    """Measures a design with one click.

    Attributes
    ----------
    campaign
        The campaign that was started last; empty: none.
    """

    def __init__(self, settings: Settings, compare: Callable[..., Any]) -> None:
        self._launches, self._compare, self._data = Launches(settings), compare, settings.data
        self._played: Played | None = None
        self._mesh, self.campaign = "", ""
        self._asked: Costing | None = None
        self._started: Costing | None = None
        self._task: asyncio.Task[None] | None = None
        look: dict[str, Any] = {"style": {"description_width": "60px"}}
        self._where = widgets.Dropdown(
            description="On", options=[*_archetypes(), ON_CLUSTER], layout={"width": "300px"}, **look
        )
        self._context = widgets.Text(
            description="Context", placeholder="the kubeconfig's current one", continuous_update=False, **look
        )
        self._blocks = widgets.BoundedIntText(
            description="Blocks", value=6, min=1, max=50, layout={"width": "130px"}, tooltip="6 or more: 95 %", **look
        )
        self._measure = self._button("Measure", "Measure without and with the design", self._begin)
        self._stop = self._button("Stop", "Stop cleanly", lambda: self._launches.stop(self.campaign))
        for one in (self._where, self._context, self._blocks):
            one.observe(lambda _: self._plan(), "value")
        self._told, self._state, self._picture = widgets.HTML(), widgets.HTML(), Picture()
        bar = widgets.HBox([self._where, self._context, self._blocks, self._measure, self._stop])
        super().__init__([bar, self._told, self._state, self._picture])
        self._stop.disabled = True

    def show(self, played: Played, mesh: str) -> None:
        """Take the design that is meant from now on; what was measured of another stays, under its own name."""
        self._played, self._mesh = played, mesh
        self._plan()

    # ------------------------------------------------------------------ acts
    def _button(self, title: str, tip: str, act: Callable[[], None]) -> Any:
        return button(title, tip, lambda: self._safely(act))

    def _safely(self, act: Callable[[], None]) -> None:
        try:
            act()
        except WorkbenchError as error:
            self._tell(notes([str(error)]))

    def _plan(self) -> None:
        """Say what would be measured, or why it cannot be."""
        if self._played is None:
            return
        on_cluster = self._where.value == ON_CLUSTER
        self._context.layout.display = "" if on_cluster else "none"
        self._asked = None
        try:
            self._asked = self._costing(self._played.design, on_cluster)
            about = estimate_s(make_plan(self._asked.experiment))
        except WorkbenchError as error:
            self._tell(notes([str(error)]))
        else:
            runs = len(make_plan(self._asked.experiment).runs)
            whose = "" if on_cluster else " The figure is a lab archetype's, not a product's."
            self._tell(
                f"<p><b>{html.escape(self._asked.without)}</b> without and with "
                f"<b>{html.escape(self._played.design.intent.name)}</b>: {runs} runs in {self._blocks.value} "
                f"randomized blocks, about {about / 60:.1f} min.{whose}</p>",
                notes(self._asked.notes),
            )
        self._measure.disabled = self._asked is None or self._running

    def _costing(self, design: Design, on_cluster: bool) -> Costing:
        if not on_cluster:
            return costing(design, self._where.value, blocks=self._blocks.value)
        assert self._played is not None  # noqa: S101 - `_plan` has looked
        context = self._context.value.strip()
        where = EnvironmentSpec(name="kubernetes", options={"context": context} if context else {})
        spec: MeshSpec = self._played.specs[self._mesh]
        return costing(design, spec, environment=where, blocks=self._blocks.value)

    @property
    def _running(self) -> bool:
        return bool(self.campaign) and not self._launches.state(self.campaign).ended

    def _begin(self) -> None:
        running = self._launches.running()
        if running:
            self._tell(notes([f"{running} is still running: two measurements at once would disturb each other."]))
            return
        if self._asked is None:
            return
        self._started = self._asked
        self.campaign = self._launches.start(self._asked.experiment.name, self._asked.toml)
        self._picture.spec = {}
        if not self.look():
            try:
                self._task = asyncio.get_running_loop().create_task(self._keep_looking())
            except RuntimeError:  # no kernel: whoever made this looks by itself
                return

    # ------------------------------------------------------------------ looking
    async def _keep_looking(self) -> None:
        while not self.look():
            await asyncio.sleep(LOOK_S)

    def look(self) -> bool:
        """Show how the measurement stands, and what it found; return whether it has ended."""
        state = self._launches.state(self.campaign)
        self._stop.disabled = state.ended
        self._measure.disabled = not state.ended or self._asked is None
        said = f"{state.status}: {state.done} of {state.total} runs" if state.total else state.status
        self._state.value = words(
            f'<p><b>{html.escape(said)}</b> {html.escape(state.message)}</p><progress max="{max(1, state.total)}" '
            f'value="{state.done}" aria-label="runs done"></progress>',
            live=True,
        )
        if state.ended and state.done:
            self._safely(self._answer)
        return state.ended

    def _answer(self) -> None:
        asked = self._started
        if asked is None:
            return
        found = asked.answer(self._compare(self.campaign, data=self._data))
        self._picture.spec = change(found, asked.without, asked.with_design).to_dict()
        said = html.escape(describe_change(found, asked.without, asked.with_design))
        self._state.value = words(
            f"<p>{said}</p><p>Campaign <code>{html.escape(self.campaign)}</code>; "
            f'<code>wb.write_report("{html.escape(self.campaign)}")</code> writes its report.</p>',
            live=True,
        )

    def _tell(self, *parts: str) -> None:
        self._told.value = words(*parts, live=True)


def _archetypes() -> list[str]:
    """Return the lab's data planes that have proxies, the one that carries most of an intent first."""
    specs = [spec for spec in mesh_specs("lab") if spec.profile == "default"]
    facts = [adapters.load("meshes", spec.name).facts(spec) for spec in specs]
    return sorted(
        (one.label for one in facts if one.data_plane in ("sidecar", "node-proxy")), key=lambda name: name != ARCHETYPE
    )
