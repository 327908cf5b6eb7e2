"""The playground's panel for the lab: real proxies under a light stream of requests, reconfigured as one plays.

While it runs, the kernel looks at the stream once a second, and changes of the design follow at once where "Follow" is
ticked. What Envoy refuses is told in its words and leaves in force what was.
"""

from __future__ import annotations

import asyncio
import html
from typing import Any

import ipywidgets as widgets

from workbench.charts.display import specification
from workbench.charts.live import live_traffic
from workbench.intents import FEATURES, Design
from workbench.playground.live import LiveLab, Server
from workbench.widgets.background import Background
from workbench.widgets.controls import button, notes, words
from workbench.widgets.picture import Picture
from workbench.widgets.playing import Played

LOOK_S = 1.0
"""Seconds between two looks at the stream."""
SHOWN_S = 60.0
"""Seconds of the stream that the picture shows."""
ARCHETYPE = "l7-sidecars"

_LABEL = {"description_width": "190px"}


class LivePanel(widgets.VBox):  # type: ignore[misc]  # ipywidgets tells no types
    """Plays a design on the lab's proxies.

    Attributes
    ----------
    live
        The session, see `workbench.playground.live.LiveLab`; it ends with this process at the latest.
    """

    def __init__(self) -> None:
        self.live: LiveLab | None = None
        self._design: Design | None = None
        self._task: asyncio.Task[None] | None = None
        self._start = button("Start", "Start real proxies and a light stream of requests", self._begin)
        self._apply = button("Apply", "Reconfigure the running proxies", lambda: self._take(self._design))
        self._revert = button("Revert", "Restore the configuration before", self._back)
        self._stop = button("Stop", "Stop everything that was started", self._end)
        self._follow = widgets.Checkbox(
            value=True,
            indent=False,
            description="Follow my changes",
            tooltip="Apply every change of the design at once",
        )
        look: dict[str, Any] = {"min": 0, "max": 100, "style": _LABEL, "layout": {"width": "380px"}}
        self._fails = widgets.IntSlider(description="newest version fails (%)", **look)
        self._slow = widgets.IntSlider(description="... and is slower by (ms)", **look)
        self._picture, self._told, self._counters = Picture(), widgets.HTML(), widgets.HTML()
        self._background = Background(self._busy, lambda problem: self._tell(problem))
        buttons = widgets.HBox([self._start, self._apply, self._revert, self._stop, self._follow])
        super().__init__([buttons, widgets.HBox([self._fails, self._slow]), self._told, self._picture, self._counters])
        self.add_class("wb-live")
        self._tell()
        self._busy(False)

    def show(self, played: Played, mesh: str) -> None:
        """Take the design that is meant from now on; with "Follow" ticked it comes into force where a session runs."""
        changed = self._design is not None and played.design != self._design
        self._design = played.design
        if changed and self._running and self._follow.value:
            self._take(played.design)

    # ------------------------------------------------------------------ acts
    @property
    def _running(self) -> bool:
        return self.live is not None and self.live.running

    def _begin(self) -> None:
        design = self._design
        if design is None:
            return
        self._close()
        self.live = LiveLab(ARCHETYPE, servers=self._servers(design))
        self._background.do(lambda: self.live and self.live.start(design), lambda _: self._watch())

    def _servers(self, design: Design) -> dict[str, Server]:
        newest = design.target.versions[-1]
        return {newest: Server(fails=self._fails.value / 100, delay_s=self._slow.value / 1000)}

    def _take(self, design: Design | None) -> None:
        if self.live is None or design is None:
            return
        live = self.live
        self._background.do(lambda: live.apply(design), lambda _: self.look())

    def _back(self) -> None:
        if self.live is not None:
            self._background.do(self.live.revert, lambda _: self.look())

    def _end(self) -> None:
        self._close()
        self._busy(False)
        self._tell()

    def _close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self.live is not None:
            self.live.close()
            self.live = None

    # ------------------------------------------------------------------ looking
    def _watch(self) -> None:
        self.look()
        try:
            self._task = asyncio.get_running_loop().create_task(self._keep_looking())
        except RuntimeError:  # no kernel: whoever made this looks by itself
            return

    async def _keep_looking(self) -> None:
        while self._running:
            await asyncio.sleep(LOOK_S)
            self.look()

    def look(self) -> None:
        """Show the stream as it is now, and what the proxies' counters say of it."""
        live = self.live
        if live is None or not live.running or self._background.working:
            return
        self._picture.spec = specification(live_traffic(live.frame(SHOWN_S), live.events))
        self._counters.value = words(_counted(live.explain()))
        applied = live.applied
        self._tell(*(applied.notes if applied else ()))

    def _busy(self, working: bool) -> None:
        self._start.disabled = working
        for one in (self._apply, self._revert, self._stop):
            one.disabled = working or not self._running

    def _tell(self, *told: str) -> None:
        if self._running and self.live and self.live.applied:
            name = html.escape(self.live.applied.design.intent.name)
            said = f"<p><b>{name}</b> is in force on {ARCHETYPE}: stock Envoys as sidecars, not a product.</p>"
        else:
            said = (
                "<p>Starts the lab's l7-sidecars on this machine (stock Envoys, not a product) and sends them 100 "
                "requests per second, so you can see a split, a delay or a limit at work. It ends when you press Stop, "
                "with the kernel, or by itself after half an hour.</p>"
            )
        self._told.value = words(said, notes(told), live=True)


def _counted(found: Any) -> str:
    """Return what the counters say as a table; nothing when they say nothing."""
    if found.empty:
        return ""
    rows = "".join(
        f"<tr><td>{html.escape(FEATURES[row.feature].title)}</td><td>{html.escape(str(row.says))}</td>"
        f"<td><code>{html.escape(row.component)}: {html.escape(row.counter)}</code></td><td>{row.moved:,}</td></tr>"
        for row in found.itertuples()
    )
    head = "<tr><th>feature</th><th>what Envoy counted since the last change</th><th>counter</th><th>moved</th></tr>"
    return f'<table class="wb-answers">{head}{rows}</table>'
