"""Credentials: where they come from, when they are read again, what they never show."""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Callable
import json
from pathlib import Path
import threading
import time
from typing import Any

import aiohttp
import pytest

from custom_components.home_cluster.kube.client import Client
from custom_components.home_cluster.kube.credentials import (
    CREDENTIALS_REASONS,
    REREAD,
    RETRY,
    Credentials,
    Source,
    source_from,
)
from custom_components.home_cluster.kube.errors import CredentialsError
from custom_components.home_cluster.kube.material import (
    Material,
    read_file,
    valid_proxy,
    valid_token,
    valid_url,
)
from tests.integration.api_server import READ_UID, ApiServer
from tests.integration.pki import Authority

from .loopback import run

pytestmark = pytest.mark.usefixtures("socket_enabled")


@pytest.fixture(scope="module")
def authority() -> Authority:
    """The cluster's own authority."""
    return Authority()


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        """Begin at nought."""
        self.now = 0.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that is set by hand."""
    return Clock()


def jwt(expires: object) -> str:
    """Return a token that tells when it ends."""
    claims = (
        urlsafe_b64encode(json.dumps({"exp": expires}).encode()).decode().rstrip("=")
    )
    return f"e30.{claims}.signature"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (" https://192.168.1.5:6443/ ", "https://192.168.1.5:6443"),
        ("192.168.1.5:6443", "https://192.168.1.5:6443"),
        ("https://[fd00::5]:6443", "https://[fd00::5]:6443"),
        (
            "https://rancher.lan/k8s/clusters/c-1",
            "https://rancher.lan/k8s/clusters/c-1",
        ),
    ],
)
def test_an_address_is_brought_to_its_plain_form(text: str, url: str) -> None:
    assert valid_url(text) == url


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "bad_url"),
        ("https://", "bad_url"),
        ("https://host:port", "bad_url"),
        ("https://host:0", "bad_url"),
        ("https://host:99999", "bad_url"),
        ("https://ho st", "bad_url"),
        ("https://[fd00::5", "bad_url"),
        ("https://admin:secret@host", "bad_url"),
        ("https://host?a=b", "bad_url"),
        ("ftp://host", "bad_url"),
        ("http://host:8080", "plain_http"),
    ],
)
def test_an_address_that_is_none_is_refused(text: str, reason: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        valid_url(text)
    assert caught.value.reason == reason
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "two words", "line\nbreak", "ümlaut"])
def test_a_token_that_would_break_the_header_is_refused(text: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        valid_token(text)
    assert caught.value.reason == "bad_token"


def test_a_token_may_be_pasted_with_what_is_around_it() -> None:
    assert valid_token(" Bearer abc.def \n") == "abc.def"


@pytest.mark.parametrize(
    "url", ["socks5://host:1080", "host:3128", "http://", "http://[x"]
)
def test_a_proxy_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        valid_proxy(url)
    assert caught.value.reason == "bad_proxy"


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    (tmp_path / "large").write_text("a" * ((1 << 20) + 1))
    for name in ("missing", "latin", "large", "."):
        with pytest.raises(CredentialsError) as caught:
            read_file(tmp_path / name)
        assert caught.value.reason == "file_not_found"
        assert str(tmp_path) in str(caught.value)


# By token


def token_data(**changes: Any) -> dict[str, Any]:
    """Return the data of an entry."""
    return {
        "method": "token",
        "url": "https://127.0.0.1:6443",
        "token": "abc",
        "ca": "",
        "verify_ssl": True,
    } | changes


async def test_a_token_is_kept_as_it_was_given(authority: Authority) -> None:
    source = source_from(token_data(ca=authority.pem), run)
    credentials = await source.load()
    assert (credentials.url, credentials.token) == ("https://127.0.0.1:6443", "abc")
    assert credentials.expires is None
    assert await source.load() is credentials
    assert await source.load(renew=True) is credentials


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"url": "nowhere:x"}, "bad_url"),
        ({"token": "a b"}, "bad_token"),
        ({"ca": "x"}, "bad_ca"),
    ],
)
async def test_what_was_given_is_checked(changes: dict[str, str], reason: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        await source_from(token_data(**changes), run).load()
    assert caught.value.reason == reason
    assert reason in CREDENTIALS_REASONS


@pytest.mark.parametrize(
    ("token", "expires"),
    [
        (jwt(1893456000), 1893456000.0),
        (jwt("soon"), None),
        ("opaque", None),
        ("a.b.c", None),
        ("a.W10.c", None),
    ],
)
async def test_a_token_tells_when_it_ends(token: str, expires: float | None) -> None:
    assert (await source_from(token_data(token=token), run).load()).expires == expires


async def test_static_credentials_of_a_kubeconfig_need_no_kubeconfig(
    authority: Authority,
) -> None:
    certificate, key = authority.issue("home", days=(-1, 30))
    static = {
        "url": "https://127.0.0.1:6443",
        "token": "",
        "ca": authority.pem,
        "client_certificate": certificate,
        "client_key": key,
        "verify_ssl": True,
        "server_name": "kubernetes",
        "proxy": "http://proxy.lan:3128",
    }
    credentials = await source_from(
        {"method": "kubeconfig", "static": static}, run
    ).load()
    assert (credentials.token, credentials.server_name) == (None, "kubernetes")
    assert credentials.proxy == "http://proxy.lan:3128"
    assert credentials.expires == pytest.approx(time.time() + 30 * 86400, abs=60)


async def test_a_client_certificate_opens_the_door(
    authority: Authority, tmp_path: Path
) -> None:
    server = ApiServer(authority.server_context(tmp_path, clients=True))
    server.certificate_account = (READ_UID,)
    certificate, key = authority.issue("home")
    static = {
        "token": "",
        "ca": authority.pem,
        "client_certificate": certificate,
        "client_key": key,
        "verify_ssl": True,
    }
    async with server.serving(), aiohttp.ClientSession() as session:
        data = {"method": "kubeconfig", "static": {**static, "url": server.url}}
        assert await Client(session, source_from(data, run)).cluster_uid() == server.uid


async def test_nothing_that_blocks_runs_on_the_loop(authority: Authority) -> None:
    threads = []

    async def elsewhere(function: Callable[..., Any], *args: Any) -> Any:
        def recorded() -> Any:
            threads.append(threading.get_ident())
            return function(*args)

        return await asyncio.to_thread(recorded)

    await source_from(token_data(ca=authority.pem), elsewhere).load()
    assert threads
    assert threading.get_ident() not in threads


async def test_credentials_show_no_secret(authority: Authority) -> None:
    certificate, key = authority.issue("home")
    material = Material(
        url="https://127.0.0.1:6443",
        token="planted-secret",
        ca=authority.pem,
        certificate=certificate,
        key=key,
        proxy="http://user:planted-secret@proxy.lan",
    )
    source = Source(lambda _: material, run)
    shown = f"{material!r} {await source.load()!r} {source!r} {vars(source)!r}"
    assert "planted-secret" not in shown
    assert key.splitlines()[1] not in shown


# In a pod


@pytest.fixture
def account(tmp_path: Path, authority: Authority) -> Path:
    """What Kubernetes mounts into a pod."""
    (tmp_path / "token").write_text("first\n")
    (tmp_path / "ca.crt").write_text(authority.pem)
    return tmp_path


def in_cluster(
    account: Path, clock: Clock, host: str = "10.43.0.1", port: str = "443"
) -> Source:
    """Return the source of a pod."""
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    return source_from(
        {"method": "in_cluster"},
        run,
        clock=clock,
        environ=environ,
        service_account=account,
    )


@pytest.mark.parametrize(
    ("host", "port", "url"),
    [
        ("10.43.0.1", "443", "https://10.43.0.1:443"),
        ("fd00:43::1", "6443", "https://[fd00:43::1]:6443"),
        ("10.43.0.1", "", "https://10.43.0.1:443"),
    ],
)
async def test_a_pod_knows_its_cluster(
    account: Path, clock: Clock, host: str, port: str, url: str
) -> None:
    credentials = await in_cluster(account, clock, host, port).load()
    assert (credentials.url, credentials.token) == (url, "first")


async def test_outside_of_a_pod_there_is_no_account(
    account: Path, clock: Clock
) -> None:
    with pytest.raises(CredentialsError) as caught:
        await in_cluster(account, clock, host="").load()
    assert caught.value.reason == "not_in_cluster"
    (account / "token").unlink()
    with pytest.raises(CredentialsError) as caught:
        await in_cluster(account, clock).load()
    assert caught.value.reason == "not_in_cluster"


async def test_a_rotated_token_is_read_within_a_minute(
    account: Path, clock: Clock
) -> None:
    source = in_cluster(account, clock)
    first = await source.load()
    (account / "token").write_text("second")
    clock.now = REREAD - 1
    assert await source.load() is first
    clock.now = REREAD
    second = await source.load()
    assert second.token == "second"
    # The same trust, so the same connections.
    assert second.ssl is first.ssl


async def test_a_refused_token_is_read_again_at_once_and_every_time(
    account: Path, clock: Clock
) -> None:
    source = in_cluster(account, clock)
    for token in ("second", "third", "fourth"):
        await source.load()
        (account / "token").write_text(token)
        assert (await source.load(renew=True)).token == token


async def test_an_unchanged_account_stays_the_same_object(
    account: Path, clock: Clock
) -> None:
    source = in_cluster(account, clock)
    first = await source.load()
    clock.now = REREAD
    assert await source.load() is first
    assert await source.load(renew=True) is first


async def test_a_rotated_authority_is_trusted_anew(account: Path, clock: Clock) -> None:
    source = in_cluster(account, clock)
    first = await source.load()
    (account / "ca.crt").write_text(Authority("next").pem)
    clock.now = REREAD
    assert (await source.load()).ssl is not first.ssl


async def test_a_file_that_is_being_written_does_not_lose_the_account(
    account: Path, clock: Clock
) -> None:
    source = in_cluster(account, clock)
    first = await source.load()
    (account / "token").write_text("")
    clock.now = REREAD
    assert await source.load() is first
    (account / "token").write_text("second")
    clock.now = REREAD + RETRY - 1
    assert await source.load() is first
    clock.now = REREAD + RETRY
    assert (await source.load()).token == "second"


async def test_a_refused_token_that_cannot_be_replaced_is_an_error(
    account: Path, clock: Clock
) -> None:
    source = in_cluster(account, clock)
    await source.load()
    (account / "token").unlink()
    with pytest.raises(CredentialsError):
        await source.load(renew=True)


async def test_many_requests_read_the_files_once(account: Path, clock: Clock) -> None:
    reads = 0

    async def counted(function: Callable[..., Any], *args: Any) -> Any:
        nonlocal reads
        reads += 1
        return await run(function, *args)

    source = in_cluster(account, clock)
    source._run = counted
    loaded = await asyncio.gather(*(source.load() for _ in range(10)))
    assert reads == 1
    assert len({id(credentials) for credentials in loaded}) == 1


async def test_credentials_are_renewed_before_they_end(clock: Clock) -> None:
    reads = 0

    def read(_: bool) -> Material:
        nonlocal reads
        reads += 1
        return Material("https://host", token=f"t{reads}", expires=time.time() + 600)

    source = Source(read, run, clock)
    assert (await source.load()).token == "t1"
    clock.now = 530
    assert (await source.load()).token == "t1"
    clock.now = 541
    assert (await source.load()).token == "t2"


async def test_a_clock_that_runs_ahead_asks_no_plugin_at_each_request(
    clock: Clock,
) -> None:
    reads = 0

    def read(_: bool) -> Material:
        nonlocal reads
        reads += 1
        return Material("https://host", token="t", expires=time.time() - 86400)

    source = Source(read, run, clock)
    for clock.now in (0, 1, 2, RETRY - 1):
        await source.load()
    assert reads == 1


async def test_credentials_over_plain_http_have_no_tls(clock: Clock) -> None:
    source = Source(lambda _: Material("http://127.0.0.1:8001"), run, clock)
    assert await source.load() == Credentials("http://127.0.0.1:8001", ssl=True)
