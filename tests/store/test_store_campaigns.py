"""Writing campaigns: folders, ids, locks, resuming, and what is left when something goes wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
from store_makings import FACTS, PARTS, finished, mesh_facts, new_campaign, one_run, small_plan, watch
from store_workers import Workers, carry_out, hold_campaign

from workbench.errors import BadInputError, StoppedError, StoreError
from workbench.model.events import Event
from workbench.store import CampaignWriter, Store, read_campaign, read_run
from workbench.store.formats import read_manifest
from workbench.store.sealing import digest


def _names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_campaign_leaves_the_documented_files_and_no_others(tmp_path: Path) -> None:
    with new_campaign(tmp_path) as campaign:
        campaign.event(Event(kind="note", time_s=1.0, message="hello"))
        campaign.event(Event(kind="note", time_s=2.0, message="more\nlines", data={"a": [1]}))
        run = campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline"))
        watch(run, 100.0)
        run.raw("builtin/out.json", b"{}")
        run.requests({"sent_s": np.array([1.0, 2.0]), "status": np.array(["200", "timeout"])})
        flying = {"capture.bin", "capture.json", "raw/builtin/out.json", "requests.parquet"}
        assert _names(run.folder) == flying
        run.finish(finished(run, 100.0))
        campaign.finish("finished")
    assert _names(run.folder) == {"manifest.json", "samples.parquet", "requests.parquet", "raw/builtin/out.json"}
    assert _names(campaign.folder) - {f"{run.run_id}/{name}" for name in _names(run.folder)} == {
        "campaign.json",
        "experiment.toml",
        "events.jsonl",
        "lock",
    }
    assert (campaign.folder / "experiment.toml").read_text() == 'name = "probe"\n'
    events = [json.loads(line) for line in (campaign.folder / "events.jsonl").read_text().splitlines()]
    assert [event["message"] for event in events] == ["hello", "more\nlines"]
    assert not (tmp_path / "workbench.duckdb").exists(), "the measuring half never opens the database"


def test_an_event_that_is_no_json_is_refused(tmp_path: Path) -> None:
    with new_campaign(tmp_path) as campaign:
        with pytest.raises(StoreError, match="event cannot be written"):
            campaign.event(Event(kind="note", time_s=1.0, message="x", data={"a": object()}))
        assert (campaign.folder / "events.jsonl").read_bytes() == b""


def test_the_manifest_lists_every_file_with_its_digest_and_rows(tmp_path: Path) -> None:
    with new_campaign(tmp_path) as campaign:
        run = campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline"))
        watch(run, 100.0, ticks=7)
        run.raw("deep/er/out.json", b"{}")
        run.requests({"sent_s": np.arange(5.0)})
        run.finish(finished(run, 100.0))
        campaign.finish("finished")
    files = {file.name: file for file in read_manifest(run.folder).files}
    assert {name: file.rows for name, file in files.items()} == {
        "samples.parquet": 21,
        "requests.parquet": 5,
        "raw/deep/er/out.json": None,
    }
    for name, file in files.items():
        assert file.sha256 == digest(run.folder / name)
        assert file.size == (run.folder / name).stat().st_size


def test_request_times_are_stored_as_they_are(tmp_path: Path) -> None:
    with new_campaign(tmp_path) as campaign:
        run = campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline"))
        run.requests({"latency_ns": np.array([5, 7], dtype=np.int64), 'odd "name"': np.array(["a", "ü"])})
        with duckdb.connect() as connection:
            got = connection.execute("SELECT * FROM read_parquet(?)", [str(run.folder / "requests.parquet")])
            assert got.fetchall() == [(5, "a"), (7, "ü")]
            assert [column[0] for column in got.description] == ["latency_ns", 'odd "name"']


def test_a_run_without_samples_has_a_manifest_and_no_parquet(tmp_path: Path) -> None:
    with new_campaign(tmp_path) as campaign:
        run_id = campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline")).run_id
    assert read_run(campaign.folder / run_id).status == "interrupted"
    assert _names(campaign.folder / run_id) == {"manifest.json"}


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../out", "a/../../b", "nul\0"])
def test_raw_output_stays_in_its_folder(name: str, tmp_path: Path) -> None:
    with new_campaign(tmp_path) as campaign:
        run = campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline"))
        with pytest.raises(BadInputError, match="cannot name raw output"):
            run.raw(name, b"")


def test_ids_are_folder_names_that_sort_by_time(tmp_path: Path) -> None:
    with new_campaign(tmp_path) as one, new_campaign(tmp_path) as two:
        assert one.campaign_id != two.campaign_id, "two experiments of one name both land"
        first, second = one_run(one, 0), one_run(one, 1)
        assert first == f"{one.campaign_id}-0001"
        assert second == f"{one.campaign_id}-0002"
        assert one.folder == tmp_path / "runs" / one.campaign_id


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "x" * 128, "spa ce"])
def test_an_id_that_is_no_folder_name_is_refused(name: str, tmp_path: Path) -> None:
    if name:
        with pytest.raises(BadInputError, match="cannot be a campaign's id"):
            CampaignWriter.create(tmp_path, small_plan(), "", FACTS, campaign_id=name)
    with pytest.raises(BadInputError, match="cannot be a campaign's id"):
        CampaignWriter.resume(tmp_path, name)


def test_an_id_that_is_taken_is_refused_and_the_campaign_is_untouched(tmp_path: Path) -> None:
    with CampaignWriter.create(tmp_path, small_plan(), "", FACTS, campaign_id="mine") as campaign:
        one_run(campaign)
        campaign.finish("finished")
    before = _names(tmp_path)
    with pytest.raises(StoreError, match=r"campaign mine in .* already; resume it"):
        CampaignWriter.create(tmp_path, small_plan(), "", FACTS, campaign_id="mine")
    assert _names(tmp_path) == before


def test_resuming_knows_what_is_finished_and_repeats_ordinals_under_new_names(tmp_path: Path) -> None:
    with new_campaign(tmp_path) as campaign:
        one_run(campaign, 0)
        failed = one_run(campaign, 1, "failed")
        campaign.finish("interrupted", "by hand")
    assert read_campaign(campaign.folder).status == "interrupted"
    with CampaignWriter.resume(tmp_path, campaign.campaign_id) as again:
        assert read_campaign(campaign.folder).status == "running"
        assert again.finished == {1}
        assert again.campaign.plan == campaign.campaign.plan
        repeated = one_run(again, 1)
        assert repeated == f"{failed}-2"
        assert again.finished == {1, 2}
        again.finish("finished")
    recorded = read_campaign(campaign.folder)
    assert (recorded.status, recorded.reason) == ("finished", "")
    assert recorded.started_at_s == campaign.campaign.started_at_s


def test_a_campaign_that_runs_cannot_be_resumed_and_names_its_process(tmp_path: Path) -> None:
    with new_campaign(tmp_path) as campaign:
        with pytest.raises(StoreError, match=f"running in process {os.getpid()}"):
            CampaignWriter.resume(tmp_path, campaign.campaign_id)
        one_run(campaign)
        campaign.finish("finished")
    CampaignWriter.resume(tmp_path, campaign.campaign_id).finish("finished")


def test_a_campaign_that_is_not_there_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no campaign nothing"):
        CampaignWriter.resume(tmp_path, "nothing")


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (KeyboardInterrupt(), "interrupted", "stopped by the user"),
        (StoppedError("enough"), "interrupted", "enough"),
        (ValueError("broken"), "failed", "broken"),
    ],
)
def test_an_exception_ends_campaign_and_run_with_everything_captured(
    error: BaseException, status: str, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(type(error)), new_campaign(tmp_path) as campaign:
        run = campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline"))
        watch(run, time.time())
        raise error
    recorded = read_campaign(campaign.folder)
    assert (recorded.status, recorded.reason) == (status, reason)
    assert read_run(run.folder).status == "interrupted"
    assert read_manifest(run.folder).file("samples.parquet").rows == 33  # type: ignore[union-attr]


def test_a_record_is_written_once_and_into_its_own_folder(tmp_path: Path) -> None:
    with new_campaign(tmp_path) as campaign:
        run = campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline"))
        with pytest.raises(BadInputError, match="cannot be recorded in the folder"):
            run.finish(replace(finished(run, 1.0), run_id="another"))
        run.finish(finished(run, 1.0))
        with pytest.raises(StoreError, match="recorded already"):
            run.finish(finished(run, 1.0))


def test_the_components_of_the_record_win_and_those_of_the_samples_fill_in(tmp_path: Path) -> None:
    with new_campaign(tmp_path) as campaign:
        run = campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline"))
        watch(run, 1.0)
        run.finish(replace(finished(run, 1.0), components=()))
        assert read_run(run.folder).components == PARTS


def test_two_campaigns_at_once_both_land(tmp_path: Path, workers: Workers) -> None:
    at_work = [workers.start(carry_out, tmp_path) for _ in range(2)]
    told = [run for worker in at_work for run in worker.rest()]
    store = Store(tmp_path)
    assert list(store.campaigns()["runs_finished"]) == [4, 4]
    assert sorted(store.runs()["run_id"]) == sorted(told)
    assert store.problems() == []


def test_the_measuring_half_imports_no_pandas_and_opens_no_database(tmp_path: Path) -> None:
    """Proven on a fresh interpreter, with ``connect`` watched."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from pathlib import Path\n"
        "import duckdb\n"
        "opened, connect = [], duckdb.connect\n"
        "duckdb.connect = lambda *a, **k: (opened.append(a), connect(*a, **k))[1]\n"
        "from store_makings import new_campaign, one_run\n"
        "from workbench.store import recover\n"
        "with new_campaign(Path(sys.argv[1])) as campaign:\n"
        "    one_run(campaign); campaign.finish('finished')\n"
        "recover(Path(sys.argv[1]))\n"
        "assert set(opened) == {(':memory:',)}, opened\n"
        "assert 'pandas' not in sys.modules\n"
    )
    here = str(Path(__file__).parent)
    subprocess.run([sys.executable, "-c", program, str(tmp_path), here], check=True, timeout=60)


def test_a_lock_dies_with_its_process(tmp_path: Path, workers: Workers) -> None:
    worker = workers.start(hold_campaign, tmp_path)
    campaign_id = worker.told()
    with pytest.raises(StoreError, match=f"is running in process {worker.pid};"):
        CampaignWriter.resume(tmp_path, campaign_id)
    worker.kill()
    assert list(worker.rest()) == []
    with CampaignWriter.resume(tmp_path, campaign_id) as campaign:
        assert campaign.finished == set()
        campaign.finish("finished")
