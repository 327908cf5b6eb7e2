"""Kinds in the shape of the meshes', objects of them, a webhook that refuses, and hands that meddle."""

from __future__ import annotations

import base64
import http.server
import json
import ssl
import threading
from pathlib import Path
from urllib.parse import urlencode

from node_agent import certificate

from workbench.environments.kubernetes.waiting import wait
from workbench.model.cluster_steps import Wait
from workbench.model.experiment import EnvironmentSpec

SHOP = "rig-shop"
GROUP = "traffic.rig.test"
_TEXT, _NUMBER = {"type": "string"}, {"type": "integer", "minimum": 0, "maximum": 100}
_ROUTE = {
    "type": "object",
    "required": ["hosts"],
    "properties": {
        "hosts": {"type": "array", "items": _TEXT, "minItems": 1},
        "mode": {"type": "string", "enum": ["STRICT", "PERMISSIVE"], "default": "PERMISSIVE"},
        "timeout": {"type": "string", "pattern": "^[0-9]+(ms|s)$"},
        "http": {
            "type": "array",
            "items": {"type": "object", "required": ["weight"], "properties": {"weight": _NUMBER, "version": _TEXT}},
        },
    },
}
_CONDITIONS = {"type": "array", "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
_SYNCED = {"type": "object", "properties": {"conditions": _CONDITIONS, "lastSyncedTime": _TEXT}}
_PARENTS = {"type": "object", "properties": {"parents": _CONDITIONS}}
_OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_COLUMN = {"name": "Synced", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Synced")].status'}


def crd(plural, kind, spec, status, columns=()):
    """A definition: Route promises nothing of its status, Setting a condition, Attachment its parents."""
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": list(columns),
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": status}}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
            "versions": [version],
        },
    }


CRDS = (
    crd("routes", "Route", _ROUTE, _OPEN),
    crd("settings", "Setting", _OPEN, _SYNCED, [_COLUMN]),
    crd("attachments", "Attachment", _OPEN, _PARENTS),
)


def install_kinds(cluster):
    for one in CRDS:
        cluster.apply(one)
    wait(cluster, Wait(condition="established", names=tuple(one["metadata"]["name"] for one in CRDS), deadline_s=20))


def thing(kind, name, place, spec):
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": place},
        "spec": spec,
    }


def route(place, name="web", **spec):
    return thing("Route", name, place, {"hosts": ["web"], **spec})


def config_map(place, name="settings", **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": place}, "data": data}


def spec_of(kubeconfig):
    return EnvironmentSpec(name="kubernetes", options={"kubeconfig": str(kubeconfig)})


def found(cluster, wanted):
    """What is there of an object, or None."""
    meta = wanted["metadata"]
    return cluster.get(wanted["apiVersion"], wanted["kind"], meta["name"], meta.get("namespace", ""))


def apply_as(cluster, manager, manifest, *, force=False):
    """Apply as another field manager does: kubectl, Argo CD."""
    path = f"{cluster.path_of(manifest)}?{urlencode({'fieldManager': manager, 'force': str(force).lower()})}"
    return cluster.json("patch", path, manifest, content_type="application/apply-patch+yaml")


def edit(cluster, manager, found, patch):
    """Merge a patch as somebody's editor does, without asking whose the fields are."""
    path = f"{cluster.path_of(found)}?{urlencode({'fieldManager': manager})}"
    return cluster.json("patch", path, patch, content_type="application/merge-patch+json")


def set_status(cluster, found, status):
    """Report what became of an object, as its controller does."""
    path = f"{cluster.path_of(found)}/status"
    return cluster.json("patch", path, {"status": status}, content_type="application/merge-patch+json")


def refusing(url, ca, place):
    """A validating webhook for Routes of a namespace."""
    rule = {"apiGroups": [GROUP], "apiVersions": ["v1"], "operations": ["*"], "resources": ["routes"]}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "rig-refuser"},
        "webhooks": [
            {
                "name": "routes.refuser.test",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "timeoutSeconds": 5,
                "clientConfig": {"url": url, "caBundle": ca},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": place}},
                "rules": [rule],
            }
        ],
    }


class Refuser:
    """A validating webhook that refuses what its `judge` has a reason against; serves until `stop`."""

    def __init__(self, folder: Path, judge) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                reason = judge(review["request"])
                response = {"uid": review["request"]["uid"], "allowed": not reason}
                if reason:
                    response["status"] = {"code": 403, "message": reason}
                told = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
                content = json.dumps(told).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        cert, key, pem = certificate(folder, "refuser")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}/judge"
        self.ca = base64.b64encode(pem).decode()
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
