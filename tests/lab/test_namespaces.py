"""Real network namespaces: traffic, what the parent can read, what is left behind, what a machine may forbid."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager

import pytest

from workbench.environments.lab import namespaces
from workbench.environments.lab.namespaces import Namespaces, probe
from workbench.errors import BadInputError, RunFailedError, UnsupportedError
from workbench.model.lab_steps import Link, Network, Route

pytestmark = pytest.mark.lab

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
        with pytest.raises(BadInputError, match=r"no namespace 'c'; it has a, alone, b"):
            call()
    with pytest.raises(BadInputError, match=r"alone.*address"):
        pair.address("alone")


def test_two_copies_do_not_meet(tmp_path):
    with Namespaces.open(PAIR, tmp_path) as one, Namespaces.open(PAIR, tmp_path) as other, echoing(one, "b"):
        assert inside(one, "a", CALL, one.address("b")) == "hello"
        with other.open_socket("a") as connection, pytest.raises(ConnectionRefusedError):
            connection.connect((other.address("b"), 8080))


def test_a_network_that_the_kernel_refuses_leaves_nothing(tmp_path, monkeypatch):
    started = []
    start = namespaces._start_holder
    monkeypatch.setattr(namespaces, "_start_holder", lambda *given: started.append(start(*given)) or started[0])
    beyond = Network(
        namespaces=PAIR.namespaces,
        addresses=PAIR.addresses,
        links=PAIR.links,
        routes=(Route(namespace="a", destination="10.0.0.0/8", via="192.0.2.1"),),
    )
    with pytest.raises(
        UnsupportedError, match=r"route 10\.0\.0\.0/8 192\.0\.2\.1 in namespace a \(Network is unreachable"
    ):
        Namespaces.open(beyond, tmp_path)
    assert started[0].poll() == 0


def test_a_holder_that_cannot_be_started_is_explained(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/none/such/python")
    with pytest.raises(UnsupportedError, match=r"cannot be started: .*/none/such/python"):
        Namespaces.open(PAIR, tmp_path)


def test_a_lost_holder_is_an_error_not_a_hang(pair):
    os.kill(pair.pid, signal.SIGKILL)
    with pytest.raises(RunFailedError, match=r"has ended|are gone"):
        pair.counters("a")


def test_a_crashed_holder_is_quoted(pair):
    with pytest.raises(RunFailedError, match=r"(?s)has ended.*unexpected keyword argument 'nonsense'"):
        pair._ask("traffic", nonsense=True)


def test_probing_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert probe() == ""
    assert list(tmp_path.iterdir()) == []


def test_elsewhere_than_on_linux_it_says_so(tmp_path, monkeypatch):
    monkeypatch.delattr(socket, "AF_NETLINK")
    with pytest.raises(UnsupportedError, match="on Linux only"):
        Namespaces.open(PAIR, tmp_path)
