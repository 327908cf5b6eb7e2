"""Recordings are only read, say where they come from on every frame, and the one that is shipped is whole."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from workbench.errors import StoreError
from workbench.files import shipped
from workbench.interchange.landing import staged
from workbench.model.recording import PROVENANCE_NAME, badge_of
from workbench.store import CampaignWriter, Store, recover

CAMPAIGN = "20261127T150723-four-meshes-9654"
BADGE = "Recorded 2026-11-27 on one two-core virtual machine"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A copy of three runs of the example, in which nothing may be written."""
    source, data = shipped.example(), tmp_path / "site-packages" / "example"
    kept = {f"{CAMPAIGN}-{number:04}" for number in (1, 2, 3)}
    shutil.copytree(
        source / "runs" / CAMPAIGN,
        data / "runs" / CAMPAIGN,
        ignore=lambda _, names: [name for name in names if name.startswith(CAMPAIGN) and name not in kept],
    )
    shutil.copy(source / PROVENANCE_NAME, data)
    return data


def state(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


def test_the_shipped_example_can_be_read_whole() -> None:
    store = Store(shipped.example())
    assert store.problems() == []
    assert store.recording is not None and store.recording.shown == "four-meshes"
    runs = store.runs()
    assert dict(runs["experiment"].value_counts()) == {"four-meshes": 30, "four-meshes-by-rate": 30}
    assert set(runs["status"]) == {"finished"}
    assert set(runs["provenance"]) == {"recorded"}
    assert {one.mesh.split()[0] for one in store.recording.programs} == {"Istio", "Linkerd", "Consul,", "Network"}


def test_every_file_of_the_example_is_the_one_that_was_stored() -> None:
    for manifest in (shipped.example() / "runs").glob("*/*/manifest.json"):
        listed = json.loads(manifest.read_text())["files"]
        assert listed
        for one in listed:
            content = (manifest.parent / one["name"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == one["sha256"], manifest.parent / one["name"]


def test_every_frame_of_a_recording_carries_its_badge(recording: Path) -> None:
    store = Store(recording)
    run = f"{CAMPAIGN}-0001"
    frames = (
        *(store.campaigns(), store.runs(), store.consumption(), store.reservations(), store.sources()),
        *(store.latency(), store.histograms(), store.gates(), store.failures(), store.series(run)),
        store.query("SELECT count(*) AS count FROM runs WHERE provenance = 'recorded'"),
    )
    assert all(badge_of(frame).startswith(BADGE) for frame in frames)
    assert frames[-1]["count"].item() == 3


def test_an_ordinary_store_has_no_badge(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.recording is None
    assert badge_of(store.runs(), store.campaigns()) == ""


def test_reading_writes_nothing_and_opens_no_file_as_a_database(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    connect = duckdb.connect
    monkeypatch.setattr(duckdb, "connect", lambda name, *rest: (opened.append(name), connect(name, *rest))[1])
    before = state(recording)
    store = Store(recording)
    assert len(store.runs()) == 3
    assert store.latest_campaign() == CAMPAIGN
    assert store.campaign(CAMPAIGN).status == "finished"
    assert recover(recording) == []
    assert store.rebuild() == 4
    assert len(Store(recording).consumption()) > 0
    assert state(recording) == before
    assert set(opened) == {":memory:"}


def test_two_processes_read_it_at_once(recording: Path) -> None:
    code = "import sys, pathlib, workbench.store as s; print(len(s.Store(pathlib.Path(sys.argv[1])).runs()))"
    both = [
        subprocess.Popen([sys.executable, "-c", code, recording], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert [one.communicate(timeout=60)[0].strip() for one in both] == ["3", "3"]


def test_nothing_is_measured_or_imported_into_a_recording(recording: Path) -> None:
    before = state(recording)
    plan, facts = Store(recording).campaign(CAMPAIGN).plan, Store(recording).campaign(CAMPAIGN).facts
    with pytest.raises(StoreError, match="only read"):
        CampaignWriter.create(recording, plan, "", facts)
    with pytest.raises(StoreError, match="only read"):
        CampaignWriter.resume(recording, CAMPAIGN)
    with pytest.raises(StoreError, match="only read"), staged(recording):
        pass
    assert state(recording) == before


@pytest.mark.parametrize("text", ["badge = ", 'badge = "x"', "", 'title = "x"\nunknown = 1'])
def test_without_its_provenance_no_figure_of_a_recording_is_shown(recording: Path, text: str) -> None:
    (recording / PROVENANCE_NAME).write_text(text)
    with pytest.raises(StoreError, match=PROVENANCE_NAME):
        Store(recording)


def test_a_badge_says_something(recording: Path) -> None:
    path = recording / PROVENANCE_NAME
    lines = path.read_text().splitlines()
    path.write_text("\n".join('badge = " "' if line.startswith("badge =") else line for line in lines))
    with pytest.raises(StoreError, match="badge is empty"):
        Store(recording)
