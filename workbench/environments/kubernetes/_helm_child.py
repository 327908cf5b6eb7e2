"""One act of Helm through helm-python-sdk, in a process of its own: told on stdin, answered on stdout, both JSON.

Called by path, so that nothing but the SDK is imported. A process of its own, because the SDK brings the whole Go
runtime along, whose threads and 100 MB have no place in a process that measures, and because an act that hangs can be
ended.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import helm_python as helm


def act(asked: dict[str, Any]) -> Any:
    """Do what is asked and return what the SDK says."""
    if asked["verb"] == "version":
        return helm.helm_sdk_version()
    with helm.Config(**asked["place"]) as cluster:
        if asked["verb"] == "manifests":
            whole = cluster.get_all(asked["name"])
            return [whole["summary"].get("manifest", ""), *(one["manifest"] for one in whole["hooks"] or ())]
        if asked["verb"] == "template":
            made = cluster.install(asked["chart"], asked["name"], asked["values"], **asked["how"])
            return made.get("manifest", "")
        if asked["verb"] == "install":
            cluster.install(asked["chart"], asked["name"], asked["values"], **asked["how"])
        if asked["verb"] == "uninstall":
            cluster.uninstall(asked["name"], **asked["how"])
    return None


def main() -> None:
    """Read what is asked, and answer."""
    try:
        answer = {"said": act(json.load(sys.stdin))}
    except helm.HelmNotFoundError as error:
        answer = {"missing": str(error)}
    except helm.HelmError as error:
        answer = {"failed": str(error)}
    sys.stdout.write("\n" + json.dumps(answer))


if __name__ == "__main__":
    main()
