"""A mesh in one file, for tests: a chart that says its version in a ConfigMap, and carries nothing."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.meshes import _cluster_options as cluster
from workbench.model.cluster_steps import Answers, Delete, Uninstall
from workbench.model.protocols import Option
from workbench.model.records import MeshFacts

CHART = "mesh"
NAMESPACE = "charted"


class Charted:
    """As small as a mesh with a chart can be."""

    name = "charted-mesh"
    environments = cluster.ENVIRONMENTS
    profiles = ("default",)
    options: Mapping[str, Option] = cluster.HELM_OPTIONS

    def facts(self, spec):
        version = cluster.version_of(spec, "1.0.0")
        return MeshFacts(
            label=spec.label,
            title=f"a chart ({version})",
            data_plane="none",
            layer="",
            mtls=False,
            archetype=False,
            features=("nothing",),
        )

    def install(self, spec, application):
        asked = cluster.settings(spec, self.options, (CHART,))
        version = cluster.version_of(spec, "1.0.0")
        return (
            cluster.namespace(NAMESPACE),
            cluster.release("charted", NAMESPACE, CHART, version, "http://127.0.0.1:9", {"said": "shipped"}, asked),
        )

    def enrol(self, spec, application):
        return application

    def gates(self, spec, application):
        return (Answers(name="the client's call is answered"),)

    def parts(self, spec):
        return ()

    def remove(self, spec, application):
        gone = Delete(name="its namespace", objects=(cluster.named("v1", "Namespace", NAMESPACE),))
        return (Uninstall(release="charted", namespace=NAMESPACE), gone)


ADAPTER = Charted()
