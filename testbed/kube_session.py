"""The API server and the kubelets as an administrator's small helper programs see them."""

from collections.abc import AsyncIterator, Mapping
import json
from pathlib import Path
import ssl
from typing import Any

from aiohttp import ClientSession, ClientTimeout, TCPConnector
import yaml


class KubeSession:
    """Requests by a kubeconfig with a client certificate.

    Every method raises `aiohttp.ClientError` or `TimeoutError` when there is no good answer.
    """

    def __init__(self, kubeconfig: Path) -> None:
        """Read the kubeconfig; use within a running loop."""
        content = yaml.safe_load(kubeconfig.read_text())
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        self._url: str = cluster["server"]
        self.ca = Path(cluster["certificate-authority"])
        context = ssl.create_default_context(cafile=str(self.ca))
        context.load_cert_chain(user["client-certificate"], user["client-key"])
        self._session = ClientSession(
            connector=TCPConnector(ssl=context),
            timeout=ClientTimeout(total=5),
            raise_for_status=True,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def items(self, path: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """The objects of a collection, as far as `labelSelector` and `fieldSelector` choose them."""
        wanted = {
            name: query[name]
            for name in ("labelSelector", "fieldSelector")
            if name in query
        }
        async with self._session.get(self._url + path, params=wanted) as answer:
            items: list[dict[str, Any]] = (await answer.json())["items"]
            return items

    async def text(self, url: str) -> str:
        """What a kubelet's address answers."""
        async with self._session.get(url) as answer:
            return await answer.text()

    async def create(self, path: str, content: Mapping[str, Any]) -> None:
        """Create an object in a collection."""
        async with self._session.post(self._url + path, json=content):
            return

    async def delete(self, path: str) -> None:
        """Delete an object."""
        async with self._session.delete(self._url + path):
            return

    async def watch(self, path: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """(Type, object) of everything there is in a collection and of every change, until the stream ends."""
        async with self._session.get(
            self._url + path,
            params={"watch": "true", "timeoutSeconds": "300"},
            timeout=ClientTimeout(sock_connect=5, sock_read=330),
        ) as answer:
            async for line in answer.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                yield event["type"], event["object"]
