"""The options of the environment ``kubernetes``, checked."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.fields import read_table
from workbench.model.experiment import EnvironmentSpec

KIND = "kubernetes"
"""Meshes, workloads and load generators that list it run on clusters."""

EDGE_S = 20.0
"""How long a load lasts beyond the window at both ends, so that kubelets read counters on either side: they read a
container every 10 to 15 s, with jitter (cAdvisor's housekeeping)."""

POLL_S = 5.0
"""Between two questions to the kubelets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Settings of the environment, all text but `existing`.

    Attributes
    ----------
    context, kubeconfig
        Which cluster; empty: the kubeconfig's present context, the usual file. The context is printed and stored.
    existing
        True: as if every mesh of the experiment had ``existing = true``. How experiments of earlier versions say it.
    registry
        Registry that holds copies of the images in our own manifests.
    charts
        Folder with charts for closed networks.
    helm
        Program to use in place of ``helm``.
    edge_s
        Seconds that the load lasts beyond the window at both ends; kubelets must read their counters within them.
    poll_s
        Seconds between two questions to the kubelets.
    telemetry
        ``"kubelet"``, ``"collector"``, ``"prometheus"`` or ``"metrics-api"``; empty: the best that may be used, see
        `sources`.
    prometheus
        Where the cluster's Prometheus is: ``"NAMESPACE/SERVICE:PORT"``, or a URL that this machine reaches; empty:
        looked for by its label.
    """

    context: str = ""
    kubeconfig: str = ""
    existing: bool = False
    registry: str = ""
    charts: str = ""
    helm: str = ""
    edge_s: float = EDGE_S
    poll_s: float = POLL_S
    telemetry: str = ""
    prometheus: str = ""

    @classmethod
    def read(cls, spec: EnvironmentSpec) -> Options:
        """Read the options of an environment.

        Raises
        ------
        UnknownNameError
            For an option that does not exist.
        BadInputError
            For a value of the wrong type.
        """
        return read_table(cls, spec.options, "environment kubernetes", "option")
