"""How insistently a notebook is stopped, and how progress is read and shown."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from workbench.cli import executing
from workbench.cli.executing import see_through, signals
from workbench.cli.progress import EventTail, Meter, Step
from workbench.cli.show import duration, table
from workbench.errors import StoppedError

EVENT = '{"kind":"%s","time_s":1.0,"message":"%s","done":%d,"total":4,"remaining_s":9.0,"data":{}}\n'


class Notebook:
    """Stands for an execution: ends when it is told to in the way named by ``obeys``."""

    notebook = Path("x.ipynb")
    progress = (0, 3)

    def __init__(self, obeys: str) -> None:
        self.obeys, self.told = obeys, []
        self.ended = threading.Event()

    def tell(self, how: str) -> bool:
        self.told.append(how)
        if how == self.obeys:
            self.ended.set()
        return True

    def start(self) -> Notebook:
        return self

    def wait(self, timeout_s: float) -> bool:
        return self.ended.wait(timeout_s)

    def interrupt(self) -> None:
        self.tell("interrupt")

    def kill(self) -> None:
        self.tell("kill")

    def result(self) -> Path:
        raise StoppedError("stopped")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    ("obeys", "told"),
    [("stop", ["stop"]), ("interrupt", ["stop", "interrupt"]), ("kill", ["stop", "interrupt", "kill"])],
)
def test_stopping_grows_more_insistent(monkeypatch, capsys, number, obeys, told):
    monkeypatch.setattr(executing, "PATIENCE_S", 0.05)
    monkeypatch.setattr(executing, "INTERRUPTED_S", 0.05)
    monkeypatch.setattr(executing, "_TICK_S", 0.02)
    one = Notebook(obeys)
    before = signal.getsignal(number)
    timer = threading.Timer(0.05, os.kill, (os.getpid(), number))
    timer.start()
    with pytest.raises(StoppedError):
        see_through(one, Meter("x", quiet=True), stop=lambda: one.tell("stop"))
    timer.join()
    assert one.told == told
    assert signal.getsignal(number) == before
    assert "Stopping" in capsys.readouterr().err


def test_where_nobody_can_be_asked_the_kernel_is_interrupted_at_once(monkeypatch):
    monkeypatch.setattr(executing, "_TICK_S", 0.02)
    one = Notebook("interrupt")
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    began = time.monotonic()
    with pytest.raises(StoppedError):
        see_through(one, Meter("x", quiet=True), stop=lambda: False)
    assert time.monotonic() - began < executing.PATIENCE_S / 2
    assert one.told == ["interrupt"]


def test_a_campaign_that_appears_late_is_asked_as_soon_as_it_is_there(monkeypatch):
    monkeypatch.setattr(executing, "_TICK_S", 0.02)
    one = Notebook("stop")
    asked = []

    def stop() -> bool:
        asked.append(one)
        return len(asked) > 3 and one.tell("stop")

    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(StoppedError):
        see_through(one, Meter("x", quiet=True), stop=stop)
    assert one.told == ["interrupt", "stop"]


def test_signals_are_counted_and_given_back():
    before = signal.getsignal(signal.SIGTERM)
    with signals() as taken:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert taken.count == 2
    assert signal.getsignal(signal.SIGTERM) == before


def test_events_are_read_as_they_come_and_torn_lines_passed_over(tmp_path):
    file = tmp_path / "events.jsonl"
    tail = EventTail(file)
    assert tail.steps() == []
    line = EVENT % ("run-ended", "half", 1)
    file.write_text(line[:20])
    assert tail.steps() == []
    with file.open("a") as stream:
        stream.write(line[20:] + "torn{\n" + EVENT % ("run-started", "two", 2))
    first, second = tail.steps()
    assert (first.message, first.done, first.total, first.worth_a_line) == ("half", 1, 4, True)
    assert (second.message, second.worth_a_line) == ("two", False)
    assert tail.steps() == []


def test_elsewhere_than_on_a_terminal_each_run_is_a_line(capsys):
    with Meter("x") as meter:
        meter.step(Step(message="a finished", done=1, total=4, remaining_s=90.4))
        meter.step(Step(message="starting b", done=1, total=4, remaining_s=90.0, worth_a_line=False))
        meter.draw()
        meter.step(Step(message="b finished", done=4, total=4, remaining_s=0.0))
    assert capsys.readouterr().err == "[1/4] a finished, about 1 min 30 s left\n[4/4] b finished\n"


def test_what_a_program_printed_does_not_fill_the_screen(capsys):
    with Meter("x") as meter:
        meter.step(Step(message="a failed (it printed:\nTraceback\n" + "x" * 999, done=1, total=4, remaining_s=None))
    said = capsys.readouterr().err
    assert said.startswith("[1/4] a failed (it printed: Traceback xxx")
    assert said.count("\n") == 1
    assert len(said) < 320


def test_on_a_terminal_there_is_a_bar(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with Meter("demo") as meter:
        meter.step(Step(message="node-l7 at 997/s", done=1, total=4, remaining_s=61.0))
        meter.draw()
    drawn = capsys.readouterr().err
    for words in ("demo", "1/4, about 1 min", "node-l7 at 997/s"):
        assert words in drawn


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (-3, "0 s"), (59.4, "59 s"), (60, "1 min"), (125, "2 min 5 s"), (7300, "2 h 2 min"), (7200, "2 h")],
)
def test_durations_are_said_as_people_do(seconds, said):
    assert duration(seconds) == said


def test_a_table_is_aligned_cut_and_says_what_is_missing():
    rows = [{"name": "a", "n": 1.5, "why": "x" * 50}, {"name": "long\nname", "n": float("nan"), "why": None}]
    assert table(rows, right=("n",), width=40).splitlines() == [
        "name         n  why",
        "a          1.5  " + "x" * 23 + "…",
        "long name    –  –",
    ]
    assert table([]) == ""
