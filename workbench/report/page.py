"""From content to one HTML file: self-contained, escaped, and forbidden by its own policy to reach for anything.

Last stage: material -> content -> page. Text goes through Jinja2's autoescape; specifications are JSON in which ``<``,
``>`` and ``&`` are written as escapes, so that no text can end its script element; scripts run because the policy names
their hashes, and nothing else does.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from workbench.charts.display import svg
from workbench.charts.vega import vega_bundle
from workbench.report.packing import pack
from workbench.report.parts import Figure, ReportContent

PAGE_LIMIT = 2_500_000
"""Bytes that a report may have, so that it can be mailed."""

_SIGNS = {"good": "✓", "info": "i", "warning": "!", "error": "✕"}
_WORDS = {"good": "good", "info": "note", "warning": "warning", "error": "error"}


def json_text(value: Any) -> Markup:
    """Return ``value`` as JSON that may stand inside a script element."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - holds no character that HTML gives a meaning


def unbroken(text: str) -> str:
    """Return ``text`` so that no line break parts a number from its unit, nor an interval's ends."""
    joined = re.sub(r"(?<=\d)–(?=[\d−-])", "\N{WORD JOINER}–\N{WORD JOINER}", text)
    return re.sub(r"(?<=\d) (?=(?:µs|ms|s|MiB|%|cores?|blocks?|runs?)\b|%)", "\N{NO-BREAK SPACE}", joined)


def coded(text: str) -> Markup:
    """Return ``text``, escaped, with what it marks by backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before


def data_url(content: bytes, media: str) -> str:
    """Return ``content`` as a ``data:`` URL."""
    return f"data:{media};base64,{base64.b64encode(content).decode()}"


def script_hash(script: str) -> str:
    """Return the source expression by which a content security policy allows ``script``."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def policy(scripts: Sequence[str]) -> str:
    """Return the page's content security policy: these scripts, own styles, embedded pictures, nothing else."""
    allowed = " ".join(script_hash(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def inline_script(text: str) -> Markup:
    """Return a script to stand inside its element; our own and Vega's hold nothing that ends it.

    Raises
    ------
    ValueError
        Should that ever change.
    """
    if "</script" in text.lower() or "<!--" in text:
        raise ValueError("A script that contains </script or <!-- cannot be embedded in a page.")
    return Markup(text)  # noqa: S704 - checked above


def pictures(figures: Sequence[Figure], room: int) -> Mapping[str, str]:
    """Return key -> picture as a ``data:`` URL, for as many of ``figures`` as there is ``room`` for, in bytes.

    They are for readers without scripts. The first, which belongs to the first screen, is always there; a chart
    without a picture is left to its words.
    """
    drawn: dict[str, str] = {}
    for figure in figures:
        if drawn and room <= 0:
            break
        url = data_url(svg(dict(figure.spec)).encode(), "image/svg+xml")
        if not drawn or len(url) <= room:
            drawn[figure.key] = url
            room -= len(url)
    return drawn


def asset(name: str) -> str:
    """Return the text of a file of this package."""
    return files("workbench.report").joinpath(name).read_text(encoding="utf-8")


def templates() -> Environment:
    """Return the templates of this package: everything that is put into them is escaped, everything missing refused."""
    environment = Environment(
        loader=PackageLoader("workbench.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(coded=coded, json_text=json_text, pack=pack, unbroken=unbroken)
    environment.globals.update(data_url=data_url, signs=_SIGNS, words=_WORDS)
    return environment


def render(content: ReportContent) -> str:
    """Return the page of ``content``: within `PAGE_LIMIT` as far as pictures can be left out for it."""
    scripts = (vega_bundle(), asset("page.js"))
    template = templates().get_template("page.html.j2")
    given: dict[str, Any] = {
        "report": content,
        "styles": Markup(asset("page.css")),  # noqa: S704 - our own file
        "scripts": [inline_script(script) for script in scripts],
        "policy": policy(scripts),
    }
    others = (content.published.figure,) if content.published else ()
    figures = (content.headline, *content.figures, *content.trust, *others)
    bare = len(template.render(**given, pictures={}).encode(errors="replace"))
    return template.render(**given, pictures=pictures(figures, PAGE_LIMIT - bare))
