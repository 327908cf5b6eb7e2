"""The one connection to a cluster: plain dictionaries in and out, every failure explained, no secret in any message.

It stands at the bottom of the cluster environment. `DynamicClient.request` is the seam, because it is the same in the
client's generations 36 and 37; discovery is done here, so that kinds of CRDs made a moment ago are found and no cache
file is left behind. An API server that is away is waited for: `PATIENCE_S` in all for one call.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import urllib3
from kubernetes import config
from kubernetes.client import ApiException, Configuration
from kubernetes.client.api_client import ApiClient
from kubernetes.config.config_exception import ConfigException
from kubernetes.dynamic import DynamicClient

from workbench.errors import CannotHere, RunFailed

T = TypeVar("T")
Object = dict[str, Any]

MANAGER = "mesh-workbench"
"""Field manager of everything that is applied, and the value of the label that says who made it."""

PATIENCE_S = 150.0
"""How long one call waits for an API server that is away: a control plane's upgrade on a managed cluster or a restart
of its machine takes about a minute."""

_REQUEST_S = 30.0
"""How long an answer may be silent: a write waits for admission webhooks, which may take 10 s each."""

_READ_S = 10.0
"""The same of a read: an API server that has just started may take a question and never answer it."""

_FORM = "application/x-www-form-urlencoded"
_AWAY = (429, 502, 503, 504)
_PAUSES_S = (0.2, 0.5, 1.0, 2.0)


class Refused(RunFailed):
    """The API server said no.

    `status` is its HTTP status, `reason` its own word for it, `said` its own sentence, and `details` what it says in
    fields: ``causes`` above all, one for each field that is wrong.
    """

    def __init__(
        self, message: str, status: int, reason: str = "", said: str = "", details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.reason, self.said, self.details = status, reason, said or message, details or {}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind that the server serves: where its objects are, and what may be done with them."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: tuple[str, ...]

    @property
    def group(self) -> str:
        """API group; empty for the core's."""
        return self.api_version.rpartition("/")[0]

    def path(self, namespace: str = "", name: str = "") -> str:
        """Return the path of one object, or of a collection (all namespaces when `namespace` is empty)."""
        parts = ["apis" if "/" in self.api_version else "api", self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.plural)
        if name:
            parts.append(quote(name, safe=":"))
        return "/" + "/".join(parts)


class _NoDiscovery:
    """What `DynamicClient` calls for discovery; `Cluster` does its own."""

    def __init__(self, client: Any, cache_file: Any) -> None:
        pass


@dataclass(slots=True, kw_only=True)
class Cluster:
    """A cluster, as one context of a kubeconfig reaches it.

    Attributes
    ----------
    context
        Name of the context; never a default that nobody has seen: it is printed and stored.
    kubeconfig
        The file that was read; empty: the usual place. Only Helm is told of it.
    server
        Host and port of the API server.
    """

    context: str
    kubeconfig: str
    server: str
    dynamic: Any
    patience_s: float = PATIENCE_S
    _kinds: dict[str, dict[str, Kind]] = field(default_factory=dict)

    @classmethod
    def connect(cls, context: str = "", kubeconfig: str = "") -> Cluster:
        """Read the kubeconfig and return the cluster; nothing is asked of it yet.

        Raises
        ------
        CannotHere
            Without a readable kubeconfig or such a context, naming the ones there are.
        """
        # The client looks at the variable once, when it is imported; whoever sets it in a notebook does so later.
        file = kubeconfig or os.environ.get("KUBECONFIG") or None
        try:
            contexts, active = config.list_kube_config_contexts(config_file=file)  # type: ignore[no-untyped-call]
            names = [one["name"] for one in contexts]
            chosen = context or active["name"]
            if chosen not in names:
                raise CannotHere(
                    f"The kubeconfig has no context {chosen!r}, only {', '.join(names) or 'none'}: "
                    'set options = {context = "..."} in the experiment\'s [environment].'
                )
            settings = Configuration()
            config.load_kube_config(config_file=file, context=chosen, client_configuration=settings)  # type: ignore[no-untyped-call]
        except (ConfigException, OSError, KeyError, TypeError) as error:
            raise CannotHere(
                f"There is no usable kubeconfig ({_first_line(error)}). Set KUBECONFIG, or "
                'options = {kubeconfig = "..."} in the experiment\'s [environment]; see docs/clusters.md.'
            ) from error
        settings.retries = 0
        server = str(settings.host).partition("://")[2] or str(settings.host)
        dynamic = DynamicClient(ApiClient(settings), discoverer=_NoDiscovery)  # type: ignore[no-untyped-call]
        return cls(context=chosen, kubeconfig=kubeconfig, server=server, dynamic=dynamic)

    # ------------------------------------------------------------------ asking
    def request(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Send one request and return the open answer; wait while the server is away.

        Raises
        ------
        Refused
            With the server's own sentence.
        CannotHere
            When the server stayed away.
        """
        return self._patiently(lambda: self._once(method, path, body, more), f"{method.upper()} {path}")

    def _once(self, method: str, path: str, body: Any, more: Mapping[str, Any]) -> Any:
        given = {"_request_timeout": _READ_S if method == "get" else _REQUEST_S, "header_params": {}, **more}
        return self.dynamic.request(method, path, body=body, serialize=False, **given)

    def _patiently(self, act: Callable[[], T], what: str) -> T:
        deadline, turn = time.monotonic() + self.patience_s, 0
        while True:
            try:
                return act()
            except ApiException as error:
                if error.status not in _AWAY or _is_verdict(error):
                    raise _refused(error, what) from None
                last = f"answered {error.status} {error.reason}"
            except (urllib3.exceptions.HTTPError, OSError) as error:
                last = _first_line(error)
            if time.monotonic() > deadline:
                raise CannotHere(
                    f"The API server {self.server} (context {self.context}) did not answer {what} "
                    f"for {self.patience_s:g} s: {last}."
                )
            time.sleep(_PAUSES_S[min(turn, len(_PAUSES_S) - 1)])
            turn += 1

    def json(self, method: str, path: str, body: Any = None, **more: Any) -> Object:
        """Send one request and return its JSON."""
        what = f"{method.upper()} {path}"
        answer: Object = json.loads(self._patiently(lambda: self._once(method, path, body, more).data, what))
        return answer

    def page(self, path: str, timeout_s: float = _REQUEST_S) -> bytes:
        """Return the bytes of a page behind the API server's proxy: a kubelet's, a pod's, a log."""
        more = {"header_params": {"Accept": "*/*"}, "_request_timeout": timeout_s}
        return bytes(self._patiently(lambda: self._once("get", path, None, more).data, f"GET {path}"))

    def page_once(self, path: str, timeout_s: float) -> bytes | None:
        """Return a page, or None when it cannot be had just now: for telemetry, which must not wait."""
        more = {"header_params": {"Accept": "*/*"}, "_request_timeout": timeout_s}
        try:
            return bytes(self._once("get", path, None, more).data)
        except (ApiException, urllib3.exceptions.HTTPError, OSError):
            return None

    def form_once(self, path: str, fields: Mapping[str, str], timeout_s: float) -> tuple[int, bytes]:
        """Post an HTML form to a page behind the API server's proxy; return the page's own status and what it says.

        The status is 0 where no page answered: nobody did, or the API server in its place. The client sends forms only
        from what its generated calls pass on, which `DynamicClient.request` does not; a space after the type keeps it
        from taking this body for one of those, and servers trim it.
        """
        more = {"header_params": {"Accept": "*/*"}, "_request_timeout": timeout_s, "content_type": f"{_FORM} "}
        try:
            return 200, bytes(self._once("post", path, urlencode(fields), more).data)
        except ApiException as error:
            return (0 if b'"kind":"Status"' in _body(error) else int(error.status or 0)), _body(error)
        except (urllib3.exceptions.HTTPError, OSError):
            return 0, b""

    # ------------------------------------------------------------------ kinds
    def kind(self, api_version: str, kind: str) -> Kind:
        """Return where objects of this kind are.

        Raises
        ------
        Refused
            (status 404) when the server does not serve it, for instance because its CRD is missing.
        """
        found = self._kinds.get(api_version, {}).get(kind)
        if found is None:
            self._kinds[api_version] = {one.kind: one for one in self.kinds_of(api_version)}
            found = self._kinds[api_version].get(kind)
        if found is None:
            raise Refused(f"The cluster does not serve {kind} of {api_version}; is its CRD installed?", 404)
        return found

    def kinds_of(self, api_version: str) -> tuple[Kind, ...]:
        """Return the kinds of one group and version; none when it is not served (any more)."""
        try:
            found = self.json("get", f"/{'apis' if '/' in api_version else 'api'}/{api_version}")
        except Refused as error:
            if error.status in (403, 404):
                return ()
            raise
        return tuple(
            Kind(api_version, one["kind"], one["name"], one["namespaced"], tuple(one["verbs"]))
            for one in found["resources"]
            if "/" not in one["name"]
        )

    def all_kinds(self) -> tuple[Kind, ...]:
        """Return every kind in its group's preferred version."""
        groups = self.json("get", "/apis")["groups"]
        versions = ["v1", *(group["preferredVersion"]["groupVersion"] for group in groups)]
        return tuple(kind for version in versions for kind in self.kinds_of(version))

    # ------------------------------------------------------------------ objects
    def get(self, api_version: str, kind: str, name: str, namespace: str = "") -> Object | None:
        """Return one object; None when there is none, or none of its kind."""
        try:
            return self.json("get", self.kind(api_version, kind).path(namespace, name))
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def listed(
        self, api_version: str, kind: str, namespace: str = "", selector: str = "", fields: str = ""
    ) -> tuple[list[Object], str]:
        """Return the objects (with apiVersion and kind) and the version to watch from; none of an unknown kind."""
        try:
            where = self.kind(api_version, kind)
            return self.list_of(where, namespace, selector, fields)
        except Refused as error:
            if error.status == 404:
                return [], ""
            raise

    def list_of(
        self, kind: Kind, namespace: str = "", selector: str = "", fields: str = ""
    ) -> tuple[list[Object], str]:
        """As `listed`, for a kind in hand."""
        found = self.json("get", kind.path(namespace), label_selector=selector or None, field_selector=fields or None)
        items = [{**one, "apiVersion": kind.api_version, "kind": kind.kind} for one in found.get("items") or ()]
        return items, found["metadata"].get("resourceVersion", "")

    def apply(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Object:
        """Apply one object server-side, by force, and return it as the server holds it."""
        meta = manifest["metadata"]
        path = self.kind(manifest["apiVersion"], manifest["kind"]).path(meta.get("namespace", ""), meta["name"])
        return self.json(
            "patch",
            path,
            dict(manifest),
            content_type="application/apply-patch+yaml",
            field_manager=MANAGER,
            force_conflicts=True,
            dry_run="All" if dry_run else None,
        )

    def create(self, manifest: Mapping[str, Any]) -> Object:
        """Create one object; Refused with status 409 when it is there."""
        path = self.kind(manifest["apiVersion"], manifest["kind"]).path(manifest["metadata"].get("namespace", ""))
        return self.json("post", path, dict(manifest))

    def replace(self, manifest: Mapping[str, Any]) -> Object:
        """Replace one object; Refused with status 409 when somebody else changed it meanwhile."""
        meta = manifest["metadata"]
        path = self.kind(manifest["apiVersion"], manifest["kind"]).path(meta.get("namespace", ""), meta["name"])
        return self.json("put", path, dict(manifest))

    def merge(self, found: Mapping[str, Any], patch: Mapping[str, Any]) -> None:
        """Merge a patch into one object; nothing happens when it is gone."""
        try:
            self.json("patch", self.path_of(found), dict(patch), content_type="application/merge-patch+json")
        except Refused as error:
            if error.status != 404:
                raise

    def delete(self, found: Mapping[str, Any]) -> None:
        """Ask for one object's deletion, its dependants in the background; nothing happens when it is gone."""
        try:
            self.json("delete", self.path_of(found), propagation_policy="Background")
        except Refused as error:
            if error.status not in (404, 409):
                raise

    def path_of(self, found: Mapping[str, Any]) -> str:
        """Return the path of an object."""
        meta = found["metadata"]
        return self.kind(found["apiVersion"], found["kind"]).path(meta.get("namespace", ""), meta["name"])

    def watch(self, kind: Kind, namespace: str, selector: str, version: str, timeout_s: float) -> Iterator[Object]:
        """Yield the server's watch events until it ends the watch or `timeout_s` has passed; ends early on any trouble.

        Whoever watches lists again after the end, so a broken connection or an outdated version costs one more list.
        """
        more: dict[str, Any] = {
            "watch": True,
            "label_selector": selector or None,
            "resource_version": version,
            "timeout_seconds": max(1, int(timeout_s)),
            "_request_timeout": (10.0, timeout_s + 5),
            "header_params": {},
        }
        try:
            answer = self.dynamic.request("get", kind.path(namespace), serialize=False, **more)
            try:
                for event in _lines(answer):
                    if event.get("type") == "ERROR":
                        return
                    yield event
            finally:
                answer.close()
        except (ApiException, urllib3.exceptions.HTTPError, OSError, ValueError):
            time.sleep(_PAUSES_S[0])

    def may(self, verb: str, group: str, resource: str, namespace: str = "", subresource: str = "") -> bool:
        """Whether the server would let us (SelfSubjectAccessReview)."""
        asked = {"verb": verb, "group": group, "resource": resource, "namespace": namespace, "subresource": subresource}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {key: value for key, value in asked.items() if value}},
        }
        answer = self.json("post", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
        return bool(answer["status"].get("allowed"))


def _lines(answer: Any) -> Iterator[Object]:
    rest = b""
    for part in answer.stream(65536):
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            if line.strip():
                yield json.loads(line)


_NO_RIGHT = re.compile(r"\bcannot \w+ (resource|path) ")
_VERDICTS = (b"DisruptionBudget", b"error trying to reach service", b"error dialing backend")


def _is_verdict(error: ApiException) -> bool:
    """Whether a busy server's status means something else: a budget that forbids, a pod or kubelet out of reach."""
    return any(sign in _body(error) for sign in _VERDICTS)


def _body(error: ApiException) -> bytes:
    body = error.body or b""
    return body.encode() if isinstance(body, str) else bytes(body)


def _refused(error: ApiException, what: str) -> Refused:
    try:
        told = json.loads(_body(error))
        message, reason, details = str(told.get("message", "")), str(told.get("reason", "")), told.get("details")
    except (ValueError, AttributeError):
        message, reason, details = _body(error)[:300].decode(errors="replace"), "", None
    said = message or str(error.reason)
    hint = " The ClusterRole that `workbench rbac` prints gives this right." if _NO_RIGHT.search(said) else ""
    sentence = f"The API server refused {what}: {said} (status {error.status}).{hint}"
    return Refused(sentence, int(error.status or 0), reason, said, details)


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]
