"""Requests: what is sent, what refusals become, and how connections are kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
import json
import logging
import os
from pathlib import Path
import socket
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
import pytest

from custom_components.home_cluster.kube.answers import error_of, seconds_of
from custom_components.home_cluster.kube.client import Client, Scale
from custom_components.home_cluster.kube.credentials import Credentials
from custom_components.home_cluster.kube.errors import (
    Conflict,
    CredentialsError,
    Expired,
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unreachable,
    Unreadable,
    UntrustedCertificate,
)
from custom_components.home_cluster.kube.schema import Kind, Ref
from custom_components.home_cluster.kube.tls import make_ssl_context
from custom_components.home_cluster.kube.transport import RENEW_PAUSE, Stream
from custom_components.home_cluster.kube.wire import Status
from tests.integration.impostor import Impostor
from tests.integration.pki import Authority
from tests.serving import Answer

from .loopback import TOKEN, Fixed, Server, always, connected, run, status, texts_of

pytestmark = pytest.mark.usefixtures("socket_enabled")

FRIDGE = Ref(Kind.DEPLOYMENT, "kitchen", "fridge")
SCALE = {
    "metadata": {"name": "it", "uid": "u", "resourceVersion": "42"},
    "spec": {"replicas": 2},
}


async def failure(answer: Answer) -> KubeError:
    """Return what a request raises."""
    async with connected(answer) as (client, _):
        with pytest.raises(KubeError) as caught:
            await client.request("GET", "/api")
        return caught.value


@pytest.mark.parametrize(
    ("code", "body", "kind", "reason"),
    [
        (400, status(400, "BadRequest", "no"), Invalid, "BadRequest"),
        (403, status(403, "Forbidden", "may not"), Forbidden, "Forbidden"),
        (404, status(404, "NotFound", "none"), NotFound, "NotFound"),
        (405, status(405, "MethodNotAllowed", "none"), NotFound, "MethodNotAllowed"),
        (408, status(408, "Timeout", "late"), Unreachable, "Timeout"),
        (409, status(409, "Conflict", "late"), Conflict, "Conflict"),
        (410, status(410, "Expired", "old"), Expired, "Expired"),
        (422, status(422, "Invalid", "policy"), Invalid, "Invalid"),
        (
            500,
            status(500, "InternalError", "leader changed"),
            Unreachable,
            "InternalError",
        ),
        (
            503,
            status(503, "ServiceUnavailable", "not yet"),
            Unreachable,
            "ServiceUnavailable",
        ),
        (504, status(504, "Timeout", "slow"), Unreachable, "Timeout"),
        (
            504,
            status(
                504, "Timeout", "future", causes=[{"reason": "ResourceVersionTooLarge"}]
            ),
            Expired,
            "ResourceVersionTooLarge",
        ),
    ],
)
async def test_a_refusal_becomes_its_error(
    code: int, body: dict[str, Any], kind: type[KubeError], reason: str
) -> None:
    error = await failure(always(body, code))
    assert type(error) is kind
    assert (error.status, error.reason, error.message) == (
        code,
        reason,
        body["message"],
    )


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (301, Unreachable),
        (404, NotFound),
        (418, Invalid),
        (502, Unreachable),
        (503, Unreachable),
    ],
)
async def test_the_page_of_a_proxy_is_not_repeated(
    code: int, kind: type[KubeError]
) -> None:
    error = await failure(always(status=code, text="<html>nginx at home</html>"))
    assert type(error) is kind
    assert error.message == f"HTTP {code}"


async def test_the_throttle_says_in_plain_text_how_long_to_wait() -> None:
    text = "Too many requests, please try again later.\n"
    error = await failure(always(status=429, headers={"Retry-After": "7"}, text=text))
    assert isinstance(error, TooManyRequests)
    assert error.retry_after == 7


async def test_a_status_says_how_long_to_wait() -> None:
    body = status(429, "TooManyRequests", "cache not ready", retryAfterSeconds=3)
    error = await failure(always(body, 429, {"Retry-After": "9"}))
    assert isinstance(error, TooManyRequests)
    assert error.retry_after == 3


async def test_a_server_that_is_not_ready_says_how_long_to_wait() -> None:
    error = await failure(
        always(status=503, headers={"Retry-After": "4"}, text="starting")
    )
    assert (type(error), error.retry_after) == (Unreachable, 4)


def test_the_time_to_wait_may_be_a_time_of_day() -> None:
    later = datetime.now(UTC) + timedelta(seconds=60)
    assert seconds_of(format_datetime(later, usegmt=True)) == pytest.approx(60, abs=2)
    past = datetime.now(UTC) - timedelta(seconds=60)
    assert seconds_of(format_datetime(past, usegmt=True)) == 0
    assert seconds_of("-3") == 0
    assert seconds_of("soon") is None
    assert seconds_of(None) is None


def test_an_error_event_is_read_like_an_answer() -> None:
    error = error_of(
        Status(code=410, reason="Expired", message="too old resource version")
    )
    assert (type(error), error.status) == (Expired, 410)
    assert type(error_of(Status(code=500, reason="Expired"))) is Expired
    assert type(error_of(Status())) is Unreachable


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (
            'jobs.batch is forbidden: User "home" cannot create resource "jobs"',
            Forbidden,
        ),
        (
            "jobs.batch \"a\" is forbidden: ValidatingAdmissionPolicy 'b' with binding 'b' denied request: c",
            Invalid,
        ),
        ('admission webhook "a.example" denied the request: b', Invalid),
        ('pods "a" is forbidden: exceeded quota: b, requested: pods=1', Invalid),
        ('pods "a" is forbidden: violates PodSecurity "restricted:latest": b', Invalid),
    ],
)
def test_a_refusal_by_admission_is_no_missing_right(
    said: str, kind: type[KubeError]
) -> None:
    assert type(error_of(Status(code=403, reason="Forbidden", message=said))) is kind


async def test_the_account_is_shown_and_nothing_else_asked_for() -> None:
    async with connected(always({})) as (client, server):
        await client.request("GET", "/api/v1/pods", params={"limit": 5})
    (asked,) = server.asked
    assert (asked.path, asked.query, asked.token) == (
        "/api/v1/pods",
        {"limit": "5"},
        TOKEN,
    )
    assert asked.headers["Accept-Encoding"] == "identity"
    assert asked.headers["User-Agent"] == "home-cluster"


async def test_a_redirect_is_not_followed() -> None:
    async with Server(always({})).serving() as elsewhere:
        answer = always(
            status=302, headers={"Location": f"{elsewhere.url}/login"}, text="moved"
        )
        assert isinstance(await failure(answer), Unreachable)
    assert not elsewhere.asked


# Renewal


class Rotating:
    """A server whose valid token changes."""

    def __init__(self) -> None:
        """Begin with 1."""
        self.valid = "1"

    async def __call__(self, request: web.Request) -> web.Response:
        """Know the valid token only."""
        await asyncio.sleep(0.01)
        if request.headers["Authorization"] != f"Bearer {self.valid}":
            return web.json_response(
                status(401, "Unauthorized", "Unauthorized"), status=401
            )
        return web.json_response({"gitVersion": "v1"})


class Issuer:
    """A source that gets the token that is valid now."""

    def __init__(self, rotating: Rotating) -> None:
        """Hold nothing yet."""
        self.rotating = rotating
        self.url = ""
        self.held: Credentials | None = None
        self.renewals = 0

    async def load(self, *, renew: bool = False) -> Credentials:
        """Return what is held, or what is valid."""
        self.renewals += renew
        if self.held is None or (renew and self.held.token != self.rotating.valid):
            await asyncio.sleep(0.01)
            self.held = Credentials(self.url, self.rotating.valid)
        return self.held


async def test_a_rotated_token_is_renewed_once_for_all_again_and_again() -> None:
    rotating = Rotating()
    issuer = Issuer(rotating)
    async with Server(rotating).serving() as server, aiohttp.ClientSession() as session:
        issuer.url = server.url
        client = Client(session, issuer)
        await client.version()
        for turn in range(2, 6):
            rotating.valid = str(turn)
            versions = await asyncio.gather(*(client.version() for _ in range(8)))
            assert versions == ["v1"] * 8
            assert issuer.renewals == turn - 1


async def test_a_stream_renews_as_well() -> None:
    rotating = Rotating()
    issuer = Issuer(rotating)
    async with Server(rotating).serving() as server, aiohttp.ClientSession() as session:
        issuer.url = server.url
        client = Client(session, issuer)
        await client.version()
        rotating.valid = "2"
        async with client.stream("/watch") as stream:
            assert await stream.read() == b'{"gitVersion": "v1"}'


async def test_credentials_that_stay_the_same_are_not_sent_again() -> None:
    async with (
        Server(always(status(401, "Unauthorized"), 401)).serving() as server,
        aiohttp.ClientSession() as session,
    ):
        source = Fixed(Credentials(server.url, TOKEN))
        with pytest.raises(Unauthorized) as caught:
            await Client(session, source).version()
    assert (len(server.asked), source.renewals) == (1, 1)
    assert (caught.value.status, caught.value.reason) == (401, "Unauthorized")


async def test_fresh_credentials_that_are_refused_are_left_alone_for_a_while() -> None:
    now = 0.0
    async with (
        Server(always(status(401), 401)).serving() as server,
        aiohttp.ClientSession() as session,
    ):
        source = Fixed(*(Credentials(server.url, str(number)) for number in range(4)))
        client = Client(session, source, clock=lambda: now)
        for _ in range(3):
            with pytest.raises(Unauthorized):
                await client.version()
        assert source.renewals == 1
        now = RENEW_PAUSE
        with pytest.raises(Unauthorized):
            await client.version()
        assert source.renewals == 2


async def test_a_renewal_that_fails_is_not_tried_by_everyone() -> None:
    class Broken(Fixed):
        """Cannot renew."""

        async def load(self, *, renew: bool = False) -> Credentials:
            """Fail to."""
            if not renew:
                return self.credentials[0]
            self.renewals += 1
            raise CredentialsError("the plugin failed", reason="exec_failed")

    async with (
        Server(always(status(401), 401)).serving() as server,
        aiohttp.ClientSession() as session,
    ):
        source = Broken(Credentials(server.url, TOKEN))
        client = Client(session, source, clock=lambda: 0)
        with pytest.raises(CredentialsError):
            await client.version()
        for _ in range(3):
            with pytest.raises(Unauthorized):
                await client.version()
    assert source.renewals == 1


# Connections


async def test_one_connection_serves_request_after_request() -> None:
    async with connected(always({"gitVersion": "v1"})) as (client, server):
        for _ in range(5):
            await client.version()
        with pytest.raises(Unreadable):
            await client.cluster_uid()
        await client.version()
    assert len(server.connections) == 1


async def lines(request: web.Request) -> web.StreamResponse:
    """Send two lines, then end, break off or fall silent as the path says."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"one\n")
    await response.write(b"two\n")
    if request.path == "/cut":
        assert request.transport is not None
        request.transport.abort()
    if request.path == "/silent":
        await asyncio.sleep(30)
    await response.write_eof()
    return response


async def read_all(client: Client, path: str, *, silence: float = 5) -> bytes:
    """Read a stream to its end."""
    async with client.stream(path, silence=silence) as stream:
        return await rest_of(stream)


async def rest_of(stream: Stream) -> bytes:
    """Read what is left."""
    data = b""
    while more := await stream.read():
        data += more
    return data


async def test_a_stream_that_ended_gives_its_connection_to_the_next() -> None:
    async with connected(lines) as (client, server):
        for _ in range(3):
            assert await read_all(client, "/end") == b"one\ntwo\n"
    assert len(server.connections) == 1


async def test_a_stream_that_is_left_early_is_closed() -> None:
    async with connected(lines) as (client, server):
        async with client.stream("/silent") as stream:
            assert await stream.read()
        assert await read_all(client, "/end") == b"one\ntwo\n"
    assert len(server.connections) == 2


async def test_a_stream_that_breaks_is_no_end() -> None:
    async with connected(lines) as (client, _):
        with pytest.raises(Unreachable) as caught:
            await read_all(client, "/cut")
    assert caught.value.reason == "cut"


async def test_the_system_asks_whether_a_still_stream_lives() -> None:
    """Within half a minute: the kernel's timer of the connection says so."""
    async with connected(lines) as (client, server), client.stream("/silent") as stream:
        assert await stream.read()
        port = f":{server.port:04X}"
        rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()]
        ((timer, when),) = (row[5].split(":") for row in rows if row[2].endswith(port))
        assert timer == "02"
        assert 20 < int(when, 16) / os.sysconf("SC_CLK_TCK") <= 30


async def test_a_silent_stream_is_given_up() -> None:
    async with connected(lines) as (client, _), client.stream("/silent") as stream:
        assert await stream.read() in (b"one\n", b"one\ntwo\n")
        stream.silence = 0.05
        with pytest.raises(Unreachable) as caught:
            await rest_of(stream)
    assert caught.value.reason == "silent"


async def never(_: web.Request) -> web.StreamResponse:
    """Do not answer."""
    await asyncio.sleep(30)
    raise AssertionError


async def test_an_answer_that_does_not_come_is_a_timeout() -> None:
    async with connected(never) as (client, _):
        with pytest.raises(Unreachable) as caught:
            await client.request("GET", "/api", timeout=0.05)
        assert caught.value.reason == "timeout"
        with pytest.raises(Unreachable) as caught:
            await read_all(client, "/watch", silence=0.05)
        assert caught.value.reason == "timeout"


async def test_an_answer_that_breaks_off_is_no_answer() -> None:
    async with connected(lines) as (client, _):
        with pytest.raises(Unreachable) as caught:
            await client.request("GET", "/cut")
        assert caught.value.reason == "cut"
        with pytest.raises(Unreachable) as caught:
            await client.request("GET", "/silent", timeout=0.05)
        assert caught.value.reason == "timeout"


async def test_a_patch_outlives_a_kept_connection_that_died() -> None:
    served = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal served
        served += 1
        if served == 2:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(SCALE)

    async with connected(answer) as (client, server):
        await client.scale(FRIDGE, 1)
        assert await client.scale(FRIDGE, 2) == Scale(2, "42")
    assert [asked.method for asked in server.asked] == ["PATCH"] * 3


async def test_nobody_listening_is_refused() -> None:
    async with aiohttp.ClientSession() as session:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"https://127.0.0.1:{free.getsockname()[1]}"
            with pytest.raises(Unreachable) as caught:
                await Client(session, Fixed(Credentials(url, TOKEN))).version()
    assert caught.value.reason == "refused"


class Nowhere(AbstractResolver):
    """Knows no name."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Fail as a resolver does."""
        raise OSError(None, "not known")

    async def close(self) -> None:
        """Hold nothing."""


async def test_a_name_that_nobody_knows_is_named_so() -> None:
    connector = aiohttp.TCPConnector(resolver=Nowhere())
    async with aiohttp.ClientSession(connector=connector) as session:
        with pytest.raises(Unreachable) as caught:
            await Client(
                session, Fixed(Credentials("https://fridge.lan", TOKEN))
            ).version()
    assert caught.value.reason == "dns"


async def test_a_token_is_not_sent_to_a_stranger(tmp_path: Path) -> None:
    home, stranger = Authority(), Authority("somebody else")
    trust = make_ssl_context(home.pem)
    async with (
        Impostor(stranger.server_context(tmp_path)).listening() as impostor,
        aiohttp.ClientSession() as session,
    ):
        client = Client(session, Fixed(Credentials(impostor.url, TOKEN, trust)))
        with pytest.raises(UntrustedCertificate) as caught:
            await client.version()
        with pytest.raises(UntrustedCertificate):
            await client.scale(FRIDGE, 0)
    assert caught.value.reason == "unknown_issuer"
    assert impostor.connections == 0
    assert not impostor.received


async def test_a_token_is_not_sent_to_a_plain_port() -> None:
    async with (
        Impostor(None, b"HTTP/1.1 400 Bad Request\r\n\r\n").listening() as impostor,
        aiohttp.ClientSession() as session,
    ):
        trust = make_ssl_context(Authority().pem)
        client = Client(session, Fixed(Credentials(impostor.url, TOKEN, trust)))
        with pytest.raises(Unreachable) as caught:
            await client.version()
    assert caught.value.reason == "not_tls"
    assert TOKEN.encode() not in impostor.received


async def test_the_name_in_the_certificate_can_be_another(tmp_path: Path) -> None:
    authority = Authority()
    context = authority.server_context(tmp_path, hosts=("kubernetes.default",))
    async with (
        Server(always({"gitVersion": "v1"}), context).serving() as server,
        aiohttp.ClientSession() as session,
    ):
        trust = make_ssl_context(authority.pem)
        named = Credentials(server.url, TOKEN, trust, server_name="kubernetes.default")
        assert await Client(session, Fixed(named)).version() == "v1"
        with pytest.raises(UntrustedCertificate) as caught:
            await Client(
                session, Fixed(Credentials(server.url, TOKEN, trust))
            ).version()
    assert caught.value.reason == "wrong_host"


class Proxy:
    """An HTTP proxy that only makes tunnels."""

    def __init__(self) -> None:
        """Remember what it was asked."""
        self.heads: list[bytes] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Listen, and return the address."""
        server = await asyncio.start_server(self._tunnel, "127.0.0.1", 0)
        try:
            yield f"http://user:{TOKEN}@127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            server.close_clients()
            await server.wait_closed()

    async def _tunnel(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        host, _, port = head.split()[1].decode().rpartition(":")
        if int(port) == 1:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        there, back = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

        async def pump(
            source: asyncio.StreamReader, target: asyncio.StreamWriter
        ) -> None:
            while data := await source.read(65536):
                target.write(data)
            target.close()

        await asyncio.gather(
            pump(reader, back), pump(there, writer), return_exceptions=True
        )


async def test_a_proxy_sees_a_tunnel_only(tmp_path: Path) -> None:
    authority, proxy = Authority(), Proxy()
    context = authority.server_context(tmp_path, hosts=("kubernetes.default",))
    async with (
        Server(always({"gitVersion": "v1"}), context).serving() as server,
        proxy.listening() as address,
        aiohttp.ClientSession() as session,
    ):
        trust = make_ssl_context(authority.pem)
        credentials = Credentials(
            server.url, "t0ken", trust, address, "kubernetes.default"
        )
        assert await Client(session, Fixed(credentials)).version() == "v1"
        assert b"t0ken" not in b"".join(proxy.heads)
        nowhere = Credentials("https://127.0.0.1:1", "t0ken", trust, address)
        with pytest.raises(Unreachable) as caught:
            await Client(session, Fixed(nowhere)).version()
    assert caught.value.reason == "proxy"
    assert not any(TOKEN in text for text in texts_of(caught.value))
    assert TOKEN not in repr(credentials)


# Secrets


async def echo(request: web.Request) -> web.Response:
    """Repeat what was sent, as some servers' pages for developers do."""
    sent = request.headers["Authorization"]
    if request.path == "/html":
        return web.Response(status=500, text=f"<pre>Authorization: {sent}</pre>")
    return web.json_response(status(403, "Forbidden", f"no {sent} here"), status=403)


@pytest.mark.parametrize("path", ["/html", "/json", "/cut", "/silent"])
async def test_no_error_and_no_log_shows_the_token(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with connected(lines if path in ("/cut", "/silent") else echo) as (client, _):
        with pytest.raises(KubeError) as caught:
            await client.request("GET", path, timeout=0.2)
        texts = [*texts_of(caught.value), repr(client), caplog.text]
    assert not [text for text in texts if TOKEN in text]


async def test_a_refused_connection_shows_no_token(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with aiohttp.ClientSession() as session:
        source = Fixed(Credentials("https://127.0.0.1:1", TOKEN))
        with pytest.raises(Unreachable) as caught:
            await Client(session, source).request(
                "PATCH", "/x", body=json.dumps(TOKEN).encode()
            )
    assert not [
        text for text in [*texts_of(caught.value), caplog.text] if TOKEN in text
    ]


async def test_the_context_is_made_in_the_executor_only() -> None:
    context = await run(make_ssl_context, Authority().pem)
    assert context.check_hostname
