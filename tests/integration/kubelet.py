"""A node's own agent on loopback: what it says of disks and volumes."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
import ssl
from typing import Any, Self

from aiohttp import web

from tests.integration.elsewhere import elsewhere
from tests.integration.live_server import LiveServer
from tests.serving import serving


@dataclass
class Kubelet:
    """The agent; `tokens` are those that were sent to it."""

    context: ssl.SSLContext
    summary: Any = field(default_factory=dict)
    status: int = 200
    tokens: list[str] = field(default_factory=list)
    port: int = 0

    def serving(self) -> AbstractAsyncContextManager[Self]:
        """Serve on a free port."""
        return elsewhere(self._serving())

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[Self]:
        async with serving(self._answer, context=self.context) as self.port:
            yield self

    async def _answer(self, request: web.Request) -> web.Response:
        if request.path != "/stats/summary":
            return web.Response(status=404)
        self.tokens.append(request.headers.get("Authorization", ""))
        if self.status != 200:
            return web.Response(status=self.status, text="no")
        return web.json_response(self.summary)

    def stands_for(self, home: LiveServer, node: str) -> None:
        """Have the API server say that this is the agent of a node."""
        status = home.live["nodes", "", node]["status"]
        where = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.port}},
        }
        home.put("nodes", "", node, status={**status, **where})


def filesystem(used: int, capacity: int) -> dict[str, int]:
    """Return the figures of a file system without reserved blocks."""
    return {
        "usedBytes": used,
        "availableBytes": capacity - used,
        "capacityBytes": capacity,
    }


def volume(namespace: str, claim: str, used: int, capacity: int) -> dict[str, Any]:
    """Return a pod's volume."""
    return {
        "name": "x",
        "pvcRef": {"namespace": namespace, "name": claim},
        **filesystem(used, capacity),
    }
