"""How an application looks on a cluster: pods of Fortio, Services by name, and a client's pod that sends the load.

Fortio's echo server answers a request with its own body, as the lab's server does, and its fan-out server passes every
request on to each of its targets; one image serves as server, frontend and client, so that the application is the same
under every mesh. Meshes take copies of what is made here and add what makes them carry it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from workbench.errors import BadInputError
from workbench.model.cluster_steps import ClusterApplication, KubernetesObject
from workbench.model.experiment import Workload
from workbench.model.fortio_rest import PING_PATH

Placement = Literal["spread", "same-node", "across-nodes"]
"""Of the client: on another node than the services where there is one, on the same node, on another or not at all."""

NAMESPACE = "workbench-app"
CLIENT = "client"
PORT = 8080
"""Fortio's port, of every container and every Service, whatever is spoken there."""

IMAGE, VERSION = "fortio", "1.75.2"
_REGISTRY = "docker.io/fortio"
"""The newest release; that its image bears the tag is not verified, older ones do (1.40.0)."""

_USER = 65534
"""Nobody, and none of the users whose traffic some mesh lets through unseen (1337, 2102, 5995). The image has no shell
and needs no user of its own."""

_LABEL = "app"
_MOST_DELAY_S = 30.0
_LISTENERS = ("http", "grpc", "tcp", "udp", "redirect")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Speech:
    """A protocol as Fortio serves it and as meshes are told of it.

    Attributes
    ----------
    url
        What the client calls, with the service's name to fill in.
    listener
        Of Fortio, on `PORT`.
    port, app_protocol
        Name and appProtocol of the Service's port: each mesh reads one of them, so that none has to guess. Of h2c and
        gRPC Linkerd knows the first by its appProtocol and detects the other.
    """

    url: str
    listener: str
    port: str
    app_protocol: str


_PROBE: Mapping[str, Any] = {"tcpSocket": {"port": PORT}}
"""Of every pod. A probe by HTTP or gRPC has no certificate: a proxy that lets in mTLS only would refuse it, and the
pod would never be ready."""

SPEECH: Mapping[str, _Speech] = {
    "http/1.1": _Speech(url="http://{}:8080/echo", listener="http", port="http-echo", app_protocol="http"),
    "http/2": _Speech(
        url="h2c://{}:8080/echo",
        listener="http",
        port="http2-echo",
        app_protocol="kubernetes.io/h2c",
    ),
    "grpc": _Speech(url=f"grpc://{{}}:8080{PING_PATH}", listener="grpc", port="grpc-echo", app_protocol="grpc"),
    "tcp": _Speech(url="tcp://{}:8080", listener="tcp", port="tcp-echo", app_protocol="tcp"),
}


def cluster_application(
    workload: Workload,
    services: Mapping[str, Sequence[str]],
    protocol: str,
    *,
    namespace: str = NAMESPACE,
    registry: str = "",
) -> ClusterApplication:
    """Describe services of Fortio and the client that calls the first.

    Parameters
    ----------
    services
        Name of each service -> those it calls, `fan_out` times each; the client calls the first. A service without
        calls echoes.
    protocol
        In which the client calls; services that call others speak HTTP/1.1.
    namespace
        Where everything lives.
    registry
        Registry and path that holds a copy of the image, in place of ``docker.io/fortio``.

    Raises
    ------
    BadInputError
        For a delay of a TCP echo, which knows none.
    """
    entry, speech = next(iter(services)), SPEECH[protocol]
    if protocol == "tcp" and workload.server_delay_s:
        raise BadInputError("Fortio's TCP echo answers at once: set server_delay_s = 0, or choose another protocol.")
    image = f"{registry or _REGISTRY}/{IMAGE}:{VERSION}"
    objects: list[KubernetesObject] = [account(CLIENT, namespace)]
    for name, calls in services.items():
        arguments = _frontend(calls, workload.fan_out) if calls else _echo(workload, speech)
        made = container(image, arguments, _PROBE, speech.port)
        objects += [account(name, namespace), _service(name, namespace, speech)]
        objects += _versions(deployment(name, namespace, made), workload.versions if name == entry else 1)
    return ClusterApplication(
        namespace=namespace,
        objects=tuple(objects),
        client=client(namespace, registry),
        url=speech.url.format(entry),
        calls=((CLIENT, entry), *((name, callee) for name, calls in services.items() for callee in calls)),
    )


def _versions(first: dict[str, Any], number: int) -> list[KubernetesObject]:
    """Return a Deployment as ``number`` versions of one service: itself as v1, and copies called NAME-v2 and so on.

    They bear the label `version`; one version alone bears none. Without a split their Service spreads calls over all.
    """
    found: list[KubernetesObject] = []
    for version in (f"v{one}" for one in range(1, number + 1)):
        name = first["metadata"]["name"] if version == "v1" else f"{first['metadata']['name']}-{version}"
        made = copy.deepcopy(first)
        made["metadata"]["name"] = name
        template = made["spec"]["template"]["metadata"]
        for labelled in (made["metadata"]["labels"], made["spec"]["selector"]["matchLabels"], template["labels"]):
            labelled["version"] = version
        found.append(made)
    return found if number > 1 else [first]


def client(namespace: str, registry: str = "") -> dict[str, Any]:
    """Describe the client: a Fortio server whose REST interface starts the load, near no service where it can be."""
    image = f"{registry or _REGISTRY}/{IMAGE}:{VERSION}"
    arguments = (*_server("http"), "-data-dir", "/var/lib/fortio")
    made = container(image, arguments, _PROBE)
    made["volumeMounts"] = [{"name": "results", "mountPath": "/var/lib/fortio"}]
    described = deployment(CLIENT, namespace, made)
    pod = described["spec"]["template"]["spec"]
    pod["volumes"] = [{"name": "results", "emptyDir": {}}]
    pod["affinity"] = affinity("spread")
    return described


def affinity(placement: Placement) -> dict[str, Any]:
    """Return the client's affinity to the other pods of its namespace, less what a mesh puts there (a waypoint)."""
    others = [
        {"key": _LABEL, "operator": "NotIn", "values": [CLIENT]},
        {"key": "gateway.networking.k8s.io/gateway-name", "operator": "DoesNotExist"},
    ]
    term = {"labelSelector": {"matchExpressions": others}, "topologyKey": "kubernetes.io/hostname"}
    if placement == "same-node":
        return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    if placement == "across-nodes":
        return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


def labels(name: str) -> dict[str, str]:
    """Return the labels of ``name``'s objects."""
    return {
        _LABEL: name,
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/component": "client" if name == CLIENT else "service",
    }


def _server(listener: str) -> tuple[str, ...]:
    """Let Fortio listen on `PORT` in one way and in no other."""
    ports = {one: str(PORT) if one == listener else "disabled" for one in _LISTENERS}
    return ("server", *(word for one, port in ports.items() for word in (f"-{one}-port", port)))


def _echo(workload: Workload, speech: _Speech) -> tuple[str, ...]:
    """Echo at once or after the delay; over HTTP the delay is the server's, so that the client's call is like any."""
    arguments = (*_server(speech.listener), "-maxpayloadsizekb", "1024")
    if not workload.server_delay_s or speech.listener != "http":
        return arguments
    delay = f"{workload.server_delay_s:g}s"
    return (*arguments, "-max-echo-delay", f"{_MOST_DELAY_S:g}s", "-echo-server-default-params", f"delay={delay}")


def _frontend(calls: Sequence[str], fan_out: int) -> tuple[str, ...]:
    """Pass every request on, `fan_out` times in parallel, and answer with all the answers, one after the other."""
    targets = " ".join(f"http://{callee}:{PORT}" for callee in calls for _ in range(fan_out))
    return (*_server(""), "-M", f"{PORT} {targets}")


def container(
    image: str, arguments: Sequence[str], probe: Mapping[str, Any], port: str = "http-echo"
) -> dict[str, Any]:
    """Describe a container of the application: no CPU limit, which would throttle what is measured."""
    return {
        "name": "app",
        "image": image,
        "args": list(arguments),
        "ports": [{"name": port, "containerPort": PORT}],
        "readinessProbe": {**probe, "periodSeconds": 10},
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def deployment(name: str, namespace: str, *containers: dict[str, Any]) -> dict[str, Any]:
    """Describe one pod of ``containers``, kept up."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels(name)},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {_LABEL: name}},
            "template": {
                "metadata": {"labels": labels(name)},
                "spec": {"serviceAccountName": name, "containers": list(containers)},
            },
        },
    }


def account(name: str, namespace: str) -> dict[str, Any]:
    """Each service has an account of its own name, from which meshes make its identity."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": namespace, "labels": labels(name)},
    }


def _service(name: str, namespace: str, speech: _Speech) -> dict[str, Any]:
    """Describe a Service whose port says by name and appProtocol what it speaks."""
    port = {"name": speech.port, "port": PORT, "targetPort": PORT, "appProtocol": speech.app_protocol}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": labels(name)},
        "spec": {"selector": {_LABEL: name}, "ports": [port]},
    }
