"""Vega, Vega-Lite and Vega-Embed as one script, made once for each version of the library that brings them.

`vl_convert.javascript_bundle` takes two seconds; its result depends on vl_convert's version alone, and is kept in the
user's cache folder. A cache that cannot be written or read costs those two seconds, nothing else.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

import vl_convert

_SNIPPET = "window.vegaEmbed = vegaEmbed;"


def cache_folder() -> Path:
    """Return where the script is kept: ``~/.cache/mesh-workbench``."""
    return Path("~/.cache/mesh-workbench").expanduser()


def vega_bundle(folder: Path | None = None) -> str:
    """Return the script; it sets ``vegaEmbed`` on the window and holds no reference to a CDN.

    Parameters
    ----------
    folder
        Cache folder; None: `cache_folder`.
    """
    path = _path(folder)
    if path is not None:
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            pass
    script: str = vl_convert.javascript_bundle(_SNIPPET)
    if path is not None:
        _keep(path, script)
    return script


def _path(folder: Path | None) -> Path | None:
    """Return the file for this version; None when there is no home folder to put it in."""
    name = f"vega-{version('vl-convert-python')}.js"
    try:
        return (folder or cache_folder()) / name
    except RuntimeError:
        return None


def _keep(path: Path, script: str) -> None:
    """Write the script aside and put it in place whole; give up quietly where that is not allowed."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(script, encoding="utf-8")
        aside.replace(path)
    except OSError:
        return
