"""Where charts come from, on loopback: a chart repository over HTTP, and an OCI registry over TLS that only gives."""

from __future__ import annotations

import hashlib
import io
import json
import ssl
import tarfile
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CONFIG = "application/vnd.cncf.helm.config.v1+json"
LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def packed(name: str, version: str) -> bytes:
    """A chart with one ConfigMap that says its version, as ``helm package`` packs it."""
    files = {
        "Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n",
        "values.yaml": "said: nothing\n",
        "templates/all.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-told}\n"
        "data: {version: {{ .Chart.Version | quote }}, said: {{ .Values.said | quote }}}\n",
    }
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for path, text in files.items():
            one = tarfile.TarInfo(f"{name}/{path}")
            one.size = len(text)
            archive.addfile(one, io.BytesIO(text.encode()))
    return content.getvalue()


class Server:
    """Gives what stands in `pages` (path -> content type, content), for as long as the block lasts."""

    def __init__(self, certificate: tuple[Path, Path] | None = None) -> None:
        self.pages: dict[str, tuple[str, bytes]] = {}
        pages = self.pages

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind, content = pages.get(self.path.split("?")[0], ("", b""))
                self.send_response(200 if kind else 404)
                self.send_header("Content-Type", kind or "text/plain")
                self.send_header("Content-Length", str(len(content)))
                if kind == MANIFEST:
                    self.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(content).hexdigest()}")
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(content)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.address = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Server:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def repository(charts: Mapping[tuple[str, str], bytes]) -> Server:
    """A chart repository: its index and the archives."""
    made = Server()
    entries: dict[str, list[dict[str, object]]] = {}
    for (name, version), content in charts.items():
        file = f"{name}-{version}.tgz"
        made.pages[f"/charts/{file}"] = ("application/gzip", content)
        digest = hashlib.sha256(content).hexdigest()
        entries.setdefault(name, []).append(
            {"apiVersion": "v2", "name": name, "version": version, "urls": [file], "digest": digest}
        )
    index = yaml.safe_dump({"apiVersion": "v1", "entries": entries}).encode()
    made.pages["/charts/index.yaml"] = ("text/yaml", index)
    return made


def registry(charts: Mapping[tuple[str, str], bytes], certificate: tuple[Path, Path]) -> Server:
    """An OCI registry: manifests by tag and digest, blobs by digest."""
    made = Server(certificate)
    made.pages["/v2/"] = ("application/json", b"{}")
    for (name, version), content in charts.items():
        config = json.dumps({"name": name, "version": version, "apiVersion": "v2"}).encode()
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": _blob(made, name, CONFIG, config),
                "layers": [_blob(made, name, LAYER, content)],
            }
        ).encode()
        digest = hashlib.sha256(manifest).hexdigest()
        for tag in (version, f"sha256:{digest}"):
            made.pages[f"/v2/charts/{name}/manifests/{tag}"] = (MANIFEST, manifest)
        tags = json.dumps({"name": f"charts/{name}", "tags": [version]}).encode()
        made.pages[f"/v2/charts/{name}/tags/list"] = ("application/json", tags)
    return made


def _blob(made: Server, name: str, kind: str, content: bytes) -> dict[str, object]:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    made.pages[f"/v2/charts/{name}/blobs/{digest}"] = ("application/octet-stream", content)
    return {"mediaType": kind, "digest": digest, "size": len(content)}


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "registry")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "registry.crt", folder / "registry.key"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file
