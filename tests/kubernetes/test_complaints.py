"""What a pod's status and events say becomes a sentence."""

from __future__ import annotations

from workbench.environments.kubernetes import complaints


def pod(**state):
    status = {"name": "app", "image": "rig/app:1", "ready": False, "restartCount": 0, "state": state}
    ready = {"type": "Ready", "status": "False", "message": "containers with unready status: [app]"}
    return {"metadata": {"name": "web-1"}, "status": {"containerStatuses": [status], "conditions": [ready]}}


def warning(at, message):
    involved = {"kind": "Pod", "name": "web-1"}
    return {"type": "Warning", "lastTimestamp": at, "message": message, "involvedObject": involved, "metadata": {}}


def test_a_container_that_cannot_be_made_has_not_ended():
    message = "container has runAsNonRoot and image will run as root"
    said = complaints.about_pod(pod(waiting={"reason": "CreateContainerConfigError", "message": message}))
    assert said == f"pod web-1, container app: it cannot be started: {message}"


def test_the_newest_warning_says_more_than_the_condition():
    events = (
        warning("2026-01-01T00:00:01Z", "MountVolume.SetUp failed"),
        warning("2026-01-01T00:00:09Z", "Readiness probe failed: 503"),
        {**warning("2026-01-01T00:00:10Z", "Pulled"), "type": "Normal"},
    )
    assert complaints.about_pod(pod(running={}), events=events).endswith("app not ready (Readiness probe failed: 503)")
    assert "unready status" in complaints.about_pod(pod(running={}))
    assert complaints.about_events(events) == [
        "Pod web-1: Readiness probe failed: 503",
        "Pod web-1: MountVolume.SetUp failed",
    ]
