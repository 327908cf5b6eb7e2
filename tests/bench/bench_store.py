"""How fast the store takes samples, completes runs, indexes folders and answers; on synthetic runs.

A *sample* is one value of one metric at one time, as the targets count: a stored row holds eight of them. The runs are
of 100 parts and 125 readings (100,000 samples each), so that 1e7 samples are 100 runs. Everything happens in a
temporary folder and is marked as synthetic.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.model.experiment import Experiment, Load, MeshSpec, Plan
from workbench.model.metrics import SAMPLE_COLUMNS
from workbench.model.plan import make_plan
from workbench.model.records import Component, Facts, MeshFacts, Window
from workbench.store import CampaignWriter, RunWriter, Store
from workbench.store.capture import COLUMN

READINGS, PARTS = 125, 100

CUMULATIVE = {"cpu_time_s": 0.05, "ctx_switches": 100.0, "net_rx_bytes": 1e5, "net_tx_bytes": 1e5}
MEMORY = ("mem_pss_bytes", "mem_anon_bytes", "mem_rss_bytes", "mem_working_set_bytes")
SAMPLES_A_ROW = len(CUMULATIVE) + len(MEMORY)

COMPARISON = """
WITH parts AS (
    SELECT run_id, component, role, (max(cpu_time_s) - min(cpu_time_s)) / (max(time_s) - min(time_s)) AS cores
    FROM samples GROUP BY ALL
), memory AS (
    SELECT run_id, role, quantile_cont(mem_rss_bytes, 0.95) AS p95_bytes FROM samples GROUP BY ALL
)
SELECT mesh, run_id, role, avg(cores) AS cores, any_value(p95_bytes) AS p95_bytes
FROM parts JOIN memory USING (run_id, role) JOIN runs USING (run_id) GROUP BY ALL
"""
"""Per run and role: mean CPU and the pooled 95th percentile of memory, joined to the mesh; from the samples."""

COMPUTED = """
SELECT mesh, run_id, role, sum(cpu_cores) AS cores, sum(mem_rss_bytes) AS p95_bytes
FROM consumption JOIN runs USING (run_id) GROUP BY ALL
"""
"""The same from what indexing computed for each part once, as comparisons and reports ask it."""


def _components(count: int) -> tuple[Component, ...]:
    roles = ("application", "sidecar")
    return tuple(
        Component(name=f"pod{n // 2}-{roles[n % 2]}", role=roles[n % 2], instance=str(n))  # type: ignore[arg-type]
        for n in range(count)
    )


def _plan(runs: int) -> Plan:
    experiment = Experiment(
        name="bench", meshes=(MeshSpec(name="l7-sidecars"),), loads=(Load(rate_per_s=1000.0),), blocks=(runs + 1) // 2
    )
    return make_plan(experiment)


def _campaign(data: Path, runs: int) -> CampaignWriter:
    return CampaignWriter.create(data, _plan(runs), "", Facts(environment="bench", fingerprint="synthetic"))


def _begin(campaign: CampaignWriter, place: int) -> RunWriter:
    spec = campaign.campaign.plan.runs[place]
    facts = MeshFacts(label=spec.mesh.label, title="", data_plane="none", layer="", mtls=False, archetype=True)
    return campaign.begin(spec, facts)


def _records(readings: int, parts: int, start: float, seed: int) -> NDArray[np.float64]:
    """Capture records: counters that grow by exponential steps, memory that wanders by pages."""
    chance = np.random.default_rng(seed)
    shape = (readings, parts)
    records = np.full((readings * parts, 2 + len(SAMPLE_COLUMNS)), np.nan)
    records[:, 0] = np.repeat(start + np.arange(readings), parts)
    records[:, 1] = np.tile(np.arange(parts), readings)
    for name, step in CUMULATIVE.items():
        records[:, COLUMN[name]] = np.cumsum(chance.exponential(step, shape), axis=0).round(6).ravel()
    for name in MEMORY:
        records[:, COLUMN[name]] = 4096 * (5000 + np.cumsum(chance.integers(-3, 4, shape), axis=0)).ravel()
    return records


def _capture(writer: RunWriter, readings: int, parts: int, seed: int) -> Window:
    """Put records into the run's capture as if they had been sampled: components first, by way of the writer."""
    start = 1.7e9
    components = _components(parts)
    writer.samples(components, [(start, 0, {})])
    with (writer.folder / "capture.bin").open("wb") as stream:
        stream.write(_records(readings, parts, start, seed).astype("<f8").tobytes())
    return Window(start_s=start, end_s=start + readings - 1)


def _finish(writer: RunWriter, window: Window) -> None:
    writer.finish(replace(writer.run, status="finished", reason="", provenance="synthetic", window=window))


def _fill(data: Path, runs: int) -> None:
    with _campaign(data, runs) as campaign:
        for place in range(runs):
            writer = _begin(campaign, place)
            _finish(writer, _capture(writer, READINGS, PARTS, place))
        campaign.finish("finished")


def _median_s(action: Callable[[], object], turns: int = 5) -> float:
    taken = []
    for _ in range(turns):
        begun = time.perf_counter()
        action()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def _row(what: str, value: float, unit: str, target: str = "") -> dict[str, Any]:
    return {"what": what, "value": value, "unit": unit, "target": target}


def _sampling(data: Path) -> list[dict[str, Any]]:
    components = _components(50)
    values = {"cpu_time_s": 1.0, "ctx_switches": 2.0}
    batch = [(1.7e9, place, values) for place in range(50)]
    with _campaign(data, 1) as campaign:
        writer = _begin(campaign, 0)
        writer.samples(components, batch)
        each = _median_s(lambda: [writer.samples(components, batch) for _ in range(200)]) / 200
    return [
        _row("samples of 50 parts taken durably, one call", each * 1e6, "µs", "<= 100"),
        _row("the same at 5 Hz", each * 5 * 100, "% of a core", "< 0.1 with reading them"),
    ]


def _long_run(data: Path) -> list[dict[str, Any]]:
    with _campaign(data, 3) as campaign:
        taken = []
        for place in range(3):
            writer = _begin(campaign, place)
            window = _capture(writer, 3600, 200, place)
            begun = time.perf_counter()
            _finish(writer, window)
            taken.append(time.perf_counter() - begun)
        campaign.finish("finished")
    return [_row("one hour at 1 Hz, 200 parts, stored after its end", statistics.median(taken), "s", "< 1")]


def _indexed(data: Path, runs: int, limit: str) -> list[dict[str, Any]]:
    _fill(data, runs)
    samples = runs * READINGS * PARTS * SAMPLES_A_ROW
    store = Store(data)
    size = f"{samples:.0e} samples".replace("+0", "")
    build = _median_s(store.rebuild, 3 if runs <= 100 else 1)
    with store._index.connection() as connection:
        from_samples = _median_s(lambda: connection.execute(COMPARISON).fetchall())
        computed = _median_s(lambda: connection.execute(COMPUTED).fetchall())
    return [
        _row(f"folders to index, {size}", samples / build / 1e6, "M samples/s", ">= 4"),
        _row(f"comparison from all samples, {size}", from_samples * 1e3, "ms", limit),
        _row(f"comparison from computed consumption, {size}", computed * 1e3, "ms", limit),
        _row(f"Store.consumption() of all runs, {size}", _median_s(store.consumption) * 1e3, "ms"),
        _row(f"Store.runs(), nothing new, {size}", _median_s(store.runs) * 1e3, "ms"),
        _row(f"index file, {size}", (data / "workbench.duckdb").stat().st_size / 2**20, "MiB"),
    ]


def rows(full: bool = False) -> list[dict[str, Any]]:
    """Measure and return the table's rows; ``full`` adds 1e8 samples, which takes some minutes and 1 GB of disk."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        found = [*_sampling(place / "a"), *_long_run(place / "b"), *_indexed(place / "c", 100, "<= 100")]
        if full:
            found += _indexed(place / "d", 1000, "<= 500")
    return found
