"""What the store could not show is refused at import, and nothing of it is stored."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from campaign_making import make_campaign

from workbench.errors import BadInputError
from workbench.interchange.importing.imported import Options
from workbench.interchange.landing import Landing
from workbench.interchange.receiving import receive
from workbench.interchange.smp.bundle import INDEX, export_bundle
from workbench.store import Store
from workbench.store.sealing import digest


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound bundle of four runs."""
    home = tmp_path_factory.mktemp("bundle")
    export_bundle(Store(home / "data"), [make_campaign(home / "data")], home / "bundle")
    return home / "bundle"


def _forged(bundle: Path, folder: Path, path: tuple[str, ...], value: Any) -> Path:
    """A copy whose first run's record says ``value`` at ``path``, with an index that vouches for it."""
    shutil.copytree(bundle, folder)
    file = sorted(folder.glob("runs/*/details.json"))[0]
    document = json.loads(file.read_text())
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    file.write_text(json.dumps(document))
    index = json.loads((folder / INDEX).read_text())
    index["files"][file.relative_to(folder).as_posix()] = digest(file)
    (folder / INDEX).write_text(json.dumps(index))
    return folder


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("run", "load_result", "requests"), 10**30),
        (("run", "load_result", "errors"), -1),
        (("run", "started_at_s"), 1e300),
        (("run", "window", "end_s"), 1.7e15),
        (("run", "spec", "ordinal"), 2**70),
        (("run", "mesh", "title"), "half \ud800"),
        (("run", "load_result", "histograms", "from_schedule", "count"), 10**18),
        (("run", "load_result", "histograms", "from_schedule", "encoded"), "AAAA"),
        (("run", "mesh", "label"), "red \x1b[31m"),
        (("run", "mesh", "label"), "=1+1"),
        (("run", "spec", "workload", "name"), "x" * 501),
        (("run", "experiment"), ""),
    ],
)
def test_a_bundle_that_would_spoil_the_store_is_refused(bundle: Path, tmp_path: Path, path: tuple, value: Any) -> None:
    data = tmp_path / "data"
    forged = _forged(bundle, tmp_path / "bundle", path, value)
    with pytest.raises(BadInputError):
        receive(data, [str(bundle), str(forged)], Options(), Landing())
    assert Store(data).runs().empty, "all or nothing"
    receive(data, [str(bundle)], Options(), Landing())
    assert (len(Store(data).runs()), Store(data).problems()) == (4, [])


def test_a_bundle_that_lists_a_run_twice_is_refused(bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(bundle, folder)
    index = json.loads((folder / INDEX).read_text())
    index["runs"].append(index["runs"][0])
    (folder / INDEX).write_text(json.dumps(index))
    with pytest.raises(BadInputError, match=index["runs"][0]["run_id"]):
        receive(tmp_path / "data", [str(folder)], Options(), Landing())
    assert Store(tmp_path / "data").campaigns().empty


def test_text_that_moves_the_cursor_comes_in_written_out(bundle: Path, tmp_path: Path) -> None:
    forged = _forged(bundle, tmp_path / "bundle", ("run", "mesh", "title"), "two\x1b]0;proxies\x07")
    receive(tmp_path / "data", [str(forged)], Options(), Landing())
    assert r"two\x1b]0;proxies\x07" in set(Store(tmp_path / "data").runs()["mesh_title"])


@pytest.mark.parametrize(("unit", "start"), [("ms", 1_764_240_000_000_000), ("s", 1_764_240_000_000)])
def test_times_in_another_unit_than_was_said_are_refused(tmp_path: Path, unit: str, start: int) -> None:
    (tmp_path / "t.csv").write_text("t,d\n" + "".join(f"{start + 1000 * n},5\n" for n in range(20)))
    head = 'kind = "requests"\ngenerator = "jmeter"\nlatency_from = "send"\n[columns]\nstart = "t"\nlatency = "d"\n'
    mapping = f'{head}[units]\nstart = "{unit}"\nlatency = "ms"\n'
    with pytest.raises(BadInputError, match="unit of the column"):
        receive(tmp_path / "data", [str(tmp_path / "t.csv")], Options(mapping=(mapping, "m.toml")), Landing())
    assert Store(tmp_path / "data").campaigns().empty
