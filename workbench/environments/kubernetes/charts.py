"""Where a chart comes from, exactly: a repository, a folder of copies, a local file or folder, an OCI reference.

And what both ways to Helm share: what is in a rendered chart, and an act that ends with the program that asked for it.
"""

from __future__ import annotations

import sys
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from workbench.environments.kubernetes.client import Object
from workbench.environments.lab._enter import enter_command
from workbench.errors import BadInputError, RunFailedError
from workbench.files.yaml_text import load, load_all, unfolded
from workbench.model.cluster_steps import HelmRelease
from workbench.text.decoding import content_of

_MOST_BYTES = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartSource:
    """What names one chart: `chart` is a path, an ``oci://`` reference, or a name in `repository`.

    `version` is empty for a path, whose own version was compared with the one asked for.
    """

    chart: str
    repository: str = ""
    version: str = ""


def source_of(release: HelmRelease, copies: str = "") -> ChartSource:
    """Return where the chart of ``release`` is taken from; the folder ``copies`` takes precedence over its repository.

    Raises
    ------
    RunFailedError
        When a local chart is not there, is none, or is of another version than the one asked for: a number must not
        bear the name of a version that did not produce it.
    """
    local = _local(release, copies)
    if local is None:
        return ChartSource(chart=release.chart, repository=release.repository, version=release.version)
    found = _version_of(local)
    if found != release.version:
        raise RunFailedError(
            f"The chart at {local} is version {found}, not {release.version} as the release {release.name} needs it: "
            "put the right version there, or set this version in the experiment's [[meshes]]."
        )
    return ChartSource(chart=str(local))


def _local(release: HelmRelease, copies: str) -> Path | None:
    if copies:
        for name in (f"{release.chart}-{release.version}.tgz", release.chart):
            if (Path(copies) / name).exists():
                return Path(copies) / name
    if release.repository or release.chart.startswith("oci://"):
        return None
    if not Path(release.chart).exists():
        raise RunFailedError(
            f"There is no chart at {release.chart}, which should install {release.name} {release.version}."
        )
    return Path(release.chart)


def _version_of(chart: Path) -> str:
    try:
        described = load(_described(chart), "Chart.yaml")
        return str(described["version"])
    except (OSError, tarfile.TarError, zlib.error, BadInputError, KeyError, TypeError, EOFError) as error:
        raise RunFailedError(f"{chart} is not a Helm chart: its Chart.yaml cannot be read ({error}).") from error


def _described(chart: Path) -> bytes:
    if chart.is_dir():
        return content_of(chart / "Chart.yaml", _MOST_BYTES)
    with tarfile.open(chart) as packed:
        for one in packed:
            if one.name.count("/") == 1 and one.name.endswith("/Chart.yaml") and one.isfile():
                opened = packed.extractfile(one)
                return opened.read(_MOST_BYTES) if opened else b""
    raise KeyError("Chart.yaml")


def with_advice(said: str) -> str:
    """Return what Helm said of an installation, with what to do where the chart or its version is not there."""
    if not any(sign in said for sign in ("not found", "not a valid chart repository", "Not Found")):
        return said
    return (
        f"{said}. The version comes from the experiment's [[meshes]], or else from the mesh's pinned version. To use "
        "charts from elsewhere, set the option charts of the mesh or of the environment"
    )


def objects_in(*texts: str) -> tuple[Object, ...]:
    """Return the objects in rendered charts, lists taken apart.

    Raises
    ------
    RunFailedError
        When what Helm printed is not YAML.
    """
    try:
        found = [one for text in texts for part in load_all(text, "what Helm rendered") for one in unfolded(part)]
    except BadInputError as error:
        raise RunFailedError(f"The chart's objects cannot be read: {error}") from error
    return tuple(
        one for one in found if isinstance(one, dict) and "kind" in one and isinstance(one.get("metadata"), dict)
    )


def dying(command: list[str]) -> list[str]:
    """Return a command that ends when this program does: nobody may go on installing what is being cleaned up.

    Only Linux's kernel offers that.
    """
    return enter_command(command) if sys.platform == "linux" else command
