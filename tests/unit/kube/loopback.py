"""Real servers on loopback, and what looks through errors for secrets."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import json
import ssl
from typing import Any, Self

import aiohttp
from aiohttp import web

from custom_components.home_cluster.kube.client import Client
from custom_components.home_cluster.kube.credentials import Credentials
from tests.serving import Answer, serving

TOKEN = "planted-secret-7f3a9c"


async def run(function: Callable[..., Any], *args: Any) -> Any:
    """Run in the executor, as Home Assistant does."""
    return await asyncio.get_running_loop().run_in_executor(None, function, *args)


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)
    body: bytes

    @property
    def token(self) -> str:
        """The bearer token."""
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


@dataclass
class Server:
    """A web server that answers by a function and remembers what it was asked."""

    answer: Answer
    context: ssl.SSLContext | None = None
    asked: list[Asked] = field(default_factory=list)
    connections: set[tuple[str, int]] = field(default_factory=set)
    port: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http{'s' if self.context else ''}://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """Serve on a free port."""
        listening = serving(
            self._handle, port=self.port, context=self.context, cancels=True
        )
        async with listening as self.port:
            yield self

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        self.connections.add(request.transport.get_extra_info("peername"))
        self.asked.append(
            Asked(
                request.method,
                request.path,
                dict(request.query),
                dict(request.headers),
                await request.read(),
            )
        )
        return await self.answer(request)


def always(
    body: Any = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
    text: str = "",
) -> Answer:
    """Answer everything alike: with JSON, or with `text` as it is."""

    async def answer(_: web.Request) -> web.Response:
        if text:
            return web.Response(status=status, headers=headers, text=text)
        return web.json_response(body, status=status, headers=headers)

    return answer


def status(
    code: int, reason: str = "", message: str = "", **details: Any
) -> dict[str, Any]:
    """Return a Status as the API server sends it."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
        "details": details,
    }


class Fixed:
    """A credential source that hands out a list, one more at each renewal."""

    def __init__(self, *credentials: Credentials) -> None:
        """Begin with the first."""
        self.credentials = list(credentials)
        self.renewals = 0

    async def load(self, *, renew: bool = False) -> Credentials:
        """Return the current one."""
        if renew:
            self.renewals += 1
            await asyncio.sleep(0)
            if len(self.credentials) > 1:
                self.credentials.pop(0)
        return self.credentials[0]


def texts_of(error: BaseException) -> Iterator[str]:
    """Walk everything that an error and those behind it can show."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield str(current)
        yield repr(current)
        yield repr(current.args)
        yield repr(vars(current))
        waiting += [current.__cause__, current.__context__]


@asynccontextmanager
async def connected(answer: Answer) -> AsyncIterator[tuple[Client, Server]]:
    """Give a client of a plain server that answers so."""
    async with Server(answer).serving() as server, aiohttp.ClientSession() as session:
        yield Client(session, Fixed(Credentials(server.url, TOKEN))), server
