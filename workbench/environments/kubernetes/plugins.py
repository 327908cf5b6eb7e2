"""Credentials that a program of the user's gives (``exec`` in a kubeconfig), as kubectl asks for them.

A plugin that is not installed, fails, hangs or prints something else is named before anything is asked of the cluster:
never does a request go out without credentials in its place.
Source: kubernetes ``client-go/plugin/pkg/client/auth/exec/exec.go``.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from workbench.errors import BadInputError, UnsupportedError
from workbench.files.yaml_text import load
from workbench.text.redaction import redacted_text

DEADLINE_S = 60.0
"""How long a plugin may take that nobody is asked by: it calls a cloud, mostly."""

_ASKING_S = 300.0
"""The same where it may ask the person at the terminal."""

_EARLY_S = 60.0
"""How long before its end a token is renewed: a request may wait for an answer."""

_GROUP = "client.authentication.k8s.io/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What a plugin gave: a token, a certificate with its key, or both; `ends_s` since the epoch, None: it does not."""

    token: str = ""
    certificate: str = ""
    key: str = ""
    ends_s: float | None = None

    @property
    def stale(self) -> bool:
        """Whether it is time for a new one."""
        return self.ends_s is not None and time.time() > self.ends_s - _EARLY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A credential plugin as a kubeconfig's user names it.

    Attributes
    ----------
    command
        As the kubeconfig says it; `path` is where it was found.
    told
        What it is told of the cluster, where it wants to know.
    may_ask
        Whether it may talk with whoever sits at the terminal.
    """

    command: str
    path: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    version: str
    told: Mapping[str, Any] | None
    may_ask: bool

    def credential(self) -> Credential:
        """Run the plugin and return what it gives.

        Raises
        ------
        UnsupportedError
            When it fails, does not end, or gives nothing of use; with its own words.
        """
        asked = {"interactive": self.may_ask} | ({"cluster": self.told} if self.told is not None else {})
        info = json.dumps({"apiVersion": self.version, "kind": "ExecCredential", "spec": asked})
        code, said, complaint = self._run({**os.environ, **self.environment, "KUBERNETES_EXEC_INFO": info})
        if code:
            why = redacted_text(" ".join(complaint.split()))[-300:] or "it said nothing"
            raise self._useless(f"ended with status {code} ({why})")
        return self._understood(said)

    def _run(self, environment: Mapping[str, str]) -> tuple[int, str, str]:
        deadline_s = _ASKING_S if self.may_ask else DEADLINE_S
        try:
            process = subprocess.Popen(
                [self.path, *self.arguments],
                env=environment,
                stdin=None if self.may_ask else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=None if self.may_ask else subprocess.PIPE,
                start_new_session=not self.may_ask,
                text=True,
                errors="replace",
            )
        except (OSError, ValueError) as error:
            raise self._useless(f"does not start ({error})") from error
        with process:  # its pipes are closed, and its end is waited for
            try:
                said, complaint = process.communicate(timeout=deadline_s)
            except BaseException as error:
                self._end(process)
                if isinstance(error, subprocess.TimeoutExpired):
                    raise self._useless(f"did not end within {deadline_s:g} s") from None
                raise
        return process.returncode, said or "", complaint or ""

    def _end(self, process: subprocess.Popen[str]) -> None:
        """End the plugin with what it started, which may outlive it and hold its pipes."""
        with suppress(OSError):
            if self.may_ask:
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)

    def _understood(self, said: str) -> Credential:
        try:
            told = load(said, "what it printed")
        except BadInputError as error:
            raise self._useless(f"printed no ExecCredential ({error})") from error
        if not isinstance(told, dict) or told.get("kind") != "ExecCredential":
            raise self._useless("printed no ExecCredential")
        if told.get("apiVersion") != self.version:
            raise self._useless(
                f"answers in {str(told.get('apiVersion'))[:60]!r}, and the kubeconfig asks for {self.version!r}"
            )
        status = told.get("status")
        status = status if isinstance(status, dict) else {}
        fields = {key: status.get(key) or "" for key in ("token", "clientCertificateData", "clientKeyData")}
        if not all(isinstance(one, str) for one in fields.values()):
            raise self._useless("printed a token or certificate that is not text")
        token, certificate, key = fields.values()
        if bool(certificate) != bool(key):
            raise self._useless("printed a certificate without its key, or a key without its certificate")
        if not token.strip() and not certificate:
            raise self._useless("printed neither a token nor a certificate")
        return Credential(token=token.strip(), certificate=certificate, key=key, ends_s=self._end_of(status))

    def _end_of(self, status: Mapping[str, Any]) -> float | None:
        text = status.get("expirationTimestamp")
        if text in (None, ""):
            return None
        try:
            return datetime.fromisoformat(str(text)).timestamp()
        except (ValueError, OverflowError, OSError) as error:
            raise self._useless("printed an invalid expirationTimestamp") from error

    def _useless(self, what: str) -> UnsupportedError:
        return UnsupportedError(
            f"The credential plugin {self.command!r}, which the kubeconfig's user names, {what}. "
            "The cluster was not contacted. Run it by hand, or log in again."
        )


def plugin_of(asked: Mapping[str, Any], folder: Path, told: Mapping[str, Any]) -> Plugin:
    """Return the plugin that a kubeconfig's user names; ``asked`` was checked for its types.

    Parameters
    ----------
    folder
        Of the kubeconfig, which a command with a slash in it is relative to.
    told
        What a plugin is told of the cluster.

    Raises
    ------
    UnsupportedError
        When it is not installed, with its own hint; when it wants a person and there is none.
    """
    command, version = asked.get("command") or "", asked.get("apiVersion") or ""
    if not command or not version.startswith(_GROUP):
        raise UnsupportedError(
            f"The kubeconfig's exec names {'no command' if not command else f'the apiVersion {version!r}'}: it needs a "
            f"command, and an apiVersion such as {_GROUP}v1."
        )
    path = shutil.which(str(folder / command) if os.sep in command else command)
    if path is None:
        hint = " ".join(str(asked.get("installHint") or "").split())[:300]
        raise UnsupportedError(
            f"The credential plugin {command!r}, which the kubeconfig's user names, is not installed"
            f"{'' if os.sep in command else ' (it is not on PATH)'}: without it you have no credentials, so "
            f"the cluster was not contacted. Install it.{f' Its own hint: {hint}' if hint else ''}"
        )
    mode = asked.get("interactiveMode") or "IfAvailable"
    person = sys.stdin is not None and sys.stdin.isatty()
    if mode == "Always" and not person:
        raise UnsupportedError(
            f"The credential plugin {command!r} needs to prompt you (interactiveMode: Always): use a terminal."
        )
    return Plugin(
        command=command,
        path=path,
        arguments=tuple(asked.get("args") or ()),
        environment={one["name"]: one["value"] for one in asked.get("env") or ()},
        version=version,
        told=told if asked.get("provideClusterInfo") else None,
        may_ask=person and mode != "Never",
    )
