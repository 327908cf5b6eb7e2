"""Processes for the store's tests that start in milliseconds and die on demand.

Run as a program, it imports everything once and then forks a child for each line on standard input, a JSON list of
function name, data folder and FIFO; it answers with the child's process id. What the child tells goes to the FIFO, a
JSON value a line. (multiprocessing would import pytest in every child, which takes longer than a whole life here.)
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

Tell = Callable[[Any], None]


def measure_without_end(data: Path, tell: Tell) -> None:
    """Carry campaigns out for ever; tell (run, rows) of each call only after the store has acknowledged it."""
    from store_makings import PARTS, finished, mesh_facts, new_campaign

    while True:
        with new_campaign(data, blocks=1) as campaign:
            for spec in campaign.campaign.plan.runs:
                writer = campaign.begin(spec, mesh_facts(spec.mesh.label))
                start = time.time()
                for number in range(12):
                    parts = PARTS[: 1 + number % 3]
                    rows = [(start + number, place, {"cpu_time_s": number}) for place in range(len(parts))]
                    writer.samples(parts, rows)
                    tell([writer.run_id, len(rows)])
                writer.raw("out.txt", b"x" * 5000)
                writer.finish(finished(writer, start))
            campaign.finish("finished")


def carry_out(data: Path, tell: Tell) -> None:
    """A campaign of four runs."""
    from store_makings import new_campaign, one_run

    with new_campaign(data) as campaign:
        for place in range(4):
            tell(one_run(campaign, place))
        campaign.finish("finished")


def hold_campaign(data: Path, tell: Tell) -> None:
    """Begin a campaign and do nothing more."""
    from store_makings import new_campaign

    campaign = new_campaign(data)
    tell(campaign.campaign_id)
    time.sleep(60)


def recover_once(data: Path, tell: Tell) -> None:
    """Recover and tell what was recovered."""
    from workbench.store import recover

    tell(recover(data))


def read_all(data: Path, tell: Tell) -> None:
    """Read through the index a few times; tell the number of runs and samples."""
    from workbench.store import Store

    for _ in range(5):
        store = Store(data)
        samples = int(store.query("SELECT count(*) AS n FROM samples")["n"][0])
        tell([len(store.runs()), samples])


def hold_database(data: Path, tell: Tell) -> None:
    """Sit on the database as an idle notebook would, reading and writing."""
    import duckdb

    connection = duckdb.connect(str(data / "workbench.duckdb"))
    tell(connection.execute("SELECT 1").fetchall())
    time.sleep(60)


def hold_database_read_only(data: Path, tell: Tell) -> None:
    """Sit on the database as an idle dashboard would."""
    import duckdb

    connection = duckdb.connect(str(data / "workbench.duckdb"), read_only=True)
    tell(connection.execute("SELECT count(*) FROM runs").fetchall())
    time.sleep(60)


def hold_database_briefly(data: Path, tell: Tell) -> None:
    """Hold the database for half a second."""
    import duckdb

    connection = duckdb.connect(str(data / "workbench.duckdb"))
    tell("held")
    time.sleep(0.5)
    connection.close()


class Worker:
    """A child at work."""

    def __init__(self, pid: int, fifo: Path) -> None:
        self.pid, self._stream = pid, fifo.open("rb")

    def told(self) -> Any:
        """The next thing it tells."""
        line = self._stream.readline()
        assert line, "the worker ended without a word"
        return json.loads(line)

    def rest(self) -> Iterator[Any]:
        """Everything it tells until its end."""
        for line in self._stream:
            if line.endswith(b"\n"):
                yield json.loads(line)
        self._stream.close()

    def close(self) -> None:
        """Listen no longer."""
        self._stream.close()

    def kill(self) -> None:
        """``kill -9``."""
        os.kill(self.pid, signal.SIGKILL)


class Workers:
    """Starts children."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._serial = folder, count()
        self._started: list[Worker] = []
        self._parent = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def start(self, job: Callable[[Path, Tell], None], data: Path) -> Worker:
        """Run ``job`` in a new process."""
        fifo = self._folder / f"fifo{next(self._serial)}"
        os.mkfifo(fifo)
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(json.dumps([job.__name__, str(data), str(fifo)]) + "\n")
        self._started.append(Worker(int(self._parent.stdout.readline()), fifo))
        return self._started[-1]

    def close(self) -> None:
        """End the parent of all; children end by themselves or were killed."""
        for worker in self._started:
            worker.close()
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.close()
        self._parent.stdout.close()
        self._parent.wait(10)


def _child(name: str, data: str, fifo: str) -> None:
    code = 1
    try:
        handle = os.open(fifo, os.O_WRONLY)
        globals()[name](Path(data), lambda value: os.write(handle, json.dumps(value).encode() + b"\n"))
        code = 0
    except BaseException:  # noqa: BLE001 - the test sees a worker that ended without a word, and this on standard error
        traceback.print_exc()
    finally:
        os._exit(code)


def _serve() -> None:
    import store_makings  # noqa: F401 - imported once, for all children

    from workbench.store import Store, recover  # noqa: F401
    from workbench.store.formats import InFlight, RunDocument, _adapter, _CampaignDocument

    for kind in (InFlight, RunDocument, _CampaignDocument):
        _adapter(kind)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _child(*json.loads(line))
        print(pid, flush=True)


if __name__ == "__main__":
    _serve()
