"""The live session against real Envoys: what an intent asks for is seen, and what is refused changes nothing.

One session serves all tests; each brings its own intent into force and looks at the answers that follow.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from workbench import adapters
from workbench.errors import BadInputError, UnknownNameError
from workbench.intents import (
    Abort,
    Authorization,
    CircuitBreaking,
    Delay,
    Design,
    Intent,
    Mtls,
    OutlierDetection,
    ProxyResources,
    RateLimit,
    Retries,
    Share,
    Target,
    Timeout,
)
from workbench.playground import dynamic, traffic
from workbench.playground.live import PLAIN, LiveLab, Server

pytestmark = pytest.mark.lab

SURE = 5.0
"""Standard deviations: a right share misses these bounds once in two million tries."""


def split(first):
    return (Share(version="v1", weight=first), Share(version="v2", weight=100 - first))


@pytest.fixture(scope="module")
def live():
    with LiveLab(rate_per_s=200, servers={"v1": Server(delay_s=0.01), "v2": Server(fails=0.5)}) as session:
        session.start()
        yield session


def answers(live, since, count):
    """The answers to requests that were sent after ``since``, when there are so many."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        found = traffic.read(live._running.ring)
        found = found[found["sent_s"] > since]
        if len(found) >= count:
            return found
        time.sleep(0.02)
    raise AssertionError(f"only {len(found)} answers came")


def settled(live):
    """Wait until no connection of before is left, and return when that was."""
    deployment, end = live._running.deployment, time.monotonic() + 10
    while time.monotonic() < end:
        gauges = [deployment.counters(name, "^listener_manager.*_draining$") for name in live._running.files]
        if not sum(sum(one.values()) for one in gauges):
            return time.time()
        time.sleep(0.05)
    raise AssertionError("connections of before are still there")


def seen(live, count=200, **features):
    """What comes when these features are in force."""
    live.apply(Design(intent=Intent(name="seen", **features)))
    return answers(live, settled(live), count)


def share(of):
    return float(np.mean(of))


def bound(wanted, number):
    return SURE * (wanted * (1 - wanted) / number) ** 0.5


def moved(live, feature):
    table = live.explain()
    return int(table.loc[table["feature"] == feature, "moved"].sum())


def test_a_split_is_seen_in_the_versions_that_answer(live):
    found = seen(live, 400, split=split(80))
    assert set(found["version"]) <= {b"v1", b"v2"}
    assert share(found["version"] == b"v2") == pytest.approx(0.2, abs=bound(0.2, len(found)))
    assert moved(live, "split") >= len(found)
    turned = seen(live, 200, split=split(0))
    assert set(turned["version"]) == {b"v2"}


def test_retries_make_a_failing_version_right(live):
    never = seen(live, 200, split=split(0), retries=Retries(attempts=0))
    often = seen(live, 200, split=split(0), retries=Retries(attempts=6))
    assert share(never["status"] == 200) == pytest.approx(0.5, abs=bound(0.5, len(never)))
    assert share(often["status"] == 200) > 0.9  # 1 - 0.5**7
    assert moved(live, "retries") > 100


def test_a_failing_version_is_ejected_and_its_share_goes_elsewhere(live):
    detect = OutlierDetection(consecutive_errors=2, interval_s=0.2, ejection_s=60, max_ejected_percent=100)
    live.apply(Design(intent=Intent(name="eject", retries=Retries(attempts=0), outlier_detection=detect)))
    end = time.monotonic() + 10
    while moved(live, "outlier_detection") < 2 and time.monotonic() < end:
        time.sleep(0.1)
    found = answers(live, settled(live), 100)
    assert set(found["version"]) == {b"v1"}
    assert set(found["status"]) == {200}
    assert "1 instances are ejected now" in set(live.explain()["says"])


def test_a_delay_and_aborts_are_seen_and_counted(live):
    found = seen(
        live, 200, split=split(100), delay=Delay(percent=100, seconds=0.05), abort=Abort(percent=30, status=418)
    )
    assert found["latency_s"].min() >= 0.045
    assert np.median(found["latency_s"]) < 0.15
    assert share(found["status"] == 418) == pytest.approx(0.3, abs=bound(0.3, len(found)))
    assert moved(live, "delay") >= len(found)
    assert moved(live, "abort") >= np.count_nonzero(found["status"] == 418)


def test_a_timeout_ends_what_is_held_back(live):
    found = seen(live, 60, delay=Delay(percent=100, seconds=0.5), timeout=Timeout(request_s=0.1))
    assert set(found["status"]) == {504}
    assert np.median(found["latency_s"]) < 0.4
    assert moved(live, "timeout") >= len(found)


def test_more_than_the_rate_is_turned_away(live):
    found = seen(live, 400, split=split(100), rate_limit=RateLimit(requests_per_s=20, burst=20))
    assert set(found["status"]) == {200, 429}
    assert share(found["status"] == 200) < 0.4
    assert moved(live, "rate_limit") >= len(found)


def test_too_many_at_once_are_turned_away(live):
    slow = {"split": split(100), "retries": Retries(attempts=0)}
    few = CircuitBreaking(max_connections=1, max_pending_requests=1, max_requests=1)
    found = seen(live, 400, circuit_breaking=few, **slow)
    assert set(found["status"]) == {200, 503}
    assert share(found["status"] == 503) > 0.3, "two are under way on average, and one may be"
    assert moved(live, "circuit_breaking") >= np.count_nonzero(found["status"] == 503)


def test_who_may_call_is_decided_by_certificate(live):
    allowed = seen(live, 60, split=split(100), authorization=Authorization(callers=("client",)))
    assert set(allowed["status"]) == {200}
    proof = live.prove()
    assert proof["holds"].all(), proof.to_string()
    assert proof["what"].str.contains("stranger's certificate is refused").any()
    refused = seen(live, 60, split=split(100), authorization=Authorization(callers=("web",)))
    assert set(refused["status"]) == {403}
    assert moved(live, "authorization") >= len(refused)


def test_methods_and_paths_are_decided_request_by_request(live):
    found = seen(live, 240, split=split(100), authorization=Authorization(methods=("GET", "PUT"), paths=("/api/*",)))
    assert live.applied.calls.count("GET /api/") == 2
    assert share(found["status"] == 403) == pytest.approx(1 / 3, abs=0.05), "the clients ask for what is not let in too"
    assert set(found["status"]) == {200, 403}


def test_the_clients_can_be_told_what_to_ask_for():
    with LiveLab(rate_per_s=100, calls=("POST /", "GET /b")) as own:
        own.start(Design(intent=Intent(name="a", authorization=Authorization(methods=("GET",)))))
        found = answers(own, 0, 50)
    assert share(found["status"] == 403) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(("mode", "plaintext"), [("off", None), ("permissive", "answered too"), ("strict", "refused")])
def test_mutual_tls_goes_on_and_off_while_requests_flow(live, mode, plaintext):
    found = seen(live, 60, split=split(100), mtls=Mtls(mode=mode))
    assert set(found["status"]) == {200}
    proof = live.prove()
    assert proof["holds"].all(), proof.to_string()
    told = proof.loc[proof["what"].str.contains("plaintext"), "what"]
    assert told.str.contains(plaintext or "nothing").all()
    assert len(told) == (0 if plaintext is None else 2)
    assert (moved(live, "mtls") > 0) == (mode != "off")


def test_what_cannot_come_into_force_is_said(live):
    asked = Intent(name="much", proxy_threads=3, proxy_resources=ProxyResources(cpu_limit=1.0), access_log=True)
    applied = live.apply(Design(intent=asked))
    assert len(applied.notes) == 2
    assert "worker threads are set when it starts" in " ".join(applied.notes)
    assert live.events["notes"].iloc[-1]
    answers(live, settled(live), 20)
    assert moved(live, "access_log") > 0


def test_what_envoy_refuses_changes_nothing_and_is_told_in_its_words(live, monkeypatch):
    live.apply(Design(intent=Intent(name="good", split=split(100))))
    before = live.applied
    whole = live._steps

    def broken(intent, application):
        steps = list(whole(intent, application))
        last = steps[-1]
        assert last.name == "server-v2-sidecar", "the last one to change, when the others have changed already"
        text = last.files["envoy.json"].replace('"stat_prefix": "inbound', '"stat_prefiks": "inbound')
        return (*steps[:-1], replace(last, files={"envoy.json": text}))

    monkeypatch.setattr(live, "_steps", broken)
    with pytest.raises(
        BadInputError, match=r"server-v2-sidecar refuses the configuration: .*(stat_prefiks|no such field|unknown)"
    ):
        live.apply(Design(intent=Intent(name="bad", abort=Abort(percent=100))))
    monkeypatch.undo()
    assert live.applied is before
    assert set(answers(live, settled(live), 60)["status"]) == {200}
    assert live.revert().how == "reverted", "the session goes on"


def test_revert_walks_back_to_the_mesh_as_it_comes():
    slow = Design(intent=Intent(name="slow", delay=Delay(percent=100, seconds=0.05)))
    failing = Design(intent=Intent(name="failing", abort=Abort(percent=100, status=500)))
    with LiveLab(rate_per_s=50) as own:
        own.start(slow)
        own.apply(failing)
        assert set(answers(own, settled(own), 10)["status"]) == {500}
        assert own.revert().design == slow
        found = answers(own, settled(own), 10)
        assert set(found["status"]) == {200}
        assert found["latency_s"].min() >= 0.045
        assert own.revert().design.intent == PLAIN
        assert answers(own, settled(own), 10)["latency_s"].min() < 0.05
        assert list(own.events["how"]) == ["started", "applied", "reverted", "reverted"]
        assert own.events["second"].is_monotonic_increasing


def test_the_frame_adds_up(live):
    live.apply(Design(intent=Intent(name="count", split=split(50), retries=Retries(attempts=0))))
    time.sleep(2.2)
    frame = live.frame(5)
    assert list(frame.columns) == list(traffic.COLUMNS)
    totals = frame.groupby(["second", "by"])["count"].sum().unstack()
    assert (totals["all"] == totals["version"]).all()
    assert (totals["all"] == totals["status"]).all()
    assert set(frame.loc[frame["by"] == "version", "group"]) <= {"v1", "v2", "proxy"}
    assert {"200", "503"} <= set(frame.loc[frame["by"] == "status", "group"])
    assert (frame["p50_s"] <= frame["p95_s"]).all()
    assert 100 <= totals["all"].iloc[-1] <= 220
    assert frame["second"].max() < live.now_s


def test_a_design_for_another_service_needs_another_session(live):
    with pytest.raises(BadInputError, match="has another target"):
        live.apply(Design(intent=PLAIN, target=Target(service="reviews")))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"rate_per_s": 1000}, "1 to 200 requests/s"),
        ({"calls": ("POST /\r\nx: y",)}, "use a method and a path"),
        ({"calls": ()}, "use a method and a path"),
        ({"mesh": "nonesuch"}, "nonesuch"),
    ],
)
def test_what_cannot_be_played_is_refused(asked, says):
    with pytest.raises((BadInputError, UnknownNameError), match=says):
        LiveLab(**asked)


def test_what_cannot_be_started_leaves_nothing_up():
    with LiveLab() as own:
        for target, says in (
            (Target(service="client"), "cannot have the name client"),
            (Target(versions=tuple(f"v{n}" for n in range(9))), "at most 6 versions"),
        ):
            with pytest.raises(BadInputError, match=says):
                own.start(Design(intent=PLAIN, target=target))
        assert not own.running
        assert own.frame().empty
        assert own.events.empty
        with pytest.raises(BadInputError, match="start one"):
            own.revert()
    with pytest.raises(BadInputError, match="closed"):
        own.start()


@pytest.mark.parametrize("mesh", ["node-l7", "l4-sidecars"])
def test_other_archetypes_play_what_they_carry(mesh):
    target = Target(service="reviews", caller="web", versions=("blue",))
    with LiveLab(mesh, rate_per_s=50) as own:
        own.start(Design(intent=PLAIN, target=target))
        applied = own.apply(Design(intent=Intent(name="a", abort=Abort(percent=100, status=500)), target=target))
        found = answers(own, settled(own), 10)
    assert bool(applied.notes) == (mesh == "l4-sidecars")
    assert set(found["status"]) == ({200} if applied.notes else {500})


def test_the_stream_stops_by_itself():
    with LiveLab(rate_per_s=50, longest_s=1) as own:
        own.start()
        answers(own, 0, 5)
        stream = own._running.deployment._child("stream").popen
        assert stream.wait(10) == 0


KILLED = """
import sys, time
from workbench.playground.live import LiveLab
live = LiveLab(rate_per_s=50)
live.start()
print(live._running.deployment.folder.parent, *[one.popen.pid for one in live._running.deployment.children], flush=True)
time.sleep(60)
"""


def test_nothing_stays_behind_when_the_kernel_is_killed():
    with subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True) as kernel:
        folder, *pids = kernel.stdout.readline().split()
        assert len(pids) == 6, "two servers, three sidecars and the stream"
        assert Path(folder).is_dir()
        kernel.send_signal(signal.SIGKILL)
    end = time.monotonic() + 10
    while time.monotonic() < end and (Path(folder).exists() or any(map(alive, pids))):
        time.sleep(0.05)
    assert not [pid for pid in pids if alive(pid)]
    assert not Path(folder).exists()


FORGOTTEN = """
import gc, time
from workbench.playground.live import LiveLab
live = LiveLab(rate_per_s=50)
live.start()
print(*[one.popen.pid for one in live._running.deployment.children], flush=True)
live = None
gc.collect()
time.sleep(60)
"""


def test_a_session_that_is_forgotten_ends_while_its_kernel_goes_on():
    with subprocess.Popen([sys.executable, "-c", FORGOTTEN], stdout=subprocess.PIPE, text=True) as kernel:
        pids = kernel.stdout.readline().split()
        assert len(pids) == 6
        end = time.monotonic() + 10
        while time.monotonic() < end and any(map(alive, pids)):
            time.sleep(0.05)
        assert not [pid for pid in pids if alive(pid)]
        assert kernel.poll() is None
        kernel.kill()


def alive(pid):
    try:
        os.kill(int(pid), 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, FileNotFoundError):
        return False


def test_the_live_form_says_the_same_as_the_static_one():
    live = LiveLab()
    proxies = [
        step
        for step in live._adapter.install(live.mesh, adapters.load("workloads", "echo").played(Target(), {}))
        if dynamic.is_proxy(step)
    ]
    for proxy in proxies:
        static = json.loads(proxy.files["envoy.json"])
        lively = {name: json.loads(text) for name, text in dynamic.live(proxy).files.items()}
        for file, kind in (("lds.json", "listeners"), ("cds.json", "clusters")):
            bare = [{k: v for k, v in one.items() if k != "@type"} for one in lively[file]["resources"]]
            assert bare == static["static_resources"][kind]
        assert lively["envoy.json"].keys() ^ static.keys() == {"static_resources", "dynamic_resources"}
    live.close()
