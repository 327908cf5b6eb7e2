"""Helm without its program: the same acts through the package helm-python-sdk, which brings Helm as a library.

It differs from the program in what it cannot do: it knows no ``--no-hooks``, so that where a hook fails at removal the
release's objects and its record are deleted one by one; and it reads nothing that the program's user set up, no added
repositories with their credentials, no registry logins, no plugins.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from workbench.environments.kubernetes.charts import dying, objects_in, source_of, with_advice
from workbench.environments.kubernetes.client import Cluster, Object
from workbench.environments.kubernetes.objects import labels
from workbench.errors import RunFailedError, UnsupportedError
from workbench.model.cluster_steps import HelmRelease
from workbench.text.redaction import redacted_text

PACKAGE = "helm-python-sdk"
_CHILD = Path(__file__).with_name("_helm_child.py")
_GRACE_S = 30.0
_WAIT = "hookOnly"
"""What Helm's program waits for when it is not told to wait: hooks, and nothing else."""


def is_there() -> bool:
    """Whether the package is installed; it is not imported."""
    return find_spec("helm_python") is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class HelmSdk:
    """The package, for one cluster; see `workbench.environments.kubernetes.helm.Helm`."""

    cluster: Cluster
    charts: str = ""

    def version(self) -> str:
        """Return which package this is, and the version of Helm in it."""
        try:
            return f"{self._act('version', '', _GRACE_S, {})} ({PACKAGE} {version(PACKAGE)})"
        except RunFailedError as error:
            raise UnsupportedError(f"The package {PACKAGE} does not work here: {error}") from error

    def rendered(self, release: HelmRelease) -> tuple[Object, ...]:
        """Return what a release would consist of; see `workbench.environments.kubernetes.helm.Helm`."""
        text = self._act("template", release.namespace, release.deadline_s, self._asked(release, {"dry_run": "client"}))
        return objects_in(text or "")

    def install(self, release: HelmRelease, run: str) -> None:
        """Install a release into its namespace, which is there; hooks are waited for, the rest is not.

        Raises
        ------
        RunFailedError
            With Helm's own words.
        """
        asked = self._asked(release, {"wait": _WAIT, "labels": labels(run)})
        self._act("install", release.namespace, release.deadline_s, asked)

    def _asked(self, release: HelmRelease, more: Mapping[str, Any]) -> dict[str, Any]:
        source = source_of(release, self.charts)
        how = {
            "namespace": release.namespace,
            "timeout": math.ceil(release.deadline_s),
            **({"chart_repo_url": source.repository} if source.repository else {}),
            **({"chart_version": source.version} if source.version else {}),
            **more,
        }
        return {"chart": source.chart, "name": release.name, "values": dict(release.values), "how": how}

    def manifests(self, name: str, namespace: str) -> tuple[Object, ...]:
        """Return what a release consists of, hooks included; nothing when there is no such release."""
        try:
            texts = self._act("manifests", namespace, _GRACE_S, {"name": name}) or ()
        except RunFailedError:
            return ()
        return objects_in(*texts)

    def uninstall(self, name: str, namespace: str, deadline_s: float = 180.0) -> None:
        """Remove a release; when its hooks fail, object by object and its record last."""
        how = {"timeout": math.ceil(deadline_s), "wait": _WAIT, "ignore_not_found": True}
        parts = self.manifests(name, namespace)
        try:
            self._act("uninstall", namespace, deadline_s, {"name": name, "how": how})
        except RunFailedError:
            for one in parts:
                self._delete(one, namespace)
            records, _ = self.cluster.listed("v1", "Secret", namespace, f"owner=helm,name={name}")
            for one in records:
                self.cluster.delete({"apiVersion": "v1", "kind": "Secret", **one})

    def _delete(self, one: Object, namespace: str) -> None:
        """Delete one object of a release, as Helm does: not what its chart says must be kept."""
        meta = {"namespace": namespace, **one["metadata"]}
        if (meta.get("annotations") or {}).get("helm.sh/resource-policy") != "keep":
            self.cluster.delete({**one, "metadata": meta})

    def _act(self, verb: str, namespace: str, deadline_s: float, more: Mapping[str, Any]) -> Any:
        place = {"kube_context": self.cluster.context, "namespace": namespace}
        if self.cluster.kubeconfig:
            place["kubeconfig_path"] = str(Path(self.cluster.kubeconfig).absolute())
        asked = {"verb": verb, "place": place, **more}
        what = f"helm {verb} {more.get('name', '')}".rstrip()
        try:
            done = subprocess.run(
                dying([sys.executable, "-P", str(_CHILD)]),
                input=json.dumps(asked),
                capture_output=True,
                text=True,
                timeout=deadline_s + _GRACE_S,
            )
            answer = json.loads(done.stdout.rsplit("\n", 1)[-1])
        except subprocess.TimeoutExpired as error:
            raise RunFailedError(f"{what} did not end within {deadline_s:g} s.") from error
        except ValueError as error:
            said = " ".join(redacted_text(done.stderr).split())[-300:]
            raise RunFailedError(
                f"{what} failed: {PACKAGE} ended without an answer ({said or 'it said nothing'})"
            ) from error
        if "failed" in answer:
            said = " ".join(redacted_text(str(answer["failed"])).split())[-700:]
            raise RunFailedError(f"{what} failed: {with_advice(said)}")
        return answer.get("said")
