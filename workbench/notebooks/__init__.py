"""Run a notebook with parameters into another file; the command line's `run` and `report` are notebooks.

`parameters` says what a notebook takes and refuses what it does not, before anything starts. `execution` runs it. The
executed copy with its outputs is the lab record that is kept beside the runs.
"""

from workbench.startup import skip_slow_format_checks

skip_slow_format_checks()

from workbench.notebooks.execution import Execution, execute  # noqa: E402  # after the line above
from workbench.notebooks.parameters import check_parameters, parameters_of, read_values  # noqa: E402

__all__ = ["Execution", "check_parameters", "execute", "parameters_of", "read_values"]
