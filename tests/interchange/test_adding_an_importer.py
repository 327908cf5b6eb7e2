"""An importer is one file: found in the package's folder and as an entry point, from the command to the run."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

import workbench.interchange.importers
from workbench import adapters
from workbench.cli import main
from workbench.errors import BadInputError, UnsupportedError
from workbench.interchange.importing import kinds
from workbench.interchange.importing.source import InputFile
from workbench.store import Store

NAME = "plain-lines"
MODULES = ("workbench.interchange.importers.plain_lines", "somebodys_lines")
TEXT = '''"""One line for each run: ``plainlines LABEL RATE REQUESTS SECONDS P50_MS``."""

from workbench.interchange.importing.imported import FileKind, Imported, Importer, Tool

TOOL = Tool(name="plainlines", title="plain lines", latency_from="send", omission="None is known.", units="ms",
            percentiles="As printed.")


def matches(source):
    return source.first_line.startswith("plainlines ")


def read(source, options):
    runs = []
    for line in source.lines:
        _, label, rate, requests, window, p50 = line.split()
        runs.append(
            Imported(tool=TOOL, where=source.where, label=label, loop="open", rate_per_s=float(rate),
                     requests=int(requests), errors=0, window_s=float(window), duration_s=float(window),
                     quantiles={"from_send": {"p50_s": float(p50) / 1000}}, raw=line.encode())
        )
    return runs


ADAPTER = Importer(
    name="plain-lines",
    kinds=(FileKind(name="plain-lines", title="plain lines", matches=matches, read=read, order=ORDER),),
)
'''
FILE = "plainlines mine 100 1000 10 2.5\nplainlines other 100 1000 10 3.5\n"


def as_one_file(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (folder / "plain_lines.py").write_text(text)
    monkeypatch.setattr(
        workbench.interchange.importers, "__path__", [*workbench.interchange.importers.__path__, str(folder)]
    )


def by_entry_point(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (folder / "somebodys_lines.py").write_text(text)
    about = folder / "somebodys_lines-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: somebodys-lines\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[workbench.importers]\n{NAME} = somebodys_lines\n")
    monkeypatch.syspath_prepend(str(folder))


def look_again() -> None:
    importlib.invalidate_caches()
    adapters._modules.cache_clear()
    for module in MODULES:
        sys.modules.pop(module, None)
    if hasattr(workbench.interchange.importers, "plain_lines"):
        del workbench.interchange.importers.plain_lines


@pytest.fixture(params=[as_one_file, by_entry_point], ids=lambda way: way.__name__)
def add(request, tmp_path, monkeypatch):
    """Return a function that adds the importer with a text of its own."""

    def added(text: str = TEXT.replace("ORDER", "200")) -> None:
        folder = tmp_path / "added"
        folder.mkdir()
        request.param(folder, monkeypatch, text)
        look_again()

    assert NAME not in adapters.names("importers")
    yield added
    look_again()


def file_of(folder: Path, text: str = FILE) -> Path:
    path = folder / "mine.out"
    path.write_text(text)
    return path


def imported(folder: Path, *more: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["import", str(file_of(folder)), "--data", str(folder / "data"), *more])
    return end.value.code


@pytest.mark.parametrize("more", [(), ("--kind", NAME)], ids=["told by its content", "named"])
def test_its_files_become_stored_runs(add, tmp_path, more):
    add()
    assert imported(tmp_path, *more) == 0
    store = Store(tmp_path / "data")
    assert store.problems() == []
    runs = store.runs()
    assert sorted(runs["mesh"]) == ["mine", "other"]
    assert set(runs["provenance"]) == {"imported"} and set(runs["generator"]) == {"plainlines"}
    assert set(runs["requests"]) == {1000} and set(runs["rate_per_s"]) == {100}
    assert sorted(store.latency()["p50_s"]) == [0.0025, 0.0035]


def test_without_it_the_file_is_refused(tmp_path):
    assert imported(tmp_path) == BadInputError.exit_code


def test_it_says_itself_when_it_is_tried(add, tmp_path):
    """One that would take every file does so only where nobody who is tried before knows it."""
    add(TEXT.replace("ORDER", "950").replace('source.first_line.startswith("plainlines ")', "True"))
    hey = Path(__file__).parents[1] / "recordings" / "hey" / "closed.txt"
    assert kinds.detect(InputFile(hey)).name == "hey"
    assert kinds.detect(InputFile(file_of(tmp_path))).name == NAME
    assert list(kinds.known_kinds())[-1] == NAME


def test_a_kind_that_another_importer_has_is_refused_with_both_names(add):
    add(TEXT.replace("ORDER", "200").replace('FileKind(name="plain-lines"', 'FileKind(name="hey-csv"'))
    with pytest.raises(UnsupportedError) as caught:
        kinds.known_kinds()
    assert {"'hey'", "'plain-lines'", "'hey-csv':"} <= set(str(caught.value).split())


def test_one_whose_package_is_missing_leaves_the_others_and_is_named(add, tmp_path):
    add("import no_such_package_at_all\n" + TEXT.replace("ORDER", "200"))
    hey = Path(__file__).parents[1] / "recordings" / "hey" / "closed.txt"
    assert kinds.detect(InputFile(hey)).name == "hey"
    with pytest.raises(BadInputError, match="no_such_package_at_all"):
        kinds.detect(InputFile(file_of(tmp_path)))


def test_a_module_without_an_adapter_is_named(add):
    add('"""Nothing."""\n')
    with pytest.raises(UnsupportedError, match="ADAPTER"):
        adapters.load("importers", NAME)


def test_every_kind_states_a_name_and_an_order_of_its_own():
    found = list(kinds.known_kinds().values())
    assert [(one.order, one.name) for one in found] == sorted((one.order, one.name) for one in found)
    assert len({one.title for one in found}) == len(found)
    assert [one.name for one in found if one.by_mapping] == ["table"]
