"""The view of `exploring`: controls on the left, linked charts on the right, table and query below.

The state is one traitlet, ``choice``: setting it redraws, and whoever observes it hears every change. `chart` is the
same picture without a kernel, for whatever cannot run widgets.
"""

from __future__ import annotations

import html
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import traitlets

from workbench.charts.rows import NOT_MEASURED
from workbench.errors import WorkbenchError
from workbench.widgets.controls import STYLE, Keys, Ticks, notes, table, words
from workbench.widgets.exploring import Choice, Explorer, View
from workbench.widgets.linked import describe, linked, picture
from workbench.widgets.picture import Picture
from workbench.widgets.quantities import QUANTITIES
from workbench.widgets.saving import FORMATS, save

_WIDE = {"width": "230px"}


class ExplorerView(widgets.VBox):  # type: ignore[misc]  # ipywidgets tells no types
    """What `workbench.explore` returns.

    Parameters
    ----------
    model
        Answers choices.
    campaign
        To begin with; empty: the latest.
    folder
        Where exports go.
    """

    choice = traitlets.Instance(Choice)

    def __init__(self, model: Explorer, campaign: str, folder: Path) -> None:
        self._model, self._folder, self._drawing = model, folder, False
        self.view: View = model.look(model.default(campaign))
        self._make_controls()
        self._make_outputs()
        super().__init__(
            [widgets.HTML(STYLE), Keys(), widgets.HBox([self._controls(), self._shown()]), self._words],
            choice=self.view.choice,
        )
        self.add_class("wb-root").add_class("wb-explorer")
        self._draw()
        self.observe(self._chosen, "choice")

    def __repr__(self) -> str:
        return f"Widgets that explore runs: run this cell in JupyterLab. Shown now: {describe(self.view)}"

    @property
    def chart(self) -> Any:
        """The present picture as an altair chart, for papermill, PDF and mail."""
        return picture(self.view)

    # ------------------------------------------------------------------ parts
    def _make_controls(self) -> None:
        self._environment = widgets.Dropdown(layout=_WIDE)
        self._campaigns = widgets.SelectMultiple(rows=4, layout=_WIDE)
        self._workload = widgets.Dropdown(layout=_WIDE)
        self._quantity = widgets.Dropdown(options=[(one.title, name) for name, one in QUANTITIES.items()], layout=_WIDE)
        self._run = widgets.Dropdown(layout=_WIDE)
        self._meshes, self._rates, self._roles = (
            Ticks(title, self._read) for title in ("Data planes", "Rates", "Roles")
        )
        self._blocks = Ticks("Blocks", self._read, height="96px", beside=True)
        for one in (self._environment, self._campaigns, self._workload, self._quantity, self._run):
            one.observe(lambda _: self._read(), "value")
        self._form = widgets.Dropdown(options=FORMATS, layout={"width": "110px"})
        self._save = widgets.Button(
            description="Save", tooltip="Save the current view to a file", layout={"width": "70px"}
        )
        self._again = widgets.Button(description="Read again", tooltip="Look for new campaigns", layout=_WIDE)
        self._save.on_click(lambda _: self._export())
        self._again.on_click(lambda _: self._refresh())
        self._saved = widgets.HTML()

    def _make_outputs(self) -> None:
        self._picture = Picture()
        self._notes, self._words = widgets.HTML(), widgets.HTML()
        self._worded: Any = None

    def _controls(self) -> Any:
        def named(title: str, control: Any) -> Any:
            control.description = title
            control.add_class("wb-field")
            return control

        parts = [
            named("Metric", self._quantity),
            named("Environment", self._environment),
            named("Experiments", self._campaigns),
            named("Workload", self._workload),
            self._meshes.box,
            self._rates.box,
            self._roles.box,
            self._blocks.box,
            named("One run in detail", self._run),
            widgets.HBox([named("Save as", self._form), self._save], layout={"align_items": "flex-end"}),
            self._saved,
            self._again,
        ]
        return widgets.VBox(parts, layout={"width": "250px", "flex": "0 0 auto"})

    def _shown(self) -> Any:
        return widgets.VBox([self._notes, self._picture], layout={"flex": "1 1 auto", "min_width": "0"})

    # ------------------------------------------------------------------ what happens
    def _read(self) -> None:
        """Take the choice from the controls."""
        if self._drawing:
            return
        self.choice = Choice(
            environment=self._environment.value or "",
            campaigns=tuple(self._campaigns.value),
            workload=self._workload.value or "",
            meshes=self._meshes.value,
            rates=self._rates.value,
            blocks=self._blocks.value,
            roles=self._roles.value,
            quantity=self._quantity.value,
            run=self._run.value or "",
        )
        if self.choice != self.view.choice:  # it was settled to what there is: say so in the controls
            self._draw()

    def _chosen(self, change: Any) -> None:
        if change.new == self.view.choice:
            return
        told: tuple[str, ...] = ()
        try:
            self.view = self._model.look(change.new)
        except WorkbenchError as error:  # the view stays, and the controls say again what it shows
            told = (str(error),)
        self._draw()
        self.choice = self.view.choice
        if told:
            self._notes.value = words(notes(told), live=True)

    def _draw(self) -> None:
        """Show the present view, controls included."""
        self._drawing = True
        with self.hold_sync():
            self._show_choice()
            self._picture.spec = linked(self.view)
            self._notes.value = words(notes(self.view.notes), live=True)
            if self.view.rows is not self._worded:  # another run from close leaves table and query as they are
                self._words.value = words(self._table(), self._query())
                self._worded = self.view.rows
        self._drawing = False

    def _show_choice(self) -> None:
        there, choice = self._model.options(self.view.choice), self.view.choice
        for control, options, value in (
            (self._environment, there.environments, choice.environment),
            (self._campaigns, [(self._model.named(one) or one, one) for one in there.campaigns], choice.campaigns),
            (self._workload, there.workloads, choice.workload or None),
            (self._run, [(self._model.named(run), run) for run in there.runs], choice.run or None),
        ):
            if tuple(control.options) != tuple(options):
                control.options = options
            control.value = value
        self._quantity.value = choice.quantity
        self._meshes.show(there.meshes, choice.meshes)
        self._rates.show(there.rates, choice.rates, lambda rate: f"{rate:,.10g} requests/s")
        self._roles.show(there.roles, choice.roles)
        self._blocks.show(there.blocks, choice.blocks, lambda block: f"block {block}")

    def _table(self) -> str:
        name, quantity = self.view.choice.quantity, QUANTITIES[self.view.choice.quantity]
        totals = self.view.totals
        shown = totals.assign(**{name: totals[name] * quantity.scale})
        for role in self.view.choice.roles:
            here = self.view.rows[self.view.rows["role"] == role]
            median = (here.groupby(["mesh", "rate_per_s"])[name].median() * quantity.scale).to_dict()
            cells = zip(totals["mesh"], totals["rate_per_s"], strict=True)
            shown[role] = [_cell(median[cell]) if cell in median else "none" for cell in cells]
        columns = {name: f"all ({quantity.unit})", "mesh": "data plane", "rate_per_s": "requests/s"}
        badge = f"<br>{html.escape(self.view.badge)}" if self.view.badge else ""
        return f"<b>{quantity.title}, medians over runs</b>{badge}{table(shown.rename(columns=columns))}"

    def _query(self) -> str:
        params = {**self.view.params, "run_ids": f"{len(self.view.params['run_ids'])} runs"}
        text = f"{self.view.query}\n-- {json.dumps(params)}"
        return (
            "<details><summary>The query (<code>wb.open_store().query(explorer.view.query, explorer.view.params)"
            f"</code>)</summary><pre>{html.escape(text)}</pre></details>"
        )

    def _export(self) -> None:
        try:
            said = f"Saved: {save(self.view, self._form.value, self._folder)}"
        except WorkbenchError as error:
            said = str(error)
        self._saved.value = words(html.escape(said), live=True)

    def _refresh(self) -> None:
        self._model.refresh()
        self.view = self._model.look(replace(self.choice))
        self._draw()
        self.choice = self.view.choice


def _cell(value: float) -> str:
    return f"{value:,.4g}" if value == value else NOT_MEASURED
