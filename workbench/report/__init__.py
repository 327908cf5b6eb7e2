"""From the store to one HTML file that opens with no network.

::

    store -> material (frames, records) -> content (what is said) -> page (HTML)

`material` is the only stage that reads anything; `content` is pure; `page` knows HTML. Beside it, `notebook_html`
turns an executed notebook into such a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from workbench.report.content import report_content
from workbench.report.material import gather
from workbench.report.notebook_html import notebook_page
from workbench.report.page import render
from workbench.store.disk import explained, write_whole
from workbench.store.reader import Store

__all__ = ["build_report", "notebook_page"]


def build_report(store: Store, campaign_ids: Sequence[str] | None, out: Path, title: str | None = None) -> Path:
    """Write the report of ``campaign_ids`` into the file ``out``, whole or not at all, and return its path.

    Parameters
    ----------
    store
        Where the runs are.
    campaign_ids
        Campaigns to compare together; None or empty: the latest one.
    out
        The HTML file; its folder is made when it is missing, a file of that name is replaced.
    title
        Title of the report; None: made of the experiments' names.

    Raises
    ------
    NothingToShowError
        When there is no such campaign, or none of its runs finished.
    StoreError
        When the file cannot be written.
    """
    with explained("write the report", out):
        out.parent.mkdir(parents=True, exist_ok=True)
    page = render(report_content(gather(store, campaign_ids), title))
    with explained("write the report", out):
        write_whole(out, page.encode(errors="replace"))
    return out
