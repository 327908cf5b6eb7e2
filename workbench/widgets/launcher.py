"""The view of `drafting` and `launching`: build an experiment, start it, watch it, stop it, open its report.

The state is two traitlets, ``draft`` and ``campaign``. While the campaign shown is running, the kernel looks at its
folder every two seconds, and no more often: whatever is drawn takes CPU from what is measured.
"""

from __future__ import annotations

import asyncio
import html
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import traitlets

from workbench import adapters
from workbench.charts.theme import QUIET, ROLE_COLOURS
from workbench.errors import WorkbenchError
from workbench.model.experiment import EnvironmentSpec, Experiment
from workbench.widgets.controls import STYLE, Keys, Ticks, notes, table, words
from workbench.widgets.drafting import Draft, known_meshes, preview, read_rates
from workbench.widgets.launching import Launches, LivePart, State

LOOK_S = 2.0
"""Seconds between two looks at a running campaign."""

_FIELD = {"width": "290px"}
_LABELS = {"description_width": "120px"}


class LauncherView(widgets.VBox):  # type: ignore[misc]  # ipywidgets tells no types
    """What `workbench.launch` returns.

    Parameters
    ----------
    experiments
        By name, to begin from.
    begin
        Name of the first.
    report
        Writes a campaign's report and returns its file.
    """

    draft = traitlets.Instance(Draft)
    campaign = traitlets.Unicode()

    def __init__(
        self, launches: Launches, experiments: dict[str, Experiment], begin: str, report: Callable[[str], Path]
    ) -> None:
        self._launches, self._experiments, self._report = launches, experiments, report
        self._silent, self._begun = False, begin
        self._task: asyncio.Task[None] | None = None
        self._make_builder()
        self._make_watcher()
        super().__init__(
            [widgets.HTML(STYLE), Keys(), widgets.HBox([self._builder(), self._plan]), self._watcher()],
            draft=Draft.of(experiments[begin]),
        )
        self.add_class("wb-root").add_class("wb-launcher")
        self._show_draft()
        self.observe(lambda _: self._show_draft(), "draft")
        self.observe(lambda _: self._follow(), "campaign")
        self._list()
        self.campaign = launches.running() or next(iter(launches.known()), "")
        if not self.campaign:
            self.look()

    def __repr__(self) -> str:
        return "Widgets that build, start and watch an experiment: run this cell in JupyterLab."

    # ------------------------------------------------------------------ build
    def _make_builder(self) -> None:
        def field(kind: Any, title: str, **more: Any) -> Any:
            made = kind(description=title, style=_LABELS, layout=_FIELD, **more)
            made.observe(lambda _: self._read(), "value")
            return made

        self._begin = field(widgets.Dropdown, "Begin from", options=list(self._experiments))
        self._name = field(widgets.Text, "Name", continuous_update=False)
        self._place = field(widgets.Dropdown, "Environment", options=adapters.names("environments"))
        self._rates = field(widgets.Text, "Rates (per s)", continuous_update=False)
        self._blocks = field(widgets.BoundedIntText, "Blocks", min=1, max=1000)
        self._seconds = field(widgets.BoundedFloatText, "Measured (s)", min=0.2, max=86_400, step=0.5)
        self._warmup = field(widgets.BoundedFloatText, "Warm-up (s)", min=0, max=3600, step=0.1)
        self._connections = field(widgets.BoundedIntText, "Connections", min=1, max=4096)
        self._arrival = field(widgets.Dropdown, "Arrivals", options=["constant", "poisson"])
        self._meshes = Ticks("Data planes", self._read, height="330px")
        self._start = widgets.Button(description="Start", button_style="primary", tooltip="Measure in the background")
        self._start.on_click(lambda _: self._begin_measuring())
        self._plan = widgets.HTML(layout={"flex": "1 1 auto", "min_width": "0"})

    def _builder(self) -> Any:
        fields = [
            self._begin,
            self._name,
            self._place,
            self._rates,
            self._blocks,
            self._seconds,
            self._warmup,
            self._connections,
            self._arrival,
            self._start,
        ]
        self._meshes.box.layout = {"width": "190px", "flex": "0 0 auto"}
        beside = [widgets.VBox(fields, layout={"width": "300px", "flex": "0 0 auto"}), self._meshes.box]
        return widgets.HBox(beside, layout={"flex": "0 0 auto"})

    def _read(self) -> None:
        """Take the draft from the fields; another experiment to begin from replaces all of them."""
        if self._silent:
            return
        base = self._experiments[self._begin.value]
        if self._begin.value != self._begun:
            self._begun = self._begin.value
            self.draft = Draft.of(base)
            return
        try:
            rates = read_rates(self._rates.value)
        except ValueError:
            self._refuse(f"The rates {self._rates.value!r} are not numbers separated by commas, such as 293, 997.")
            return
        place = self._place.value
        self.draft = replace(
            self.draft,
            name=self._name.value,
            environment=self.draft.environment if place == self.draft.environment.name else EnvironmentSpec(name=place),
            rates=rates,
            blocks=self._blocks.value,
            load=replace(
                self.draft.load,
                duration_s=self._seconds.value,
                warmup_s=self._warmup.value,
                connections=self._connections.value,
                arrival=self._arrival.value,
            ),
            meshes=self._meshes.value,
        )

    def _show_draft(self) -> None:
        draft, self._silent = self.draft, True
        self._begun = self._begin.value
        self._name.value, self._place.value = draft.name, draft.environment.name
        self._rates.value = ", ".join(f"{rate:.10g}" for rate in draft.rates)
        self._blocks.value, self._seconds.value = draft.blocks, draft.load.duration_s
        self._warmup.value, self._connections.value = draft.load.warmup_s, draft.load.connections
        self._arrival.value = draft.load.arrival
        known = known_meshes(draft.environment.name)
        own = tuple(mesh for mesh in draft.meshes if mesh not in known)
        self._meshes.show((*known, *own), draft.meshes, lambda mesh: mesh.label)
        self._silent = False
        self._show_plan()

    def _show_plan(self) -> None:
        found = preview(self.draft)
        if found.problem:
            self._refuse(found.problem)
            return
        self._start.disabled = False
        does = found.does.rename(columns={"mesh": "data plane", "title": "what forwards the request"})
        order = found.order.assign(run=range(1, len(found.order) + 1)).rename(columns={"mesh": "data plane"})
        self._plan.value = words(
            f"<p><b>{html.escape(self.draft.question or self.draft.name)}</b></p>"
            f"<p>{found.runs} runs in {self.draft.blocks} randomized blocks, about <b>{_long(found.about_s)}</b>. "
            "It continues when you close this tab or its kernel.</p>",
            f'<div class="wb-left">{table(does)}</div>',
            f'<details><summary>Its runs in order</summary><div class="wb-scroll">{table(order)}</div></details>',
            live=True,
        )

    def _refuse(self, problem: str) -> None:
        self._start.disabled = True
        self._plan.value = words(notes([problem]), live=True)

    def _begin_measuring(self) -> None:
        running = self._launches.running()
        if running:
            self._tell([f"{running} is still running: two measurements at once would disturb each other."])
            return
        try:
            started = self._launches.start(self.draft.experiment().name, self.draft.toml())
        except WorkbenchError as error:
            self._tell([str(error)])
            return
        self._list(started)
        self.campaign = started

    # ------------------------------------------------------------------ watch
    def _make_watcher(self) -> None:
        def button(title: str, tip: str, act: Callable[[], None]) -> Any:
            made = widgets.Button(description=title, tooltip=tip, layout={"width": "130px"})
            made.on_click(lambda _: self._safely(act))
            return made

        self._chosen = widgets.Dropdown(description="Campaign", layout={"width": "420px"})
        self._chosen.observe(lambda change: self._choose(change.new), "value")
        self._stop = button("Stop", "Stop cleanly", lambda: self._launches.stop(self.campaign))
        self._go_on = button("Continue", "Continue where it stopped", self._continue)
        self._open = button("Open its report", "Write the report and show it", self._show_report)
        self._told, self._state, self._page = widgets.HTML(), widgets.HTML(), widgets.HTML()

    def _watcher(self) -> Any:
        buttons = widgets.HBox([self._chosen, self._stop, self._go_on, self._open])
        return widgets.VBox([buttons, self._told, self._state, self._page])

    def _list(self, newest: str = "") -> None:
        known = self._launches.known()
        self._silent = True
        self._chosen.options = known if newest in ("", *known) else (newest, *known)
        self._silent = False

    def _choose(self, campaign_id: str | None) -> None:
        if campaign_id and not self._silent:
            self.campaign = campaign_id

    def _follow(self) -> None:
        """Show the campaign, and look again until it has ended."""
        self._page.value = self._told.value = ""
        if self.campaign not in self._chosen.options:
            self._list(self.campaign)
        self._chosen.value = self.campaign
        self._watch()

    def _watch(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if not self.look().ended:
            try:
                self._task = asyncio.get_running_loop().create_task(self._keep_looking())
            except RuntimeError:  # no kernel: whoever made this looks by itself
                return

    async def _keep_looking(self) -> None:
        while not self.look().ended:
            await asyncio.sleep(LOOK_S)

    def look(self) -> State:
        """Show how the campaign stands now, and return it."""
        if not self.campaign:
            state = State(campaign_id="", status="not started", message="nothing has been measured yet")
        else:
            state = self._launches.state(self.campaign)
        self._stop.disabled = state.ended
        self._go_on.disabled = state.status != "interrupted"
        self._open.disabled = not state.ended or not state.done
        self._state.value = words(_progress(state), _consumption(state), _log(state))
        return state

    def _continue(self) -> None:
        self._launches.resume(self.campaign)
        self._watch()

    def _show_report(self) -> None:
        file = self._report(self.campaign)
        page = html.escape(file.read_text(encoding="utf-8"), quote=True)
        self._tell([f"The report is {file}."])
        self._page.value = (
            f'<iframe title="The report" srcdoc="{page}" style="width:100%;height:720px;border:0"></iframe>'
        )

    def _safely(self, act: Callable[[], None]) -> None:
        try:
            act()
        except WorkbenchError as error:
            self._tell([str(error)])

    def _tell(self, told: list[str]) -> None:
        self._told.value = words(notes(told), live=True)


def _long(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _progress(state: State) -> str:
    left = "" if state.remaining_s is None else f", about {_long(state.remaining_s)} left"
    said = f"{state.status}: {state.done} of {state.total} runs{left}" if state.total else state.status
    return (
        f'<p role="status" aria-live="polite"><b>{html.escape(said)}</b> {html.escape(state.message)}</p>'
        f'<progress max="{max(1, state.total)}" value="{state.done}" aria-label="runs done"></progress>'
    )


def _consumption(state: State) -> str:
    """Return what each part consumes now: a bar in its role's colour, the figure, its last seconds as a line."""
    if not state.parts:
        return ""
    most = max([part.cores or 0.0 for part in state.parts] + [0.05])
    rows = "".join(_part(part, most) for part in state.parts)
    head = "<tr><th>part</th><th>role</th><th>cores</th><th></th><th>memory, PSS</th><th>recent</th></tr>"
    return f"<p>Now: {html.escape(state.run)}</p><table>{head}{rows}</table>"


def _part(part: LivePart, most: float) -> str:
    colour = ROLE_COLOURS.get(part.role, QUIET)
    width = 0 if part.cores is None else 160 * max(0.0, part.cores) / most
    cores = "not known yet" if part.cores is None else f"{part.cores:.3f}"
    memory = "not known yet" if part.mem_bytes is None else f"{part.mem_bytes / 2**20:.1f} MiB"
    bar = f'<span class="bar" style="width:{width:.0f}px;background:{colour}"></span>'
    return (
        f"<tr><td>{html.escape(part.name)}</td><td>{html.escape(part.role)}</td><td>{cores}</td>"
        f'<td style="text-align:left;min-width:165px">{bar}</td><td>{memory}</td><td>{_spark(part, colour)}</td></tr>'
    )


def _spark(part: LivePart, colour: str) -> str:
    if len(part.history) < 2:
        return ""
    most = max(*part.history, 1e-6)
    step = 120 / (len(part.history) - 1)
    points = " ".join(
        f"{place * step:.1f},{21 - 19 * max(0.0, one) / most:.1f}" for place, one in enumerate(part.history)
    )
    return (
        f'<svg width="120" height="22" aria-hidden="true"><polyline points="{points}" fill="none" stroke="{colour}" '
        'stroke-width="1.5"/></svg>'
    )


def _log(state: State) -> str:
    lines = (f"{time.strftime('%H:%M:%S', time.localtime(at))}  {told}" for at, told in reversed(state.log[-200:]))
    text = html.escape("\n".join(lines))
    return f'<details><summary>What happened</summary><pre class="wb-scroll">{text}</pre></details>' if text else ""
