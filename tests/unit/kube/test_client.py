"""Requests: what is sent, what refusals become, and how connections are kept."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
import json
import logging
from pathlib import Path
import socket
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
import pytest

from custom_components.home_cluster.kube.answers import error_of, seconds_of
from custom_components.home_cluster.kube.client import (
    RENEW_PAUSE,
    Client,
    Scale,
    Stream,
)
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
from custom_components.home_cluster.kube.schema import OFF_SELECTOR, Kind, Pod, Ref
from custom_components.home_cluster.kube.tls import make_ssl_context
from custom_components.home_cluster.kube.wire import Status
from tests.integration.impostor import Impostor
from tests.integration.pki import Authority

from .loopback import Answer, Fixed, Server, always, run, status, texts_of

pytestmark = pytest.mark.usefixtures("socket_enabled")

TOKEN = "planted-secret-7f3a9c"
FRIDGE = Ref(Kind.DEPLOYMENT, "kitchen", "fridge")
JAZZ = Ref(Kind.STATEFUL_SET, "kitchen", "jazz")
WEATHER = Ref(Kind.DAEMON_SET, "garden", "weather")
BACKUP = Ref(Kind.CRON_JOB, "media", "backup")
BURN = Ref(Kind.JOB, "media", "burn")
SCALE = {
    "metadata": {"name": "it", "uid": "u", "resourceVersion": "42"},
    "spec": {"replicas": 2},
}


@asynccontextmanager
async def connected(answer: Answer) -> AsyncIterator[tuple[Client, Server]]:
    """Give a client of a plain server that answers so."""
    async with Server(answer).serving() as server, aiohttp.ClientSession() as session:
        yield Client(session, Fixed(Credentials(server.url, TOKEN))), server


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


# Commands


@pytest.mark.parametrize(
    ("command", "method", "path", "body"),
    [
        (
            lambda client: client.scale(FRIDGE, 2),
            "PATCH",
            "/apis/apps/v1/namespaces/kitchen/deployments/fridge/scale",
            {"spec": {"replicas": 2}},
        ),
        (
            lambda client: client.scale(JAZZ, 0),
            "PATCH",
            "/apis/apps/v1/namespaces/kitchen/statefulsets/jazz/scale",
            {"spec": {"replicas": 0}},
        ),
        (
            lambda client: client.suspend(BACKUP, True),
            "PATCH",
            "/apis/batch/v1/namespaces/media/cronjobs/backup",
            {"spec": {"suspend": True}},
        ),
        (
            lambda client: client.suspend(BURN, False),
            "PATCH",
            "/apis/batch/v1/namespaces/media/jobs/burn",
            {"spec": {"suspend": False}},
        ),
        (
            lambda client: client.select_nodes(WEATHER, False),
            "PATCH",
            "/apis/apps/v1/namespaces/garden/daemonsets/weather",
            {"spec": {"template": {"spec": {"nodeSelector": {OFF_SELECTOR: "true"}}}}},
        ),
        (
            lambda client: client.select_nodes(WEATHER, True),
            "PATCH",
            "/apis/apps/v1/namespaces/garden/daemonsets/weather",
            {"spec": {"template": {"spec": {"nodeSelector": {OFF_SELECTOR: None}}}}},
        ),
    ],
)
async def test_a_command_is_one_patch_and_nothing_else(
    command: Callable[[Client], Awaitable[object]],
    method: str,
    path: str,
    body: dict[str, Any],
) -> None:
    async with connected(always(SCALE)) as (client, server):
        await command(client)
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.json) == (method, path, body)
    assert asked.query == {"fieldManager": "home-cluster"}
    assert asked.headers["Content-Type"] == "application/merge-patch+json"


async def test_scaling_returns_what_the_server_answered() -> None:
    answer = {"metadata": {"uid": "u", "resourceVersion": "43"}, "spec": {}}
    async with connected(always(answer)) as (client, _):
        assert await client.scale(FRIDGE, 0) == Scale(0, "43")


async def test_a_rollout_is_restarted_as_kubectl_does() -> None:
    async with connected(always({})) as (client, server):
        await client.restart_rollout(WEATHER)
    metadata = server.asked[0].json["spec"]["template"]["metadata"]
    stamp = datetime.fromisoformat(
        metadata["annotations"]["kubectl.kubernetes.io/restartedAt"]
    )
    assert abs((datetime.now(UTC) - stamp).total_seconds()) < 5


async def test_a_pod_is_evicted_only_if_it_is_the_one_that_was_meant() -> None:
    async with connected(always(status(201), 201)) as (client, server):
        await client.evict("kitchen", "fridge-1", uid="abc")
    (asked,) = server.asked
    assert (asked.method, asked.path) == (
        "POST",
        "/api/v1/namespaces/kitchen/pods/fridge-1/eviction",
    )
    assert asked.json == {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": "fridge-1", "namespace": "kitchen"},
        "deleteOptions": {"preconditions": {"uid": "abc"}},
    }


async def test_a_budget_that_forbids_an_eviction_is_no_throttle() -> None:
    body = status(
        429,
        "TooManyRequests",
        "Cannot evict pod as it would violate the pod's disruption budget.",
        causes=[{"reason": "DisruptionBudget", "message": "needs 1 healthy pods"}],
    )
    async with connected(always(body, 429)) as (client, _):
        with pytest.raises(TooManyRequests) as caught:
            await client.evict("kitchen", "fridge-1", uid="abc")
    assert (caught.value.cause, caught.value.retry_after) == ("DisruptionBudget", None)


@pytest.mark.parametrize(
    ("grace", "extra"), [(None, {}), (0, {"gracePeriodSeconds": 0})]
)
async def test_a_pod_is_deleted_only_if_it_is_the_one_that_was_meant(
    grace: int | None, extra: dict[str, int]
) -> None:
    async with connected(always({})) as (client, server):
        await client.delete_pod("kitchen", "fridge-1", uid="abc", grace=grace)
    (asked,) = server.asked
    assert (asked.method, asked.path) == (
        "DELETE",
        "/api/v1/namespaces/kitchen/pods/fridge-1",
    )
    assert asked.json["preconditions"] == {"uid": "abc"}
    assert extra.items() <= asked.json.items()
    assert ("gracePeriodSeconds" in asked.json) == (grace is not None)


@pytest.mark.parametrize(
    ("code", "passes"), [(200, True), (403, False), (422, False), (400, False)]
)
async def test_a_dry_run_tells_whether_a_patch_would_pass(
    code: int, passes: bool
) -> None:
    body = {} if code == 200 else status(code)
    async with connected(always(body, code)) as (client, server):
        assert await client.dry_run(WEATHER, {"spec": {}}) is passes
    assert server.asked[0].query["dryRun"] == "All"


async def test_a_dry_run_that_found_nobody_tells_nothing() -> None:
    async with connected(always(status(503), 503)) as (client, _):
        with pytest.raises(Unreachable):
            await client.dry_run(WEATHER, {})


@pytest.mark.parametrize(
    "command",
    [
        lambda client: client.scale(WEATHER, 1),
        lambda client: client.suspend(FRIDGE, True),
        lambda client: client.restart_rollout(BACKUP),
        lambda client: client.select_nodes(FRIDGE, True),
    ],
)
async def test_a_command_that_a_kind_does_not_have_is_not_sent(
    command: Callable[[Client], Awaitable[object]],
) -> None:
    async with connected(always({})) as (client, server):
        with pytest.raises(ValueError, match="cannot do that"):
            await command(client)
    assert not server.asked


# Reading


async def test_the_cluster_is_known_by_its_system_namespace() -> None:
    async with connected(always({"metadata": {"uid": "the-uid"}})) as (client, server):
        assert await client.cluster_uid() == "the-uid"
    assert server.asked[0].path == "/api/v1/namespaces/kube-system"


@pytest.mark.parametrize(
    "text", ["<html>router</html>", '{"hello": "world"}', '{"metadata": {}}', "[]"]
)
async def test_a_server_that_is_no_cluster_is_recognised(text: str) -> None:
    async with connected(always(text=text)) as (client, _):
        with pytest.raises(Unreadable):
            await client.version()
        with pytest.raises(Unreadable):
            await client.cluster_uid()


async def test_readiness_is_asked_of_the_server() -> None:
    async with connected(always(text="ok")) as (client, server):
        assert await client.ready() is True
    assert server.asked[0].path == "/readyz"
    async with connected(always(text="[-]etcd failed", status=500)) as (client, _):
        assert await client.ready() is False


async def test_a_server_that_does_not_answer_is_not_just_unready() -> None:
    async with aiohttp.ClientSession() as session:
        client = Client(session, Fixed(Credentials("http://127.0.0.1:1")))
        with pytest.raises(Unreachable):
            await client.ready()
    async with connected(always(status(403), 403)) as (client, _):
        with pytest.raises(Forbidden):
            await client.ready()


def pod(name: str) -> dict[str, Any]:
    """Return a pod of the API."""
    metadata = {
        "name": name,
        "namespace": "kitchen",
        "uid": f"uid-{name}",
        "resourceVersion": "5",
    }
    return {
        "metadata": metadata,
        "spec": {"containers": []},
        "status": {"phase": "Running"},
    }


async def test_an_object_is_read() -> None:
    async with connected(always(pod("fridge-1"))) as (client, server):
        record = await client.get(Ref(Kind.POD, "kitchen", "fridge-1"))
    assert isinstance(record, Pod)
    assert (record.name, record.phase) == ("fridge-1", "Running")
    assert server.asked[0].path == "/api/v1/namespaces/kitchen/pods/fridge-1"


async def test_a_collection_is_read_page_by_page() -> None:
    async def answer(request: web.Request) -> web.Response:
        token = request.query.get("continue")
        names = {None: ["a", "b"], "more": ["c"]}[token]
        metadata = {"resourceVersion": "9", "continue": "" if token else "more"}
        return web.json_response(
            {"metadata": metadata, "items": [pod(name) for name in names]}
        )

    async with connected(answer) as (client, server):
        records = await client.list_all(Kind.POD, "kitchen")
    assert [record.name for record in records] == ["a", "b", "c"]
    assert [asked.query.get("continue") for asked in server.asked] == [None, "more"]
    assert all(asked.query["limit"] == "250" for asked in server.asked)


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
