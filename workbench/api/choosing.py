"""``wb.choose``: combine the landscape, the user's needs and the user's own measurements."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from workbench.api import experiments
from workbench.errors import NothingToShowError
from workbench.landscape import Choice, choose_from, parse_needs, read_landscape

if TYPE_CHECKING:
    import pandas as pd

MEASURED: Final = ("archetype", "product", "data_plane", "mesh", "role", "rate_per_s", "cores_per_1000", "low", "high")
"""Columns of the frame from `measured`."""


def choose(needs: str | Iterable[str] = "", data: str | Path = "") -> Choice:
    """Return which meshes meet ``needs``, why the others do not, and the measured figures of their shapes.

    Parameters
    ----------
    needs
        Labels of needs, separated by commas or one by one: ``"mTLS, no privileged pods, gRPC, VMs"``.
    data
        The data folder whose latest campaign is shown next to them; empty: the user's setting. It may be empty.

    Raises
    ------
    UnknownNameError
        For an unknown need; the message lists the known ones and the nearest.
    """
    wanted = parse_needs(needs)
    return choose_from(read_landscape().meshes.values(), wanted, measured(data))


def measured(data: str | Path = "") -> pd.DataFrame:
    """Return what each part of each data plane consumed in the latest campaign, at its highest rate.

    Returns
    -------
    DataFrame
        Columns archetype and product (the data plane's name in the one that applies, empty in the other), data_plane,
        mesh (its label), role, rate_per_s, cores_per_1000 (cores at 1000 requests/s, median over blocks), low, high.
        Without the baseline; empty when nothing has been measured.
    """
    import pandas as pd

    try:
        comparison = experiments.compare(data=data)
    except NothingToShowError:
        return pd.DataFrame({name: pd.Series(dtype=float) for name in MEASURED})
    runs = experiments.open_store(data).runs()
    known = runs[~runs["is_baseline"].astype(bool)].drop_duplicates("mesh", keep="last").set_index("mesh")
    archetype = known["archetype"].astype(bool)
    bill = comparison.bill_summary
    bill = bill[bill["mesh"].isin(known.index) & bill["cpu_per_request_s"].notna()]
    highest = bill.groupby("mesh")["rate_per_s"].transform("max")
    bill = bill[bill["rate_per_s"] == highest]
    shown = bill.assign(
        archetype=bill["mesh"].map(known["mesh_name"].where(archetype, "")),
        product=bill["mesh"].map(known["mesh_name"].mask(archetype, "")),
        data_plane=bill["mesh"].map(known["data_plane"]),
        cores_per_1000=bill["cpu_per_request_s"] * 1000,
        low=bill["low"] * 1000,
        high=bill["high"] * 1000,
    )
    return shown[list(MEASURED)].reset_index(drop=True)
