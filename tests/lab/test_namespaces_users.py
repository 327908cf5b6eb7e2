"""Network namespaces as root, as nobody and as root without rights; and that nothing is left, however it ends."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

import workbench
from workbench.environments.lab.namespaces import Namespaces, probe
from workbench.errors import RunFailedError
from workbench.model.lab_steps import Link, Network

pytestmark = pytest.mark.lab

ROOT = os.geteuid() == 0
PAIR = Network(
    namespaces=("a", "b", "alone"),
    addresses={"a": "198.18.0.1", "b": "198.18.0.2"},
    links=(Link(a="a", b="b", a_address="198.18.0.1/30", b_address="198.18.0.2/30"),),
)


@pytest.fixture(autouse=True)
def possible():
    reason = probe()
    if reason:
        pytest.skip(reason)


def inodes(namespaces, names):
    return [os.stat(namespaces._path(name)).st_ino for name in names]


def holders(inode):
    """Return who refers to a network namespace: processes inside it, and open file descriptors."""
    found = []
    for process in (one for one in Path("/proc").iterdir() if one.name.isdigit()):
        try:
            references = [process / "ns" / "net", *(process / "fd").iterdir()]
            found += [str(one) for one in references if os.readlink(one) == f"net:[{inode}]"]
        except OSError:
            continue  # it has ended, or is another user's
    return found


def wait_for_nobody(numbers, pids=()):
    end = time.monotonic() + 5
    while time.monotonic() < end:
        left = [*(one for inode in numbers for one in holders(inode)), *(pid for pid in pids if running(pid))]
        if not left:
            return
        time.sleep(0.02)
    raise AssertionError(f"left behind: {left}")


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_closing_leaves_nothing_and_twice_does_no_harm(tmp_path):
    namespaces = Namespaces.open(PAIR, tmp_path)
    numbers = inodes(namespaces, PAIR.namespaces)
    assert len(set(numbers)) == 3
    assert all(holders(number) for number in numbers)
    namespaces.close()
    wait_for_nobody(numbers, [namespaces.pid])
    namespaces.close()
    with pytest.raises(RunFailedError, match="are gone"):
        namespaces.counters("a")


HEAD = """
import json, os, subprocess, sys, tempfile, time
from pathlib import Path
from workbench.environments.lab.namespaces import Namespaces, probe
from workbench.model.lab_steps import Link, Network

network = Network(
    namespaces=("a", "b"),
    addresses={"a": "198.18.0.1", "b": "198.18.0.2"},
    links=(Link(a="a", b="b", a_address="198.18.0.1/30", b_address="198.18.0.2/30"),),
)
server = [sys.executable, "-I", "-m", "http.server", "8080", "--bind", "198.18.0.2"]
client = "import urllib.request; print(urllib.request.urlopen('http://198.18.0.2:8080/', timeout=5).status)"
"""

TOUR = """
def listening(namespaces):
    with namespaces.open_socket("a") as connection:
        return connection.connect_ex((namespaces.address("b"), 8080)) == 0

with tempfile.TemporaryDirectory() as folder, Namespaces.open(network, Path(folder)) as namespaces:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    with subprocess.Popen(namespaces.enter_command("b", server), **quiet) as program:
        end = time.monotonic() + 10
        while not listening(namespaces) and time.monotonic() < end:
            time.sleep(0.02)
        call = namespaces.enter_command("a", [sys.executable, "-I", "-c", client])
        answer = subprocess.run(call, capture_output=True, text=True, timeout=20)
        facts = {
            "owned": namespaces.owned,
            "answer": answer.stdout.strip() or answer.stderr,
            "packets": namespaces.counters("b")["eth0"],
            "cpu_ns": time.clock_gettime_ns((~program.pid) << 3 | 2),
            "smaps": Path(f"/proc/{program.pid}/smaps_rollup").read_text(),
            "status": Path(f"/proc/{program.pid}/status").read_text(),
            "parent": Path("/proc/self/status").read_text(),
        }
        program.kill()
print(json.dumps(facts))
"""

STAY = """
namespaces = Namespaces.open(network, Path(tempfile.mkdtemp(dir=sys.argv[1])))
programs = [subprocess.Popen(namespaces.enter_command(name, ["/bin/sleep", "60"])) for name in network.namespaces]
end = time.monotonic() + 10
outside = os.readlink("/proc/self/ns/net")
while any(Path(f"/proc/{one.pid}/comm").read_text() != "sleep\\n" for one in programs) and time.monotonic() < end:
    time.sleep(0.01)
print(json.dumps({
    "pids": [namespaces.pid, *(one.pid for one in programs)],
    "inodes": [os.stat(f"/proc/{one.pid}/ns/net").st_ino for one in programs],
}), flush=True)
time.sleep(60)
"""

FILTER = """
import ctypes, platform
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]
unshare = {"x86_64": 272, "aarch64": 97}[platform.machine()]
def instruction(code, yes, no, value):
    return code.to_bytes(2, sys.byteorder) + bytes([yes, no]) + value.to_bytes(4, sys.byteorder)
load, equal, give = 0x20, 0x15, 0x06
refuse, allow = 0x00050001, 0x7FFF0000
rules = [(load, 0, 0, 0), (equal, 0, 1, unshare), (give, 0, 0, refuse), (give, 0, 0, allow)]
code = b"".join(instruction(*rule) for rule in rules)
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Program(len(rules), code))) == 0, ctypes.get_errno()
print(json.dumps(probe()))
"""

NONE_LEFT = """
from workbench.environments.lab._kernel import CLONE_NEWUSER, unshare
user, group = os.geteuid(), os.getegid()
unshare(CLONE_NEWUSER)
Path("/proc/self/setgroups").write_text("deny")
Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
Path("/proc/sys/user/max_user_namespaces").write_text("0")
again = "from workbench.environments.lab.namespaces import probe; import json; print(json.dumps(probe()))"
os.execv(sys.executable, [sys.executable, "-c", again])
"""

USERS = ("this user", "nobody", "root without rights")


@pytest.fixture(scope="module")
def readable():
    """A copy of the package that everybody may read."""
    folder = Path(tempfile.mkdtemp(prefix="workbench-test-"))
    try:
        ignored = shutil.ignore_patterns("__pycache__", "_shipped")
        shutil.copytree(Path(workbench.__file__).parent, folder / "workbench", ignore=ignored)
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        (folder / "scratch").mkdir()
        (folder / "scratch").chmod(0o777)
        yield folder
    finally:
        shutil.rmtree(folder)


def python_for(prefix):
    """Return a Python that the user behind ``prefix`` may execute, and it itself: this one, or else the system's."""
    code = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', '']) or sys.version_info < (3, 11))"
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            if subprocess.run([*prefix, python, "-c", code], capture_output=True, check=False).returncode == 0:
                return python
        except OSError:
            continue
    pytest.skip("this user can execute neither the tests' Python nor a system Python of 3.11 or later")


def command_as(user, readable, code):
    """Return (argv, environment) that runs ``code`` as ``user``."""
    prefix = []
    if user != "this user":
        if not ROOT:
            pytest.skip("only root can become another user; run the tests as root to try this")
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv is missing: install util-linux")
        other = ["--reuid=65534", "--regid=65534", "--clear-groups"]
        prefix = ["setpriv", *(other if user == "nobody" else ["--bounding-set=-sys_admin,-net_admin"])]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(readable), "TMPDIR": str(readable / "scratch")}
    return [*prefix, python_for(prefix), "-c", HEAD + code, str(readable / "scratch")], environment


def run_as(user, readable, code):
    argv, environment = command_as(user, readable, code)
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def field(status, name):
    return next(line.split()[1:] for line in status.splitlines() if line.startswith(name + ":"))


@pytest.mark.parametrize("user", USERS)
def test_everyone_gets_traffic_and_can_read_what_the_programs_consume(readable, user):
    facts = run_as(user, readable, TOUR)
    assert facts["owned"] == (user != "this user" or not ROOT)
    assert facts["answer"] == "200"
    assert facts["packets"] > 8
    assert facts["cpu_ns"] > 1_000_000
    assert "Pss:" in facts["smaps"]
    assert "voluntary_ctxt_switches:" in facts["status"]
    assert field(facts["status"], "Uid") == field(facts["parent"], "Uid"), "inside, a user is still the same user"
    if user == "nobody":
        assert int(field(facts["status"], "CapEff")[0], 16) == 0, "and has no rights over the namespace"


@pytest.mark.parametrize("user", USERS)
def test_killing_the_parent_leaves_no_process_and_no_namespace(readable, user):
    argv, environment = command_as(user, readable, STAY)
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True, cwd="/") as parent:
        left = json.loads(parent.stdout.readline())
        assert all(running(pid) for pid in left["pids"])
        assert all(holders(inode) for inode in left["inodes"])
        parent.kill()
        killed = time.monotonic()
    wait_for_nobody(left["inodes"], left["pids"])
    assert time.monotonic() - killed < 5


def test_a_seccomp_filter_is_named(readable):
    if platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip("the filter is written for x86-64 and aarch64")
    reason = run_as("this user", readable, FILTER)
    assert reason.startswith(
        "The kernel refused to create a user namespace (Operation not permitted): a seccomp filter"
    )
    assert "--privileged" in reason
    assert list((readable / "scratch").glob("workbench-probe-*")) == []


def test_exhausted_user_namespaces_are_named(readable):
    reason = run_as("nobody" if ROOT else "this user", readable, NONE_LEFT)
    assert "create a user namespace (No space left on device)" in reason
    assert "user.max_user_namespaces" in reason
