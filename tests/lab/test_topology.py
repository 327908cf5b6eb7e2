"""From a network step to device operations, and the words for a kernel that refuses: pure."""

from __future__ import annotations

import errno
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.environments.lab._topology import check, operations
from workbench.environments.lab.forbidden import why
from workbench.environments.lab.namespaces import read_counters
from workbench.errors import BadInputError, RunFailedError
from workbench.model.lab_steps import Link, Network, Route, Vxlan

PAIR = Network(
    namespaces=("a", "b"),
    addresses={"a": "198.18.0.1", "b": "198.18.0.2"},
    links=(Link(a="a", b="b", a_address="198.18.0.1/30", b_address="198.18.0.2/30"),),
)
TUNNEL = Vxlan(namespace="a", vni=7, local="198.18.0.1", remote="198.18.0.2")


@pytest.mark.parametrize(
    "name", ["", "../x", "a b", "-x", ".x", "a" * 64, "A", "x\n", "x;reboot", "x/y", "é", "x\0", "$(x)"]
)
def test_hostile_names_are_refused(name):
    with pytest.raises(BadInputError, match="cannot be a namespace's name"):
        operations(Network(namespaces=(name,), addresses={}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"namespaces": ("a", "b", "a")}, "listed twice"),
        ({"namespaces": ("a",)}, "does not list: 'b'"),
        ({"forwarding": ("nowhere",)}, "does not list: 'nowhere'"),
        ({"addresses": {"c": "198.18.0.1"}}, "does not list: 'c'"),
        ({"addresses": {"a": "198.18.0.9"}}, "no link has there"),
        ({"links": (Link(a="a", b="b", a_address="here", b_address="198.18.0.2/30"),)}, "'here' is not valid"),
        ({"links": (Link(a="a", b="b", a_address="::1/64", b_address="198.18.0.2/30"),)}, "'::1/64' is not valid"),
        ({"links": (Link(a="a", b="b", a_address="198.18.0.1/30"),)}, "no address in b, nor a bridge"),
        ({"links": (*PAIR.links, Link(a="a", b="a"))}, "connects a to itself"),
        ({"routes": (Route(namespace="a", destination="everywhere", via="198.18.0.2"),)}, "destination"),
        ({"routes": (Route(namespace="a", destination="0.0.0.0/0", via="over there"),)}, "gateway"),
        ({"vxlans": (replace(TUNNEL, vni=0),)}, "identifier 0"),
        ({"vxlans": (replace(TUNNEL, vni=2**24),)}, "identifier 16777216"),
        ({"vxlans": (replace(TUNNEL, mtu=1451),)}, "MTU 1451, not 576 to 1450"),
        ({"vxlans": (replace(TUNNEL, local="198.18.0.9"),)}, "which no link has there"),
        ({"vxlans": (replace(TUNNEL, remote="b"),)}, "remote address 'b' is not valid"),
        ({"vxlans": (TUNNEL, replace(TUNNEL, vni=8))}, "two VXLAN ends"),
    ],
)
def test_a_network_that_could_not_work_is_refused(change, words):
    check(PAIR)
    with pytest.raises(BadInputError, match=words):
        operations(replace(PAIR, **change))


NAMES = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,62}", fullmatch=True)


@st.composite
def networks(draw):
    """Pods in random pairs, some of them bridged onto a tunnel."""
    names = tuple(draw(st.lists(NAMES, min_size=2, max_size=12, unique=True)))
    pairs = draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(names)), max_size=20))
    links = [Link(a=names[0], b=names[1], a_address="198.19.0.1/30", b_address="198.19.0.2/30")]
    bridged = draw(st.booleans())
    for number, (a, b) in enumerate((a, b) for a, b in pairs if a != b):
        far = "" if bridged and b == names[0] else f"198.18.{number}.2/30"
        links.append(Link(a=a, b=b, a_address=f"198.18.{number}.1/30", b_address=far))
    vni = draw(st.integers(1, 2**24 - 1))
    vxlans = (Vxlan(namespace=names[0], vni=vni, local="198.19.0.1", remote="198.19.0.2"),) if bridged else ()
    return Network(namespaces=names, addresses={}, links=tuple(links), vxlans=vxlans, forwarding=names[-1:])


@given(networks())
def test_devices_have_short_names_unique_in_their_namespace_and_all_come_up(network):
    plan = operations(network)
    assert plan == operations(network)
    made = [(one["namespace"], one["device"]) for one in plan if one["do"] in ("veth", "vxlan", "bridge")]
    made += [(one["peer_namespace"], one["peer"]) for one in plan if one["do"] == "veth"]
    assert len(set(made)) == len(made) == 2 * len(network.links) + 2 * len(network.vxlans)
    assert all(len(device) <= 15 for _, device in made)
    up = {(one["namespace"], one["device"]) for one in plan if one["do"] == "up"}
    assert up == set(made) | {(name, "lo") for name in network.namespaces}


@given(networks())
def test_a_device_exists_before_it_is_spoken_of(network):
    known = {(name, "lo") for name in network.namespaces}
    for one in operations(network):
        if one["do"] == "route":
            continue
        if one["do"] in ("veth", "vxlan", "bridge"):
            known.add((one["namespace"], one["device"]))
            known |= {(one["peer_namespace"], one["peer"])} if one["do"] == "veth" else set()
        assert (one["namespace"], one["device"]) in known
        assert (one["namespace"], one.get("master", "lo")) in known


COUNTS = st.dictionaries(
    st.from_regex(r"[a-z0-9.@:-]{1,15}", fullmatch=True).filter(lambda name: name != "lo"),
    st.lists(st.integers(0, 2**64 - 1), min_size=16, max_size=16),
)


@given(COUNTS)
def test_counters_are_read_as_the_kernel_writes_them(devices):
    head = "Inter-|   Receive                            |  Transmit\n face |bytes    packets errs drop\n"
    rows = {"lo": [1] * 16, **devices}
    text = head + "".join(f"{name:>6}: {' '.join(map(str, numbers))}\n" for name, numbers in rows.items())
    assert read_counters(text) == {name: numbers[1] + numbers[9] for name, numbers in devices.items()}


@pytest.mark.parametrize("line", ["eth0: 1 2", "eth0 1 2 3", "eth0: a b c d e f g h i j", "<html>"])
def test_damaged_counters_are_an_error(line):
    with pytest.raises(RunFailedError, match="packet counters cannot be read"):
        read_counters(f"head\nhead\n{line}\n")


@pytest.mark.parametrize(
    ("number", "doing", "files", "words"),
    [
        (errno.EPERM, "create a user namespace", {"/proc/self/status": "Seccomp:\t2"}, "seccomp filter"),
        (
            errno.EPERM,
            "create a network namespace",
            {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1", "/proc/self/status": "Seccomp:\t0"},
            "AppArmor restricts",
        ),
        (errno.EPERM, "create a user namespace", {"/proc/sys/kernel/unprivileged_userns_clone": "0"}, "clone=1"),
        (errno.EACCES, "x", {"/proc/sys/user/max_user_namespaces": "0"}, "user.max_user_namespaces"),
        (errno.ENOSPC, "create a user namespace", {}, "user.max_user_namespaces"),
        (errno.ENOSPC, "create a network namespace", {}, "user.max_net_namespaces"),
        (errno.EOPNOTSUPP, "vxlan", {}, "modprobe veth bridge vxlan"),
        (errno.EPERM, "create a network namespace", {}, "SYS_ADMIN and NET_ADMIN"),
        (errno.ENETUNREACH, "route", {}, r"route \(Network is unreachable\)\.$"),
    ],
)
def test_a_refusal_names_its_likely_cause_and_the_mend(number, doing, files, words):
    assert re.search(words, why(number, doing, lambda path: files.get(path, "")))
