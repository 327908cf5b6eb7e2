"""The files of a kubeconfig: found and merged as kubectl does it, and every field that is read of the type it must be.

What is wrong is said with its file and place. Source: kubernetes ``client-go/tools/clientcmd`` (loader, validation).
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.errors import BadInputError, UnsupportedError
from workbench.files.yaml_text import load
from workbench.text.decoding import content_of

_MOST_BYTES = 2**24
_KINDS = {"clusters": "cluster", "contexts": "context", "users": "user"}
TEXTS: Mapping[str, tuple[str, ...]] = {
    "cluster": ("server", "certificate-authority", "certificate-authority-data", "tls-server-name", "proxy-url"),
    "context": ("cluster", "user", "namespace"),
    "user": (
        *("token", "tokenFile", "username", "password"),
        *("client-certificate", "client-certificate-data", "client-key", "client-key-data"),
    ),
    "exec": ("command", "apiVersion", "installHint", "interactiveMode"),
}
_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
_BINARY = ("certificate-authority-data", "client-certificate-data", "client-key-data")
_MEND = 'Set KUBECONFIG, or options = {kubeconfig = "..."} in the experiment\'s [environment]; see docs/clusters.md.'

Table = dict[str, Any]


def unusable(why: str) -> UnsupportedError:
    """Return the error that says what is wrong with the kubeconfig."""
    return UnsupportedError(f"There is no usable kubeconfig ({why.rstrip('.')}). {_MEND}")


def paths_of(kubeconfig: str) -> list[Path]:
    """Return the files to read: the one asked for, else those of KUBECONFIG, else the usual one."""
    if "\0" in kubeconfig:
        raise unusable("its name contains a NUL character")
    if kubeconfig and (os.pathsep not in kubeconfig or Path(kubeconfig).expanduser().exists()):
        return [_there(Path(kubeconfig).expanduser())]
    said = kubeconfig or os.environ.get("KUBECONFIG") or ""
    named = [Path(one).expanduser() for one in said.split(os.pathsep) if one] or [Path("~/.kube/config").expanduser()]
    found = [one for one in named if one.exists()]
    if not found:
        raise unusable(f"there is no file {' nor '.join(map(str, named))}")
    return [_there(one) for one in found]


def _there(path: Path) -> Path:
    if not path.exists():
        raise unusable(f"there is no file {path}")
    if not path.is_file() and not path.is_fifo():
        raise unusable(f"{path} is not a file")
    return path


def merged(paths: list[Path]) -> Table:
    """Return the files as one: the first that names a context, a cluster, a user or the present context decides."""
    merged: Table = {"current-context": "", **{kind: {} for kind in _KINDS}}
    for path in paths:
        told = _read(path)
        current = told.get("current-context") or ""
        if not isinstance(current, str):
            raise unusable(f"{path}: current-context must be text")
        merged["current-context"] = merged["current-context"] or current
        for kind, inner in _KINDS.items():
            for name, entry in _named(told, kind, inner, path):
                merged[kind].setdefault(name, (entry, path))
    return merged


def _read(path: Path) -> Table:
    try:
        content = content_of(path, _MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise unusable(f"{path} is larger than {_MOST_BYTES // 2**20} MiB")
        told = load(content, str(path))
    except OSError as error:
        raise unusable(f"{path} cannot be read: {error.strerror or error}") from error
    except BadInputError as error:
        raise unusable(str(error)) from error
    if told is None:
        return {}
    if not isinstance(told, dict):
        raise unusable(f"{path} is not a kubeconfig: it contains no table")
    return told


def _named(told: Table, kind: str, inner: str, path: Path) -> Iterator[tuple[str, Any]]:
    """Yield (name, entry) of one list of a kubeconfig; what is in an entry is looked at when it is chosen."""
    listed = told.get(kind)
    if listed is None:
        return
    if not isinstance(listed, list):
        raise unusable(f"{path}: {kind} must be a list")
    seen = set()
    for number, one in enumerate(listed):
        name = one.get("name") if isinstance(one, dict) else None
        if not isinstance(name, str):
            raise unusable(f"{path}: {kind}[{number}] has no name")
        if name in seen:
            raise unusable(f"{path}: {kind} contains {name!r} twice")
        seen.add(name)
        yield name, one.get(inner)


def entry(merged: Table, kind: str, name: str, wanted_by: str = "") -> Table:
    """Return one context, cluster or user, its fields looked at and its paths absolute."""
    inner = _KINDS[kind]
    if name not in merged[kind]:
        raise unusable(
            f"its {wanted_by} names the {inner} {name!r}, which is missing"
            if name
            else f"its {wanted_by} names no {inner}"
        )
    entry, path = merged[kind][name]
    where = f"{path}: the {inner} {name!r}"
    if entry is None:
        entry = {}
    if not isinstance(entry, dict):
        raise unusable(f"{where} must be a table")
    found = {key: value for key, value in entry.items() if value is not None}
    check_texts(found, TEXTS[inner], where)
    for key in _BINARY:
        _check_base64(found.get(key, ""), f"{where}: {key}")
    if not isinstance(found.get("insecure-skip-tls-verify", False), bool):
        raise unusable(f"{where}: insecure-skip-tls-verify must be true or false")
    for key in _FILES:
        if found.get(key):
            found[key] = str(_regular(path.parent.absolute() / found[key], f"{where}: {key}"))
    return found | {"folder": path.parent.absolute(), "where": where}


def _regular(path: Path, where: str) -> Path:
    """Return the path of a certificate, key or token, unless whoever reads it would wait for ever."""
    if path.exists() and not path.is_file():
        raise unusable(f"{where} names {path}, which is not a regular file")
    return path


def check_texts(found: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    """Refuse what is not text among these fields."""
    for key in keys:
        text = found.get(key, "")
        if not isinstance(text, str):
            raise unusable(f"{where}: {key} must be text")
        if "\0" in text:
            raise unusable(f"{where}: {key} contains a NUL character")


def _check_base64(text: str, where: str) -> None:
    try:
        base64.b64decode("".join(text.split()), validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise unusable(f"{where} is not base64 of a certificate or key") from error
