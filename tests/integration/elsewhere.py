"""Servers on a loop of their own: they break off handshakes, which Home Assistant's loop must not see."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from threading import Thread
from typing import Any


@asynccontextmanager
async def elsewhere[T](running: AbstractAsyncContextManager[T]) -> AsyncIterator[T]:
    """Enter and leave a context in another thread's event loop."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="server")
    thread.start()
    try:
        entering = asyncio.run_coroutine_threadsafe(running.__aenter__(), loop)
        yield await asyncio.wrap_future(entering)
        leaving = asyncio.run_coroutine_threadsafe(
            running.__aexit__(None, None, None), loop
        )
        await asyncio.wrap_future(leaving)
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_settle(loop), loop))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        await asyncio.to_thread(thread.join)
        loop.close()


async def _settle(loop: asyncio.AbstractEventLoop) -> None:
    """Cut connections that broke off in the handshake, which no server knows of."""
    transports: Any = getattr(loop, "_transports", {})
    for transport in list(transports.values()):
        transport.abort()
    for _ in range(5):
        await asyncio.sleep(0)
