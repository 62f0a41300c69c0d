"""Certificates made at run time: an authority of the demo's own, and a server certificate that soon ends."""

import datetime as dt
import ipaddress
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_AUTHORITY_DAYS = 365


class Issued(NamedTuple):
    """Files in PEM: the authority to trust, the server's certificate and its key."""

    authority: Path
    chain: Path
    key: Path


class _Authority(NamedTuple):
    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def issue(folder: Path, *, days: float, now: float) -> Issued:
    """Write an authority and a certificate for 127.0.0.1 and localhost that ends `days` after `now` (UTC
    seconds); the key's file is readable by its owner only.
    """
    start = dt.datetime.fromtimestamp(now, dt.UTC)
    authority = _authority(start)
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = _leaf(authority, key=key, start=start, days=days)
    issued = Issued(folder / "demo-ca.pem", folder / "demo-server.pem", folder / "demo-server.key")
    issued.authority.write_bytes(_pem(authority.certificate))
    issued.chain.write_bytes(_pem(leaf))
    issued.key.touch(mode=0o600)
    issued.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return issued


def _authority(start: dt.datetime) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Dialtone demo authority")])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(name, issuer=name, key=key, start=start, days=_AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _Authority(name, key, certificate)


def _leaf(
    authority: _Authority, *, key: ec.EllipticCurvePrivateKey, start: dt.datetime, days: float
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "payments.demo")])
    hosts = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    return (
        _builder(name, issuer=authority.name, key=key, start=start, days=days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer, critical=False)
        .sign(authority.key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name,
    *,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    start: dt.datetime,
    days: float,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - dt.timedelta(hours=1))
        .not_valid_after(start + dt.timedelta(days=days))
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
