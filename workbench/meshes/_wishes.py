"""What an archetype's proxies are to do: the options of a mesh and the intent of its experiment, brought together.

Also how patient the gates must be under an intent: a data plane that turns some calls away on purpose is proven by one
of several calls, and how many those were stands in the evidence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from workbench.intents import Intent, Target
from workbench.model.experiment import MeshSpec
from workbench.model.lab_steps import Application, Endpoint, Process, Service
from workbench.model.options import settings
from workbench.model.protocols import Option

NOTHING = Intent(name="nothing")

_DOUBT = 1e-6
"""How often a data plane that does as it was told may fail its gate by chance."""
_MOST_TRIES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the proxies are to do.

    Attributes
    ----------
    mtls
        One of `workbench.intents.MODES`.
    intent
        What the calls of the application's entry are to experience; those of other services: `NOTHING`.
    """

    concurrency: int
    services: int
    access_log: bool
    mtls: str
    intent: Intent

    @property
    def encrypted(self) -> bool:
        """Whether there are certificates and callers that are known by them."""
        return self.mtls != "off"


def wishes(spec: MeshSpec, options: Mapping[str, Option]) -> Wishes:
    """Return what ``spec`` asks for: an intent takes precedence over an option that says the same.

    Raises
    ------
    UnknownNameError, BadInputError
        See `options.settings`.
    """
    told, intent = settings(spec, options), spec.intent or NOTHING
    mtls = "strict" if told.get("mtls", True) else "off"
    return Wishes(
        concurrency=told["concurrency"] if intent.proxy_threads is None else intent.proxy_threads,
        services=told["services"],
        access_log=told["access_log"] if intent.access_log is None else intent.access_log,
        mtls=mtls if intent.mtls is None else intent.mtls.mode,
        intent=intent,
    )


def of_others(asked: Wishes, spec: MeshSpec, options: Mapping[str, Option]) -> Wishes:
    """Return the wishes for services that the intent does not speak of: the proxy's own settings, nothing else."""
    plain = wishes(replace(spec, intent=None), options)
    return replace(plain, concurrency=asked.concurrency, access_log=asked.access_log)


def application_of(target: Target) -> Application:
    """Return the target as the lab would run it, for showing its proxies' configuration."""
    first, *further = target.versions
    several = bool(further)
    services = [_service(target.service, first if several else "", "")]
    services += [_service(target.version_service(version), version, target.service) for version in further]
    return Application(
        services=tuple(services),
        entry=target.service,
        routes={f"client>{target.service}": Endpoint(component=target.service, port="http")},
        caller=target.caller,
    )


def _service(name: str, version: str, answers_for: str) -> Service:
    process = Process(name=name, role="application", program="python", arguments=(), ports=("http",))
    return Service(name=name, process=process, version=version, answers_for=answers_for)


def share_of(application: Application, service: Service, intent: Intent) -> float:
    """Return the share of its callers' requests that ``service`` gets, 0..1."""
    if service.called == application.entry and intent.split:
        return sum(share.weight for share in intent.split if share.version == service.version) / 100
    return 1 / len(application.behind(service.called))


def patience(intent: Intent, share: float = 1.0) -> dict[str, Any]:
    """Return the tries, pause and slowness of a gate that a share of the calls can prove, as its keywords.

    So many tries that all of them go wrong by chance once in a million times, and paced below a rate limit.
    """
    aborted = intent.abort.percent / 100 if intent.abort else 0.0
    proves = share * (1 - aborted)
    tries = 1 if proves >= 1 else _MOST_TRIES
    if 0 < proves < 1:
        tries = min(_MOST_TRIES, math.ceil(math.log(_DOUBT) / math.log1p(-proves)))
    told: dict[str, Any] = {"tries": tries}
    if intent.rate_limit is not None:
        told |= {"tries": max(tries, 20), "pause_s": min(1.0, 1 / intent.rate_limit.requests_per_s)}
    if intent.delay is not None:
        told["slow_s"] = intent.delay.seconds
    return told
