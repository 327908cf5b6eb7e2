"""Helm, behind a small interface: install, what was installed, uninstall.

The ``helm`` on PATH is used, because a person's repositories, registry logins and plugins then work as they are used
to; where there is none, the package helm-python-sdk. A release's own record bears our labels, so that whoever cleans up
later finds it from any machine.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from workbench.environments.kubernetes import helm_sdk
from workbench.environments.kubernetes.charts import dying, objects_in, source_of, with_advice
from workbench.environments.kubernetes.client import Cluster, Object
from workbench.environments.kubernetes.objects import labels
from workbench.errors import RunFailedError, UnsupportedError
from workbench.model.cluster_steps import HelmRelease
from workbench.text.redaction import redacted_text

INSTALL_HINT = (
    "install Helm 3.13 or newer (helm.sh) so that `helm` is on PATH, or Helm as a library: pip install "
    "'mesh-workbench[helm]'"
)
_GRACE_S = 30.0


class Helm(Protocol):
    """What the environment needs of Helm, whoever does it."""

    def version(self) -> str:
        """Return Helm's version, and whose it is when it is not the program's."""
        ...

    def rendered(self, release: HelmRelease) -> tuple[Object, ...]:
        """Return what a release would consist of, without its hooks; the cluster is left as it is.

        Raises
        ------
        RunFailedError
            With Helm's own words: a chart or version that does not exist, values that it does not take.
        """
        ...

    def install(self, release: HelmRelease, run: str) -> None:
        """Install a release into its namespace, which is there; hooks are waited for, the rest is not.

        Raises
        ------
        RunFailedError
            With Helm's own words: a chart or version that does not exist, a hook that failed.
        """
        ...

    def manifests(self, name: str, namespace: str) -> tuple[Object, ...]:
        """Return what a release consists of, hooks included; nothing when there is no such release."""
        ...

    def uninstall(self, name: str, namespace: str, deadline_s: float = 180.0) -> None:
        """Remove a release; without its hooks when they fail."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HelmProgram:
    """The ``helm`` program, for one cluster.

    Attributes
    ----------
    program
        Its path.
    charts
        Folder that holds charts for closed networks, ``NAME-VERSION.tgz`` or ``NAME``; empty: none.
    """

    cluster: Cluster
    program: str
    charts: str = ""

    def _call(self, arguments: list[str], deadline_s: float) -> str:
        place = ["--kube-context", self.cluster.context]
        if self.cluster.kubeconfig:
            place += ["--kubeconfig", self.cluster.kubeconfig]
        command = dying([self.program, *arguments, *place])
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=deadline_s + _GRACE_S)
        except subprocess.TimeoutExpired as error:
            raise RunFailedError(f"helm {arguments[0]} did not end within {deadline_s:g} s.") from error
        if done.returncode:
            raise RunFailedError(f"helm {arguments[0]} {arguments[1]} failed: {with_advice(_said(done.stderr))}")
        return done.stdout

    def version(self) -> str:
        """Return Helm's version."""
        try:
            done = subprocess.run(
                [self.program, "version", "--short"], capture_output=True, text=True, timeout=_GRACE_S, check=True
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise UnsupportedError(f"{self.program} does not start ({error}): {INSTALL_HINT}.") from error
        return done.stdout.strip()

    def _source(self, release: HelmRelease) -> list[str]:
        """Return the arguments that name the chart exactly."""
        source = source_of(release, self.charts)
        repository = ["--repo", source.repository] if source.repository else []
        return [source.chart, *repository, *(["--version", source.version] if source.version else [])]

    def rendered(self, release: HelmRelease) -> tuple[Object, ...]:
        """Return what a release would consist of; see `Helm`."""
        kubernetes = str(self.cluster.version()["gitVersion"])
        with _values(release) as values:
            text = self._call(
                [
                    *("template", release.name, *self._source(release), "--namespace", release.namespace),
                    *("--values", values, "--kube-version", kubernetes, "--include-crds", "--no-hooks"),
                ],
                release.deadline_s,
            )
        return objects_in(text)

    def install(self, release: HelmRelease, run: str) -> None:
        """Install a release into its namespace, which is there; hooks are waited for, the rest is not.

        Raises
        ------
        RunFailedError
            With Helm's own words: a chart or version that does not exist, a hook that failed.
        """
        with _values(release) as values:
            self._call(
                [
                    *("install", release.name, *self._source(release), "--namespace", release.namespace),
                    *("--values", values, "--timeout", f"{release.deadline_s:g}s"),
                    *("--labels", ",".join(f"{key}={value}" for key, value in labels(run).items())),
                ],
                release.deadline_s,
            )

    def manifests(self, name: str, namespace: str) -> tuple[Object, ...]:
        """Return what a release consists of, hooks included; nothing when there is no such release."""
        try:
            text = self._call(["get", "manifest", name, "--namespace", namespace], _GRACE_S)
            hooks = self._call(["get", "hooks", name, "--namespace", namespace], _GRACE_S)
        except RunFailedError:
            return ()
        return objects_in(text, hooks)

    def uninstall(self, name: str, namespace: str, deadline_s: float = 180.0) -> None:
        """Remove a release; without its hooks when they fail."""
        arguments = ["uninstall", name, "--namespace", namespace, "--ignore-not-found", "--timeout", f"{deadline_s:g}s"]
        hooks = [one for one in self.manifests(name, namespace) if one["kind"] == "Job"]
        try:
            self._call(arguments, deadline_s)
        except RunFailedError:
            for one in hooks:
                self.cluster.delete({**one, "metadata": {"namespace": namespace, **one["metadata"]}})
            self._call([*arguments, "--no-hooks"], deadline_s)


@contextmanager
def _values(release: HelmRelease) -> Iterator[str]:
    """Write a release's values to a file of nobody else's, and remove it."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", prefix="workbench-values-") as values:
        json.dump(dict(release.values), values)
        values.flush()
        yield values.name


def find_helm(cluster: Cluster, program: str = "", charts: str = "") -> Helm:
    """Return Helm: the program asked for, else the one on PATH, else the package.

    Raises
    ------
    UnsupportedError
        When there is none.
    """
    found = shutil.which(program or "helm")
    if found is not None:
        return HelmProgram(cluster=cluster, program=found, charts=charts)
    if program:
        raise UnsupportedError(f"The environment's option helm names {program}, which does not exist: {INSTALL_HINT}.")
    if helm_sdk.is_there():
        return helm_sdk.HelmSdk(cluster=cluster, charts=charts)
    raise UnsupportedError(f"There is no helm on PATH, and this mesh is installed as a Helm chart: {INSTALL_HINT}.")


def releases(cluster: Cluster, selector: str) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Return (name, namespace, labels) of the Helm releases whose record matches ``selector``, newest revision last."""
    found, _ = cluster.listed("v1", "Secret", selector=f"owner=helm,{selector}" if selector else "owner=helm")
    known = {}
    for secret in found:
        meta = secret["metadata"]
        name = meta.get("labels", {}).get("name", "")
        known[(name, meta["namespace"])] = meta.get("labels", {})
    return [(name, namespace, borne) for (name, namespace), borne in known.items()]


def _said(text: str) -> str:
    lines = [line for line in redacted_text(text).splitlines() if line.strip() and not line.startswith("WARNING")]
    said = " ".join(lines)[-700:] or "it said nothing"
    return re.sub(r"^.*?(?:Error|level=ERROR)[:= ]+", "", said, count=1)
