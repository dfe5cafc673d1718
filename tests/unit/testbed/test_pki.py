"""Certificates of the test cluster: what strict verifiers ask of them."""

import json
from pathlib import Path
import socket
import ssl
import stat
import threading

from cryptography import x509
import pytest

from testbed.pki import API_NAMES, URL, Pki


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    """An authority with one server and one account."""
    pki = Pki(tmp_path / "pki")
    pki.make_authority()
    pki.make_leaf("server", "kube-apiserver", names=("localhost", "127.0.0.1"))
    pki.make_leaf("admin", "admin", group="system:masters")
    return pki


def handshake(pki: Pki, host: str, *, authority: Path | None = None) -> str:
    """Connect by TLS as the admin to the server; what went wrong, or nothing."""
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki.ca))
    serving.load_cert_chain(pki.certificate("server"), pki.key("server"))
    serving.verify_mode = ssl.CERT_REQUIRED
    calling = ssl.create_default_context(cafile=str(authority or pki.ca))
    calling.load_cert_chain(pki.certificate("admin"), pki.key("admin"))
    left, right = socket.socketpair()

    def serve() -> None:
        try:
            serving.wrap_socket(left, server_side=True).close()
        except OSError:
            left.close()

    server = threading.Thread(target=serve)
    server.start()
    try:
        calling.wrap_socket(right, server_hostname=host).close()
    except ssl.SSLError as error:
        return str(error)
    finally:
        right.close()
        server.join()
    return ""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_strict_verifier_trusts_both_ends(pki: Pki, host: str) -> None:
    """Python's default context checks strictly since 3.13."""
    assert ssl.create_default_context().verify_flags & ssl.VERIFY_X509_STRICT
    assert handshake(pki, host) == ""


def test_another_name_is_not_trusted(pki: Pki) -> None:
    """A certificate holds for its own names only."""
    assert "not valid for 'example.org'" in handshake(pki, "example.org")


def test_after_a_new_authority_the_old_one_trusts_nothing(
    pki: Pki, tmp_path: Path
) -> None:
    """What a rotation is for."""
    old = tmp_path / "old.crt"
    old.write_bytes(pki.ca.read_bytes())
    pki.make_authority()
    pki.make_leaf("server", "kube-apiserver", names=("localhost",))
    pki.make_leaf("admin", "admin", group="system:masters")
    assert handshake(pki, "localhost") == ""
    assert "CERTIFICATE_VERIFY_FAILED" in handshake(pki, "localhost", authority=old)


def test_an_account_says_who_it_is_by_name_and_group(pki: Pki) -> None:
    """Kubernetes reads the user from CN and the group from O."""
    certificate = x509.load_pem_x509_certificate(pki.certificate("admin").read_bytes())
    assert certificate.subject.rfc4514_string() == "CN=admin,O=system:masters"


def test_keys_are_for_their_owner_only(pki: Pki) -> None:
    """Certificates may be read by all, keys by nobody else."""
    pki.make_account_key()
    for secret in (pki.ca_key, pki.key("admin"), pki.account_key):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(pki.ca.stat().st_mode) == 0o644


def test_a_new_account_key_differs_from_the_old(pki: Pki) -> None:
    """Else tokens would outlive a rotation."""
    pki.make_account_key()
    first = pki.account_public.read_bytes()
    pki.make_account_key()
    assert pki.account_public.read_bytes() != first


def test_a_kubeconfig_names_files_or_carries_them(pki: Pki) -> None:
    """The cluster's programs reload files; a carried one works anywhere."""
    named = json.loads(pki.kubeconfig("admin"))
    assert named["clusters"][0]["cluster"] == {
        "server": URL,
        "certificate-authority": str(pki.ca),
    }
    carried = json.loads(pki.kubeconfig("admin", embedded=True))
    assert set(carried["users"][0]["user"]) == {
        "client-certificate-data",
        "client-key-data",
    }


def test_the_api_server_answers_to_every_usual_name() -> None:
    """Pods call it by its Service, people by its address."""
    assert {"kubernetes.default.svc", "10.43.0.1", "192.168.244.2"} <= set(API_NAMES)
