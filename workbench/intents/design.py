"""A design: an intent and the service it speaks of, as a TOML file that can be kept, shared and applied.

::

    name = "canary"
    says = "A tenth of the callers get the new version."

    [target]
    namespace = "shop"
    service = "reviews"
    port = 9080
    caller = "web"
    versions = ["v1", "v2"]

    [mtls]
    mode = "strict"

    [[split]]
    version = "v1"
    weight = 90
    ...
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from workbench.errors import BadInputError, Faults, StoreError
from workbench.fields import Checked, asked, given, placed, read_table, toml_table, toml_value
from workbench.intents.features import FEATURES
from workbench.intents.intent import Intent, check_name
from workbench.text.decoding import decoded

PROTOCOLS: Final = ("http", "http2", "grpc", "tcp")


_LONGEST_NAME: Final = 63


def short_name(name: str) -> str:
    """Return ``name``, or where a cluster would refuse its length its beginning and a digest of it.

    >>> short_name("a-name"), short_name("a" * 64)[-10:]
    ('a-name', 'a-ffe054fe')
    """
    if len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST_NAME - 9].rstrip('-')}-{digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target(Checked):
    """The service whose traffic is meant. The defaults are the workbench's own application `echo`."""

    namespace: str = asked("Namespace of service and caller.", default="workbench-app")
    service: str = asked("Name of the called Service.", default="server")
    port: int = asked("Its port.", low=1, high=65535, default=8080)
    protocol: str = asked("Protocol of the port.", known=PROTOCOLS, default="http")
    caller: str = asked("The calling Deployment, and its ServiceAccount.", default="client")
    deployments: tuple[str, ...] = asked(
        "The answering Deployments, that of the current version first; none: one with the service's name and, with "
        "a split, SERVICE-VERSION for each further version.",
        default=(),
    )
    selector: str = asked("Label in the Service's selector; its value is the Service's name.", default="app")
    versions: tuple[str, ...] = asked(
        "Versions, the current one first: values of the pods' label `version`.", default=("v1", "v2")
    )

    def __post_init__(self) -> None:
        Checked.__post_init__(self)
        for what, name in (("namespace", self.namespace), ("service", self.service), ("caller", self.caller)):
            check_name(f"The target's {what}", name)
        if not self.versions:
            raise BadInputError("The target has no versions: name one at least, such as v1.")
        for version in self.versions:
            check_name("The version", version)
        for name in self.deployments:
            check_name("The Deployment", name)

    @property
    def workload(self) -> str:
        """Name of the Deployment that answers, of several that of the version in use."""
        return self.deployments[0] if self.deployments else self.service

    @property
    def host(self) -> str:
        """The Service's full name."""
        return f"{self.service}.{self.namespace}.svc.cluster.local"

    @property
    def requests(self) -> bool:
        """Whether there are requests to tell apart; on ``tcp`` there are only connections."""
        return self.protocol != "tcp"

    def version_service(self, version: str) -> str:
        """Return the name of the Service that selects only this version's pods, for meshes that split by Service."""
        return short_name(f"{self.service}-{version}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """An intent and its target.

    Raises
    ------
    BadInputError
        When the target lacks a version that the intent sends requests to, or has no requests to work on.
    """

    intent: Intent
    target: Target = field(default_factory=Target)

    def __post_init__(self) -> None:
        missing = [share.version for share in self.intent.split if share.version not in self.target.versions]
        if missing:
            raise BadInputError(
                f"The design {self.intent.name!r} sends requests to {', '.join(missing)}, but {self.target.service} "
                f"has the versions {', '.join(self.target.versions)}: add it to target.versions, or change the split."
            )
        needs = [name for name in self.intent.asked if FEATURES[name].layer == "request"]
        if needs and not self.target.requests:
            titles = ", ".join(FEATURES[name].title.lower() for name in needs)
            raise BadInputError(
                f"The design {self.intent.name!r} uses {titles}, which work on requests, but "
                f"{self.target.service} uses tcp, which has only connections. Change target.protocol or remove them."
            )

    def toml(self) -> str:
        """Return the design as its file says it; `design_from_toml` reads it back to an equal one."""
        return "\n".join(_lines(self)) + "\n"


def _lines(design: Design) -> Iterator[str]:
    values = given(design.intent)
    yield from (f"{key} = {toml_value(value)}" for key, value in values.items() if not _is_table(value))
    tables = {"target": design.target, **{key: value for key, value in values.items() if _is_table(value)}}
    for key, value in tables.items():
        for one in value if isinstance(value, tuple) else (value,):
            head = f"[[{key}]]" if isinstance(value, tuple) else f"[{key}]"
            # a list that was emptied on purpose must not come back as its default
            fields = {f.name: getattr(one, f.name) for f in dataclasses.fields(one)}
            yield from ("", head, *(f"{k} = {toml_value(v)}" for k, v in fields.items() if v is not None))


def _is_table(value: Any) -> bool:
    first = value[0] if isinstance(value, tuple) and value else value
    return dataclasses.is_dataclass(first)


def design_from_toml(text: str, where: str = "design") -> Design:
    """Read a design from TOML text; ``where`` names the file in messages.

    Raises
    ------
    BadInputError
        With file, table and key, and what would be understood; for contradictions too.
    """
    table, faults = toml_table(text, where), Faults()
    target = table.pop("target", {})
    with faults:
        intent = read_table(Intent, table, where)
    with faults:
        aim = read_table(Target, target, f"{where}: [target]")
    faults.tell()
    with placed(where):
        return Design(intent=intent, target=aim)


def read_design(path: Path) -> Design:
    """Read a design's file.

    Raises
    ------
    BadInputError
        When it is missing, unreadable, not UTF-8, or no valid design.
    """
    try:
        text = decoded(path.read_bytes())
    except FileNotFoundError as error:
        raise BadInputError(f"There is no design file {path}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"The design file {path} cannot be read: {error}.") from error
    return design_from_toml(text, str(path))


def write_design(design: Design, path: Path) -> Path:
    """Write ``design`` as a file, whole or not at all, and return its path.

    Raises
    ------
    StoreError
        When it cannot be written.
    """
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(design.toml(), encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise StoreError(f"The design cannot be written to {path}: {error}. Choose another place.") from error
    return path
