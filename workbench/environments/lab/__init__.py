"""The lab: real proxies as processes of this machine, in network namespaces of their own.

`workbench.environments.lab.environment` is the adapter. Modules that begin with an underscore are little programs that
run inside the namespaces, on the standard library alone: importing this package must load nothing.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name != "ADAPTER":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from workbench.environments.lab.environment import ADAPTER

    return ADAPTER
