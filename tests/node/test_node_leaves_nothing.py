"""A node whose tests were killed takes everything along; its empty cgroups go with the next."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import node_machine
import pytest
from node_machine import CGROUPS, Machine, until

CHILD = """
import sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
from node_machine import Machine
made = Machine(Path(sys.argv[1]))
made._make_cgroups()
made._start_namespaces()
made.order(start="sleeper", argv=["sleep", "600"])
print(made.name, made.first, flush=True)
sys.stdin.read()
"""


def test_a_killed_node_leaves_no_process_and_no_mount(tmp_path):
    reason = node_machine.why_not()
    if reason:
        pytest.skip(reason)
    paths = [str(Path(node_machine.__file__).parent), str(Path(node_machine.__file__).parents[1] / "cluster")]
    program = [sys.executable, "-c", CHILD, str(tmp_path), *paths]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        name, first = child.stdout.readline().split()
        assert int(first) in members(name)
        child.send_signal(signal.SIGKILL)
    until(lambda: not members(name), "its processes do not end", lambda: str(members(name)), 20)
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()
    following = Machine(tmp_path)
    following._make_cgroups()
    assert not list(CGROUPS.glob(f"*/{name}"))
    following.stop()
    assert not list(CGROUPS.glob(f"*/{following.name}"))


def members(name):
    """Return the processes in the node's cgroups."""
    return [int(one) for one in (CGROUPS / "cpuacct" / name / "cgroup.procs").read_text().split()]
