"""What a real kubelet says of pods that do not come up reaches the reader."""

from __future__ import annotations

import pytest
from rig_objects import application, manifest, workload

from workbench.environments.kubernetes.options import Options
from workbench.environments.kubernetes.session import OpenCluster
from workbench.errors import DeadlineExceededError
from workbench.model.cluster_steps import Wait

PLACE = "rig-mesh"


def changed(name, image="rig/plain:1", **container):
    made = workload(name, PLACE, image)
    made["spec"]["template"]["spec"]["containers"][0].update(container)
    return made


def objects():
    probed = changed("probed", readinessProbe={"httpGet": {"path": "/", "port": 9}, "periodSeconds": 1})
    mounted = changed("mounted", volumeMounts=[{"name": "x", "mountPath": "/x"}])
    mounted["spec"]["template"]["spec"]["volumes"] = [{"name": "x", "secret": {"secretName": "nowhere"}}]
    return changed("crashed", "rig/crash:1"), changed("missing", "rig/nosuch:1"), probed, mounted


def test_crashes_images_probes_and_volumes_are_explained_as_the_kubelet_told_them(machine, real):
    steps = (manifest(PLACE, *objects()), Wait(condition="available", namespace=PLACE, deadline_s=6))
    with OpenCluster(Options(kubeconfig=str(machine.kubeconfig))) as opened:
        with pytest.raises(DeadlineExceededError) as caught, opened.deploy(steps, application()):
            pass
        assert opened.left_behind == ()
    said = str(caught.value)
    assert "it ended with exit code 2" in said
    assert "it printed last: starting\npanic: no configuration at /etc/rig" in said
    assert "the image rig/nosuch:1 cannot be pulled: " in said
    assert "probed-" in said and "Readiness probe failed: Get " in said and "connection refused" in said
    assert 'secret "nowhere" not found' in said
