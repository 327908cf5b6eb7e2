"""Which calls of an application go over NSM, and where: a pair of addresses for each caller and its callee.

A pair has room for one caller, and an address leads to one workload; what does not fit is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from workbench.errors import BadInputError
from workbench.meshes import _cluster_pods as pods
from workbench.model.cluster_steps import ClusterApplication, KubernetesObject

_FIRST_ADDRESS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One caller and its callee, joined: names of their workloads, addresses of both ends, where the callee listens."""

    caller: str
    callee: str
    host: str
    pair: str
    address: str
    port: int
    service_port: int
    interface: str


def calls_of(application: ClusterApplication, asked: Mapping[str, Any]) -> tuple[Call, ...]:
    """Return every call with its pair of addresses: first the callee's, an even one, then the caller's."""
    client = application.client["metadata"]["name"]
    host, service_port = pods.entry(application)
    known = application.calls if application.calls and asked["joins"] == "all" else ((client, host),)
    _refuse_several_callers(known)
    addresses = IPv4Network(asked["network"])
    found: list[Call] = []
    for number, (caller, callee) in enumerate(known):
        one, service = _behind(application, callee)
        name, port = one["metadata"]["name"], service_port if caller == client else service["spec"]["ports"][0]["port"]
        address = addresses[_FIRST_ADDRESS + 2 * number]
        found.append(
            Call(
                caller=caller,
                callee=name,
                host=callee,
                pair=f"{address}/31",
                address=str(address),
                port=pods.target_port(service, one, port),
                service_port=port,
                interface=f"nsm-{1 + sum(call.caller == caller for call in found)}",
            )
        )
    return tuple(found)


def _refuse_several_callers(known: Sequence[tuple[str, str]]) -> None:
    for _, callee in known:
        callers = [one for one, called in known if called == callee]
        if len(callers) > 1:
            raise BadInputError(
                f"NSM connects a service to one caller, but {callee!r} has several "
                f"({', '.join(callers)}): set the mesh's "
                "option joins = 'entry', which connects only the client's call, or leave out the mesh."
            )


def _behind(application: ClusterApplication, service_name: str) -> tuple[KubernetesObject, KubernetesObject]:
    found = [
        (one, service)
        for one in pods.workloads(application)
        for service in pods.services_of(application, one)
        if service["metadata"]["name"] == service_name
    ]
    if len(found) != 1:
        names = ", ".join(one["metadata"]["name"] for one, _ in found) or "none"
        raise BadInputError(
            f"NSM needs one workload behind the Service {service_name!r}, and the application has {names}."
        )
    return found[0]


def dialled(text: str, call: Call) -> str:
    """Return an address, or a text with URLs in it, that leads to the callee's NSM address instead of its Service."""
    if text == f"{call.host}:{call.service_port}":
        return f"{call.address}:{call.port}"
    return text.replace(f"//{call.host}:{call.service_port}", f"//{call.address}:{call.port}")
