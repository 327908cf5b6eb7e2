"""Real network namespaces: traffic, what the parent can read, what is left behind, what a machine may forbid."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

import workbench
from workbench.environments import _namespaces
from workbench.environments._namespaces import Namespaces, probe
from workbench.errors import BadInput, CannotHere, RunFailed
from workbench.steps import Link, Network, Route

pytestmark = pytest.mark.lab

ROOT = os.geteuid() == 0
PAIR = Network(
    namespaces=("a", "b", "alone"),
    addresses={"a": "198.18.0.1", "b": "198.18.0.2"},
    links=(Link(a="a", b="b", a_address="198.18.0.1/30", b_address="198.18.0.2/30"),),
)
ROUTED = Network(
    namespaces=("a", "b", "between"),
    addresses={"a": "198.18.0.2", "b": "198.18.1.2"},
    links=(
        Link(a="a", b="between", a_address="198.18.0.2/30", b_address="198.18.0.1/30"),
        Link(a="b", b="between", a_address="198.18.1.2/30", b_address="198.18.1.1/30"),
    ),
    routes=(
        Route(namespace="a", destination="0.0.0.0/0", via="198.18.0.1"),
        Route(namespace="b", destination="0.0.0.0/0", via="198.18.1.1"),
    ),
    forwarding=("between",),
)


@pytest.fixture(autouse=True)
def possible():
    reason = probe()
    if reason:
        pytest.skip(reason)


@pytest.fixture
def pair(tmp_path):
    with Namespaces.open(PAIR, tmp_path) as opened:
        yield opened


def inside(namespaces, name, code, *arguments):
    """Run Python code inside a namespace and return what it printed."""
    command = namespaces.enter_command(name, [sys.executable, "-I", "-S", "-c", code, *arguments])
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


ECHO = """
import socket, sys
with socket.create_server((sys.argv[1], 8080)) as server:
    print("ready", flush=True)
    while True:
        with server.accept()[0] as connection:
            connection.sendall(connection.recv(100))
"""
CALL = """
import socket, sys
with socket.create_connection((sys.argv[1], 8080), 3) as connection:
    connection.sendall(b"hello")
    print(connection.recv(100).decode())
"""


@contextmanager
def echoing(namespaces, name):
    command = [sys.executable, "-I", "-S", "-c", ECHO, namespaces.address(name)]
    with subprocess.Popen(namespaces.enter_command(name, command), stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout.readline() == "ready\n"
            yield server
        finally:
            server.kill()


def test_a_call_crosses_the_link_and_only_the_call_is_counted(pair):
    with echoing(pair, "b"):
        before = pair.counters("a")
        assert before == {"eth0": 0}, "nothing is sent of its own accord"
        assert inside(pair, "a", CALL, pair.address("b")) == "hello"
        moved = pair.counters("a")["eth0"]
        assert moved >= 8, "handshake, request, answer and end both ways"
        assert inside(pair, "b", CALL, pair.address("b")) == "hello"
        assert pair.counters("a")["eth0"] <= moved + 2, "a call inside b stays inside b"
    assert pair.counters("alone") == {}


def test_a_socket_of_a_namespace_can_be_used_from_outside(pair):
    with echoing(pair, "b"), pair.open_socket("a") as connection:
        connection.settimeout(3)
        connection.connect((pair.address("b"), 8080))
        assert connection.getsockname()[0] == pair.address("a")
        connection.sendall(b"from outside")
        assert connection.recv(100) == b"from outside"


def test_namespaces_without_a_link_do_not_meet(pair):
    with echoing(pair, "b"), pair.open_socket("alone") as connection, pytest.raises(OSError, match="unreachable"):
        connection.connect((pair.address("b"), 8080))


def test_each_namespace_has_its_own_loopback(pair):
    code = "import socket; print(socket.create_server(('127.0.0.1', 8080)).getsockname()[0])"
    assert inside(pair, "a", code) == inside(pair, "alone", code) == "127.0.0.1"


@pytest.mark.parametrize("forwarding", [("between",), ()])
def test_packets_are_forwarded_where_it_was_asked_for_and_nowhere_else(tmp_path, forwarding):
    network = Network(
        namespaces=ROUTED.namespaces,
        addresses=ROUTED.addresses,
        links=ROUTED.links,
        routes=ROUTED.routes,
        forwarding=forwarding,
    )
    with Namespaces.open(network, tmp_path) as namespaces, echoing(namespaces, "b"):
        with namespaces.open_socket("a") as connection:
            connection.settimeout(0.5)
            if forwarding:
                connection.connect((namespaces.address("b"), 8080))
            else:
                with pytest.raises(OSError, match=r"timed out|unreachable|No route"):
                    connection.connect((namespaces.address("b"), 8080))
        carried = namespaces.counters("between")
        assert (carried["eth1"] > 0) == bool(forwarding)


def test_the_program_keeps_its_process_id_and_its_signals(pair):
    code = "import os, signal; print(os.getpid(), os.readlink('/proc/self/ns/net'), signal.getsignal(signal.SIGINT))"
    command = pair.enter_command("a", [sys.executable, "-c", code])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        pid, namespace, interrupt = program.stdout.read().split(maxsplit=2)
    assert int(pid) == program.pid
    assert namespace != os.readlink("/proc/self/ns/net")
    assert "default_int_handler" in interrupt
    ignored = inside(pair, "a", "print([l for l in open('/proc/self/status') if l.startswith('SigIgn')][0].split()[1])")
    own = int(subprocess.check_output(["grep", "SigIgn", "/proc/self/status"], text=True).split()[1], 16)
    python_ignores = 1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)
    assert int(ignored, 16) & ~python_ignores == own & ~python_ignores


def test_a_program_that_cannot_be_executed_says_so(pair):
    done = subprocess.run(
        pair.enter_command("a", ["/none/such"]), capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 127
    assert "cannot execute /none/such" in done.stderr


def test_a_command_of_another_parent_is_not_executed(pair):
    command = pair.enter_command("a", ["/bin/echo", "done"])
    code = f"import subprocess, sys; sys.exit(subprocess.run({command!r}).returncode)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (126, "")


def test_unknown_names_are_refused(pair):
    for call in (
        lambda: pair.enter_command("c", ["true"]),
        lambda: pair.counters("c"),
        lambda: pair.open_socket("c"),
        lambda: pair.address("c"),
    ):
        with pytest.raises(BadInput, match=r"no namespace 'c'; it has a, alone, b"):
            call()
    with pytest.raises(BadInput, match="no address"):
        pair.address("alone")


def test_two_copies_do_not_meet(tmp_path):
    with Namespaces.open(PAIR, tmp_path) as one, Namespaces.open(PAIR, tmp_path) as other, echoing(one, "b"):
        assert inside(one, "a", CALL, one.address("b")) == "hello"
        with other.open_socket("a") as connection, pytest.raises(ConnectionRefusedError):
            connection.connect((other.address("b"), 8080))


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
    with pytest.raises(RunFailed, match="are gone"):
        namespaces.counters("a")


def test_a_network_that_the_kernel_refuses_leaves_nothing(tmp_path, monkeypatch):
    started = []
    start = _namespaces._start_holder
    monkeypatch.setattr(_namespaces, "_start_holder", lambda *given: started.append(start(*given)) or started[0])
    beyond = Network(
        namespaces=PAIR.namespaces,
        addresses=PAIR.addresses,
        links=PAIR.links,
        routes=(Route(namespace="a", destination="10.0.0.0/8", via="192.0.2.1"),),
    )
    with pytest.raises(CannotHere, match=r"route 10\.0\.0\.0/8 192\.0\.2\.1 in namespace a \(Network is unreachable"):
        Namespaces.open(beyond, tmp_path)
    assert started[0].poll() == 0


def test_a_holder_that_cannot_be_started_is_explained(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/none/such/python")
    with pytest.raises(CannotHere, match=r"cannot be started: .*/none/such/python"):
        Namespaces.open(PAIR, tmp_path)


def test_a_lost_holder_is_an_error_not_a_hang(pair):
    os.kill(pair.pid, signal.SIGKILL)
    with pytest.raises(RunFailed, match=r"has ended|are gone"):
        pair.counters("a")


def test_a_crashed_holder_is_quoted(pair):
    with pytest.raises(RunFailed, match=r"(?s)has ended.*unexpected keyword argument 'nonsense'"):
        pair._ask("traffic", nonsense=True)


def test_probing_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert probe() == ""
    assert list(tmp_path.iterdir()) == []


def test_elsewhere_than_on_linux_it_says_so(tmp_path, monkeypatch):
    monkeypatch.delattr(socket, "AF_NETLINK")
    with pytest.raises(CannotHere, match="on Linux only"):
        Namespaces.open(PAIR, tmp_path)


# As other users: the same in a process of theirs. ------------------------------------------------------------------

HEAD = """
import json, os, subprocess, sys, tempfile, time
from pathlib import Path
from workbench.environments._namespaces import Namespaces, probe
from workbench.steps import Link, Network

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
from workbench.environments._kernel import CLONE_NEWUSER, unshare
user, group = os.geteuid(), os.getegid()
unshare(CLONE_NEWUSER)
Path("/proc/self/setgroups").write_text("deny")
Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
Path("/proc/sys/user/max_user_namespaces").write_text("0")
again = "from workbench.environments._namespaces import probe; import json; print(json.dumps(probe()))"
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
