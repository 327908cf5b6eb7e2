"""What a crash leaves is completed: by kill -9 at random moments, fifty times, and case by case."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import defaultdict
from pathlib import Path

import pytest
from store_makings import PARTS, finished, mesh_facts, new_campaign, one_run, watch
from store_workers import Workers, measure_without_end, recover_once

from workbench.store import CampaignWriter, Store, read_campaign, read_run, recover
from workbench.store.formats import read_manifest
from workbench.store.layout import LOCK_NAME

_KILLS = 50


def _abandon(campaign: CampaignWriter) -> None:
    """Let go of a campaign as death would: the lock is released, nothing is written."""
    campaign._close()


def _snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_kill_dash_nine_fifty_times_loses_no_acknowledged_sample(tmp_path: Path, workers: Workers) -> None:
    chance = random.Random(20261123)
    acknowledged: dict[str, int] = defaultdict(int)
    for _ in range(_KILLS):
        worker = workers.start(measure_without_end, tmp_path)
        told = [worker.told()]
        time.sleep(chance.uniform(0, 0.12))
        worker.kill()
        for run_id, rows in [*told, *worker.rest()]:
            acknowledged[run_id] += rows
        recover(tmp_path)
    assert len(acknowledged) >= _KILLS, "every life acknowledged something"
    _grow_old_what_died_unlocked(tmp_path)
    recover(tmp_path)
    _check_everything_is_there(tmp_path, acknowledged)


def _grow_old_what_died_unlocked(data: Path) -> None:
    """A life that ends between making a campaign's folder and its lock leaves one that is swept a minute later."""
    for folder in data.glob("runs/.*"):
        if not (folder / LOCK_NAME).exists():
            os.utime(folder, (0, 0))


def _check_everything_is_there(data: Path, acknowledged: dict[str, int]) -> None:
    assert not [path for path in data.rglob("*") if ".tmp-" in path.name or path.name.startswith("capture.")]
    for manifest in data.glob("runs/*/*/manifest.json"):
        run = read_run(manifest.parent)
        assert run.status in ("finished", "interrupted")
    store = Store(data)
    assert store.problems() == []
    assert set(store.campaigns()["status"]) <= {"interrupted", "finished"}
    runs = store.runs()
    assert set(acknowledged) <= set(runs["run_id"]), "the index lists every run that acknowledged a sample"
    stored = store.query("SELECT run_id, count(*) AS rows FROM samples GROUP BY run_id").set_index("run_id")["rows"]
    for run_id, rows in acknowledged.items():
        assert stored[run_id] >= rows, run_id
    assert "interrupted" in set(runs["status"])


def test_a_cut_off_campaign_is_completed_with_all_that_was_captured(tmp_path: Path) -> None:
    campaign = new_campaign(tmp_path)
    done = one_run(campaign)
    flying = campaign.begin(campaign.campaign.plan.runs[1], mesh_facts("l4-sidecars"))
    start = time.time()
    watch(flying, start)
    flying.raw("half.txt", b"half")
    assert recover(tmp_path) == [], "a campaign that is being carried out is left alone"
    _abandon(campaign)
    before = (campaign.folder / done / "manifest.json").read_bytes()
    assert recover(tmp_path) == [flying.run_id]
    run = read_run(flying.folder)
    assert (run.status, run.components, run.window) == ("interrupted", PARTS, None)
    assert "cut off" in run.reason
    assert run.ended_at_s == pytest.approx(start + 2.0)
    files = {file.name: file.rows for file in read_manifest(flying.folder).files}
    assert files == {"samples.parquet": 33, "raw/half.txt": None}
    assert not (flying.folder / "capture.bin").exists()
    recorded = read_campaign(campaign.folder)
    assert recorded.status == "interrupted"
    assert recorded.ended_at_s is not None
    assert (campaign.folder / done / "manifest.json").read_bytes() == before


def test_recovering_twice_changes_nothing_more(tmp_path: Path) -> None:
    campaign = new_campaign(tmp_path)
    watch(campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline")), 1.0)
    _abandon(campaign)
    assert len(recover(tmp_path)) == 1
    before = _snapshot(tmp_path)
    assert recover(tmp_path) == []
    assert _snapshot(tmp_path) == before


def test_nothing_to_recover_is_fine(tmp_path: Path) -> None:
    assert recover(tmp_path / "nowhere") == []
    with new_campaign(tmp_path) as campaign:
        one_run(campaign)
        campaign.finish("finished")
    assert recover(tmp_path) == []


def test_a_crash_between_manifest_and_cleaning_up_keeps_the_record(tmp_path: Path) -> None:
    campaign = new_campaign(tmp_path)
    writer = campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline"))
    watch(writer, 1.0)
    kept = {name: (writer.folder / name).read_bytes() for name in ("capture.bin", "capture.json")}
    writer.finish(finished(writer, 1.0))
    for name, content in kept.items():
        (writer.folder / name).write_bytes(content)
    _abandon(campaign)
    assert recover(tmp_path) == []
    assert read_run(writer.folder).status == "finished"
    assert not (writer.folder / "capture.bin").exists()


def test_a_crash_between_parquet_and_manifest_is_completed_from_the_capture(tmp_path: Path) -> None:
    campaign = new_campaign(tmp_path)
    writer = campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline"))
    watch(writer, 1.0)
    (writer.folder / "samples.parquet").write_bytes(b"PAR1 torn")
    (writer.folder / ".samples.parquet.tmp-1-1").write_bytes(b"PAR1 torn")
    (writer.folder / "raw").mkdir()
    (writer.folder / "raw" / ".out.txt.tmp-1-2").write_bytes(b"ha")
    (campaign.folder / ".campaign.json.tmp-1-3").write_bytes(b"{")
    (campaign.folder / f".{campaign.campaign_id}-0009.tmp-1-4").mkdir()
    _abandon(campaign)
    assert recover(tmp_path) == [writer.run_id]
    assert Store(tmp_path).query("SELECT count(*) AS n FROM samples")["n"].tolist() == [33]
    assert not [path for path in tmp_path.rglob(".*") if ".tmp-" in path.name]


def test_campaign_folders_left_half_made_go_and_those_in_the_making_stay(tmp_path: Path) -> None:
    campaign = new_campaign(tmp_path)
    held = tmp_path / "runs" / ".held.tmp-1-1"
    campaign.folder.rename(held)
    left = tmp_path / "runs" / ".left.tmp-1-2"
    left.mkdir()
    (left / "lock").touch()
    fresh = tmp_path / "runs" / ".fresh.tmp-1-3"
    fresh.mkdir()
    old = tmp_path / "runs" / ".old.tmp-1-4"
    old.mkdir()
    os.utime(old, (1.0, 1.0))
    recover(tmp_path)
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {held.name, fresh.name}
    _abandon(campaign)


def test_one_folder_that_cannot_be_recovered_keeps_nobody_from_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound, strange = (new_campaign(tmp_path) for _ in range(3))
    for campaign in (broken, sound):
        watch(campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline")), 1.0)
    damaged = next(broken.folder.glob("*/capture.json"))
    damaged.write_bytes(b"\0" * 100)
    (strange.folder / "campaign.json").write_text("{}")
    for campaign in (broken, sound, strange):
        _abandon(campaign)
    assert recover(tmp_path) == [f"{sound.campaign_id}-0001"]
    assert str(damaged) in caplog.text
    assert str(strange.folder) in caplog.text
    assert read_campaign(broken.folder).status == "interrupted"
    assert (damaged.parent / "capture.bin").stat().st_size > 0, "what cannot be understood is left for people"
    assert {Path(folder).name for folder, _ in Store(tmp_path).problems()} == {
        damaged.parent.name,
        strange.campaign_id,
    }


def test_processes_may_recover_at_once(tmp_path: Path, workers: Workers) -> None:
    expected = []
    for _ in range(6):
        campaign = new_campaign(tmp_path)
        writer = campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline"))
        watch(writer, 1.0)
        expected.append(writer.run_id)
        _abandon(campaign)
    at_work = [workers.start(recover_once, tmp_path) for _ in range(3)]
    found = [run for worker in at_work for told in worker.rest() for run in told]
    found += recover(tmp_path)
    assert sorted(found) == sorted(expected), "each run was completed once"
    store = Store(tmp_path)
    assert store.problems() == []
    assert store.query("SELECT count(*) AS n FROM samples")["n"].tolist() == [33 * 6]


def test_resuming_completes_what_was_cut_off_itself(tmp_path: Path) -> None:
    campaign = new_campaign(tmp_path)
    one_run(campaign)
    writer = campaign.begin(campaign.campaign.plan.runs[1], mesh_facts("l4-sidecars"))
    watch(writer, 1.0)
    _abandon(campaign)
    with CampaignWriter.resume(tmp_path, campaign.campaign_id) as again:
        assert again.finished == {1}
        assert read_run(writer.folder).status == "interrupted"
        shutil.rmtree(again.folder / "notebooks", ignore_errors=True)
        one_run(again, 1)
        again.finish("finished")
    assert Store(tmp_path).runs()["status"].tolist() == ["finished", "interrupted", "finished"]
