"""Settings of a workload that it would overlook are refused: what an experiment says must be what was measured."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields

from workbench.errors import BadInputError
from workbench.model.experiment import Workload


def refuse_unused(workload: Workload, uses: Collection[str]) -> None:
    """Refuse every setting that is not among ``uses`` and says something.

    Raises
    ------
    BadInputError
        With the value that says nothing.
    """
    silent = Workload(name=workload.name, payload_bytes=0)
    for one in fields(Workload):
        asked, nothing = getattr(workload, one.name), getattr(silent, one.name)
        if one.name not in ("name", *uses) and asked != nothing:
            raise BadInputError(
                f"The workload {workload.name!r} does not support {one.name} = {asked!r}: "
                f"set {one.name} = {nothing!r} in the experiment's [[workloads]]."
            )
