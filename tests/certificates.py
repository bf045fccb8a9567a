"""Self-made certificates for servers on loopback."""

from __future__ import annotations

import datetime as dt
import ssl
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Certificate", "make_certificate"]


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, in files; `authority` is the file that a client must trust."""

    certificate: Path
    key: Path

    @property
    def authority(self) -> Path:
        return self.certificate

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def make_certificate(folder: Path, *names: str, is_expired: bool = False) -> Certificate:
    """Make a self-signed certificate for names and addresses (localhost and 127.0.0.1 if none is given)."""
    wanted = names or ("localhost", "127.0.0.1")
    made = Certificate(folder / f"{wanted[0]}.pem", folder / f"{wanted[0]}.key")
    try:
        _make_with_cryptography(made, wanted, is_expired=is_expired)
    except ImportError:
        _make_with_openssl(made, wanted, is_expired=is_expired)
    return made


def _is_address(name: str) -> bool:
    return name.replace(".", "").isdigit() or ":" in name


def _make_with_cryptography(made: Certificate, names: Sequence[str], *, is_expired: bool) -> None:
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    alternatives = [
        x509.IPAddress(ipaddress.ip_address(name)) if _is_address(name) else x509.DNSName(name) for name in names
    ]
    now = dt.datetime.now(dt.UTC)
    days = dt.timedelta(days=1)
    begin, end = (now - 3 * days, now - days) if is_expired else (now - days, now + 3 * days)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _make_with_openssl(made: Certificate, names: Sequence[str], *, is_expired: bool) -> None:
    alternatives = ",".join(f"IP:{name}" if _is_address(name) else f"DNS:{name}" for name in names)
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-keyout", str(made.key), "-out", str(made.certificate), "-subj", f"/CN={names[0]}"]
    command += ["-addext", f"subjectAltName={alternatives}", "-days", "-1" if is_expired else "3"]
    subprocess.run(command, check=True, capture_output=True)
