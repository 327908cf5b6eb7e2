"""The playground's panel for a cluster: try a design, see what it would change, apply it, watch it, take it back."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import ipywidgets as widgets

from workbench import adapters
from workbench.errors import BadInputError
from workbench.model.experiment import EnvironmentSpec
from workbench.widgets.background import Background
from workbench.widgets.controls import button, notes, words
from workbench.widgets.playing import Played

ENVIRONMENT = "kubernetes"
_YES, _NO, _YET = '<b style="color:#006b3e">✓</b>', '<b style="color:#B54C0B">✗</b>', "…"
_MARKS: Mapping[bool | str, str] = {
    True: _YES,
    False: _NO,
    "in-effect": _YES,
    "silent": _YES,
    "failed": _NO,
    "waiting": _YET,
}


class ClusterPanel(widgets.VBox):  # type: ignore[misc]  # ipywidgets tells no types
    """Acts on the cluster of a kubeconfig's context, which is always said; nothing happens without a click."""

    def __init__(self) -> None:
        self._played: Played | None = None
        self._mesh = ""
        self._context = widgets.Text(
            description="Context",
            placeholder="the kubeconfig's current one",
            tooltip="Context of the kubeconfig; empty: its current one, which is then shown.",
            continuous_update=False,
        )
        self._force = widgets.Checkbox(
            description="Take over fields of others",
            tooltip="Take over fields that another field manager sets, such as kubectl; Revert returns them.",
            indent=False,
            layout={"width": "auto"},
        )
        self._buttons = [
            button("Check", "Dry run by the API server and its webhooks; changes nothing", self._check),
            button("Compare", "Show what would change", self._compare),
            button("Apply", "Apply it and watch it take effect", self._apply),
            button("Revert", "Revert this design: restore the state before", self._revert),
            button("In force", "List the designs applied there", self._list),
        ]
        self._said = widgets.HTML()
        self._background = Background(self._busy, lambda problem: self._say(notes([problem])))
        super().__init__([widgets.HBox([self._context, *self._buttons, self._force]), self._said])
        self._say("<p>Needs a kubeconfig. No cluster is contacted before you click.</p>")

    def show(self, played: Played, mesh: str) -> None:
        """Take the design that is meant from now on; what was said of another no longer holds."""
        if self._played is not None and (played.design, mesh) != (self._played.design, self._mesh):
            self._say("<p>The design or the mesh has changed: check it again.</p>")
        self._played, self._mesh = played, mesh

    # ------------------------------------------------------------------ acts
    def _opened(self) -> Any:
        options = {"context": self._context.value.strip()} if self._context.value.strip() else {}
        spec = EnvironmentSpec(name=ENVIRONMENT, options=options)
        return adapters.load("environments", ENVIRONMENT).configuration(spec)

    def _meant(self) -> tuple[str, tuple[Any, ...], tuple[Any, ...]]:
        """Return (the design's name, objects, patches) of the mesh that is shown."""
        if self._played is None:
            raise BadInputError("There is no design yet.")
        rendering = self._played.renderings[self._mesh]
        if not (rendering.objects or rendering.patches):
            raise BadInputError(
                f"{self._mesh} makes no objects of this design: there is nothing to apply. Choose a mesh."
            )
        return self._played.design.intent.name, rendering.objects, rendering.patches

    def _do(self, act: Callable[[Any], list[str]]) -> None:
        def whole() -> list[str]:
            with self._opened() as cluster:
                return [f"<p>Context <b>{html.escape(cluster.context)}</b></p>", *act(cluster)]

        self._background.do(whole, lambda parts: self._say(*parts))

    def _check(self) -> None:
        def act(cluster: Any) -> list[str]:
            name, objects, patches = self._meant()
            verdicts = cluster.check(objects, patches, name=name, force=self._force.value)
            return [_rows((one.passed, one.object, one.sentence) for one in verdicts)]

        self._do(act)

    def _compare(self) -> None:
        def act(cluster: Any) -> list[str]:
            name, objects, patches = self._meant()
            found = cluster.differences(objects, patches, name=name)
            return [
                f"<p>{_MARKS[one.verdict.passed]} <b>{html.escape(one.object)}</b>: "
                f"{html.escape(_difference(one))}</p>" + (f"<pre>{html.escape(one.diff)}</pre>" if one.diff else "")
                for one in found
            ]

        self._do(act)

    def _apply(self) -> None:
        def act(cluster: Any) -> list[str]:
            name, objects, patches = self._meant()
            applied = cluster.apply(name, objects, patches, force=self._force.value)
            where = f"<p>Context <b>{html.escape(cluster.context)}</b></p>"
            done = f"<p>Applied as <b>{html.escape(name)}</b>; Revert undoes it.</p>"
            effects: dict[str, Any] = {}
            for one in cluster.watch(applied):
                effects[one.object] = one
                self._background.meanwhile(partial(self._say, where, done, _effects(effects)))
            return [done, _effects(effects)]

        self._do(act)

    def _revert(self) -> None:
        def act(cluster: Any) -> list[str]:
            if self._played is None:
                raise BadInputError("There is no design yet.")
            reverted = cluster.revert(self._played.design.intent.name)
            if not reverted.objects:
                return ["<p>This design is not in force there.</p>"]
            rows = ((one.as_before, one.object, f"{one.outcome}. {one.sentence}") for one in reverted.objects)
            return [_rows(rows)]

        self._do(act)

    def _list(self) -> None:
        def act(cluster: Any) -> list[str]:
            found = cluster.applied()
            if not found:
                return ["<p>No design is in force there.</p>"]
            return [
                _rows((one.complete, one.name, f"{len(one.objects)} objects, by {one.by} at {one.at}") for one in found)
            ]

        self._do(act)

    # ------------------------------------------------------------------ words
    def _busy(self, working: bool) -> None:
        for one in self._buttons:
            one.disabled = working
        if working:
            self._say("<p>Asking the cluster ...</p>")

    def _say(self, *parts: str) -> None:
        self._said.value = words(*parts, live=True)


def _difference(one: Any) -> str:
    """Return what becomes of an object, in words."""
    if not one.verdict.passed:
        return str(one.verdict.sentence)
    return f"{one.change}{', its pods are replaced' if one.rolls else ''}"


def _effects(effects: Mapping[str, Any]) -> str:
    """Return how far each object is."""
    return _rows((one.state, one.object, f"{one.sentence} ({one.after_s:.0f} s)") for one in effects.values())


def _rows(rows: Iterable[tuple[bool | str, str, str]]) -> str:
    cells = "".join(
        f"<tr><td>{_MARKS[fine]}</td><td>{html.escape(what)}</td><td>{html.escape(said)}</td></tr>"
        for fine, what, said in rows
    )
    return f'<table class="wb-answers">{cells}</table>'
