"""What Network Service Mesh makes of an intent: next to nothing, for it carries packets; and what comes nearest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from workbench.intents import FEATURES, Mtls, Retries
from workbench.meshes._intent_parts import Asked, FeaturePart, Maker, cannot

_BESIDE: Final = "A sidecar mesh in addition: packets by NSM, requests by the proxies."


def _network_service(asked: Asked, payload: str) -> dict[str, Any]:
    return asked.manifest("networkservicemesh.io/v1", "NetworkService", {"payload": payload}, asked.target.workload)


def mtls(payload: str) -> Maker:
    """Return the answer of a profile that carries ``"ETHERNET"`` or ``"IP"``."""

    def make(asked: Asked, wanted: Mtls) -> FeaturePart:
        if wanted.mode == "off" and payload == "ETHERNET":
            says = "NetworkService with payload ETHERNET: frames are unencrypted, in VXLAN between nodes."
            return FeaturePart(says=says, objects=(_network_service(asked, "ETHERNET"),))
        if wanted.mode == "off":
            says = "With payload IP, traffic between nodes uses WireGuard, which encrypts."
            return cannot(says, "Payload ETHERNET: NSM's profiles default and ethernet-....")
        return FeaturePart(
            says="NetworkService with payload IP: WireGuard between nodes. On one node nothing is encrypted, and the "
            "two ends do not authenticate each other: SPIFFE identities protect only NSM's control plane.",
            support="partial",
            nearest="A sidecar mesh in addition.",
            objects=(_network_service(asked, "IP"),),
        )

    return make


def _no_requests(asked: Asked, wanted: Any) -> FeaturePart:
    return cannot("Network Service Mesh forwards packets and sees no requests.", _BESIDE)


def _retries(asked: Asked, wanted: Retries) -> FeaturePart:
    return (
        _no_requests(asked, wanted)
        if wanted.attempts
        else FeaturePart(says="It sees no requests, so it does not retry.")
    )


def _delay(asked: Asked, wanted: Any) -> FeaturePart:
    says = "Network Service Mesh forwards packets and sees no requests, so it cannot delay them."
    return cannot(says, "A queue in the kernel (tc netem) on the pod's interface, which delays every packet.")


def _authorization(asked: Asked, wanted: Any) -> FeaturePart:
    says = "It authorizes connections in its control plane (OPA policies over SPIFFE identities), not callers."
    return cannot(says, "A custom policy for its managers and endpoints; a sidecar mesh in addition for requests.")


def _metrics(asked: Asked, wanted: bool) -> FeaturePart:
    if not wanted:
        return FeaturePart(
            says="It counts no requests; the forwarder's counters of bytes and packets are off by default."
        )
    says = "It counts no requests: the forwarder has counters of bytes and packets."
    return cannot(
        says, "The forwarder's environment (PROMETHEUS=true or TELEMETRY=true), or a sidecar mesh in addition."
    )


def _access_log(asked: Asked, wanted: bool) -> FeaturePart:
    if not wanted:
        return FeaturePart(says="It sees no requests, so it logs none.")
    return _no_requests(asked, wanted)


def _no_proxy(asked: Asked, wanted: Any) -> FeaturePart:
    says = "The pods have no proxy: VPP forwards for a whole node; the containers in the pods only request connections."
    return cannot(says, "Limits in the forwarder's manifest; NSM_SIDECAR_LIMITS_... of its webhook for all clients.")


MAKERS: Final[Mapping[str, Maker]] = {
    **dict.fromkeys(FEATURES, _no_requests),
    "retries": _retries,
    "delay": _delay,
    "authorization": _authorization,
    "access_log": _access_log,
    "metrics": _metrics,
    "proxy_threads": _no_proxy,
    "proxy_resources": _no_proxy,
}
