"""Reflector, cluster and client together, over real connections."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
import gzip
import json
from typing import Any

import aiohttp
from aiohttp import web
import pytest

from custom_components.home_cluster.kube.access import review
from custom_components.home_cluster.kube.client import Client
from custom_components.home_cluster.kube.cluster import Cluster, LinkState
from custom_components.home_cluster.kube.credentials import Credentials
from custom_components.home_cluster.kube.reflector import Phase, Reflector
from custom_components.home_cluster.kube.schema import Key, Kind
from custom_components.home_cluster.kube.tls import make_ssl_context
from testbed import firehose

from .loopback import Fixed, Server
from .model_server import ModelServer

pytestmark = pytest.mark.usefixtures("socket_enabled")

Write = Callable[[web.StreamResponse, list[bytes]], Any]


def lines(count: int, *, big: int = 0) -> list[bytes]:
    """Return the beginning of a WatchList; `big` bytes are added to the first object."""
    told = []
    for number in range(count):
        metadata = {"name": f"pod-{number}", "namespace": "attic", "uid": f"u{number}"}
        metadata |= {
            "resourceVersion": str(number + 1),
            "managedFields": "x" * big * (number == 0),
        }
        told.append(ModelServer.event("ADDED", {"metadata": metadata}))
    server = ModelServer(lambda: 0.0)
    told.append(server.bookmark(Kind.POD, initial_end=True))
    return told


@asynccontextmanager
async def watching(
    write: Write, beginning: list[bytes], headers: dict[str, str] | None = None
) -> AsyncIterator[tuple[Reflector, Server, asyncio.Event]]:
    """Follow a server that writes its watches so; the event is set by every change of phase."""
    turned = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return web.json_response(
                {"metadata": {"resourceVersion": "9"}, "items": []}
            )
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await write(response, beginning)
        await asyncio.sleep(60)
        return response

    async def ready() -> bool:
        return True

    async with Server(answer).serving() as server, aiohttp.ClientSession() as session:
        reflector = Reflector(
            Client(session, Fixed(Credentials(server.url, "token"))),
            Kind.POD,
            on_change=lambda *_: None,
            on_phase=turned.set,
            ready=ready,
        )
        task = asyncio.create_task(reflector.run())
        try:
            yield reflector, server, turned
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def plain(response: web.StreamResponse, told: list[bytes]) -> None:
    """Write as it is."""
    for line in told:
        await response.write(line)


async def one_member(response: web.StreamResponse, told: list[bytes]) -> None:
    """Write one gzip member in odd pieces."""
    packed = gzip.compress(b"".join(told))
    for start in range(0, len(packed), 7):
        await response.write(packed[start : start + 7])


async def many_members(response: web.StreamResponse, told: list[bytes]) -> None:
    """Write a gzip member for each line, as the server does with each flush, in odd pieces."""
    packed = b"".join(map(gzip.compress, told))
    for start in range(0, len(packed), 11):
        await response.write(packed[start : start + 11])


@pytest.mark.parametrize(
    ("write", "big", "headers"),
    [
        (plain, 0, None),
        (plain, 900_000, None),
        (plain, 15 << 20, None),
        (one_member, 0, {"Content-Encoding": "gzip"}),
        (many_members, 0, {"Content-Encoding": "gzip"}),
    ],
    ids=["plain", "900 KB", "15 MB", "one gzip member", "many gzip members"],
)
async def test_a_watch_is_read_however_it_is_written(
    write: Write, big: int, headers: dict[str, str] | None
) -> None:
    async with watching(write, lines(50, big=big), headers) as (
        reflector,
        server,
        turned,
    ):
        async with asyncio.timeout(20):
            await turned.wait()
        assert reflector.phase is Phase.SYNCED
        assert set(reflector.store) == {
            Key("attic", f"pod-{number}") for number in range(50)
        }
        assert server.asked[0].headers["Accept-Encoding"] == "identity"


async def test_a_line_of_more_than_16_mib_is_refused() -> None:
    async with watching(plain, lines(2, big=17 << 20)) as (reflector, _, turned):
        async with asyncio.timeout(20):
            await turned.wait()
        assert reflector.phase is Phase.BACKOFF
        assert not reflector.store
        assert "16777216" in str(reflector.error)


async def test_a_cluster_is_followed_over_tls() -> None:
    pods, told, states = 400, asyncio.Event(), []

    def on_link(state: LinkState) -> None:
        states.append(state)

    with firehose.serve(pods, 20) as served:
        context = make_ssl_context(served.ca)
        async with aiohttp.ClientSession() as session:
            client = Client(
                session, Fixed(Credentials(served.url, served.token, context))
            )
            cluster = Cluster(
                client,
                kinds=dict.fromkeys(
                    (Kind.POD, Kind.NODE, Kind.DEPLOYMENT, Kind.NAMESPACE, Kind.JOB)
                ),
                on_change=lambda _: told.set(),
                on_link=on_link,
                review=lambda: review(client, []),
            )
            assert await client.cluster_uid() == firehose.UID
            access = await review(client, [])
            assert access.allows("watch", Kind.POD)
            await cluster.start()
            assert await cluster.wait_synced(20)
            counts = {
                kind: len(cluster.store(kind))
                for kind in (Kind.POD, Kind.DEPLOYMENT, Kind.NODE)
            }
            assert counts == {
                Kind.POD: pods,
                Kind.DEPLOYMENT: 20,
                Kind.NODE: firehose.NODES,
            }
            assert cluster.version == firehose.VERSION
            assert len(await client.list_all(Kind.POD, None)) == pods
            before = dict(cluster.store(Kind.POD))
            told.clear()
            await client.request("GET", "/firehose/modify", params={"count": 3})
            async with asyncio.timeout(10):
                await told.wait()
            now = cluster.store(Kind.POD)
            assert 1 <= sum(now[key] != before[key] for key in now) <= 3
            await cluster.stop()
            assert states == [LinkState.UP]


def test_the_pods_of_the_firehose_are_as_big_as_real_ones() -> None:
    sizes = [
        len(json.dumps(firehose.pod(n, 300, n), separators=(",", ":")))
        for n in range(300)
    ]
    assert 7_400 <= sum(sizes) / len(sizes) <= 8_100
