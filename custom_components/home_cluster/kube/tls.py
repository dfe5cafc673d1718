"""Trust: TLS contexts made of PEM text, and what certificate a server shows.

Contexts read files and take milliseconds, so they are made in the executor only.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
import errno
import hashlib
from pathlib import Path
import re
import socket
import ssl
from tempfile import TemporaryDirectory
from typing import Any, Final, Never
from urllib.parse import urlsplit

from .errors import CredentialsError, Unreachable

type Executor = Callable[..., Awaitable[Any]]
"""Runs a blocking function with its arguments elsewhere: `await run(function, *args)`."""

PROBE_TIMEOUT: Final = 10.0

_CERTIFICATE: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)

# OpenSSL's verification results (x509_vfy.h).
_VERIFY_CODES: Final = {
    9: "not_yet_valid",
    10: "expired",
    2: "unknown_issuer",
    18: "unknown_issuer",
    19: "unknown_issuer",
    20: "unknown_issuer",
    21: "unknown_issuer",
    62: "wrong_host",
    64: "wrong_host",
}

# What OpenSSL says when the other side does not speak TLS at all.
_NOT_TLS: Final = frozenset(
    {
        "WRONG_VERSION_NUMBER",
        "HTTP_REQUEST",
        "HTTPS_PROXY_REQUEST",
        "UNKNOWN_PROTOCOL",
        "PACKET_LENGTH_TOO_LONG",
        "RECORD_LAYER_FAILURE",
    }
)


@dataclass(frozen=True)
class ServedCertificate:
    """What a server showed.

    `pem` is what to trust from now on: the certificate that signed the served chain if the server
    sent it, else the served one itself; `fingerprint` is its SHA-256. Where the server is trusted
    already, `pem` is what was given and the fingerprint that of the served certificate.
    `error` is "" or why trust fails; if it is `expired`, `not_yet_valid` or `wrong_host`, trusting
    `pem` does not help.
    """

    trusted: bool
    pem: str
    fingerprint: str
    error: str = ""


def verify_error(error: ssl.SSLCertVerificationError) -> str:
    """Name why a certificate is not trusted: a word of `_VERIFY_CODES`, or `invalid`."""
    return _VERIFY_CODES.get(error.verify_code, "invalid")


def make_ssl_context(
    ca: str = "", certificate: str = "", key: str = "", verify: bool = True
) -> ssl.SSLContext:
    """Return a client's context. Blocks.

    `ca` is what to trust, as PEM text; "" trusts what the system trusts. A certificate in `ca`
    need not be an authority: the server's own one can be pinned. Raises `CredentialsError` with
    `bad_ca`, `bad_certificate` or `bad_key`.
    """
    context = _trusting(ca) if verify else ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate or key:
        _identify(context, certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _trusting(ca: str) -> ssl.SSLContext:
    if not ca.strip():
        return ssl.create_default_context()
    # What stands between the certificates, such as their text, may be in any writing.
    certificates = "\n".join(_CERTIFICATE.findall(ca))
    if not certificates.isascii() or not certificates:
        raise CredentialsError("there is no PEM certificate in it", reason="bad_ca")
    try:
        context = ssl.create_default_context(cadata=certificates)
    except ssl.SSLError as error:
        raise CredentialsError(
            "a certificate in it cannot be read", reason="bad_ca"
        ) from error
    # Clusters make their own authorities, many without keyUsage or key identifiers, which
    # Python has insisted on since 3.13. Everything else is still verified.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _identify(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Load a client certificate; ssl takes it from files only, so they live for a moment."""
    if not _CERTIFICATE.search(certificate):
        raise CredentialsError(
            "the client certificate is not a PEM certificate", reason="bad_certificate"
        )
    if "PRIVATE KEY-----" not in key:
        raise CredentialsError("the client key is not a PEM key", reason="bad_key")
    problem: CredentialsError
    with TemporaryDirectory(prefix="home-cluster-") as folder:
        files = Path(folder, "certificate"), Path(folder, "key")
        for file, text in zip(files, (certificate, key), strict=True):
            file.touch(mode=0o600)
            file.write_text(text, encoding="utf-8")
        try:
            context.load_cert_chain(*files, password=_no_password)
        except ssl.SSLError as error:
            # A certificate that loads alone leaves the key to blame.
            problem = _blame(certificate, error)
        except _EncryptedKey:
            problem = CredentialsError("the client key is encrypted", reason="bad_key")
        else:
            return
    raise problem


class _EncryptedKey(Exception):
    """The key wants a password."""


def _no_password() -> Never:
    # Without this OpenSSL asks on the terminal, and waits.
    raise _EncryptedKey


def _blame(certificate: str, error: ssl.SSLError) -> CredentialsError:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(
            cadata=certificate
        )
    except ssl.SSLError:
        return CredentialsError(
            "the client certificate cannot be read", reason="bad_certificate"
        )
    if error.reason == "KEY_VALUES_MISMATCH":
        return CredentialsError(
            "the client key does not belong to the client certificate", reason="bad_key"
        )
    return CredentialsError("the client key cannot be read", reason="bad_key")


async def probe_certificate(
    url: str, ca_pem: str = "", *, server_name: str | None = None, run: Executor
) -> ServedCertificate:
    """Shake hands with a server, and hang up: not one byte is sent inside the connection.

    Raises `Unreachable` (reason refused, dns, timeout, not_tls or network), and
    `CredentialsError` (bad_ca) for an authority that cannot be read.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    name = server_name or host

    async def shake(*trust: Any) -> tuple[list[bytes], str]:
        context = await run(make_ssl_context, *trust)
        try:
            return await _served_chain(host, port, context, name), ""
        except ssl.SSLCertVerificationError as error:
            return [], verify_error(error)

    chain, error = await shake(ca_pem)
    if not error:
        return ServedCertificate(True, ca_pem, fingerprint(chain[0]))
    chain, _ = await shake("", "", "", False)
    # Anyone can append an authority to a chain: the first that truly vouches for it is taken,
    # from the far end. Failing all, the leaf, and why even that does not verify.
    for certificate in reversed(chain):
        pem = ssl.DER_cert_to_PEM_cert(certificate)
        _, left = await shake(pem)
        if not left:
            return ServedCertificate(False, pem, fingerprint(certificate), error)
    return ServedCertificate(
        False, ssl.DER_cert_to_PEM_cert(chain[0]), fingerprint(chain[0]), left
    )


def fingerprint(certificate: bytes) -> str:
    """Return the SHA-256 of a DER certificate as people compare it."""
    return hashlib.sha256(certificate).digest().hex(":").upper()


async def _served_chain(
    host: str, port: int, context: ssl.SSLContext, server_name: str
) -> list[bytes]:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            transport, _ = await asyncio.get_running_loop().create_connection(
                asyncio.Protocol, host, port, ssl=context, server_hostname=server_name
            )
    except ssl.SSLCertVerificationError:
        raise
    except (OSError, ValueError) as error:
        raise connection_error(error, f"{host}:{port}", handshake=True) from error
    try:
        chain: list[bytes] = transport.get_extra_info(
            "ssl_object"
        ).get_unverified_chain()
        return chain
    finally:
        transport.abort()


def connection_error(
    error: Exception, address: str, *, handshake: bool = False
) -> Unreachable:
    """Say why there is no connection: refused, dns, timeout, not_tls, cut or network.

    In a handshake that is tried to learn about the server, a cut means that it does not
    understand TLS; anywhere else it may just be restarting.
    """
    if isinstance(error, TimeoutError):
        return Unreachable(f"{address} did not answer in time", reason="timeout")
    if isinstance(error, socket.gaierror | UnicodeError):
        return Unreachable(f"the name of {address} is not known", reason="dns")
    if isinstance(error, ssl.SSLError | ConnectionResetError | ConnectionAbortedError):
        if handshake or getattr(error, "reason", None) in _NOT_TLS:
            return Unreachable(f"{address} does not speak TLS", reason="not_tls")
        return Unreachable(f"{address} broke the connection", reason="cut")
    if isinstance(error, OSError) and error.errno == errno.ECONNREFUSED:
        return Unreachable(f"{address} refuses connections", reason="refused")
    return Unreachable(f"there is no way to {address}", reason="network")
