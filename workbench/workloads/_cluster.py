"""How an application looks on a cluster: pods of Fortio, Services by name, and a client's pod that sends the load.

Fortio's echo server answers a request with its own body, as the lab's server does, and its fan-out server passes every
request on to each of its targets; one image serves as server, frontend and client, so that the application is the same
under every mesh. Meshes take copies of what is made here and add what makes them carry it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from workbench.cluster_steps import ClusterApplication, KubernetesObject
from workbench.spec import Workload

Placement = Literal["spread", "same-node", "across-nodes"]
"""Of the client: on another node than the services where there is one, on the same node, on another or not at all."""

NAMESPACE = "workbench-app"
CLIENT = "client"
PORT = 8080
"""Fortio's HTTP port, of every container and every Service."""

IMAGE, VERSION = "fortio", "1.75.2"
_REGISTRY = "docker.io/fortio"
"""The newest release; that its image bears the tag is not verified, older ones do (1.40.0)."""

_USER = 65534
"""Nobody, and none of the users whose traffic some mesh lets through unseen (1337, 2102, 5995). The image has no shell
and needs no user of its own."""

_LABEL = "app"
_MOST_DELAY_S = 30.0
_QUIET = ("-grpc-port", "disabled", "-tcp-port", "disabled", "-udp-port", "disabled", "-redirect-port", "disabled")


def cluster_application(
    workload: Workload,
    services: Mapping[str, Sequence[str]],
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
    namespace
        Where everything lives.
    registry
        Registry and path that holds a copy of the image, in place of ``docker.io/fortio``.
    """
    entry = next(iter(services))
    image = f"{registry or _REGISTRY}/{IMAGE}:{VERSION}"
    objects: list[KubernetesObject] = [_account(CLIENT, namespace)]
    for name, calls in services.items():
        arguments = _frontend(calls, workload.fan_out) if calls else _echo(workload)
        probe = {"tcpSocket": {"port": PORT}} if calls else {"httpGet": {"path": "/echo", "port": PORT}}
        objects += [
            _account(name, namespace),
            _service(name, namespace),
            deployment(name, namespace, container(image, arguments, probe)),
        ]
    return ClusterApplication(
        namespace=namespace,
        objects=tuple(objects),
        client=client(namespace, registry),
        url=f"http://{entry}:{PORT}/echo",
        calls=((CLIENT, entry), *((name, callee) for name, calls in services.items() for callee in calls)),
    )


def client(namespace: str, registry: str = "") -> dict[str, Any]:
    """Describe the client: a Fortio server whose REST interface starts the load, near no service where it can be."""
    image = f"{registry or _REGISTRY}/{IMAGE}:{VERSION}"
    arguments = ("server", "-http-port", str(PORT), *_QUIET, "-data-dir", "/var/lib/fortio")
    made = container(image, arguments, {"tcpSocket": {"port": PORT}})
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


def _echo(workload: Workload) -> tuple[str, ...]:
    """Echo at once or after the delay; the delay is the server's, so that the client's call is the same for all."""
    arguments = ("server", "-http-port", str(PORT), *_QUIET, "-maxpayloadsizekb", "1024")
    if not workload.server_delay_s:
        return arguments
    delay = f"{workload.server_delay_s:g}s"
    return (*arguments, "-max-echo-delay", f"{_MOST_DELAY_S:g}s", "-echo-server-default-params", f"delay={delay}")


def _frontend(calls: Sequence[str], fan_out: int) -> tuple[str, ...]:
    """Pass every request on, `fan_out` times in parallel, and answer with all the answers, one after the other."""
    targets = " ".join(f"http://{callee}:{PORT}" for callee in calls for _ in range(fan_out))
    return ("server", "-http-port", "disabled", *_QUIET, "-M", f"{PORT} {targets}")


def container(image: str, arguments: Sequence[str], probe: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a container of the application: no CPU limit, which would throttle what is measured."""
    return {
        "name": "app",
        "image": image,
        "args": list(arguments),
        "ports": [{"name": "http-echo", "containerPort": PORT}],
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


def _account(name: str, namespace: str) -> dict[str, Any]:
    """Each service has an account of its own name, from which meshes make its identity."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": namespace, "labels": labels(name)},
    }


def _service(name: str, namespace: str) -> dict[str, Any]:
    """Describe a Service whose port says by name and appProtocol that it is HTTP, so that no mesh has to guess."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": labels(name)},
        "spec": {
            "selector": {_LABEL: name},
            "ports": [{"name": "http-echo", "port": PORT, "targetPort": PORT, "appProtocol": "http"}],
        },
    }
