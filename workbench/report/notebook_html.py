"""An executed notebook as one HTML file that opens with no network.

nbconvert's own page loads Vega, MathJax and require.js from CDNs and carries 280 KB of JupyterLab's styles. Here
nbconvert makes the cells only (its template ``basic``); the page around them, its styles, its one copy of Vega and its
policy are the report's. Scripts that outputs brought along do not run; what only a live kernel can show (widgets)
appears as its text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markupsafe import Markup

from workbench.charts.display import LAB_TYPE, PICTURE_TYPE, SPEC_TYPE, svg
from workbench.charts.vega import vega_bundle
from workbench.errors import BadInputError
from workbench.files.places import Places, data_of, private_notebook
from workbench.report.page import asset, data_url, inline_script, policy, templates
from workbench.startup import skip_slow_format_checks
from workbench.store.disk import explained, write_whole
from workbench.text.decoding import content_of, decoded

_CODE_STYLE = "friendly"
"""Pygments' name of the colours of code."""


def notebook_page(notebook: Path, out: Path, title: str | None = None) -> Path:
    """Write the executed ``notebook`` as HTML into ``out``, whole or not at all, and return its path.

    Parameters
    ----------
    title
        Title of the page; None: the notebook's first heading, else its file's name.

    Raises
    ------
    BadInputError
        When the notebook is missing or is none.
    StoreError
        When the file cannot be written.
    """
    node = _read(notebook, Places(data_of(notebook.absolute())))
    for cell in node.cells:
        for output in cell.get("outputs", []):
            _embed_chart(output)
    scripts = (vega_bundle(), asset("page.js"))
    page = (
        templates()
        .get_template("notebook.html.j2")
        .render(
            title=title or _first_heading(node) or notebook.stem,
            cells=Markup(_cells(node)),  # noqa: S704 - nbconvert escapes text; the policy stops scripts in outputs
            styles=Markup(asset("page.css") + asset("notebook.css") + _code_styles()),  # noqa: S704 - our own files
            scripts=[inline_script(script) for script in scripts],
            policy=policy(scripts),
        )
    )
    with explained("write the notebook's page", out):
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, page.encode(errors="replace"))
    return out


def _read(path: Path, places: Places) -> Any:
    skip_slow_format_checks()
    import nbformat  # slow; only this function needs it

    try:
        read = nbformat.reads(decoded(content_of(path)), as_version=4)  # type: ignore[no-untyped-call]
        return nbformat.from_dict(private_notebook(read, places))  # type: ignore[no-untyped-call]
    except FileNotFoundError as error:
        raise BadInputError(f"There is no notebook {path}.") from error
    except (OSError, ValueError, AttributeError, nbformat.ValidationError) as error:
        raise BadInputError(f"{path} cannot be read as a notebook: {error}") from error


def _cells(node: Any) -> str:
    from nbconvert.exporters import HTMLExporter

    exporter = HTMLExporter(template_name="basic")  # type: ignore[no-untyped-call]
    body, _ = exporter.from_notebook_node(node)
    return str(body)


def _code_styles() -> str:
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]  # brought by nbconvert

    styles: str = HtmlFormatter(style=_CODE_STYLE).get_style_defs(".highlight")
    return styles


def _embed_chart(output: Any) -> None:
    """Replace a chart among an output's representations by a figure that the page's script draws."""
    data = output.get("data", {})
    spec = data.get(SPEC_TYPE) or data.get(LAB_TYPE)
    if not spec:
        return
    picture = data.get(PICTURE_TYPE) or svg(spec)
    text = "".join(picture) if isinstance(picture, list) else picture
    fragment = (
        templates()
        .get_template("chart.html.j2")
        .render(spec=spec, words=spec.get("description", "A chart."), picture=data_url(text.encode(), PICTURE_TYPE))
    )
    output["data"] = {"text/html": fragment}


def _first_heading(node: Any) -> str:
    """Return the text of the first line that starts with one ``#``; empty when there is none."""
    lines = (line for cell in node.cells if cell.cell_type == "markdown" for line in cell.source.splitlines())
    return next((line.removeprefix("# ").strip() for line in lines if line.startswith("# ")), "")
