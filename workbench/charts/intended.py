"""What an intent does to the traffic, drawn: shares on the arrows, locks, held back and failing requests, limits.

Frames are pods, boxes the application and the proxies that a mesh puts there; the signs on arrows and beside proxies
are the features asked. A feature that the mesh shown carries only in part is outlined, one that it does not carry is
crossed out, so that the same picture of two meshes differs where the meshes do. Hovering explains each sign.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from workbench.charts.diagram import EDGES, FILLS
from workbench.charts.display import fit, specification
from workbench.charts.engine import Picture, alt
from workbench.charts.geometry import HEIGHT, ROW, WIDTH
from workbench.charts.intended_layers import TRAFFIC, WARNING, layers
from workbench.charts.rows import inline
from workbench.charts.signs import ALERT, LOCK, OPEN_LOCK, Sign, inbound_signs, outbound_signs, proxy_signs
from workbench.charts.theme import INK, QUIET, finish, wrapped
from workbench.intents import FEATURES, Answer, Design, Intent, Share

_LOOKS: Final[Mapping[str, Mapping[str, str]]] = {
    "supported": {"fill": "#E3F0FB", "edge": TRAFFIC, "ink": INK},
    "partial": {"fill": "#FFF3E2", "edge": WARNING, "ink": INK},
    "unsupported": {"fill": "#F2F3F5", "edge": "#AEB6BE", "ink": QUIET},
}
"""How a sign looks by what the mesh makes of it."""

_APP: Final = (52.0, 34.0)
"""Half the width and half the height of an application's box; a proxy's are the same."""
_CALLER_X, _PROXY_X, _FAR_PROXY_X, _SERVICE_X = 84.0, 268.0, 576.0, 750.0
_MIDDLE: Final = 2.9 * ROW
_STRANGER_Y: Final = 0.72 * ROW
_SIGN_HEIGHT: Final = 22.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """The mesh that is to carry the intent.

    Attributes
    ----------
    label
        Its name as tables have it.
    placement
        Where its data plane stands: ``"sidecar"``, ``"node-proxy"``, ``"kernel"`` or ``"none"``.
    answers
        What it makes of each feature asked; a feature without an answer counts as supported.
    """

    label: str
    placement: str = "sidecar"
    answers: Sequence[Answer] = field(default_factory=tuple)

    @property
    def by_feature(self) -> Mapping[str, Answer]:
        """Feature -> answer."""
        return {one.feature: one for one in self.answers}


def intended(design: Design, carrier: Carrier) -> Picture:
    """Draw what becomes of the traffic of ``design`` under ``carrier``."""
    title, says = _heading(design, carrier)
    picture = alt.layer(*layers()).properties(width=WIDTH, height=HEIGHT)
    return finish(picture, intended_rows(design, carrier), title, says, describe(design, carrier))


def intended_specification(design: Design, carrier: Carrier) -> dict[str, Any]:
    """Return `intended` as Vega-Lite JSON, fast enough to follow a slider: what every design shares is made once."""
    title, says = _heading(design, carrier)
    shared = _shared()
    rows = inline(intended_rows(design, carrier)).values
    told = {
        "title": {**shared["title"], "text": title, "subtitle": wrapped(says)},
        "description": describe(design, carrier),
    }
    return {**shared, **fit({**told, "data": {"values": rows}})}


@cache
def _shared() -> dict[str, Any]:
    return specification(intended(Design(intent=Intent(name="any")), Carrier(label="any")))


def _heading(design: Design, carrier: Carrier) -> tuple[str, str]:
    intent = design.intent
    return f"{intent.name} on {carrier.label}", intent.says or "Hover over a sign to see its meaning."


def intended_rows(design: Design, carrier: Carrier) -> list[dict[str, Any]]:
    """Return what `intended` draws, a row for each shape: ``part`` says which, places are in pixels."""
    makers = (_frames, _boxes, _ways, _signs)
    return [*(row for make in makers for row in make(design, carrier)), *_key(design)]


def describe(design: Design, carrier: Carrier) -> str:
    """Say what `intended` shows."""
    target = design.target
    told = [f"{target.caller} calls {target.service} on port {target.port} under {carrier.label}."]
    told += [f"{share.weight} % of the requests go to {share.version}." for share in design.intent.split]
    answers = carrier.by_feature
    for name in design.intent.asked:
        answer = answers.get(name)
        told.append(f"{FEATURES[name].title}: {answer.support + '. ' + answer.says if answer else 'requested.'}")
    return " ".join(told)


# ---------------------------------------------------------------- rows
def _shares(design: Design, carrier: Carrier) -> list[tuple[Share, float]]:
    """Return (share, height of its row) of each version; without a split all requests go to the first."""
    answer = carrier.by_feature.get("split")
    split = design.intent.split if answer is None or answer.support != "unsupported" else ()
    shares = split or (Share(version=design.target.versions[0], weight=100),)
    apart = min(1.9 * ROW, 4.2 * ROW / max(1, len(shares) - 1)) if len(shares) > 1 else 0.0
    top = _MIDDLE - apart * (len(shares) - 1) / 2
    return [(share, top + n * apart) for n, share in enumerate(shares)]


def _proxied(carrier: Carrier) -> bool:
    return carrier.placement in ("sidecar", "node-proxy", "gateway", "waypoint")


def _frames(design: Design, carrier: Carrier) -> list[dict[str, Any]]:
    per_node = carrier.placement == "node-proxy"
    target, shares = design.target, _shares(design, carrier)
    near = (_CALLER_X - 68, _PROXY_X + 68) if carrier.placement == "sidecar" else (_CALLER_X - 68, _CALLER_X + 68)
    far = (_FAR_PROXY_X - 68, _SERVICE_X + 68) if carrier.placement == "sidecar" else (_SERVICE_X - 68, _SERVICE_X + 68)
    frames = [_frame(f"pod of {target.caller}", near, _MIDDLE)]
    frames += [_frame(f"pod of {target.service} {share.version}", far, y) for share, y in shares]
    if per_node:
        top, bottom = shares[0][1] - 84, shares[-1][1] + 84
        frames.insert(0, {**_corners(_CALLER_X - 80, _MIDDLE - 84, _PROXY_X + 80, _MIDDLE + 84), "label": "a node"})
        frames.insert(0, {**_corners(_FAR_PROXY_X - 80, top, _SERVICE_X + 80, bottom), "label": "a node"})
    return [
        {"part": "zone", **one, "label_x": one["x"] + 8, "label_y": one["y"] + 12 if one["label"] else one["y"]}
        for one in frames
    ]


def _frame(label: str, across_: tuple[float, float], y: float) -> dict[str, Any]:
    return {**_corners(across_[0], y - 62, across_[1], y + 46), "label": label}


def _corners(x: float, y: float, x2: float, y2: float) -> dict[str, float]:
    return {"x": x, "y": y, "x2": x2, "y2": y2}


def _boxes(design: Design, carrier: Carrier) -> list[dict[str, Any]]:
    target, shares = design.target, _shares(design, carrier)
    boxes = [_box(target.caller, "application", _CALLER_X, _MIDDLE, "The caller.")]
    for share, y in shares:
        says = f"Version {share.version} of the service; it gets {share.weight} % of the requests."
        boxes.append(_box(f"{target.service}\n{share.version}", "application", _SERVICE_X, y, says))
    if carrier.placement == "sidecar":
        boxes.append(_box("proxy", "data plane", _PROXY_X, _MIDDLE, "Receives and forwards every call of its pod."))
        boxes += [
            _box("proxy", "data plane", _FAR_PROXY_X, y, "Receives every call for its pod, and allows or denies it.")
            for _, y in shares
        ]
    elif _proxied(carrier):
        says = "Forwards the calls of every pod of its node."
        boxes.append(_box("node's proxy", "data plane", _PROXY_X, _MIDDLE, says))
        boxes.append(_box("node's proxy", "data plane", _FAR_PROXY_X, _centre(shares), says))
    elif carrier.placement == "kernel":
        says = "Forwards packets between the pods; it sees neither requests nor identities."
        boxes.append(_box("cross-connect", "kernel", (_PROXY_X + _FAR_PROXY_X) / 2, _MIDDLE, says))
    if _turns_away(design, carrier):
        boxes.append(_box("a stranger", "application", _CALLER_X, _STRANGER_Y, "A caller that is denied."))
    return boxes


def _centre(shares: Sequence[tuple[Share, float]]) -> float:
    return (shares[0][1] + shares[-1][1]) / 2


def _box(label: str, plane: str, x: float, y: float, says: str) -> dict[str, Any]:
    w, h = _APP
    return {
        "part": "box",
        "label": label,
        "name": label.replace("\n", " "),
        "fill": FILLS[plane],
        "edge": EDGES[plane],
        "says": says,
        **_corners(x - w, y - h + 6, x + w, y + h - 2),
        "label_x": x,
        "label_y": y + 2 - (8 if "\n" in label else 0),
    }


def _turns_away(design: Design, carrier: Carrier) -> str:
    """Return what turns strangers away under this mesh; empty when nothing does."""
    intent, answers = design.intent, carrier.by_feature
    if not _proxied(carrier):
        return ""

    def supported(name: str) -> bool:
        return name in intent.asked and (name not in answers or answers[name].support != "unsupported")

    if intent.authorization is not None and intent.authorization.callers and supported("authorization"):
        return "authorization"
    if intent.mtls is not None and intent.mtls.mode == "strict" and supported("mtls"):
        return "mtls"
    return ""


def _ways(design: Design, carrier: Carrier) -> list[dict[str, Any]]:
    w, target = _APP[0], design.target
    shares = _shares(design, carrier)
    if not _proxied(carrier):
        says = f"{target.caller} connects to {target.service} directly."
        ways = [_way(_CALLER_X + w, _MIDDLE, _SERVICE_X - w, y, share.weight, says) for share, y in shares]
        return [row for way in ways for row in way]
    far = [y for _, y in shares] if carrier.placement == "sidecar" else [_centre(shares)] * len(shares)
    rows = _way(_CALLER_X + w, _MIDDLE, _PROXY_X - w, _MIDDLE, 100, "The proxy receives the call.")
    for (share, y), there in zip(shares, far, strict=True):
        says = f"{share.weight} % of the requests go to {share.version}."
        rows += _way(_PROXY_X + w, _MIDDLE, _FAR_PROXY_X - w, there, share.weight, says)
        if len(shares) > 1:
            start, end, at = (_PROXY_X, _MIDDLE), (_FAR_PROXY_X, there), 0.62
            if carrier.placement != "sidecar":
                start, end, at = (_FAR_PROXY_X, there), (_SERVICE_X, y), 0.3
            x, label_y = _between(start[0] + w, end[0] - w, at), _between(start[1], end[1], at)
            rows.append({"part": "share", "label": f"{share.weight} %", "x": x, "y": label_y - 13, "says": says})
        rows += _way(_FAR_PROXY_X + w, there, _SERVICE_X - w, y, share.weight, "The proxy forwards it to the service.")
        rows += _lock(design, carrier, _between(_PROXY_X + w, _FAR_PROXY_X - w, 0.38), _between(_MIDDLE, there, 0.38))
    rows += _failing(design, carrier)
    if _turns_away(design, carrier):
        x, y = _FAR_PROXY_X - w - 14, far[0] - 18
        says = "Its identity is not allowed, so it is denied."
        rows.append({"part": "refused", "x": _CALLER_X + w, "y": _STRANGER_Y, "x2": x - 6, "y2": y - 2, "says": says})
        rows.append({"part": "cross", "x": x, "y": y, "label": "✕", "says": says})
    return rows


def _between(start: float, end: float, at: float) -> float:
    return start + (end - start) * at


def _way(x: float, y: float, x2: float, y2: float, weight: int, says: str) -> list[dict[str, Any]]:
    """Return an arrow whose width is its share of the requests; nothing for a share of nothing."""
    if not weight:
        return []
    angle = math.degrees(math.atan2(x2 - x, -(y2 - y))) % 360
    line = {"weight": weight, "says": says}
    return [
        {"part": "way", **line, "x": x, "y": y, "x2": x2 - 5, "y2": y2},
        {"part": "tip", **line, "x": x2 - 6, "y": y2, "angle": angle},
    ]


def _lock(design: Design, carrier: Carrier, x: float, y: float) -> list[dict[str, Any]]:
    if design.intent.mtls is None:
        return []
    mode, answer = design.intent.mtls.mode, carrier.by_feature.get("mtls")
    words = {"strict": "mTLS only", "permissive": "mTLS, and plaintext is accepted too"}
    shape = LOCK if mode == "strict" else OPEN_LOCK if mode == "permissive" else ALERT
    says = words.get(mode, "Nothing is encrypted: traffic can be read in transit")
    lacking = answer is not None and answer.support == "unsupported"
    colour = "#AEB6BE" if lacking else WARNING if mode == "off" else EDGES["application"]
    row = {"part": "lock", "x": x, "y": y, "shape": shape, "colour": colour, "says": f"{says}."}
    return [{**row, **_support("mtls", answer)}]


def _failing(design: Design, carrier: Carrier) -> list[dict[str, Any]]:
    """Return the arrow of requests that fail on purpose: from the proxy back to the caller."""
    abort, answer = design.intent.abort, carrier.by_feature.get("abort")
    if abort is None or not abort.percent or (answer is not None and answer.support == "unsupported"):
        return []
    says = f"{abort.percent:g} % of the requests get status {abort.status} on purpose."
    y = _MIDDLE - 22
    ends = {"x": _PROXY_X - _APP[0], "y": y, "x2": _CALLER_X + _APP[0] + 6, "y2": y}
    label = f"{abort.percent:g} % → {abort.status}"
    return [
        {"part": "failing", **ends, "says": says},
        {"part": "failtip", "x": ends["x2"], "y": y, "angle": 270.0, "says": says},
        {"part": "faillabel", "x": (_CALLER_X + _PROXY_X) / 2, "y": y - 11, "label": label, "says": says},
    ]


def _support(feature: str, answer: Answer | None) -> dict[str, Any]:
    support = answer.support if answer else "supported"
    return {
        "feature": FEATURES[feature].title,
        "support": support,
        **_LOOKS[support],
        "how": answer.says if answer else "",
        "nearest": answer.nearest if answer else "",
    }


def _signs(design: Design, carrier: Carrier) -> list[dict[str, Any]]:
    """Return the signs of the features: the caller's proxy's below it, the service's and the proxies' below theirs."""
    shares = _shares(design, carrier)
    columns = (
        (_PROXY_X - _APP[0], _MIDDLE + 58, outbound_signs(design.intent)),
        (_FAR_PROXY_X - _APP[0], shares[-1][1] + 58, inbound_signs(design.intent)),
        (_SERVICE_X - _APP[0], shares[-1][1] + 58, proxy_signs(design.intent)),
    )
    lower = 34 if carrier.placement == "node-proxy" else 0
    return [row for x, y, signs in columns for row in _column(x, y + lower, signs, carrier)]


def _column(x: float, y: float, signs: Sequence[Sign], carrier: Carrier) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for place, sign in enumerate(signs):
        top = y + place * (_SIGN_HEIGHT + 2)
        at = {"x": x, "y": top, "x2": min(x + 16 + 6.6 * len(sign.label), WIDTH + 14), "y2": top + _SIGN_HEIGHT}
        text = {"label": sign.label, "label_x": x + 8, "label_y": top + _SIGN_HEIGHT / 2 + 1, "says": sign.says}
        rows.append({"part": "sign", **at, **text, **_support(sign.feature, carrier.by_feature.get(sign.feature))})
    return rows


def _key(design: Design) -> list[dict[str, Any]]:
    """Return the signs' key, in the lower left corner; nothing where nothing is asked."""
    if not design.intent.asked:
        return []
    rows: list[dict[str, Any]] = []
    for place, support in enumerate(_LOOKS):
        top = HEIGHT - 24 - 26 * (len(_LOOKS) - 1 - place)
        at = _corners(18, top, 34 + 6.6 * len(support), top + _SIGN_HEIGHT)
        text = {"label": support, "label_x": 26, "label_y": top + _SIGN_HEIGHT / 2 + 1}
        rows.append({"part": "sign", **at, **text, "says": "", "support": support, **_LOOKS[support]})
    return rows
