"""Which campaigns a word stands for, and in which store: the user's own, or the example.

The example is a store of its own that comes with the workbench. It is selected by its name only, so it is never the
latest campaign, never among the user's runs, and never compared with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.api.latest import Latest, latest_answer
from workbench.errors import BadInputError, NothingToShowError, UnknownNameError
from workbench.files import shipped
from workbench.settings import Settings
from workbench.text.plain import Sentences

if TYPE_CHECKING:
    import pandas as pd

    from workbench.analysis import Comparison
    from workbench.store import Store

LATEST = "latest"
"""Stands for the newest campaign that can answer, see `workbench.api.latest`. Where campaigns are continued or
exported, it stands for the one that was started last."""

_NAMED = 3
"""Campaigns that a sentence names."""

EXAMPLE = "example"
"""Stands for the example; ``example/NAME`` for one campaign of it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selected:
    """Campaigns and the store that they are in. A notebook shows where they come from.

    Attributes
    ----------
    store
        The user's own store, or the example's.
    campaigns
        Ids, in the order in which they were asked for.
    passed_over
        (campaign, reason) of the newer ones that ``"latest"`` does not stand for.
    instead
        Folder of the user's data that holds no run, so that this is the example; None: it is what was asked for.
    """

    store: Store
    campaigns: tuple[str, ...]
    passed_over: tuple[tuple[str, str], ...] = ()
    instead: Path | None = None

    @property
    def data(self) -> Path:
        """The data folder that the campaigns are in."""
        return self.store.data

    @property
    def campaign(self) -> str:
        """The last of the campaigns."""
        return self.campaigns[-1]

    @property
    def told(self) -> Sentences:
        """Where the campaigns come from, and for the example how to measure your own."""
        recording = self.store.recording
        listed = ", ".join(self.campaigns)
        if recording is None:
            return Sentences([f"{listed}: measured into {self.data}.", *self.newer])
        nothing = [f"The data folder {self.instead} holds no run yet, so this is the example."] if self.instead else []
        return Sentences([*nothing, f"{recording.title}. {recording.badge}.", recording.measure_your_own])

    @property
    def newer(self) -> Sentences:
        """A sentence on the newer campaigns that were passed over, and how to choose one; none where there are none."""
        if not self.passed_over:
            return Sentences()
        named = "; ".join(f"{one} ({why})" for one, why in self.passed_over[:_NAMED])
        more = f"; and {len(self.passed_over) - _NAMED} more" if len(self.passed_over) > _NAMED else ""
        said = (
            f"{self.campaign} is the latest campaign that can answer. Newer ones that were passed over: {named}{more}."
        )
        return Sentences([f"{said} To choose another, name the campaign or its experiment."])

    def compare(self) -> Comparison:
        """Compare the data planes of the campaigns, see `workbench.analysis.compare`.

        Raises
        ------
        NothingToShowError
            When no run of them has finished.
        """
        from workbench import analysis

        with self.store.at_once() as opened:
            runs = _stacked([opened.runs(campaign_id=one) for one in self.campaigns])
            run_ids = list(runs["run_id"])
            frames = (opened.consumption(run_ids), opened.latency(run_ids), opened.reservations(run_ids))
            beside = (opened.sources(run_ids), opened.failures(run_ids))
        return analysis.compare(runs, *frames, *beside)

    def __repr__(self) -> str:
        return str(self.told)

    def _repr_html_(self) -> str:
        return self.told._repr_html_()


def select(*asked: str, data: str | Path = "", or_example: bool = True) -> Selected:
    """Return the campaigns that these words stand for, with their store.

    Parameters
    ----------
    asked
        Each an id, the name of an experiment (its latest campaign) or ``"latest"``, the latest that can answer (none:
        this one). ``"example"``,
        or ``"example/NAME"`` with the name of an experiment or an id, selects from the example.
    data
        Data folder; empty: the user's setting.
    or_example
        Whether the example stands in for ``"latest"`` while nothing has been measured.

    Raises
    ------
    BadInputError
        When the example is asked for together with other campaigns.
    NothingToShowError
        When the store is empty, and the example may not stand in or something else was asked for.
    UnknownNameError
        With the known campaigns.
    """
    words = asked or (LATEST,)
    of_example = [one for one in words if is_example(one)]
    if of_example:
        _refuse_mixing(of_example, words)
        return _selected(example_store(), [_within(one) for one in words])
    opened = _store(Settings.resolve(data=data).data)
    if or_example and opened.recording is None and set(words) == {LATEST} and opened.runs().empty:
        return _selected(example_store(), [LATEST], instead=opened.data)
    return _selected(opened, words)


def example(asked: str = "") -> Selected:
    """Return the example: four meshes with their own programs, recorded on one small machine.

    It is a store with campaigns: ``wb.example().compare()`` compares its data planes, ``.store`` has its runs, and
    ``wb.compare("example")``, ``wb.explore("example")`` and ``wb.write_report("example")`` take it by its name.

    Parameters
    ----------
    asked
        An experiment or a campaign of the example; empty: the one that it stands for.
    """
    return select(f"{EXAMPLE}/{asked}" if asked else EXAMPLE)


def is_example(asked: str) -> bool:
    """Whether the word selects the example, or a part of it."""
    return asked == EXAMPLE or asked.startswith(f"{EXAMPLE}/")


def example_store() -> Store:
    """Return the store of the example."""
    return _store(shipped.example())


def open_for(asked: str, data: Path) -> tuple[Store, str]:
    """Return the store that a run or a campaign is in, and its id there; empty: all of the user's own, as is the id.

    Within the example an experiment's name stands for its campaign.
    """
    if not is_example(asked):
        return _store(data), asked
    opened, name = example_store(), asked.partition("/")[2]
    return opened, _campaign(opened, name) if name in set(opened.campaigns()["experiment"]) else name


def nothing_yet(data: Path) -> NothingToShowError:
    """Return the error for a data folder without a run."""
    return NothingToShowError(
        f"Nothing has been measured in {data} yet: start with `workbench demo`, or look at the example with "
        "`workbench report example`."
    )


def campaign(asked: str = LATEST, data: str | Path = "", *, otherwise_run: str = "") -> str:
    """Return the id of the campaign of the user's own that ``asked`` stands for; the example is none of them.

    Parameters
    ----------
    asked
        An id, the name of an experiment (its latest campaign), or ``"latest"``.
    otherwise_run
        Experiment to run first when nothing has been measured yet; empty: none.

    Raises
    ------
    BadInputError
        For the example.
    NothingToShowError
        When the store is empty.
    UnknownNameError
        With the known campaigns.
    """
    if is_example(asked):
        raise BadInputError(
            f"{asked} is a recording that comes with the workbench and is only shown: `workbench report {asked}`, "
            f"`workbench compare {asked}`, `workbench runs {asked}`. Choose a campaign of your own here."
        )
    opened = _store(Settings.resolve(data=data).data)
    if otherwise_run and opened.campaigns().empty:
        from workbench.api.experiments import run

        return run(otherwise_run, data=data)
    return _campaign(opened, asked)


def _store(data: Path) -> Store:
    from workbench.store import Store

    return Store(data)


def _selected(opened: Store, words: Sequence[str], instead: Path | None = None) -> Selected:
    with opened.at_once():
        found = [_latest(opened) if one == LATEST else Latest(_campaign(opened, one)) for one in words]
    return Selected(
        store=opened,
        campaigns=tuple(dict.fromkeys(one.campaign_id for one in found)),
        passed_over=next((one.passed_over for one in found if one.passed_over), ()),
        instead=instead,
    )


def _latest(opened: Store) -> Latest:
    """Return the newest campaign that can answer; of a recording the one that it shows."""
    known = opened.campaigns().sort_values("started_at")
    with_numbers = known[known["runs_finished"] > 0]
    if opened.recording is not None or with_numbers.empty:
        return Latest(_campaign(opened, LATEST))
    return latest_answer(opened, with_numbers)


def _within(asked: str) -> str:
    return asked.partition("/")[2] or LATEST


def _refuse_mixing(of_example: Sequence[str], words: Sequence[str]) -> None:
    others = [one for one in words if not is_example(one)]
    if others:
        raise BadInputError(
            f"{of_example[0]} cannot be compared with {', '.join(others)}: the example was recorded on another "
            "machine, so a difference would be the machines' as much as the meshes'. Ask for one or the other."
        )


def _campaign(opened: Store, asked: str) -> str:
    known = opened.campaigns().sort_values("started_at")
    if known.empty:
        raise nothing_yet(opened.data)
    with_numbers = known[known["runs_finished"] > 0]
    if asked == LATEST and opened.recording is not None:
        asked = opened.recording.shown
    if asked == LATEST:
        return str((with_numbers if len(with_numbers) else known)["campaign_id"].iloc[-1])
    if asked in set(known["campaign_id"]):
        return asked
    of_experiment = with_numbers[with_numbers["experiment"] == asked]
    if len(of_experiment):
        return str(of_experiment["campaign_id"].iloc[-1])
    raise UnknownNameError(
        "campaign or experiment", asked, [*known["campaign_id"].tail(10), *known["experiment"].unique()]
    )


def _stacked(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return ``frames`` one below the other."""
    import pandas as pd

    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
