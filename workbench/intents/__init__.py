"""Traffic policies for one service, independent of the mesh: intents, designs, and what a mesh makes of them.

Pure data: a mesh's `configure` takes an `Intent` and a `Target` and gives back a `Rendering`.
"""

from workbench.intents.design import Design, Target, design_from_toml, read_design, short_name, write_design
from workbench.intents.failing import Failing, asked_to_fail
from workbench.intents.features import FEATURES, Feature
from workbench.intents.intent import (
    METHODS,
    MODES,
    RETRY_ON,
    Abort,
    Authorization,
    CircuitBreaking,
    Delay,
    Intent,
    Mtls,
    OutlierDetection,
    ProxyResources,
    RateLimit,
    Retries,
    Share,
    Timeout,
)
from workbench.intents.rendering import (
    Answer,
    Rendering,
    Support,
    identity,
    in_order,
    patched,
    rendered,
    unsupported,
)

__all__ = [
    "FEATURES",
    "METHODS",
    "MODES",
    "RETRY_ON",
    "Abort",
    "Answer",
    "Authorization",
    "CircuitBreaking",
    "Delay",
    "Design",
    "Failing",
    "Feature",
    "Intent",
    "Mtls",
    "OutlierDetection",
    "ProxyResources",
    "RateLimit",
    "Rendering",
    "Retries",
    "Share",
    "Support",
    "Target",
    "Timeout",
    "asked_to_fail",
    "design_from_toml",
    "identity",
    "in_order",
    "patched",
    "read_design",
    "rendered",
    "short_name",
    "unsupported",
    "write_design",
]
