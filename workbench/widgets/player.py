"""The view of `playing`: one intent set with controls, and beside it what becomes of the traffic under every mesh.

The state is two traitlets, ``design`` and ``mesh`` (whose picture is shown). A design that contradicts itself is told
and changes nothing: picture, objects and whatever is applied stay as they were. `chart` is the picture without a
kernel.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
import traitlets

from workbench.charts.intended import intended, intended_specification
from workbench.errors import WorkbenchError
from workbench.intents import FEATURES, Design, Rendering
from workbench.playground import SUPPORT_WORDS
from workbench.widgets.controls import STYLE, Keys, Ticks, notes, words
from workbench.widgets.picture import Picture
from workbench.widgets.playing import Played, Playground
from workbench.widgets.wishes import Wishes

_LOOK = """<style>
.wb-beside {display: flex; gap: 12px; overflow-x: auto; align-items: flex-start}
.wb-beside section {flex: 0 0 390px; min-width: 0; border: 1px solid #dde1e6; border-radius: 6px; padding: 8px 10px}
.wb-beside h4 {margin: 0 0 4px 0; font-size: 14px}
.wb-beside pre {max-height: 460px; overflow: auto; word-break: normal; overflow-wrap: normal; font-size: 11px}
.wb-tabs > .lm-TabBar .lm-TabBar-tab, .wb-tabs .lm-TabBar-tab {flex: 0 0 auto; max-width: none; min-width: 0}
.wb-tabs .lm-TabBar-tabLabel {overflow: visible}
.wb-across > .widget-vbox {flex-flow: row wrap; gap: 0 14px}
.wb-answers td, .wb-answers th {text-align: left !important; vertical-align: top; white-space: normal}
.wb-answers small {display: block; line-height: 1.35}
.wb-yes {color: #006b3e; font-weight: 600} .wb-partly {color: #B54C0B; font-weight: 600}
.wb-no {color: #5F6770; font-weight: 600}
</style>"""
_LOOKS = {"supported": "wb-yes", "partial": "wb-partly", "unsupported": "wb-no"}


class PlayerView(widgets.VBox):  # type: ignore[misc]  # ipywidgets tells no types
    """What `workbench.play` returns.

    Parameters
    ----------
    model
        Opens, renders and saves designs.
    design
        To begin with.
    panels
        Further views of the design: (title, widget with a method ``show(played, mesh)``).
    """

    design = traitlets.Instance(Design)
    mesh = traitlets.Unicode()

    def __init__(self, model: Playground, design: Design, panels: Sequence[tuple[str, Any]] = ()) -> None:
        self._model, self._panels, self._silent = model, panels, True
        self.played: Played = model.look(design)
        self._wishes = Wishes(self._read)
        self._make_outputs()
        super().__init__(
            [widgets.HTML(STYLE + _LOOK), Keys(), self._bar(), widgets.HBox([self._wishes.box, self._shown()])],
            design=design,
            mesh=self._first(),
        )
        self._silent = False
        self._show()
        self.add_class("wb-root").add_class("wb-player")
        self.observe(self._changed, "design")
        self.observe(lambda _: self._draw(), "mesh")

    def __repr__(self) -> str:
        return f"Widgets to play with a mesh's configuration: run this cell in JupyterLab. {self.design.intent.name}"

    @property
    def chart(self) -> Any:
        """The present picture as an altair chart, for papermill, PDF and mail."""
        return intended(self.design, self.played.carriers[self.mesh])

    # ------------------------------------------------------------------ parts
    def _make_outputs(self) -> None:
        self._picture = Picture()
        self._told = widgets.HTML()
        self._known = widgets.Dropdown(
            description="Design", layout={"width": "260px"}, style={"description_width": "50px"}
        )
        self._known.observe(lambda change: self._open(change.new), "value")
        self._save = widgets.Button(description="Save", tooltip="Save this design under its name")
        self._save.on_click(lambda _: self._safely(self._keep))
        self._export = widgets.Button(description="Export YAML", tooltip="Save the selected mesh's objects to a file")
        self._export.on_click(lambda _: self._safely(self._write))
        self._meshes = widgets.Dropdown(
            description="As applied by", layout={"width": "300px"}, style={"description_width": "90px"}
        )
        self._meshes.observe(self._choose, "value")
        self._beside = Ticks("Side by side", self._show_objects, height="120px")
        self._beside.box.add_class("wb-across")
        self._objects, self._answers, self._file = widgets.HTML(), widgets.HTML(), widgets.HTML()

    def _bar(self) -> Any:
        return widgets.VBox([widgets.HBox([self._known, self._save, self._export, self._meshes]), self._told])

    def _shown(self) -> Any:
        parts = [
            ("Supported?", self._answers),
            ("Objects", widgets.VBox([self._beside.box, self._objects])),
            *self._panels,
            ("File", self._file),
        ]
        self._tabs = widgets.Tab([one for _, one in parts], titles=tuple(title for title, _ in parts))
        self._tabs.add_class("wb-tabs")
        return widgets.VBox([self._picture, self._tabs], layout={"flex": "1 1 auto", "min_width": "0"})

    def _first(self) -> str:
        """Return the mesh to begin with: the first that carries everything, else the first that carries anything."""
        ranked = sorted(
            self.played.renderings.values(),
            key=lambda one: sum(answer.support != "supported" for answer in one.answers),
        )
        return ranked[0].mesh

    # ------------------------------------------------------------------ what happens
    def _read(self) -> None:
        """Take the design from the controls; what contradicts itself is told and changes nothing."""
        if self._silent:
            return
        try:
            self.design = self._wishes.value
        except WorkbenchError as error:
            self._tell([str(error), "Nothing was changed: the picture shows the previous design."])

    def _changed(self, change: Any) -> None:
        try:
            self.played = self._model.look(change.new)
        except WorkbenchError as error:
            self._tell([str(error)])
            self.design = change.old
            return
        self._tell([])
        self._show()

    def _open(self, name: str | None) -> None:
        if self._silent or not name:
            return
        self._safely(lambda: setattr(self, "design", self._model.open(name)))

    def _choose(self, change: Any) -> None:
        if not self._silent and change.new:
            self.mesh = change.new

    def _keep(self) -> None:
        path = self._model.save(self.design)
        self._show()
        self._tell([f"Saved: {path}"])

    def _write(self) -> None:
        self._tell([f"Saved: {self._model.export(self.played, self.mesh)}"])

    def _safely(self, act: Any) -> None:
        try:
            act()
        except WorkbenchError as error:
            self._tell([str(error)])

    def _tell(self, told: Sequence[str]) -> None:
        self._told.value = words(notes(told), live=True)

    # ------------------------------------------------------------------ show
    def _show(self) -> None:
        """Show the design everywhere, controls included."""
        self._silent = True
        known = list(self._model.known())
        name = self.design.intent.name
        self._known.options = [("(not saved yet)", "")] * (name not in known) + [(one, one) for one in known]
        self._known.value = name if name in known else ""
        self._wishes.show(self.design)
        labels = list(self.played.renderings)
        if tuple(self._meshes.options) != tuple(labels):
            self._meshes.options = labels
            self._beside.show(labels, _distinct_meshes(self.played))
        if self.mesh not in labels:
            self.mesh = self._first()
        self._meshes.value = self.mesh
        self._silent = False
        self._draw()

    def _draw(self) -> None:
        if self._silent:
            return
        with self.hold_sync():
            self._picture.spec = intended_specification(self.design, self.played.carriers[self.mesh])
            self._answers.value = words(_answers(self.played))
            self._file.value = words(f"<pre>{html.escape(self.design.toml())}</pre>")
            self._show_objects()
            for _, panel in self._panels:
                panel.show(self.played, self.mesh)

    def _show_objects(self) -> None:
        chosen = self._beside.value or (self.mesh,)
        sections = (
            f"<section><h4>{html.escape(mesh)}</h4><pre>{html.escape(self.played.yaml(mesh))}</pre></section>"
            for mesh in chosen
        )
        self._objects.value = words(f'<div class="wb-beside" tabindex="0">{"".join(sections)}</div>')


def _distinct_meshes(played: Played) -> tuple[str, ...]:
    """Return the first profile of every mesh that makes objects."""
    found: dict[str, str] = {}
    for label, rendering in played.renderings.items():
        if rendering.objects or rendering.patches:
            found.setdefault(played.specs[label].name, label)
    return tuple(found.values())


def _answers(played: Played) -> str:
    """Return the table of answers: a row a feature, a column a mesh; the sentence below the word."""
    asked = played.design.intent.asked
    if not asked:
        return "<p>Nothing is selected yet: tick a feature on the left.</p>"
    head = "".join(f"<th>{html.escape(label)}</th>" for label in played.renderings)
    rows = "".join(
        f"<tr><th>{html.escape(FEATURES[name].title)}</th>"
        + "".join(_cell(name, one) for one in played.renderings.values())
        + "</tr>"
        for name in asked
    )
    table = f'<table class="wb-answers"><tr><th></th>{head}</tr>{rows}</table>'
    return f'<div style="overflow-x:auto" tabindex="0">{table}</div>'


def _cell(feature: str, rendering: Rendering) -> str:
    for answer in rendering.answers:
        if answer.feature == feature:
            word, look = SUPPORT_WORDS[answer.support], _LOOKS[answer.support]
            nearest = f"<br><i>Nearest: {html.escape(answer.nearest)}</i>" if answer.nearest else ""
            return f'<td><span class="{look}">{word}</span><small>{html.escape(answer.says)}{nearest}</small></td>'
    return "<td></td>"
