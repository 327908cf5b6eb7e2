"""Where altair enters: after the slow format checks have been switched off, once for all charts.

Inside this folder altair is used untyped (``alt: Any``): its generated signatures name every colour of the web in every
argument, and mypy cannot follow its chains of ``mark_*().encode()``. What it is given is checked all the same, against
Vega-Lite's schema, when a chart is made; and what charts return is typed (`Picture`).
"""

from __future__ import annotations

from typing import Any, TypeAlias

from workbench.startup import skip_slow_format_checks

skip_slow_format_checks()

import altair  # noqa: E402  # the line above must come first

Picture: TypeAlias = altair.Chart | altair.LayerChart | altair.FacetChart
"""What a chart function returns."""

alt: Any = altair
