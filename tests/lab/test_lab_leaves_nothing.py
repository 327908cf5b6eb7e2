"""Whatever ends the program, the lab leaves no process and no folder behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workbench.environments.lab.folder import LabFolder, sweep
from workbench.environments.lab.namespaces import probe

pytestmark = pytest.mark.lab

OWNER = """
import sys, time
from workbench import adapters
from workbench.environments.lab.environment import ADAPTER
from workbench.model.experiment import EnvironmentSpec, MeshSpec, Workload

mesh, spec = adapters.load("meshes", sys.argv[1]), MeshSpec(name=sys.argv[1])
application = adapters.load("workloads", "echo").application(Workload())
with ADAPTER(EnvironmentSpec()) as lab:
    with lab.deploy(mesh.install(spec, application), mesh.enrol(spec, application)) as deployment:
        print(lab._folder.path, *(child.popen.pid for child in deployment.children), flush=True)
        if sys.argv[2] == "raise":
            raise RuntimeError("something unforeseen")
        time.sleep(60)
"""


def owner(ending, mesh="l7-sidecars"):
    program = subprocess.Popen(
        [sys.executable, "-c", OWNER, mesh, ending],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    folder, *pids = program.stdout.readline().split()
    assert len(pids) >= 1
    return program, Path(folder), [int(pid) for pid in pids]


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_for_nothing(folder, pids):
    end = time.monotonic() + 10
    while time.monotonic() < end and (folder.exists() or any(alive(pid) for pid in pids)):
        time.sleep(0.02)
    assert [pid for pid in pids if alive(pid)] == []
    assert not folder.exists()


@pytest.mark.parametrize("mesh", ["l7-sidecars", "cross-connect"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_nothing(number, mesh):
    if mesh == "cross-connect" and (reason := probe()):
        pytest.skip(reason)
    program, folder, pids = owner("sleep", mesh)
    assert all(alive(pid) for pid in pids)
    assert folder.exists()
    program.send_signal(number)
    program.wait(20)
    program.stdout.close()
    wait_for_nothing(folder, pids)


def test_an_exception_leaves_nothing():
    program, folder, pids = owner("raise")
    program.wait(20)
    program.stdout.close()
    wait_for_nothing(folder, pids)


def test_killing_the_whole_group_and_the_janitor_is_swept_at_the_next_start():
    program, folder, pids = owner("sleep", "baseline")
    me = str(program.pid)
    children = Path(f"/proc/{me}/task/{me}/children").read_text().split()
    for pid in [int(child) for child in children]:
        os.kill(pid, signal.SIGKILL)
    program.kill()
    program.wait(20)
    program.stdout.close()
    sweep()
    wait_for_nothing(folder, pids)


def test_two_labs_side_by_side_do_not_meet():
    first, first_folder, first_pids = owner("sleep")
    second, second_folder, second_pids = owner("sleep")
    try:
        assert first_folder != second_folder
        assert all(alive(pid) for pid in first_pids + second_pids)
        assert not set(sweep()) & {first_folder, second_folder}, "a folder in use is not swept"
    finally:
        for program in (first, second):
            program.terminate()
            program.wait(20)
            program.stdout.close()
    wait_for_nothing(first_folder, first_pids)
    wait_for_nothing(second_folder, second_pids)


def test_the_folder_is_private_and_its_path_short():
    with LabFolder() as folder:
        assert folder.path.stat().st_mode & 0o077 == 0
        assert len(str(folder.path / "99" / "a-service-with-a-long-name-sidecar" / "admin.sock")) < 108
    assert not folder.path.exists()
