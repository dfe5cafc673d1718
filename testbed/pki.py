"""The cluster's certificates and the key that signs service account tokens.

Python 3.13 and later check strictly: an authority needs keyUsage, a leaf authorityKeyIdentifier.
"""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
import ipaddress
import json
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .network import HOST, SERVICES, THE_CONTROL_PLANE

type PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

LIFETIME: Final = timedelta(days=3650)
URL: Final = f"https://{THE_CONTROL_PLANE.address}:6443"
API_NAMES: Final = (
    *("kubernetes", "kubernetes.default", "kubernetes.default.svc"),
    *("kubernetes.default.svc.cluster.local", "localhost"),
    *("127.0.0.1", THE_CONTROL_PLANE.address),
    str(ipaddress.ip_network(SERVICES)[1]),
)
METRICS_NAMES: Final = ("metrics.kube-system.svc", HOST)


class Pki:
    """The files of one folder: `ca.crt`, `<name>.crt`, `<name>.key`, `service-accounts.key`."""

    def __init__(self, folder: Path) -> None:
        """Nothing is made until it is asked for."""
        self._folder = folder

    @property
    def ca(self) -> Path:
        """The certificate of the authority that signs all others."""
        return self._folder / "ca.crt"

    @property
    def ca_key(self) -> Path:
        """The authority's key."""
        return self._folder / "ca.key"

    @property
    def account_key(self) -> Path:
        """The private key that signs service account tokens."""
        return self._folder / "service-accounts.key"

    @property
    def account_public(self) -> Path:
        """The public key that checks service account tokens."""
        return self._folder / "service-accounts.pub"

    def certificate(self, name: str) -> Path:
        """Where the certificate of that name is."""
        return self._folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        """Where the key of that name is."""
        return self._folder / f"{name}.key"

    def make_authority(self) -> None:
        """Make a new authority; whatever the one before signed is worthless afterwards."""
        self._folder.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        # The name differs from one authority to the next, so that no verifier mixes them up.
        name = x509.Name(
            [
                x509.NameAttribute(
                    NameOID.COMMON_NAME, f"home-ca-{x509.random_serial_number():x}"[:24]
                )
            ]
        )
        certificate = (
            _builder(name, name, key)
            .add_extension(
                x509.BasicConstraints(ca=True, path_length=None), critical=True
            )
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        _write(self.ca_key, _private(key), secret=True)
        _write(self.ca, certificate.public_bytes(serialization.Encoding.PEM))

    def make_leaf(
        self,
        name: str,
        common_name: str,
        *,
        group: str | None = None,
        names: Sequence[str] = (),
        lifetime: timedelta = LIFETIME,
    ) -> None:
        """Make a certificate for a server (`names`: DNS names and addresses) or an account."""
        ca = x509.load_pem_x509_certificate(self.ca.read_bytes())
        ca_key = serialization.load_pem_private_key(self.ca_key.read_bytes(), None)
        assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        if group:
            subject.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
        builder = (
            _builder(x509.Name(subject), ca.subject, key, lifetime)
            .add_extension(
                x509.BasicConstraints(ca=False, path_length=None), critical=True
            )
            .add_extension(_usage(), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage(
                    [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
                ),
                critical=False,
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()),
                critical=False,
            )
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general_name(one) for one in names]),
                critical=False,
            )
        certificate = builder.sign(ca_key, hashes.SHA256())
        _write(self.key(name), _private(key), secret=True)
        _write(
            self.certificate(name), certificate.public_bytes(serialization.Encoding.PEM)
        )

    def make_account_key(self) -> None:
        """Make a new signing key; tokens signed by the one before are worthless afterwards."""
        self._folder.mkdir(parents=True, exist_ok=True)
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        _write(self.account_key, _private(key), secret=True)
        _write(
            self.account_public,
            key.public_key().public_bytes(
                serialization.Encoding.PEM,
                serialization.PublicFormat.SubjectPublicKeyInfo,
            ),
        )

    def kubeconfig(self, name: str, url: str = URL, *, embedded: bool = False) -> str:
        """A kubeconfig for the account with that certificate, as JSON (which is YAML too).

        `embedded`: with the certificates in it, so that it can be carried elsewhere.
        """

        def entry(word: str, file: Path) -> dict[str, str]:
            if embedded:
                return {f"{word}-data": base64.b64encode(file.read_bytes()).decode()}
            return {word: str(file)}

        cluster = {"server": url, **entry("certificate-authority", self.ca)}
        user = {
            **entry("client-certificate", self.certificate(name)),
            **entry("client-key", self.key(name)),
        }
        context = {"cluster": "home", "user": name}
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "home",
                "clusters": [{"name": "home", "cluster": cluster}],
                "contexts": [{"name": "home", "context": context}],
                "users": [{"name": name, "user": user}],
            },
            indent=1,
        )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: PrivateKey,
    lifetime: timedelta = LIFETIME,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # The machine's clock may have been ahead when another one reads this.
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + lifetime)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
    )


def _usage(*, signs_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _private(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, data: bytes, *, secret: bool = False) -> None:
    """Replace the file at once, so that a program which reloads it never sees half of it."""
    partial = path.with_suffix(path.suffix + ".new")
    partial.touch(mode=0o600 if secret else 0o644)
    partial.write_bytes(data)
    partial.replace(path)
