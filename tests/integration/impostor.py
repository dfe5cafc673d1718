"""Servers that are not who they say: they keep every byte they get."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
import ssl
from typing import Self

from tests.integration.elsewhere import elsewhere


@dataclass
class Impostor:
    """A server that answers any handshake and records what follows; plain TCP without a context."""

    context: ssl.SSLContext | None
    answer: bytes = b""
    received: bytearray = field(default_factory=bytearray)
    connections: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        """The address it listens at."""
        return f"https://127.0.0.1:{self.port}"

    def listening(self) -> AbstractAsyncContextManager[Self]:
        """Listen on a free port of loopback."""
        return elsewhere(self._listening())

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[Self]:
        server = await asyncio.start_server(
            self._keep, "127.0.0.1", 0, ssl=self.context
        )
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            server.close_clients()
            await server.wait_closed()

    async def _keep(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        try:
            while data := await reader.read(65536):
                self.received += data
                if self.answer:
                    writer.write(self.answer)
                    await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()
