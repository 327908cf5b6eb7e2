"""A kubeconfig as kubectl reads it: files merged, one context chosen, every field looked at, credentials in hand.

Whatever is wrong in it, of whatever type, is the user's to mend and is said so: `UnsupportedError`, before anything is
asked of the cluster. Source: kubernetes ``client-go/tools/clientcmd`` (loader, validation, client_config).
"""

from __future__ import annotations

import base64
import os
import ssl
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import urllib3
from kubernetes import config
from kubernetes.client import Configuration

from workbench.environments.kubernetes.kubeconfig_files import (
    TEXTS,
    Table,
    check_texts,
    entry,
    merged,
    paths_of,
    unusable,
)
from workbench.environments.kubernetes.plugins import Plugin, plugin_of
from workbench.environments.kubernetes.proxying import credentials, proxy_for
from workbench.errors import UnsupportedError
from workbench.text.decoding import content_of

_EXTENSION = "client.authentication.k8s.io/exec"
_GONE = {"gcp": "gke-gcloud-auth-plugin", "azure": "kubelogin"}
"""Plugins that were part of kubectl until 1.26, and what took their place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How one context reaches its cluster.

    Attributes
    ----------
    server
        Host, port and path of the API server, without credentials.
    anonymous
        Why nobody is told who asks; empty where the kubeconfig shows credentials.
    """

    context: str
    server: str
    settings: Configuration
    anonymous: str


def access(context: str = "", kubeconfig: str = "") -> Access:
    """Read the kubeconfig and return what reaches the cluster of its context; nothing is asked of it yet.

    Raises
    ------
    UnsupportedError
        Without a usable kubeconfig or such a context, naming the ones there are; when a credential plugin is not
        installed, fails, hangs or prints something else.
    """
    told = merged(paths_of(kubeconfig))
    chosen = context or told["current-context"]
    if not chosen or chosen not in told["contexts"]:
        names = ", ".join(told["contexts"]) or "none"
        what = f"no context {chosen!r}, only {names}" if chosen else f"no current context; choose one of {names}"
        raise UnsupportedError(
            f'The kubeconfig has {what}: pass --context, or set options = {{context = "..."}} in the experiment\'s '
            "[environment]."
        )
    place = entry(told, "contexts", chosen)
    cluster = entry(told, "clusters", place.get("cluster") or "", f"context {chosen!r}")
    user = entry(told, "users", place["user"], f"context {chosen!r}") if place.get("user") else {}
    server = _server(cluster)
    proxy = proxy_for(server, cluster.get("proxy-url") or "", os.environ)
    settings = _settings(server, cluster, user, place)
    _through(settings, proxy)
    parts = urlsplit(server)
    port = f":{parts.port}" if parts.port else ""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    anonymous = "" if _shows(user) else f"the kubeconfig's context {chosen!r} has a user without credentials"
    return Access(context=chosen, server=f"{host}{port}{parts.path}", settings=settings, anonymous=anonymous)


def _server(cluster: Table) -> str:
    """Return the URL of the API server."""
    said = str(cluster.get("server") or "").strip().rstrip("/")
    if not said:
        raise unusable(f"{cluster['where']} names no server")
    secured = any(cluster.get(key) for key in ("certificate-authority", "certificate-authority-data"))
    server = said if "://" in said else f"{'https' if secured else 'http'}://{said}"
    try:
        parts = urlsplit(server)
        parts.hostname and parts.hostname.encode("idna")
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not server.isprintable() or not server.isascii() or " " in server:
        raise unusable(f"{cluster['where']}: server must be like https://HOST:PORT")
    if parts.query or parts.fragment:
        raise unusable(f"{cluster['where']}: server must end with its path")
    return server


# ---------------------------------------------------------------------- credentials
def _shows(user: Table) -> bool:
    """Whether a user's entry holds anything that says who asks."""
    named = ("token", "tokenFile", "client-certificate", "client-certificate-data", "username", "exec", "auth-provider")
    return any(user.get(key) for key in named)


def _settings(server: str, cluster: Table, user: Table, place: Table) -> Configuration:
    """Return the client's settings, with credentials where the kubeconfig shows any."""
    kept = {key: value for key, value in user.items() if key not in ("folder", "where", "exec")}
    plugin = None if user.get("token") or user.get("tokenFile") else _plugin(server, cluster, user)
    _check_provider(user)
    from_file = kept.pop("tokenFile", "")
    if from_file and not kept.get("token"):
        kept["token"] = _token_in(from_file)
    settings = Configuration()
    known = {key: value for key, value in cluster.items() if key not in ("folder", "where", "proxy-url", "extensions")}
    given = plugin.credential() if plugin else None
    if given and given.certificate:
        kept |= {
            "client-certificate-data": base64.b64encode(given.certificate.encode()).decode(),
            "client-key-data": base64.b64encode(given.key.encode()).decode(),
        }
    one = {
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {**known, "server": server}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        "users": [{"name": "c", "user": kept}],
    }
    try:
        config.load_kube_config_from_dict(one, "c", settings, persist_config=False)  # type: ignore[no-untyped-call]
    except Exception as error:
        why = str(error).strip().splitlines() or [type(error).__name__]
        raise unusable(f"{user.get('where') or cluster['where']}: {why[0][:300]}") from error
    if plugin and given:
        _renewing(settings, plugin, given)
    elif from_file and not user.get("token"):
        _rereading(settings, from_file)
    if kept.get("auth-provider") and not settings.api_key:
        raise unusable(f"{user['where']}: its auth-provider gives no token; log in again")
    _check_header(settings, user)
    _check_certificates(settings, cluster, user)
    return settings


def _plugin(server: str, cluster: Table, user: Table) -> Plugin | None:
    asked: Any = user.get("exec")
    if asked is None:
        return None
    where = f"{user['where']}: exec"
    if not isinstance(asked, dict):
        raise unusable(f"{where} must be a table")
    found = {key: value for key, value in asked.items() if value is not None}
    check_texts(found, TEXTS["exec"], where)
    arguments, environment = found.get("args", []), found.get("env", [])
    if not isinstance(arguments, list) or not all(isinstance(one, str) and "\0" not in one for one in arguments):
        raise unusable(f"{where}.args must be a list of text")
    if not isinstance(environment, list) or not all(map(_is_variable, environment)):
        raise unusable(f"{where}.env must be a list of names and values")
    told = {"server": server} | {
        key: cluster[key] for key in ("tls-server-name", "insecure-skip-tls-verify", "proxy-url") if cluster.get(key)
    }
    if authority := cluster.get("certificate-authority-data"):
        told["certificate-authority-data"] = authority
    elif cluster.get("certificate-authority"):
        told["certificate-authority-data"] = base64.b64encode(_bytes(cluster["certificate-authority"])).decode()
    for one in cluster.get("extensions") or () if isinstance(cluster.get("extensions"), list) else ():
        if isinstance(one, dict) and one.get("name") == _EXTENSION:
            told["config"] = one.get("extension")
    return plugin_of(found, user["folder"], told)


def _is_variable(one: Any) -> bool:
    name, value = (one.get("name"), one.get("value")) if isinstance(one, dict) else (None, None)
    if not isinstance(name, str) or not isinstance(value, str):
        return False
    return bool(name) and not set(name) & set("=\0") and "\0" not in value


def _bytes(path: str) -> bytes:
    try:
        return content_of(path)
    except OSError as error:
        raise unusable(f"{path} cannot be read: {error.strerror or error}") from error


def _check_provider(user: Table) -> None:
    """Refuse an auth-provider that is no more: without it every request would be nobody's."""
    provider = user.get("auth-provider")
    if provider is None:
        return
    name = provider.get("name") if isinstance(provider, dict) else None
    if name == "oidc":
        return
    if not isinstance(name, str):
        raise unusable(f"{user['where']}: auth-provider must be a table with a name")
    instead = f": install {_GONE[name]} and let it write the kubeconfig anew" if name in _GONE else ""
    raise unusable(f"{user['where']}: the auth-provider {name[:60]!r} is not part of kubectl any more (1.26){instead}")


def _renewing(settings: Configuration, plugin: Plugin, first: Any) -> None:
    """Let every request bear the plugin's token, renewed before it ends."""
    held = [first]

    def bear(client: Configuration) -> None:
        if held[0].stale:
            held[0] = plugin.credential()
        if held[0].token:
            client.api_key["authorization"] = f"Bearer {held[0].token}"

    bear(settings)
    settings.refresh_api_key_hook = bear  # type: ignore[assignment]  # the client only says None of it


def _token_in(path: str) -> str:
    return _bytes(path).decode(errors="replace").strip()


def _rereading(settings: Configuration, path: str) -> None:
    """Let every request bear what the file holds just then: whoever keeps such files renews them."""

    def bear(client: Configuration) -> None:
        client.api_key["authorization"] = f"Bearer {_token_in(path)}"

    bear(settings)
    settings.refresh_api_key_hook = bear  # type: ignore[assignment]  # the client only says None of it


def _check_header(settings: Configuration, user: Table) -> None:
    for value in settings.api_key.values():
        if not (value.isascii() and value.isprintable()):
            raise unusable(f"{user['where']}: the token or password contains characters that an HTTP header cannot")


def _check_certificates(settings: Configuration, cluster: Table, user: Table) -> None:
    """Refuse certificates and keys that cannot be used, which would only show as a server that does not answer."""
    context = ssl.create_default_context()
    try:
        if settings.ssl_ca_cert:
            context.load_verify_locations(cafile=settings.ssl_ca_cert)
    except (OSError, ValueError) as error:
        raise unusable(f"{cluster['where']}: its certificate authority is not a certificate ({error})") from error
    if bool(settings.cert_file) != bool(settings.key_file):
        raise unusable(f"{user['where']}: a client certificate needs a key, and a key needs a certificate")
    try:
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file, password=lambda: "")
    except (OSError, ValueError) as error:
        raise unusable(f"{user['where']}: its client certificate or key cannot be used ({error})") from error


def _through(settings: Configuration, proxy: str | None) -> None:
    """Let requests go through this proxy, or straight; what the client itself makes of the environment is put aside."""
    settings.proxy, settings.no_proxy = proxy, ""
    if proxy is None:
        return
    if proxy.startswith("socks"):
        if find_spec("socks") is None:
            raise UnsupportedError("The cluster is behind a SOCKS proxy, which needs PySocks: pip install PySocks.")
    elif said := credentials(proxy):
        settings.proxy_headers = urllib3.make_headers(proxy_basic_auth=said)
