"""The one connection to a cluster: plain dictionaries in and out, every failure explained, no secret in any message.

It stands at the bottom of the cluster environment. `DynamicClient.request` is the seam, because it is the same in the
client's generations 36 and 37; discovery is done here, so that kinds of CRDs made a moment ago are found and no cache
file is left behind. An API server that is away is waited for: `PATIENCE_S` in all for one call.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

import urllib3
from kubernetes.client import ApiException
from kubernetes.client.api_client import ApiClient
from kubernetes.dynamic import DynamicClient

from workbench.environments.kubernetes.answers import events_in, foreign, insecure, no_server, understood, whole
from workbench.environments.kubernetes.forms import misshapen
from workbench.environments.kubernetes.kinds import Kind as Kind
from workbench.environments.kubernetes.kinds import kinds_in, preferred
from workbench.environments.kubernetes.kubeconfig import access
from workbench.environments.kubernetes.refusing import RefusedError as RefusedError
from workbench.environments.kubernetes.refusing import body_of, first_line, is_verdict, refused
from workbench.errors import RunFailedError, UnsupportedError

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

_AS_THEY_COME = urllib3.Retry(0, raise_on_redirect=False)
"""Nothing is asked again behind our back, and a redirection is an answer: API servers send none."""

_FORM = "application/x-www-form-urlencoded"
_AWAY = (429, 502, 503, 504)
_PAUSES_S = (0.2, 0.5, 1.0, 2.0)


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
    anonymous
        Why nobody is told who asks; empty where the kubeconfig shows credentials.
    """

    context: str
    kubeconfig: str
    server: str
    dynamic: Any
    patience_s: float = PATIENCE_S
    anonymous: str = ""
    _kinds: dict[str, dict[str, Kind]] = field(default_factory=dict)

    @classmethod
    def connect(cls, context: str = "", kubeconfig: str = "") -> Cluster:
        """Read the kubeconfig and return the cluster; nothing is asked of it yet.

        Raises
        ------
        UnsupportedError
            Without a usable kubeconfig or such a context, naming the ones there are; see `kubeconfig.access`.
        """
        found = access(context, kubeconfig)
        found.settings.retries = _AS_THEY_COME
        dynamic = DynamicClient(ApiClient(found.settings), discoverer=_NoDiscovery)  # type: ignore[no-untyped-call]
        return cls(
            context=found.context,
            kubeconfig=kubeconfig,
            server=found.server,
            dynamic=dynamic,
            anonymous=found.anonymous,
        )

    # ------------------------------------------------------------------ asking
    def request(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Send one request and return the open answer; wait while the server is away.

        Raises
        ------
        RefusedError
            With the server's own sentence.
        UnsupportedError
            When the server stayed away.
        """
        return self._patiently(lambda: self._once(method, path, body, more), f"{method.upper()} {path}")

    def _once(self, method: str, path: str, body: Any, more: Mapping[str, Any]) -> Any:
        given = {"_request_timeout": _READ_S if method == "get" else _REQUEST_S, "header_params": {}, **more}
        return self.dynamic.request(method, path, body=body, serialize=False, **given)

    @property
    def who(self) -> str:
        """Which server it is, for messages."""
        return f"{self.server} (context {self.context})"

    def version(self) -> Object:
        """Return what the server says of itself, and so whether it is an API server at all.

        Raises
        ------
        NotKubernetesError
            When it is none.
        """
        found = self.json("get", "/version")
        if not isinstance(found.get("gitVersion"), str):
            raise no_server(self.who, "GET /version", f"no Kubernetes version ({json.dumps(found)[:60]})")
        return found

    def _patiently(self, act: Callable[[], T], what: str) -> T:
        deadline, turn = time.monotonic() + self.patience_s, 0
        while True:
            try:
                return act()
            except ApiException as error:
                if error.status not in _AWAY or is_verdict(error):
                    raise self._verdict(error, what) from None
                last = f"answered {error.status} {error.reason}"
            except (urllib3.exceptions.HTTPError, OSError) as error:
                last = first_line(error)
                if why := insecure(str(error)):
                    raise UnsupportedError(f"The API server {self.who} cannot be reached: {why} ({last}).") from None
            if time.monotonic() > deadline:
                raise UnsupportedError(
                    f"The API server {self.server} (context {self.context}) did not answer {what} "
                    f"for {self.patience_s:g} s: {last}."
                )
            time.sleep(_PAUSES_S[min(turn, len(_PAUSES_S) - 1)])
            turn += 1

    def _verdict(self, error: ApiException, what: str) -> RunFailedError | UnsupportedError:
        """Return what a refusal means: the server's own no, or that nobody there is an API server."""
        status, body = int(error.status or 0), body_of(error)
        if status == 0:
            why = insecure(str(error.reason)) or first_line(error)
            return UnsupportedError(f"The API server {self.who} cannot be reached: {why}.")
        if "/proxy/" not in what and (came := foreign(status, error.headers, body, str(error.reason))):
            return no_server(self.who, what, came)
        if status == 401:
            why = self.anonymous or "it rejects the kubeconfig's credentials: log in again"
            return UnsupportedError(f"The API server {self.who} does not know you (status 401): {why}.")
        return refused(error, what, self.anonymous)

    def json(self, method: str, path: str, body: Any = None, **more: Any) -> Object:
        """Send one request and return its JSON.

        Raises
        ------
        NotKubernetesError
            When what comes is not a JSON object.
        """
        what = f"{method.upper()} {path}"
        body_of = self._patiently(lambda: whole(self._once(method, path, body, more)), what)
        return understood(body_of, self.who, what)

    def page(self, path: str, timeout_s: float = _REQUEST_S) -> bytes:
        """Return the bytes of a page behind the API server's proxy: a kubelet's, a pod's, a log."""
        more = {"header_params": {"Accept": "*/*"}, "_request_timeout": timeout_s}
        found = self._patiently(lambda: whole(self._once("get", path, None, more)), f"GET {path}")
        if found is None:
            raise RunFailedError(f"The answer to GET {path} is too large, or does not end.")
        return found

    def page_once(self, path: str, timeout_s: float) -> bytes | None:
        """Return a page, or None when it cannot be had just now: for telemetry, which must not wait."""
        more = {"header_params": {"Accept": "*/*"}, "_request_timeout": timeout_s}
        try:
            return whole(self._once("get", path, None, more))
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
            said = whole(self._once("post", path, urlencode(fields), more))
            return (0, b"") if said is None else (200, said)
        except ApiException as error:
            return (0 if b'"kind":"Status"' in body_of(error) else int(error.status or 0)), body_of(error)
        except (urllib3.exceptions.HTTPError, OSError):
            return 0, b""

    # ------------------------------------------------------------------ kinds
    def kind(self, api_version: str, kind: str) -> Kind:
        """Return where objects of this kind are.

        Raises
        ------
        RefusedError
            (status 404) when the server does not serve it, for instance because its CRD is missing.
        """
        found = self._kinds.get(api_version, {}).get(kind)
        if found is None:
            self._kinds[api_version] = {one.kind: one for one in self._served(api_version)}
            found = self._kinds[api_version].get(kind)
        if found is None and api_version == "v1":
            raise no_server(self.who, "GET /api/v1", f"a list of kinds without {kind}")
        if found is None:
            raise RefusedError(f"The cluster does not serve {kind} of {api_version}; is its CRD installed?", 404)
        return found

    def kinds_of(self, api_version: str) -> tuple[Kind, ...]:
        """Return the kinds of one group and version; none when it is not served (any more), or may not be seen."""
        try:
            return self._served(api_version)
        except RefusedError as error:
            if error.status == 403:
                return ()
            raise

    def _served(self, api_version: str) -> tuple[Kind, ...]:
        path = f"/{'apis' if '/' in api_version else 'api'}/{api_version}"
        try:
            found = self.json("get", path)
        except RefusedError as error:
            if error.status == 404:
                return ()
            raise
        if (kinds := kinds_in(found, api_version)) is None:
            raise no_server(self.who, f"GET {path}", f"no list of kinds ({json.dumps(found)[:60]})")
        return kinds

    def all_kinds(self) -> tuple[Kind, ...]:
        """Return every kind in its group's preferred version."""
        found = self.json("get", "/apis")
        if (versions := preferred(found)) is None:
            raise no_server(self.who, "GET /apis", f"no list of groups ({json.dumps(found)[:60]})")
        return tuple(kind for version in ("v1", *versions) for kind in self.kinds_of(version))

    # ------------------------------------------------------------------ objects
    def get(self, api_version: str, kind: str, name: str, namespace: str = "") -> Object | None:
        """Return one object; None when there is none, or none of its kind."""
        try:
            path = self.kind(api_version, kind).path(namespace, name)
            return self._whole_objects(api_version, kind, f"GET {path}", [self.json("get", path)])[0]
        except RefusedError as error:
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
        except RefusedError as error:
            if error.status == 404:
                return [], ""
            raise

    def list_of(
        self, kind: Kind, namespace: str = "", selector: str = "", fields: str = ""
    ) -> tuple[list[Object], str]:
        """As `listed`, for a kind in hand."""
        found = self.json("get", kind.path(namespace), label_selector=selector or None, field_selector=fields or None)
        what, items, meta = f"GET {kind.path(namespace)}", found.get("items", ...), found.get("metadata")
        if not isinstance(items, list | None) or not isinstance(meta, dict):
            raise no_server(self.who, what, f"no list of objects ({json.dumps(found)[:60]})")
        items = self._whole_objects(kind.api_version, kind.kind, what, items or [])
        named = [{**one, "apiVersion": kind.api_version, "kind": kind.kind} for one in items]
        return named, str(meta.get("resourceVersion", ""))

    def _whole_objects(self, api_version: str, kind: str, what: str, found: list[Any]) -> list[Object]:
        """Return objects whose form was looked at: of Kubernetes' own kinds all that is read here."""
        group = api_version.rpartition("/")[0]
        own = kind if "." not in group or group.endswith(".k8s.io") else ""
        for one in found:
            if wrong := misshapen(one, own):
                raise no_server(self.who, what, wrong)
        return found

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
        except RefusedError as error:
            if error.status != 404:
                raise

    def delete(self, found: Mapping[str, Any]) -> None:
        """Ask for one object's deletion, its dependants in the background; nothing happens when it is gone."""
        try:
            self.json("delete", self.path_of(found), propagation_policy="Background")
        except RefusedError as error:
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
                for event in events_in(answer):
                    if (
                        not isinstance(event, dict)
                        or not isinstance(event.get("object"), dict)
                        or event.get("type") == "ERROR"
                    ):
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
        said = answer.get("status")
        if not isinstance(said, dict) or not isinstance(said.get("allowed", False), bool):
            raise no_server(self.who, "a question about rights", f"no verdict ({json.dumps(answer)[:60]})")
        return said.get("allowed") is True
