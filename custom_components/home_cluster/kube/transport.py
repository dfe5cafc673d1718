"""Requests to one API server, over the session that it is given."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
import socket
from ssl import CERT_REQUIRED, SSLContext
import time
from typing import Final

import aiohttp

from .answers import no_answer, refusal_of
from .credentials import Credentials, CredentialSource
from .errors import KubeError, Unauthorized, Unreachable, UntrustedCertificate

FIELD_MANAGER: Final = "home-cluster"
JSON: Final = "application/json"

TIMEOUT: Final = 15.0
CONNECT_TIMEOUT: Final = 5.0
SILENCE: Final = 75.0
_LIMITS: Final = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT)
# Where it is known: after so many seconds of stillness the system asks whether the other side lives, then so
# often, so many times.
_KEEP_ALIVE: Final = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 3))
# How long fresh credentials that were refused are left alone.
RENEW_PAUSE: Final = 10.0

type Params = Mapping[str, str | int]


class Stream:
    """The body of an answer that goes on.

    `silence` is how many seconds may pass without a byte; it can be changed between reads.
    """

    def __init__(self, response: aiohttp.ClientResponse, silence: float) -> None:
        """Read from `response`."""
        self.silence = silence
        self._content = response.content

    async def read(self) -> bytes:
        """Return what has come, waiting for at least one byte; b"" at the end.

        Raises `Unreachable`: `cut` for a connection that broke, `silent` after too long a silence.
        """
        problem: Unreachable
        try:
            async with asyncio.timeout(self.silence):
                return await self._content.readany()
        except TimeoutError:
            problem = Unreachable(
                f"not a byte for {self.silence:.0f} s", reason="silent"
            )
        except (aiohttp.ClientError, OSError) as error:
            problem = Unreachable(
                f"the stream broke ({type(error).__name__})", reason="cut"
            )
        raise problem


class Transport:
    """One API server, as one account.

    Every method raises the errors of errors.py and nothing else. A 401 is answered by renewing
    the credentials, once for all requests that it hits, and asking again.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        source: CredentialSource,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Use `session`, which is not closed, with credentials from `source`."""
        self._session = session
        self._source = source
        self._clock = clock
        self._renewing = asyncio.Lock()
        self._renewed: Credentials | None = None
        # When what was last used ends by its own account, in seconds since 1970.
        self.expires: float | None = None
        self._pause_until = 0.0

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        timeout: float = TIMEOUT,
    ) -> bytes:
        """Return the body of a good answer.

        `timeout` is how many seconds the answer may take to begin, and then to end.
        """
        credentials = await self._source.load()
        async with self._answer(
            credentials, method, path, params, body, content_type, timeout
        ) as response:
            return await _body(response, timeout, credentials.url)

    async def ask_node(self, address: str, port: int, path: str) -> bytes:
        """Return what a node's own agent answers, as the same account.

        Nothing is sent unless the agent's certificate is signed by what the API server's is trusted by:
        raises `UntrustedCertificate` if it is not, or if certificates are not verified at all.
        """
        credentials = await self._source.load()
        trust = credentials.ssl
        if isinstance(trust, SSLContext) and trust.verify_mode is not CERT_REQUIRED:
            raise UntrustedCertificate(
                "certificates of this cluster are not verified", reason="unverified"
            )
        host = f"[{address}]" if ":" in address else address
        node = replace(credentials, url=f"https://{host}:{port}", server_name=None)
        response = await self._send("GET", path, None, None, JSON, TIMEOUT, node)
        async with response:
            return await _body(response, TIMEOUT, node.url)

    @asynccontextmanager
    async def stream(
        self, path: str, *, params: Params | None = None, silence: float = SILENCE
    ) -> AsyncIterator[Stream]:
        """Open an answer that goes on; `silence` is also how long its beginning may take."""
        credentials = await self._source.load()
        async with self._answer(
            credentials, "GET", path, params, None, JSON, silence
        ) as response:
            _keep_alive(response)
            yield Stream(response, silence)

    @asynccontextmanager
    async def _answer(
        self,
        credentials: Credentials,
        method: str,
        path: str,
        params: Params | None,
        body: bytes | None,
        content_type: str,
        timeout: float,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and give its good answer; the connection is kept after a clean end."""
        ask = partial(self._send, method, path, params, body, content_type, timeout)
        try:
            response = await ask(credentials)
        except Unauthorized as refusal:
            renewed = await self._renew(credentials)
            if renewed is credentials:
                raise refusal from None
            response = await ask(renewed)
        # Releases a connection whose answer was read to its end, closes any other.
        async with response:
            yield response

    async def _send(
        self,
        method: str,
        path: str,
        params: Params | None,
        body: bytes | None,
        content_type: str,
        timeout: float,
        credentials: Credentials,
    ) -> aiohttp.ClientResponse:
        self.expires = credentials.expires
        headers = {
            "Accept": JSON,
            "Accept-Encoding": "identity",
            "User-Agent": FIELD_MANAGER,
        }
        if credentials.token:
            headers["Authorization"] = f"Bearer {credentials.token}"
        if body is not None:
            headers["Content-Type"] = content_type
        problem: KubeError
        # A kept connection may have died unnoticed. aiohttp itself asks again for what HTTP calls
        # idempotent; our patches, which name a state, are as well.
        for again in (method == "PATCH", False):
            try:
                async with asyncio.timeout(timeout):
                    response = await self._session.request(
                        method,
                        credentials.url + path,
                        params=params,
                        data=body,
                        headers=headers,
                        ssl=True if credentials.ssl is None else credentials.ssl,
                        proxy=credentials.proxy,
                        server_hostname=credentials.server_name,
                        allow_redirects=False,
                        timeout=_LIMITS,
                    )
                    if response.status < 300:
                        if credentials is self._renewed:
                            self._renewed = None
                        return response
                    async with response:
                        refused = await response.read()
            except (aiohttp.ClientError, OSError) as error:
                problem = no_answer(error, credentials.url)
                if again and problem.reason == "cut":
                    continue
            else:
                problem = refusal_of(response, refused, credentials.token)
            break
        raise problem

    async def _renew(self, refused: Credentials) -> Credentials:
        """Return the credentials to use instead, or the same if there are no others."""
        async with self._renewing:
            current = await self._source.load()
            if current is not refused:
                return current
            # Renewing may run a program: not for every request while fresh ones are refused too.
            if refused is self._renewed and self._clock() < self._pause_until:
                return refused
            self._renewed = refused
            self._pause_until = self._clock() + RENEW_PAUSE
            self._renewed = await self._source.load(renew=True)
            return self._renewed


def _keep_alive(response: aiohttp.ClientResponse) -> None:
    """Have a connection that dies while it is still end with an error; aiohttp asks for no keep-alive."""
    connection = response.connection
    if connection is None or connection.transport is None:
        return
    if (found := connection.transport.get_extra_info("socket")) is None:
        return
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE:
        if (option := getattr(socket, name, None)) is not None:
            found.setsockopt(socket.IPPROTO_TCP, option, value)


async def _body(response: aiohttp.ClientResponse, timeout: float, url: str) -> bytes:
    """Return all of an answer; raises `KubeError` if it does not end in `timeout` seconds, or breaks off."""
    problem: KubeError
    try:
        async with asyncio.timeout(timeout):
            return await response.read()
    except (aiohttp.ClientError, OSError) as error:
        problem = no_answer(error, url)
    raise problem
