"""Trust, and what a server shows before anything is sent to it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
import socket
import ssl
import tempfile
from unittest.mock import AsyncMock

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
import pytest

from custom_components.home_cluster.kube import tls
from custom_components.home_cluster.kube.errors import CredentialsError, Unreachable
from custom_components.home_cluster.kube.tls import make_ssl_context, probe_certificate
from tests.integration.impostor import Impostor
from tests.integration.pki import Authority, fingerprint

from .loopback import run

pytestmark = pytest.mark.usefixtures("socket_enabled")


@pytest.fixture
def authority() -> Authority:
    """The cluster's own authority, made as k3s makes one: without keyUsage."""
    return Authority()


def self_signed(
    folder: Path, *, days: tuple[int, int] = (-1, 365)
) -> tuple[ssl.SSLContext, str]:
    """Return a server whose certificate nobody vouches for, and that certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "microk8s")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("microk8s")]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    file = folder / "self-signed.pem"
    file.write_text(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        + pem
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context, pem


async def reaches(impostor: Impostor, pem: str, server_name: str = "127.0.0.1") -> bool:
    """Say whether a client that trusts `pem` shakes hands with the server."""
    context = await run(make_ssl_context, pem)
    try:
        _, writer = await asyncio.open_connection(
            "127.0.0.1", impostor.port, ssl=context, server_hostname=server_name
        )
    except ssl.SSLCertVerificationError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


# Contexts


def test_a_private_authority_is_verified_in_full_but_not_for_its_form(
    authority: Authority,
) -> None:
    context = make_ssl_context(authority.pem)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert len(context.get_ca_certs()) == 1


@pytest.mark.parametrize("ca", ["", " \n"])
def test_without_an_authority_the_system_is_trusted_strictly(ca: str) -> None:
    context = make_ssl_context(ca)
    assert context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == len(
        ssl.create_default_context().get_ca_certs()
    )


def test_without_verification_nothing_is_verified(authority: Authority) -> None:
    context = make_ssl_context(authority.pem, "", "", False)
    assert context.verify_mode is ssl.CERT_NONE
    assert not context.check_hostname


@pytest.mark.parametrize(
    "ca",
    [
        "not a certificate",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n",
        "zertifikät",
        "-----BEGIN CERTIFICATE-----\nzertifikät\n-----END CERTIFICATE-----\n",
    ],
)
def test_an_authority_that_is_none_is_refused(ca: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        make_ssl_context(ca)
    assert caught.value.reason == "bad_ca"


def test_words_around_the_certificates_do_no_harm(authority: Authority) -> None:
    bundle = f"# Küche\n{authority.pem}\n# Garten\n{Authority('garden').pem}"
    assert len(make_ssl_context(bundle).get_ca_certs()) == 2


def test_a_client_certificate_leaves_no_file(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    make_ssl_context(authority.pem, *authority.issue("home"))
    assert not list(tmp_path.iterdir())


def encrypted(key: str) -> str:
    """Return a key behind a password."""
    return (
        serialization.load_pem_private_key(key.encode(), None)
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"open sesame"),
        )
        .decode()
    )


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda cert, key, other: ("", key), "bad_certificate"),
        (lambda cert, key, other: ("text", key), "bad_certificate"),
        (lambda cert, key, other: (cert[:60] + cert[120:], key), "bad_certificate"),
        (lambda cert, key, other: (cert, ""), "bad_key"),
        (lambda cert, key, other: (cert, "text"), "bad_key"),
        (lambda cert, key, other: (cert, key[:40] + key[60:]), "bad_key"),
        (lambda cert, key, other: (cert, other), "bad_key"),
        (lambda cert, key, other: (cert, encrypted(key)), "bad_key"),
    ],
)
def test_a_client_certificate_that_cannot_be_used_is_told_from_its_key(
    authority: Authority,
    spoil: Callable[[str, str, str], tuple[str, str]],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    certificate, key = authority.issue("home")
    _, other = authority.issue("other")
    with pytest.raises(CredentialsError) as caught:
        make_ssl_context(authority.pem, *spoil(certificate, key, other))
    assert caught.value.reason == reason
    assert not list(tmp_path.iterdir())


# Probing


async def test_a_certificate_of_the_given_authority_is_trusted(
    authority: Authority, tmp_path: Path
) -> None:
    async with Impostor(authority.server_context(tmp_path)).listening() as server:
        served = await probe_certificate(server.url, authority.pem, run=run)
    assert (served.trusted, served.pem, served.error) == (True, authority.pem, "")
    assert len(served.fingerprint) == 95


async def test_the_authority_in_the_served_chain_is_what_to_trust(
    authority: Authority, tmp_path: Path
) -> None:
    async with Impostor(authority.server_context(tmp_path)).listening() as server:
        served = await probe_certificate(server.url, run=run)
        assert (served.trusted, served.error) == (False, "unknown_issuer")
        assert served.pem == authority.pem
        assert served.fingerprint == fingerprint(authority.pem)
        assert await reaches(server, served.pem)


async def test_a_server_that_hides_its_authority_is_trusted_by_its_own_certificate(
    authority: Authority, tmp_path: Path
) -> None:
    context = authority.server_context(tmp_path, chain=False)
    async with Impostor(context).listening() as server:
        served = await probe_certificate(server.url, run=run)
        assert served.pem != authority.pem
        assert served.fingerprint == fingerprint(served.pem)
        assert await reaches(server, served.pem)
    # Another certificate of the same authority was not pinned.
    async with Impostor(authority.server_context(tmp_path)).listening() as server:
        assert not await reaches(server, served.pem)


async def test_a_self_signed_certificate_is_trusted_by_itself(tmp_path: Path) -> None:
    context, pem = self_signed(tmp_path)
    async with Impostor(context).listening() as server:
        served = await probe_certificate(server.url, server_name="microk8s", run=run)
        assert (served.pem, served.error) == (pem, "unknown_issuer")
        assert await reaches(server, served.pem, "microk8s")
        assert not await reaches(server, served.pem, "127.0.0.1")


async def test_an_authority_that_only_rides_along_is_not_what_to_trust(
    authority: Authority, tmp_path: Path
) -> None:
    certificate, key = authority.issue()
    file = tmp_path / "server.pem"
    file.write_text(key + certificate + Authority("rides along").pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    async with Impostor(context).listening() as server:
        served = await probe_certificate(server.url, run=run)
    assert served.fingerprint == fingerprint(certificate)


async def test_another_authority_is_told(authority: Authority, tmp_path: Path) -> None:
    async with Impostor(authority.server_context(tmp_path)).listening() as server:
        served = await probe_certificate(server.url, Authority().pem, run=run)
    assert (served.trusted, served.error) == (False, "unknown_issuer")
    assert served.pem == authority.pem


@pytest.mark.parametrize(
    ("hosts", "days", "error"),
    [
        (("127.0.0.1",), (-30, -1), "expired"),
        (("127.0.0.1",), (1, 30), "not_yet_valid"),
        (("192.168.244.2",), (-1, 365), "wrong_host"),
        (("kubernetes.default",), (-1, 365), "wrong_host"),
    ],
)
@pytest.mark.parametrize("known", [True, False])
async def test_what_no_trust_can_mend_is_said(
    authority: Authority,
    tmp_path: Path,
    hosts: tuple[str, ...],
    days: tuple[float, float],
    error: str,
    known: bool,
) -> None:
    context = authority.server_context(tmp_path, hosts=hosts, days=days)
    async with Impostor(context).listening() as server:
        served = await probe_certificate(
            server.url, authority.pem if known else "", run=run
        )
    assert (served.trusted, served.error) == (False, error)
    assert served.fingerprint == fingerprint(served.pem)


@pytest.mark.parametrize("known", [True, False])
async def test_a_probe_says_nothing_within_the_connection(
    authority: Authority, tmp_path: Path, known: bool
) -> None:
    async with Impostor(authority.server_context(tmp_path)).listening() as server:
        await probe_certificate(server.url, authority.pem if known else "", run=run)
        await asyncio.sleep(0)
    assert server.connections
    assert not server.received


async def test_a_plain_port_gets_no_more_than_a_greeting() -> None:
    async with Impostor(
        None, b"HTTP/1.1 400 Bad Request\r\n\r\n"
    ).listening() as server:
        with pytest.raises(Unreachable) as caught:
            await probe_certificate(server.url, run=run)
    assert caught.value.reason == "not_tls"
    # A TLS record that holds a ClientHello.
    assert server.received[:2] == b"\x16\x03"
    assert b"HTTP" not in server.received


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close at once."""
    writer.transport.abort()


async def test_a_port_that_hangs_up_does_not_speak_tls() -> None:
    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unreachable) as caught:
            await probe_certificate(f"https://127.0.0.1:{port}", run=run)
    assert caught.value.reason == "not_tls"


async def test_a_port_that_says_nothing_is_a_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tls, "PROBE_TIMEOUT", 0.1)
    async with Impostor(None).listening() as server:
        with pytest.raises(Unreachable) as caught:
            await probe_certificate(server.url, run=run)
    assert caught.value.reason == "timeout"


async def test_a_closed_port_is_refused() -> None:
    with pytest.raises(Unreachable) as caught:
        await probe_certificate("https://127.0.0.1:1", run=run)
    assert caught.value.reason == "refused"


@pytest.mark.parametrize(
    "problem",
    [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")],
)
async def test_a_name_that_nobody_knows_is_said(
    problem: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        asyncio.get_running_loop(), "getaddrinfo", AsyncMock(side_effect=problem)
    )
    with pytest.raises(Unreachable) as caught:
        await probe_certificate("https://fridge.lan:6443", run=run)
    assert caught.value.reason == "dns"


async def test_an_authority_that_is_none_is_refused_before_anything_is_sent() -> None:
    async with Impostor(None).listening() as server:
        with pytest.raises(CredentialsError) as caught:
            await probe_certificate(server.url, "nonsense", run=run)
    assert caught.value.reason == "bad_ca"
    assert not server.connections


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(113, "No route to host"), "network"),
        (ConnectionRefusedError(111, "refused"), "refused"),
        (OSError(111, "Multiple exceptions"), "refused"),
        (ConnectionResetError(104, "reset"), "cut"),
        (ssl.SSLError(1, "[SSL] alert"), "cut"),
        (TimeoutError(), "timeout"),
    ],
)
def test_a_failed_connection_is_named(error: Exception, reason: str) -> None:
    assert tls.connection_error(error, "127.0.0.1:6443").reason == reason
