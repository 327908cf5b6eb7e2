"""Build hook: a wheel carries notebooks, settings, designs, experiments, reference data and the example.

`workbench.files.shipped` finds them there.

An editable installation must not: there they stand in the checkout, and a copy would go stale.
"""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = (
    "notebooks",
    "jupyter",
    "data/designs",
    "data/example",
    "data/experiments",
    "data/landscape",
    "data/reference",
)


class ShippedFiles(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the shipped folders to standard wheels."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add them before a build; ``version`` is "standard" or "editable"."""
        if version != "editable":
            build_data["force_include"].update({folder: f"workbench/_shipped/{folder}" for folder in SHIPPED})
