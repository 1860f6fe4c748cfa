"""An authority of the tests' own, and the certificates it signs."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_PEM = serialization.Encoding.PEM
_NOW = datetime.now(UTC)
_ENDS = _NOW + timedelta(days=2)


class Authority:
    """Signs certificates; ``file`` is its own, for those who are to trust it."""

    def __init__(self, directory: Path, name: str = "authority") -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        own = _builder(self._name, self._name, self._key.public_key())
        own = own.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        own = own.add_extension(usage, critical=True)
        identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        own = own.add_extension(identifier, critical=False)
        self._identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
        self.file = directory / f"{name}.pem"
        self.file.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(_PEM))

    def certificate(
        self, name: str, address: str = "127.0.0.1", *, identified: bool = False, expired: bool = False
    ) -> Path:
        """Write a certificate for this address, with its key in the same file.

        :param expired: whether it ended an hour ago.
        :param identified: whether it names the key of its authority, as browsers and Python 3.13 want it; those of many
            private authorities do not.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        ends = _NOW - timedelta(hours=1) if expired else _ENDS
        wanted = _builder(_named(name), self._name, key.public_key(), ends)
        wanted = wanted.add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False
        )
        if identified:
            wanted = wanted.add_extension(self._identifier, critical=False)
        secret = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file = self._directory / f"{name}.pem"
        file.write_bytes(secret + wanted.sign(self._key, hashes.SHA256()).public_bytes(_PEM))
        file.chmod(0o600)
        return file


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, ends: datetime = _ENDS
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
    return builder.not_valid_before(_NOW - timedelta(days=1)).not_valid_after(ends)
