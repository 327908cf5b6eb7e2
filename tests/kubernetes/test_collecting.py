"""The pod that asks the kubelets: what it is sent, and what is found of a kubelet's certificate before a token goes."""

from __future__ import annotations

import pytest

from workbench.environments.kubernetes import sources
from workbench.environments.kubernetes.collecting import Collector
from workbench.environments.kubernetes.sources import Choice, place_of

_CANNOT = b'Error for "https://x/": Get "https://x/": tls: failed to verify certificate: x509: '
UNKNOWN = _CANNOT + b"certificate signed by unknown authority\n"
OTHER = _CANNOT + b"certificate is valid for 192.0.2.9, not 192.0.2.1\n"
AWAY = b'Error for "https://x/": dial tcp 192.0.2.1:10250: connect: connection refused\n'


class Pod:
    """A cluster as far as `Collector` asks it: its pod hands on to one kubelet, which first answers `found`."""

    def __init__(self, *found: tuple[int, bytes]) -> None:
        self.found = list(found)
        self.sent: list[dict[str, str]] = []

    def listed(self, version, kind, namespace="", selector="", fields=""):
        addresses = [{"type": "InternalIP", "address": "192.0.2.1"}]
        return [{"metadata": {"name": "one"}, "status": {"addresses": addresses}}], ""

    def json(self, method, path, body):
        return {"spec": {"expirationSeconds": 3600}, "status": {"token": "a-token"}}

    def form_once(self, path, fields, timeout_s):
        self.sent.append(dict(fields))
        if "H" in fields:
            return 200, b"page"
        return self.found.pop(0)


@pytest.mark.parametrize("status", [200, 401, 403])
def test_a_kubelet_whose_certificate_is_right_is_asked_with_checking(status):
    """Whatever it says to who shows no token."""
    pod = Pod((status, b"Unauthorized"))
    collector = Collector(pod)
    assert collector.trust("one") == ""
    assert [collector.page("one", "metrics/resource", 1.0) for _ in range(2)] == [b"page", b"page"]
    assert pod.sent == [{}, {"H": "Authorization: Bearer a-token"}, {"H": "Authorization: Bearer a-token"}]
    assert collector.trust("one") == "its certificate checked with the cluster's CA"


@pytest.mark.parametrize(
    ("said", "why"), [(UNKNOWN, "signed by unknown authority"), (OTHER, "valid for 192.0.2.9, not")]
)
def test_one_that_cannot_be_checked_is_asked_without_and_the_run_says_why(said, why):
    pod = Pod((400, said))
    collector = Collector(pod)
    assert collector.page("one", "metrics/resource", 1.0) == b"page"
    assert pod.sent[1]["https-insecure"] == "on"
    choice = Choice(name="kubelet", place="not known yet", collector=True)
    assert place_of(choice, collector, "one").startswith(sources._COLLECTED)
    assert "not checked" in place_of(choice, collector, "one") and why in place_of(choice, collector, "one")
    assert place_of(choice, collector, "another") == place_of(choice, None, "one") == "not known yet"


def test_no_token_goes_to_a_kubelet_of_which_nothing_is_known_yet():
    """It does not answer, its pod is away, or the API server refuses: none of that says anything of a certificate."""
    pod = Pod((400, AWAY), (0, b""), (503, b"x509: of the API server's own way to the pod"), (401, b""))
    collector = Collector(pod)
    assert [collector.page("one", "metrics/resource", 1.0) for _ in range(4)] == [None, None, None, b"page"]
    assert pod.sent[:4] == [{}] * 4
