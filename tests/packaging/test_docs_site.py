"""The documentation's site: built without a warning, whole, and with nothing that comes from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}


class Page(HTMLParser):
    """What a page loads, where it leads, and the places in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if "id" in values:
            self.ids.add(values["id"])
        if tag in LOADS and values.get("rel") != "canonical" and values.get(LOADS[tag]):
            self.loads.append(values[LOADS[tag]])
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built from the documentation as it is now."""
    pytest.importorskip("mkdocs", reason="needs the extra docs; run: pip install 'mesh-workbench[docs]'")
    folder = tmp_path_factory.mktemp("docs") / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


def test_every_document_notebook_and_the_api_have_a_page(site, pages):
    named = {str(path.relative_to(site)) for path in pages}
    assert {f"{path.stem}.html" for path in (ROOT / "docs").glob("*.md")} <= named
    assert {f"notebooks/{path.stem}.html" for path in (ROOT / "notebooks").glob("*.ipynb")} <= named
    functions = pages[site / "api" / "functions.html"]
    assert {"workbench.api.experiments.run", "workbench.api.deploying.deploy"} <= functions.ids
    assert "workbench.model.protocols.Mesh.install" in pages[site / "api" / "adapters.html"].ids


def test_nothing_comes_from_elsewhere(site, pages):
    for path, page in pages.items():
        assert not [one for one in page.loads if urlsplit(one).scheme in ("http", "https") or one.startswith("//")], (
            path
        )
    for path in site.rglob("*.css"):
        assert not re.findall(r"url\(\s*['\"]?(?:https?:)?//", path.read_text(encoding="utf-8")), path


def test_every_link_leads_somewhere(site, pages):
    lost = []
    for path, page in pages.items():
        for link in (*page.links, *page.loads):
            parts = urlsplit(link)
            if parts.scheme or link.startswith(("//", "data:")) or path.name == "404.html":
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists() or (
                parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids
            ):
                lost.append(f"{path.relative_to(site)}: {link}")
    assert lost == []


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_links_of_the_files_at_the_root_lead_somewhere(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    links = [one for one in re.findall(r"\]\(([^)\s]+)\)", text) if not urlsplit(one).scheme]
    assert [one for one in links if not (ROOT / one.partition("#")[0]).exists()] == []
