"""An authority and an issuer of one's own for charts that want them; the keys live in a Secret of the cluster only."""

from __future__ import annotations

import base64
import datetime
import re
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from workbench.environments.kubernetes.client import Cluster
from workbench.environments.kubernetes.objects import labels
from workbench.errors import BadInputError
from workbench.model.cluster_steps import TrustAnchor

_ENTRIES = {"ca": "ca.crt", "crt": "tls.crt", "key": "tls.key"}
_PLACEHOLDER = re.compile(r"\$\{trust\.([^.}]+)\.(ca|crt|key)\}")
_BACKDATED = datetime.timedelta(minutes=5)


def trust_anchor(cluster: Cluster, step: TrustAnchor, run: str) -> dict[str, str]:
    """Return ``ca``, ``crt`` and ``key`` as PEM: of the Secret when it is there, otherwise made and put there."""
    found = cluster.get("v1", "Secret", step.secret, step.namespace)
    if found is not None:
        held = found.get("data") or {}
        return {name: base64.b64decode(held.get(entry, "")).decode() for name, entry in _ENTRIES.items()}
    made = make(step)
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": step.secret, "namespace": step.namespace, "labels": labels(run)},
            "stringData": {_ENTRIES[name]: text for name, text in made.items()},
        }
    )
    return made


def make(step: TrustAnchor) -> dict[str, str]:
    """Make an authority and an issuer below it; the authority's key is not kept."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate(step.root, root_key, step.root, root_key, step.lifetime_s, length=1)
    issuer = _certificate(step.issuer, key, step.root, root_key, step.lifetime_s, length=0)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    encoding = serialization.Encoding.PEM
    return {
        "ca": root.public_bytes(encoding).decode(),
        "crt": issuer.public_bytes(encoding).decode(),
        "key": pem.decode(),
    }


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    signer: str,
    signing: ec.EllipticCurvePrivateKey,
    lifetime_s: float,
    *,
    length: int,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    others = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "encipher_only", "decipher_only"),
    )
    usage = x509.KeyUsage(key_cert_sign=True, crl_sign=True, **dict.fromkeys(others, False))
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, signer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + datetime.timedelta(seconds=lifetime_s))
        .add_extension(x509.BasicConstraints(ca=True, path_length=length), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(signing, hashes.SHA256())
    )


def filled(values: Any, trust: Mapping[str, Mapping[str, str]]) -> Any:
    """Return a copy of a chart's values with the placeholders ``${trust.NAME.ca|crt|key}`` filled in.

    Raises
    ------
    BadInputError
        For a name that no step has made.
    """
    if isinstance(values, Mapping):
        return {key: filled(value, trust) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [filled(value, trust) for value in values]
    return _PLACEHOLDER.sub(lambda one: _known(trust, one), values) if isinstance(values, str) else values


def _known(trust: Mapping[str, Mapping[str, str]], found: re.Match[str]) -> str:
    if found[1] not in trust:
        raise BadInputError(
            f"A chart's value refers to {found[0]}, but no step has made the trust anchor {found[1]!r}."
        )
    return trust[found[1]][found[2]]
