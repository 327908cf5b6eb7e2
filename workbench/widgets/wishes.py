"""Controls for an intent's features and a design's target, made from the fields' own help, ranges and known values.

A feature is asked for by ticking its box, which shows its fields. What the fields hold is read by the same classes as
anybody's file, so that a contradiction is told in the same words.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import ipywidgets as widgets

from workbench.errors import BadInputError
from workbench.intents import (
    FEATURES,
    Abort,
    Authorization,
    CircuitBreaking,
    Delay,
    Design,
    Intent,
    Mtls,
    OutlierDetection,
    ProxyResources,
    RateLimit,
    Retries,
    Share,
    Target,
    Timeout,
)
from workbench.widgets.controls import hint

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "Traffic": ("split", "timeout", "retries"),
    "Failures on purpose": ("delay", "abort"),
    "Protection": ("circuit_breaking", "outlier_detection", "rate_limit"),
    "Security": ("mtls", "authorization"),
    "Proxies": ("access_log", "metrics", "proxy_threads", "proxy_resources"),
}
"""Heading -> its features, in the order in which they are offered."""

_BEGIN: Final[Mapping[str, Any]] = {
    "mtls": Mtls(mode="strict"),
    "retries": Retries(attempts=2),
    "timeout": Timeout(request_s=1.0),
    "delay": Delay(percent=10.0, seconds=0.1),
    "abort": Abort(percent=10.0),
    "circuit_breaking": CircuitBreaking(max_connections=100),
    "outlier_detection": OutlierDetection(),
    "authorization": Authorization(callers=("client",)),
    "rate_limit": RateLimit(requests_per_s=100.0, burst=100),
    "access_log": True,
    "metrics": True,
    "proxy_threads": 2,
    "proxy_resources": ProxyResources(cpu_request=0.1, cpu_limit=2.0, memory_request=128, memory_limit=1024),
}
"""What a feature's fields hold when it is first asked for."""

_WIDE: Final = {"width": "270px"}
_LABEL: Final = {"description_width": "128px"}


class Field:
    """One control for one field of a dataclass; blank text stands for None where None may be."""

    def __init__(self, item: dataclasses.Field[Any], annotation: Any, changed: Callable[[], None]) -> None:
        self.name = item.name
        self._several = typing.get_origin(annotation) is tuple
        self._optional = type(None) in typing.get_args(annotation)
        self._kind = next(
            (kind for kind in (bool, int, float) if annotation is kind or kind in typing.get_args(annotation)), str
        )
        unit = item.metadata.get("unit", "")
        title = item.name.removesuffix("_s").removesuffix("_percent").replace("_", " ")
        self.control = self._made(item, title if unit == "" or title == "percent" else f"{title} ({unit})")
        self.control.tooltip = item.metadata.get("help", "")
        self.control.observe(lambda _: changed(), "value")

    def _made(self, item: dataclasses.Field[Any], title: str) -> Any:
        known, low, high = (item.metadata.get(key) for key in ("known", "low", "high"))
        look: dict[str, Any] = {"description": title, "style": _LABEL, "layout": _WIDE}
        if known and self._several:
            return widgets.SelectMultiple(options=list(known), rows=min(4, len(known)), **look)
        if known:
            return widgets.Dropdown(options=list(known), **look)
        if self._several or self._optional or self._kind is str:
            hint = "none" if self._several else "as it comes" if self._optional else ""
            return widgets.Text(placeholder=hint, continuous_update=False, **look)
        if high == 100 and self._kind is int:
            return widgets.IntSlider(min=low, max=high, continuous_update=False, **look)
        if high == 100:
            return widgets.FloatSlider(min=low, max=high, step=1, readout_format=".3g", continuous_update=False, **look)
        if self._kind is int:
            return widgets.BoundedIntText(min=low, max=high, **look)
        return widgets.BoundedFloatText(min=low, max=high, step=0.05, **look)

    def show(self, value: Any) -> None:
        """Show ``value``."""
        if isinstance(self.control, widgets.Text):
            value = ", ".join(value) if self._several else "" if value is None else f"{value}"
        self.control.value = tuple(value) if isinstance(self.control, widgets.SelectMultiple) else value

    @property
    def value(self) -> Any:
        """What the control says.

        Raises
        ------
        BadInputError
            For a text that is no number where one is asked.
        """
        value = self.control.value
        if not isinstance(self.control, widgets.Text):
            return value
        text = value.strip()
        if self._several:
            return tuple(one for one in text.replace(",", " ").split() if one)
        if self._kind is str:
            return text
        if not text and self._optional:
            return None
        try:
            return self._kind(text)
        except ValueError:
            wanted = "a whole number" if self._kind is int else "a number"
            raise BadInputError(f"{self.control.description}: {text!r} is not {wanted}.") from None


def fields_of(cls: type[Any], changed: Callable[[], None]) -> tuple[Field, ...]:
    """Return a control for every field of ``cls``."""
    hints = typing.get_type_hints(cls)
    return tuple(Field(item, hints[item.name], changed) for item in dataclasses.fields(cls))


class Wish:
    """A feature: its box to tick, and its fields while it is ticked.

    Attributes
    ----------
    box
        The widget to show.
    """

    def __init__(self, name: str, changed: Callable[[], None]) -> None:
        self.name, self._changed, self._silent = name, changed, False
        feature, annotation = FEATURES[name], typing.get_type_hints(Intent)[name]
        kinds = [one for one in typing.get_args(annotation) if dataclasses.is_dataclass(one)]
        self._cls: Any = kinds[0] if kinds else None
        self._tick = widgets.Checkbox(
            description=feature.title, indent=False, tooltip=feature.says, layout={"width": "auto", "margin": "0"}
        )
        self._tick.observe(self._ticked, "value")
        self._fields: tuple[Field | _Single, ...] = ()
        self._says = widgets.HTML(hint(feature.says))
        self.box = widgets.VBox([self._tick], layout={"margin": "0 0 2px 0"})

    def _ticked(self, change: Any) -> None:
        if self._silent:
            return
        if change.new:
            self.show(_BEGIN[self.name])
        else:
            self._hide()
        self._changed()

    def _told(self) -> None:
        if not self._silent:
            self._changed()

    def _make(self) -> None:
        """Make the fields when they are first needed: most features are never asked for."""
        if self._cls is not None:
            self._fields = fields_of(self._cls, self._told)
        elif self.name == "proxy_threads":
            control = widgets.BoundedIntText(min=1, max=64, description="threads", style=_LABEL, layout=_WIDE)
            self._fields = (_Single(control, self._told),)
        else:
            control = widgets.ToggleButtons(options=[("on", True), ("off", False)], style={"button_width": "60px"})
            self._fields = (_Single(control, self._told),)

    def show(self, value: Any) -> None:
        """Show ``value``; None: not asked for."""
        self._silent = True
        self._tick.value = value is not None
        if value is None:
            self._hide()
        else:
            if not self._fields:
                self._make()
            for field in self._fields:
                field.show(getattr(value, field.name) if field.name else value)
            self.box.children = [self._tick, self._says, *(field.control for field in self._fields)]
        self._silent = False

    def _hide(self) -> None:
        self.box.children = [self._tick]

    @property
    def value(self) -> Any:
        """What is asked for; None: nothing.

        Raises
        ------
        BadInputError
            When the fields contradict each other or are out of range.
        """
        if not self._tick.value:
            return None
        if self._cls is None:
            return self._fields[0].value
        return self._cls(**{field.name: field.value for field in self._fields})


class _Single:
    """A feature of one value, without a name of its own."""

    name = ""

    def __init__(self, control: Any, changed: Callable[[], None]) -> None:
        self.control = control
        control.observe(lambda _: changed(), "value")

    def show(self, value: Any) -> None:
        """Show ``value``."""
        self.control.value = value

    @property
    def value(self) -> Any:
        """What the control says."""
        return self.control.value


class SplitWish:
    """The split: a slider for every version but the first, which gets the rest.

    Attributes
    ----------
    box
        The widget to show.
    """

    name = "split"

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed, self._silent = changed, False
        self._versions: tuple[str, ...] = ()
        feature = FEATURES["split"]
        self._tick = widgets.Checkbox(
            description=feature.title, indent=False, tooltip=feature.says, layout={"width": "auto", "margin": "0"}
        )
        self._tick.observe(lambda _: self._told(), "value")
        self._rest, self._says = widgets.HTML(), widgets.HTML(hint(feature.says))
        self._sliders: list[Any] = []
        self.box = widgets.VBox([self._tick], layout={"margin": "0 0 2px 0"})

    def _told(self) -> None:
        if self._silent:
            return
        self._lay_out()
        self._changed()

    def show(self, shares: Sequence[Share], versions: Sequence[str]) -> None:
        """Show ``shares`` among ``versions``; no shares: not asked for."""
        self._silent = True
        self._versions = tuple(versions)
        weights = {share.version: share.weight for share in shares}
        if [slider.description for slider in self._sliders] != list(self._versions[1:]):
            self._sliders = [self._slider(version) for version in self._versions[1:]]
        for slider in self._sliders:
            slider.value = weights.get(slider.description, 10 if not shares else 0)
        self._tick.value = bool(shares)
        self._lay_out()
        self._silent = False

    def _slider(self, version: str) -> Any:
        made = widgets.IntSlider(min=0, max=100, description=version, continuous_update=False, layout=_WIDE)
        made.tooltip = f"Share of the requests that go to {version}, in percent."
        made.observe(lambda _: self._told(), "value")
        return made

    def _lay_out(self) -> None:
        if not self._tick.value:
            self.box.children = [self._tick]
            return
        self._rest.value = hint(f"{self._versions[0]} gets the rest: {self._left} %")
        if not self._sliders:
            self._rest.value = hint("There is only one version: add more under Target.")
        self.box.children = [self._tick, self._says, *self._sliders, self._rest]

    @property
    def _left(self) -> int:
        return 100 - sum(int(slider.value) for slider in self._sliders)

    @property
    def value(self) -> tuple[Share, ...]:
        """The shares; none when it is not asked for.

        Raises
        ------
        BadInputError
            When they come to more than 100 %.
        """
        if not self._tick.value:
            return ()
        if self._left < 0:
            raise BadInputError(
                f"The shares of the split add up to {100 - self._left} %: reduce them to at most 100 %."
            )
        others = tuple(Share(version=one.description, weight=one.value) for one in self._sliders)
        return (Share(version=self._versions[0], weight=self._left), *others)


class Wishes:
    """All controls of a design: its name and words, the features by group, the target.

    Attributes
    ----------
    box
        The widget to show.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed, self._silent = changed, False
        look: dict[str, Any] = {"continuous_update": False, "style": {"description_width": "50px"}, "layout": _WIDE}
        self._name = widgets.Text(description="Name", tooltip="Name of the design, part of labels.", **look)
        self._words = widgets.Text(description="For", tooltip="Description for people.", **look)
        for one in (self._name, self._words):
            one.observe(lambda _: self._told(), "value")
        self._split = SplitWish(self._told)
        self._wishes = {name: Wish(name, self._told) for name in FEATURES if name != "split"}
        self._target = fields_of(Target, self._told)
        self.box = widgets.VBox(
            [self._name, self._words, *self._groups(), self._where()],
            layout={"width": "310px", "flex": "0 0 auto"},
        )

    def _groups(self) -> list[Any]:
        parts: list[Any] = []
        for heading, names in GROUPS.items():
            parts.append(widgets.HTML(f"<b>{heading}</b>", layout={"margin": "6px 0 0 0"}))
            parts += [self._split.box if name == "split" else self._wishes[name].box for name in names]
        return parts

    def _where(self) -> Any:
        box = widgets.VBox([field.control for field in self._target])
        folded = widgets.Accordion([box], titles=("Target: the service that the design is for",), selected_index=None)
        folded.layout = {"width": "290px", "margin": "8px 0 0 0"}
        return folded

    def _told(self) -> None:
        if not self._silent:
            self._changed()

    def show(self, design: Design) -> None:
        """Show ``design``; tells nobody."""
        self._silent = True
        self._name.value, self._words.value = design.intent.name, design.intent.says
        self._split.show(design.intent.split, design.target.versions)
        for name, wish in self._wishes.items():
            wish.show(getattr(design.intent, name))
        for field in self._target:
            field.show(getattr(design.target, field.name))
        self._silent = False

    @property
    def value(self) -> Design:
        """The design that is asked for.

        Raises
        ------
        BadInputError
            When it contradicts itself, in words.
        """
        target = Target(**{field.name: field.value for field in self._target})
        asked = {name: wish.value for name, wish in self._wishes.items()}
        intent = Intent(name=self._name.value.strip(), says=self._words.value, split=self._split.value, **asked)
        return Design(intent=intent, target=target)
