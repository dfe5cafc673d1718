"""A web server on loopback."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
import ssl

from aiohttp import web

type Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(
    answer: Answer,
    *,
    port: int = 0,
    context: ssl.SSLContext | None = None,
    cancels: bool = False,
) -> AsyncIterator[int]:
    """Answer everything by a function, on this port or a free one, which is given.

    With `cancels`, who goes away ends the answer.
    """
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=cancels)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=context)
        await site.start()
        found: int = runner.addresses[0][1]
        yield found
    finally:
        await runner.cleanup()
