"""Certificates for the tests' clusters: authorities, servers and clients, each as two files."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True)
class Pair:
    """A certificate, its key, and the files ``STEM.crt`` and ``STEM.key`` that hold them."""

    certificate: x509.Certificate
    private: ec.EllipticCurvePrivateKey
    crt: Path
    key: Path


def made(place: Path, name: str, *, by: Pair | None = None, group: str = "", addresses: tuple[str, ...] = ()) -> Pair:
    """Make a certificate for a day; without `by` it is an authority, and signed by itself.

    Parameters
    ----------
    place
        Folder and stem of the files.
    group
        Organization: a client's group.
    addresses
        IP addresses at which it serves.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if group:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    subject, now = x509.Name(attributes), datetime.datetime.now(datetime.UTC)
    uses = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
    )
    if addresses:
        names = [x509.IPAddress(ipaddress.ip_address(one)) for one in addresses]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    pair = Pair(
        builder.sign(by.private if by else key, hashes.SHA256()),
        key,
        place.with_name(f"{place.name}.crt"),
        place.with_name(f"{place.name}.key"),
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    pair.crt.write_bytes(pair.certificate.public_bytes(pem))
    pair.key.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return pair
