"""The index: rebuildable, catching up, and never a reason to fail."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from store_makings import mesh_facts, new_campaign, one_run, watch
from store_workers import (
    Workers,
    carry_out,
    hold_database,
    hold_database_briefly,
    hold_database_read_only,
    read_all,
)

from workbench.errors import NothingToShowError, StoreError
from workbench.store import Store, read_run
from workbench.store import index as index_module

FRAMES: dict[str, Callable[[Store], pd.DataFrame]] = {
    "campaigns": Store.campaigns,
    "runs": Store.runs,
    "consumption": Store.consumption,
    "latency": Store.latency,
    "histograms": Store.histograms,
    "gates": Store.gates,
    "series": lambda store: store.series(str(store.runs()["run_id"].iloc[0])),
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two campaigns of two runs."""
    data = tmp_path_factory.mktemp("template")
    for name in ("2020-first", "2020-second"):
        with new_campaign(data, name) as campaign:
            one_run(campaign, 0)
            one_run(campaign, 1)
            campaign.finish("finished")
    return data


@pytest.fixture
def data(template: Path, tmp_path: Path) -> Path:
    """A copy of the template."""
    shutil.copytree(template / "runs", tmp_path / "runs")
    return tmp_path


@pytest.fixture(scope="module")
def before(template: Path) -> dict[str, pd.DataFrame]:
    """The template's frames."""
    return _everything(Store(template))


def _everything(store: Store) -> dict[str, pd.DataFrame]:
    return {name: frame(store) for name, frame in FRAMES.items()}


def _assert_same(one: dict[str, pd.DataFrame], other: dict[str, pd.DataFrame]) -> None:
    for name, frame in one.items():
        assert_frame_equal(frame, other[name])


def _run_folders(data: Path) -> list[Path]:
    return sorted(path.parent for path in data.glob("runs/*/*/manifest.json"))


def test_rebuilding_gives_the_same_frames(data: Path, before: dict[str, pd.DataFrame]) -> None:
    assert len(before["runs"]) == 4
    assert Store(data).rebuild() == 6
    _assert_same(_everything(Store(data)), before)
    (data / "workbench.duckdb").unlink()
    _assert_same(_everything(Store(data)), before)


def test_new_folders_are_noticed_and_known_ones_are_not_read_again(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(data)
    assert len(store.runs()) == 4
    read: list[str] = []
    monkeypatch.setattr("workbench.store.catchup.load_run", _noting(read, "workbench.store.rows", "load_run"))
    assert len(store.runs()) == 4
    assert read == []
    with new_campaign(data) as campaign:
        run_id = one_run(campaign)
        assert store.campaigns()["status"].tolist() == ["finished", "finished", "running"]
        assert len(store.runs()) == 5, "a campaign is seen while it runs"
        assert read == [run_id]
        campaign.finish("finished")
    assert store.campaigns()["status"].tolist() == ["finished"] * 3


def _noting(read: list[str], module: str, name: str) -> Callable[..., object]:
    real = getattr(__import__(module, fromlist=[name]), name)

    def noted(path: Path, *rest: object) -> object:
        read.append(path.name)
        return real(path, *rest)

    return noted


def test_removed_and_changed_folders_are_noticed(data: Path) -> None:
    store = Store(data)
    first, second, third, fourth = _run_folders(data)
    assert len(store.consumption()) == 12
    shutil.rmtree(first)
    manifest = second / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"finished"', '"failed"', 1))
    assert store.runs()["run_id"].tolist() == [second.name, third.name, fourth.name]
    assert store.runs(status="failed")["run_id"].tolist() == [second.name]
    assert len(store.consumption()) == 9
    assert store.query("SELECT count(*) AS n FROM samples")["n"][0] == 99
    assert store.query("SELECT count(DISTINCT run_id) AS n FROM components")["n"][0] == 3


def test_a_run_in_flight_is_no_problem_and_a_cut_off_one_is(tmp_path: Path) -> None:
    campaign = new_campaign(tmp_path)
    writer = campaign.begin(campaign.campaign.plan.runs[0], mesh_facts("baseline"))
    watch(writer, 1.0)
    store = Store(tmp_path)
    assert store.problems() == []
    assert store.campaigns()["status"].tolist() == ["running"]
    campaign._close()
    ((folder, reason),) = store.problems()
    assert folder == str(writer.folder)
    assert "was cut off" in reason
    assert store.campaigns()["status"].tolist() == ["interrupted"]


def test_a_broken_campaign_record_hides_no_run(data: Path) -> None:
    campaign = next((data / "runs").iterdir())
    (campaign / "campaign.json").write_text("{")
    store = Store(data)
    assert len(store.runs()) == 4
    assert len(store.campaigns()) == 1
    assert [folder for folder, _ in store.problems()] == [str(campaign)]
    with pytest.raises(StoreError, match="is not JSON"):
        store.campaign(campaign.name)


def test_a_copied_campaign_is_named_and_counted_once(data: Path) -> None:
    campaign = next((data / "runs").iterdir())
    shutil.copytree(campaign, data / "runs" / "my-backup")
    store = Store(data)
    assert len(store.runs()) == 4
    assert {Path(folder).name for folder, _ in store.problems()} >= {"my-backup"}
    assert all("is a copy, or was renamed" in reason for _, reason in store.problems())


@pytest.mark.parametrize("holder", [hold_database, hold_database_read_only], ids=["reading and writing", "read-only"])
def test_somebodys_open_notebook_blocks_nobody(
    holder: Callable[..., None],
    data: Path,
    before: dict[str, pd.DataFrame],
    workers: Workers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Store(data).rebuild()
    worker = workers.start(holder, data)
    worker.told()
    monkeypatch.setattr(index_module, "PATIENCE_S", 0.2)
    store = Store(data)
    _assert_same(_everything(store), before)
    with new_campaign(data) as campaign:
        run_id = one_run(campaign)
        campaign.finish("finished")
    assert store.latest_campaign() == campaign.campaign_id, "what is new is seen in memory, too"
    assert read_run(campaign.folder / run_id).status == "finished"
    with pytest.raises(StoreError, match=f"Another program uses the index.*PID {worker.pid}"):
        store.rebuild()
    worker.kill()
    list(worker.rest())
    assert len(Store(data).runs()) == 5


def test_somebody_who_holds_the_database_briefly_is_waited_for(data: Path, workers: Workers) -> None:
    worker = workers.start(hold_database_briefly, data)
    worker.told()
    store = Store(data)
    assert len(store.runs()) == 4
    assert store._index._memory is None


def test_a_connection_of_our_own_process_does_no_harm(data: Path, before: dict[str, pd.DataFrame]) -> None:
    Store(data).rebuild()
    for read_only in (False, True):
        with duckdb.connect(str(data / "workbench.duckdb"), read_only=read_only) as mine:
            _assert_same(_everything(Store(data)), before)
            assert mine.execute("SELECT count(*) FROM runs").fetchone() == (4,)


def test_several_readers_and_writers_at_once(tmp_path: Path, workers: Workers) -> None:
    writers = [workers.start(carry_out, tmp_path) for _ in range(2)]
    for writer in writers:
        writer.told()
    readers = [workers.start(read_all, tmp_path) for _ in range(3)]
    seen = [told for reader in readers for told in reader.rest()]
    assert len(seen) == 15
    for writer in writers:
        list(writer.rest())
    assert all(samples % 33 == 0 for _, samples in seen), "no run was seen in part"
    store = Store(tmp_path)
    assert len(store.runs()) == 8
    assert store.query("SELECT count(*) AS n FROM samples")["n"][0] == 8 * 33, "nothing was indexed twice"


def test_threads_may_share_a_store_or_have_their_own(data: Path) -> None:
    shared, failures = Store(data), []
    stop = time.monotonic() + 1.5

    def read(store: Store) -> None:
        try:
            while time.monotonic() < stop:
                before = len(store.runs())
                assert len(store.consumption()) >= 3 * before
                assert store.query("SELECT count(*) % 33 AS rest FROM samples")["rest"][0] == 0
        except Exception as error:  # noqa: BLE001 - handed to the main thread
            failures.append(error)

    threads = [threading.Thread(target=read, args=(store,)) for store in (shared, shared, Store(data), Store(data))]
    for thread in threads:
        thread.start()
    with new_campaign(data) as campaign:
        for place in range(4):
            one_run(campaign, place)
        campaign.finish("finished")
    for thread in threads:
        thread.join()
    assert failures == []
    assert shared.query("SELECT count(*) AS n FROM samples")["n"][0] == 8 * 33


def test_data_folders_with_odd_names_work(tmp_path: Path) -> None:
    data = tmp_path / "it's [old] *?{a,b} ü"
    with new_campaign(data) as campaign:
        one_run(campaign)
        campaign.finish("finished")
    assert len(Store(data).consumption()) == 3


def test_looking_into_an_empty_place_makes_no_files(tmp_path: Path) -> None:
    store = Store(tmp_path / "nowhere")
    assert store.campaigns().empty
    assert store.rebuild() == 0
    with pytest.raises(NothingToShowError, match="workbench demo"):
        store.latest_campaign()
    assert list(tmp_path.iterdir()) == []


def test_a_store_made_before_the_first_campaign_sees_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.runs().empty
    with new_campaign(tmp_path) as campaign:
        one_run(campaign)
        campaign.finish("finished")
    assert len(store.runs()) == 1
    assert (tmp_path / "workbench.duckdb").exists()


def test_within_one_look_every_answer_is_of_the_same_moment(tmp_path: Path) -> None:
    with new_campaign(tmp_path) as campaign:
        one_run(campaign, 0)
        store = Store(tmp_path)
        with store.at_once() as held:
            assert held is store
            before = store.runs()
            one_run(campaign, 1)
            with store.at_once():
                assert len(store.runs()) == len(before) == 1
            assert len(store.runs()) == 1
        assert len(store.runs()) == 2
        campaign.finish("finished")


def test_an_index_that_fails_within_one_look_is_remade(tmp_path: Path) -> None:
    with new_campaign(tmp_path) as campaign:
        one_run(campaign, 0)
        campaign.finish("finished")
    store = Store(tmp_path)
    store.rebuild()
    with duckdb.connect(str(tmp_path / "workbench.duckdb")) as connection:
        connection.execute("DROP TABLE gates")
    with store.at_once():
        assert store.gates().empty
        assert len(store.runs()) == 1
