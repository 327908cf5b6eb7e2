"""Full disks, missing rights and files in the way: one clear sentence, and nothing stored is lost."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from store_makings import FACTS, PARTS, finished, mesh_facts, new_campaign, one_run, small_plan, watch

from workbench.errors import StoreError
from workbench.model.events import Event
from workbench.store import CampaignWriter, Store, read_campaign, read_run, recover
from workbench.store.formats import read_manifest

_ON_A_SMALL_DISK = r"""
import json, subprocess, sys, time
sys.path.insert(0, sys.argv[2])
from pathlib import Path
disk = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(disk)], check=True)
from store_makings import *
from workbench.errors import StoreError
from workbench.store import Store, recover
from workbench.store.formats import read_manifest
data, said, acknowledged = disk / "data", {}, 0
ballast = disk / "ballast"
ballast.write_bytes(bytes(23 * 2**20))

def fill():
    with open(ballast, "ab", buffering=0) as stream:
        try:
            while True:
                stream.write(b"x" * 4096)
        except OSError:
            pass

def attempt(name, action):
    try:
        action()
    except StoreError as error:
        said[name] = str(error)

campaign = new_campaign(data)
safe = one_run(campaign)
writer = campaign.begin(campaign.campaign.plan.runs[1], mesh_facts("l4-sidecars"))
rows = [(1.0 + n, n % 3, {"cpu_time_s": 1.0}) for n in range(100)]
try:
    while True:
        writer.samples(PARTS, rows)
        acknowledged += len(rows)
except StoreError as error:
    said["samples"] = str(error)
fill()
attempt("raw", lambda: writer.raw("out.txt", b"x" * 9000))
attempt("finish", lambda: writer.finish(finished(writer, 1.0)))
attempt("begin", lambda: campaign.begin(campaign.campaign.plan.runs[2], mesh_facts("baseline")))
attempt("end", lambda: campaign.finish("finished"))
attempt("create", lambda: new_campaign(data))
recover(data)
store = Store(data)
while_full = list(store.runs()["run_id"])
left = [p.name for p in data.rglob(".*") if ".tmp-" in p.name]
ballast.unlink()
recovered = recover(data)
store = Store(data)
print(json.dumps({
    "said": said, "acknowledged": acknowledged, "safe": safe, "flying": writer.run_id, "while_full": while_full,
    "left": left, "recovered": recovered, "statuses": list(store.runs()["status"]), "problems": store.problems(),
    "campaign": list(store.campaigns()["status"]),
    "rows": read_manifest(writer.folder).file("samples.parquet").rows,
}))
"""


def _may_mount() -> str:
    """Why no small disk can be mounted here; empty when it can."""
    if shutil.which("unshare") is None:
        return "needs the program unshare (util-linux)"
    tried = subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, text=True)
    return "" if tried.returncode == 0 else f"no mount namespace of one's own here: {tried.stderr.strip()}"


def test_a_full_disk_is_said_and_nothing_stored_is_lost(tmp_path: Path) -> None:
    if reason := _may_mount():
        pytest.skip(reason)
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, "-c", _ON_A_SMALL_DISK, str(tmp_path), str(Path(__file__).parent)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found["said"]) == {"samples", "raw", "finish", "begin", "end", "create"}
    for sentence in found["said"].values():
        assert "full" in sentence
        assert "Free some space" in sentence
        assert "kept" in sentence
    assert found["while_full"] == [found["safe"]], "reading works on a full disk, from memory"
    assert found["left"] == [], "temporary files do not fill the disk further"
    assert found["recovered"] == [found["flying"]]
    assert found["rows"] == found["acknowledged"] > 0
    assert found["statuses"] == ["finished", "interrupted"]
    assert found["campaign"] == ["interrupted"]
    assert found["problems"] == []


@contextmanager
def _no_file_beyond(size: int) -> Iterator[None]:
    """Make the kernel refuse files over ``size`` bytes: a write that crosses the limit is done in part."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_finds_room_for_a_part_only_is_taken_back(tmp_path: Path) -> None:
    campaign = new_campaign(tmp_path)
    writer = campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline"))
    rows = [(1.0, n % 3, {"cpu_time_s": 1.0}) for n in range(10)]
    writer.samples(PARTS, rows)
    size = (writer.folder / "capture.bin").stat().st_size
    with _no_file_beyond(size * 3 // 2), pytest.raises(StoreError, match="quota is full"):
        writer.samples(PARTS, rows)
    assert (writer.folder / "capture.bin").stat().st_size == size
    writer.samples(PARTS, rows)
    writer.finish(finished(writer, 1.0))
    campaign.finish("finished")
    samples = read_manifest(writer.folder).file("samples.parquet")
    assert samples is not None
    assert samples.rows == 20


def test_an_event_that_does_not_fit_leaves_whole_lines(tmp_path: Path) -> None:
    with new_campaign(tmp_path) as campaign:
        campaign.event(Event(kind="note", time_s=1.0, message="first"))
        size = (campaign.folder / "events.jsonl").stat().st_size
        with _no_file_beyond(size + 20), pytest.raises(StoreError, match="full"):
            campaign.event(Event(kind="note", time_s=1.0, message="x" * 100))
        campaign.event(Event(kind="note", time_s=1.0, message="second"))
        lines = (campaign.folder / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["message"] for line in lines] == ["first", "second"]


def test_parquet_that_does_not_fit_keeps_the_capture_and_the_record(tmp_path: Path) -> None:
    campaign = new_campaign(tmp_path)
    writer = campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline"))
    watch(writer, 1.0, ticks=1000)
    run = finished(writer, 1.0)
    with _no_file_beyond(8_000), pytest.raises(StoreError, match=r"Cannot write samples\.parquet .* Free some space"):
        writer.finish(run)
    assert {path.name for path in writer.folder.iterdir()} == {"capture.bin", "capture.json"}
    campaign._close()
    assert recover(tmp_path) == [writer.run_id]
    assert read_run(writer.folder) == replace(run, components=PARTS), "what had been found is not lost either"


def test_the_end_of_the_campaign_tries_again(tmp_path: Path) -> None:
    with new_campaign(tmp_path) as campaign:
        writer = campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline"))
        watch(writer, 1.0)
        with _no_file_beyond(100), pytest.raises(StoreError, match="Free some space"):
            writer.finish(finished(writer, 1.0))
    assert read_run(writer.folder).status == "finished"
    assert read_campaign(campaign.folder).status == "interrupted"


@contextmanager
def _without_rights(folder: Path) -> Iterator[None]:
    """Take the right to write ``folder`` with all in it; root, whom no mode stops, is somebody else meanwhile."""
    root = os.geteuid() == 0
    everything = [folder, *folder.rglob("*")]
    modes = {one: one.stat().st_mode for one in everything}
    for one, mode in modes.items():
        one.chmod(mode & ~0o222 | 0o444 | (0o111 if one.is_dir() else 0))
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        for one, mode in modes.items():
            one.chmod(mode)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter; pytest's own are for their owner only."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_a_folder_one_may_not_write_is_said(open_folder: Path) -> None:
    with (
        _without_rights(open_folder),
        pytest.raises(StoreError, match=r"permission denied.*Choose another data"),
    ):
        new_campaign(open_folder / "data")


def test_what_one_may_not_write_can_be_read(open_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = open_folder / "data"
    with new_campaign(data) as campaign:
        run_id = one_run(campaign)
        campaign.finish("finished")
    cut_off = new_campaign(data)
    cut_off._close()
    with _without_rights(data):
        assert Store(data).runs()["run_id"].tolist() == [run_id]
        assert len(Store(data).consumption()) == len(PARTS)
        assert recover(data) == []
    assert not (data / "workbench.duckdb").exists()
    assert "indexed in memory instead" in caplog.text
    assert str(cut_off.folder) in caplog.text, "what cannot be recovered is said"


@pytest.mark.parametrize("place", ["data", "data/runs"])
def test_a_file_where_a_folder_should_be_is_said(place: str, tmp_path: Path) -> None:
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_text("in the way")
    with pytest.raises(StoreError, match="there is a file in place of a folder"):
        new_campaign(tmp_path / "data")
    if place == "data/runs":
        with pytest.raises(StoreError, match="there is a file in place of a folder"):
            Store(tmp_path / "data").runs()
    assert path.read_text() == "in the way"


def test_the_campaigns_end_is_recorded_even_if_its_folder_went_away(tmp_path: Path) -> None:
    campaign = CampaignWriter.create(tmp_path, small_plan(), "", FACTS)
    shutil.rmtree(campaign.folder)
    with pytest.raises(StoreError, match="Cannot record the campaign's end"):
        campaign.finish("finished")
    again = CampaignWriter.create(tmp_path, small_plan(), "", FACTS, campaign_id=campaign.campaign_id)
    again.finish("finished")
    assert read_campaign(again.folder).status == "finished"
