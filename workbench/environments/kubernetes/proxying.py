"""Which proxy leads to a server, as kubectl (Go's ``net/http``) decides it. Pure.

A loopback address is never asked through a proxy of the environment's, even without NO_PROXY. A kubeconfig's own
``proxy-url`` goes before all of it. Source: golang.org/x/net ``http/httpproxy/proxy.go``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import SplitResult, unquote, urlsplit

from workbench.errors import UnsupportedError

_SCHEMES = ("http", "https", "socks5", "socks5h")
_PORTS = {"http": 80, "https": 443}


def proxy_for(server: str, said: str, environment: Mapping[str, str]) -> str | None:
    """Return the URL of the proxy that leads to ``server``; None: asked straight.

    Parameters
    ----------
    said
        The kubeconfig's ``proxy-url``; empty without one.
    environment
        Holds HTTP_PROXY, HTTPS_PROXY and NO_PROXY, or the same in small letters.

    Raises
    ------
    UnsupportedError
        When what names the proxy is not a URL of one.
    """
    if said:
        return _checked(said, "The kubeconfig's proxy-url")
    parts = urlsplit(server)
    variable = "HTTPS_PROXY" if parts.scheme == "https" else "HTTP_PROXY"
    found = environment.get(variable) or environment.get(variable.lower()) or ""
    if not found or not _asked_through(parts, environment.get("NO_PROXY") or environment.get("no_proxy") or ""):
        return None
    return _checked(found if "://" in found else f"http://{found}", f"The variable {variable}")


def credentials(proxy: str) -> str:
    """Return ``user:password`` of a proxy's URL; empty without them."""
    parts = urlsplit(proxy)
    return f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""


def _checked(url: str, what: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0 and url.isprintable()
    except ValueError:
        usable = False
    if not usable or " " in url:
        raise UnsupportedError(
            f"{what} is not a proxy URL ({', '.join(f'{one}://' for one in _SCHEMES)}HOST:PORT): correct it."
        )
    return url


def _asked_through(server: SplitResult, exceptions: str) -> bool:
    host = (server.hostname or "").rstrip(".")
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return False
    port = server.port or _PORTS.get(server.scheme, 0)
    return not any(_excepted(one.strip().lower(), host, address, port) for one in exceptions.split(","))


def _excepted(entry: str, host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None, port: int) -> bool:
    """Whether an entry of NO_PROXY means this server: ``*``, an address, a network, a domain, with a port or not."""
    if entry in ("", "*"):
        return entry == "*"
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, named_port = _without_port(entry)
    if named_port not in ("", str(port)) or not name:
        return False
    if (meant := _address(name.strip("[]"))) is not None:
        return address == meant
    name = name.removeprefix("*") if name.startswith("*.") else name
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _without_port(entry: str) -> tuple[str, str]:
    if entry.startswith("[") or entry.count(":") == 1:
        name, _, port = entry.rpartition(":")
        return (name, port) if port.isdigit() else (entry, "")
    return entry, ""


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
