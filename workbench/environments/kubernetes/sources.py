"""Which source of telemetry this cluster lets us use, and how its pages are fetched.

The first choice are the kubelets through the API server. Where this user may not ask them so, a pod of the run's own
asks them straight (`collecting`); where that may not be either, the cluster's Prometheus is taken, and where there is
none, the averages of ``metrics.k8s.io``, marked as coarse. What was used stands in every run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import urllib3

from workbench.environments.kubernetes.client import Cluster, RefusedError
from workbench.environments.kubernetes.collecting import Collector, may_collect
from workbench.errors import BadInputError, UnsupportedError
from workbench.model.protocols import Ask

METRICS_API = "/apis/metrics.k8s.io/v1beta1"
PAGE_S = 5.0
QUERY_S = 30.0
"""How long one page may take: a kubelet answers at once or not at all; a query of a range reads from a disk."""

_PAGES = "/metrics/resource, /stats/summary and /metrics/cadvisor"
_COLLECTED = f"{_PAGES} of the kubelets, read by a pod of the run"
_SERVICE = re.compile(r"[a-z0-9-]+/((http|https):)?[a-z0-9-]+:[a-z0-9-]+")
_LABEL = "app.kubernetes.io/name=prometheus"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A source of telemetry.

    Attributes
    ----------
    name
        Of its adapter.
    place
        Where it is asked, for people; holds no credentials.
    prometheus
        ``"NAMESPACE/SERVICE:PORT"`` or a URL; empty where it is not asked.
    why
        Why it is not the first choice; empty when it is, or when it was asked for.
    collector
        Whether a pod of the run's own asks the kubelets, see `collecting`.
    """

    name: str
    place: str
    prometheus: str = ""
    why: str = ""
    collector: bool = False


def choose(cluster: Cluster, telemetry: str, prometheus: str) -> Choice:
    """Return the source to use: the one asked for, else the best that may be used here.

    Raises
    ------
    BadInputError
        When `prometheus` is neither a Service nor a URL.
    UnsupportedError
        When the one asked for is not there.
    """
    if prometheus and not (_SERVICE.fullmatch(prometheus) or prometheus.startswith(("http://", "https://"))):
        raise BadInputError(
            f"The option prometheus cannot be {prometheus!r}: use NAMESPACE/SERVICE:PORT, or "
            "a URL that this machine can reach."
        )
    if telemetry in ("", "kubelet"):
        refused = "" if telemetry else _kubelets_refuse(cluster)
        if not refused:
            return Choice(name="kubelet", place=f"{_PAGES} of the kubelets")
        return _instead(cluster, prometheus, refused)
    if telemetry == "collector":
        if not may_collect(cluster):
            raise UnsupportedError(
                "You have no right to create a pod that queries the kubelets, with its rights and token: request the "
                "ClusterRole from `workbench rbac --metrics-only`, or choose another source."
            )
        return _collector()
    if telemetry == "prometheus":
        found = prometheus or _found(cluster)
        if not found:
            raise UnsupportedError(
                f"No Service on this cluster has the label {_LABEL}: set the address of its Prometheus with "
                'options = {prometheus = "NAMESPACE/SERVICE:PORT"} in the experiment\'s [environment].'
            )
        return _prometheus(found)
    if telemetry != "metrics-api":
        raise BadInputError(
            f"The option telemetry cannot be {telemetry!r}: kubelet, collector, prometheus or metrics-api."
        )
    if not _serves_metrics(cluster):
        raise UnsupportedError(
            "This cluster does not serve metrics.k8s.io: install metrics-server, or choose another source."
        )
    return _metrics_api()


def _instead(cluster: Cluster, prometheus: str, refused: str) -> Choice:
    if not prometheus and may_collect(cluster):
        return _collector(refused)
    found = prometheus or _found(cluster)
    if found:
        return _prometheus(found, refused)
    if _serves_metrics(cluster):
        return _metrics_api(refused)
    nothing = f"{refused}, and there is neither a Prometheus nor metrics.k8s.io: there will be no CPU and no memory"
    return Choice(name="kubelet", place="the kubelets, without success", why=nothing)


def _kubelets_refuse(cluster: Cluster) -> str:
    """Return why kubelets cannot be asked by way of the API server; empty when they can."""
    try:
        if cluster.may("get", "", "nodes", subresource="proxy"):
            return ""
    except RefusedError:
        return ""  # a server that does not review access is asked right away
    return "this user may not get nodes/proxy"


def _found(cluster: Cluster) -> str:
    """Return the Service of a Prometheus that is here; empty without one."""
    try:
        services, _ = cluster.listed("v1", "Service", selector=_LABEL)
    except RefusedError:
        return ""
    for one in sorted(services, key=lambda found: found["metadata"]["name"]):
        ports = [
            port
            for port in one["spec"].get("ports") or ()
            if port.get("port") == 9090 or "web" in str(port.get("name"))
        ]
        if ports:
            return f"{one['metadata']['namespace']}/{one['metadata']['name']}:{ports[0]['port']}"
    return ""


def _serves_metrics(cluster: Cluster) -> bool:
    return cluster.page_once(METRICS_API, PAGE_S) is not None


def _collector(why: str = "") -> Choice:
    place = f"{_COLLECTED} (certificates are checked where the cluster's CA signed them)"
    return Choice(name="kubelet", place=place, why=why, collector=True)


def place_of(choice: Choice, collector: Collector | None, node: str) -> str:
    """Return where a node's consumption was read, once it was: with what was found of its kubelet's certificate."""
    trust = collector.trust(node) if collector else ""
    return f"{_COLLECTED} ({trust})" if trust else choice.place


def _prometheus(found: str, why: str = "") -> Choice:
    return Choice(name="prometheus", place=f"the Prometheus at {_shown(found)}", prometheus=found, why=why)


def _metrics_api(why: str = "") -> Choice:
    return Choice(name="metrics-api", place="metrics.k8s.io (averages, not counters)", why=why)


def _shown(place: str) -> str:
    """Return a place without what a URL may hold of user and password."""
    if "://" not in place:
        return f"the Service {place}"
    parts = urlsplit(place)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "") + parts.path


def page(cluster: Cluster, choice: Choice, collector: Collector | None, ask: Ask) -> bytes | None:
    """Return what was asked for; None when it cannot be had just now."""
    if ask.via == "kubelet" and collector is not None:
        return collector.page(ask.node, ask.path, PAGE_S)
    if ask.via == "kubelet":
        return cluster.page_once(f"/api/v1/nodes/{ask.node}/proxy/{ask.path}", PAGE_S)
    if ask.via == "api":
        return cluster.page_once(ask.path, PAGE_S)
    if "://" in choice.prometheus:
        return _fetched(f"{choice.prometheus.rstrip('/')}/{ask.path}")
    namespace, _, service = choice.prometheus.partition("/")
    return cluster.page_once(f"/api/v1/namespaces/{namespace}/services/{service}/proxy/{ask.path}", QUERY_S)


def _fetched(url: str) -> bytes | None:
    try:
        answer = urllib3.request("GET", url, timeout=QUERY_S, retries=False)
    except (urllib3.exceptions.HTTPError, OSError):
        return None
    return bytes(answer.data) if answer.status == 200 else None


def addresses(nodes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return node -> its internal address, by which a scrape may call it."""
    return {
        one["metadata"]["name"]: told["address"]
        for one in nodes
        for told in (one.get("status") or {}).get("addresses") or ()
        if told.get("type") == "InternalIP"
    }
