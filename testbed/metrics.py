"""metrics.k8s.io for the test cluster: the figures of the real kubelets, served as metrics-server does.

Runs outside the cluster, as a process of its own; the API server reaches it through a Service without
a selector.
"""

import argparse
import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
import logging
from pathlib import Path
import ssl
import time
from typing import Any, Final

from aiohttp import ClientError, web

from .figures import NodeFigures, Usage
from .kube_session import KubeSession

ROOT: Final = "/apis/metrics.k8s.io/v1beta1"
API_VERSION: Final = "metrics.k8s.io/v1beta1"
FRONT_PROXY: Final = "front-proxy"
EVERY: Final = 10.0
"""Seconds between two looks at the kubelets; they themselves look about as often."""

_LOGGER = logging.getLogger(__name__)


class Adaptor:
    """The API of metrics.k8s.io over one cluster's kubelets."""

    def __init__(self, kube: KubeSession) -> None:
        """Begin without figures; `follow` brings them."""
        self._kube = kube
        self._nodes: dict[str, NodeFigures] = {}
        self._failing: dict[str, str] = {}

    async def follow(self) -> None:
        """Read every kubelet again and again."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Read every kubelet once. A node that does not answer loses its figures; it is said once."""
        try:
            nodes = await self._kube.items("/api/v1/nodes", {})
        except (ClientError, TimeoutError) as error:
            self._say("the API server", error)
            return
        self._say("the API server", None)
        addresses = {name: found for node in nodes for name, found in _kubelet(node)}
        for gone in self._nodes.keys() - addresses.keys():
            del self._nodes[gone]
        await asyncio.gather(
            *(self._read(name, *address) for name, address in addresses.items())
        )

    async def _read(self, node: str, address: str, port: int) -> None:
        try:
            text = await self._kube.text(f"https://{address}:{port}/metrics/resource")
        except (ClientError, TimeoutError) as error:
            self._nodes.pop(node, None)
            self._say(node, error)
            return
        self._say(node, None)
        self._nodes.setdefault(node, NodeFigures()).read(text, time.time())

    def _say(self, who: str, error: Exception | None) -> None:
        said = "" if error is None else f"{type(error).__name__} {error}"
        if said and who not in self._failing:
            _LOGGER.warning("%s does not answer: %s", who, said)
        elif not said and who in self._failing:
            _LOGGER.warning("%s answers again", who)
        self._failing.pop(who, None)
        if said:
            self._failing[who] = said

    def application(self, *, allowed: str | None = FRONT_PROXY) -> web.Application:
        """The HTTP server; callers other than the API server (by its certificate's name) are refused."""

        @web.middleware
        async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
            if allowed is not None and _caller(request) != allowed:
                return _status(403, "Forbidden", "Only the API server may ask.")
            try:
                answer: web.StreamResponse = await handler(request)
            except web.HTTPNotFound:
                return _status(404, "NotFound", f"There is nothing at {request.path}.")
            except (ClientError, TimeoutError) as error:
                return _status(503, "ServiceUnavailable", f"The API server: {error}.")
            return answer

        application = web.Application(middlewares=[guard])
        application.add_routes(
            [
                web.get(ROOT, self._discovery),
                web.get(f"{ROOT}/nodes", self._list_nodes),
                web.get(f"{ROOT}/nodes/{{name}}", self._get_node),
                web.get(f"{ROOT}/pods", self._list_pods),
                web.get(f"{ROOT}/namespaces/{{namespace}}/pods", self._list_pods),
                web.get(
                    f"{ROOT}/namespaces/{{namespace}}/pods/{{name}}", self._get_pod
                ),
            ]
        )
        return application

    async def _discovery(self, _: web.Request) -> web.Response:
        resources = [
            {
                "name": name,
                "singularName": "",
                "namespaced": namespaced,
                "kind": kind,
                "verbs": ["get", "list"],
            }
            for name, namespaced, kind in (
                ("nodes", False, "NodeMetrics"),
                ("pods", True, "PodMetrics"),
            )
        ]
        return web.json_response(
            {
                "kind": "APIResourceList",
                "apiVersion": "v1",
                "groupVersion": API_VERSION,
                "resources": resources,
            }
        )

    async def _list_nodes(self, request: web.Request) -> web.Response:
        return _list("NodeMetricsList", await self._node_metrics(request.query))

    async def _get_node(self, request: web.Request) -> web.Response:
        return _one("NodeMetrics", request, await self._node_metrics({}))

    async def _list_pods(self, request: web.Request) -> web.Response:
        metrics = await self._pod_metrics(
            request.match_info.get("namespace", ""), request.query
        )
        return _list("PodMetricsList", metrics)

    async def _get_pod(self, request: web.Request) -> web.Response:
        metrics = await self._pod_metrics(request.match_info["namespace"], {})
        return _one("PodMetrics", request, metrics)

    async def _node_metrics(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        nodes = await self._kube.items("/api/v1/nodes", query)
        return [
            {**_head(node["metadata"], [usage]), "usage": _quantities(usage)}
            for node in nodes
            if (figures := self._nodes.get(node["metadata"]["name"]))
            and (usage := figures.node())
        ]

    async def _pod_metrics(
        self, namespace: str, query: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        place = f"/namespaces/{namespace}" if namespace else ""
        known = {
            (space, pod): containers
            for figures in self._nodes.values()
            for space, pod, containers in figures.pods()
        }
        return [
            {
                **_head(pod["metadata"], containers.values()),
                "containers": [
                    {"name": name, "usage": _quantities(usage)}
                    for name, usage in sorted(containers.items())
                ],
            }
            for pod in await self._kube.items(f"/api/v1{place}/pods", query)
            if (
                containers := known.get(
                    (pod["metadata"]["namespace"], pod["metadata"]["name"])
                )
            )
        ]


def _kubelet(node: Mapping[str, Any]) -> Iterable[tuple[str, tuple[str, int]]]:
    """The node's name and where its kubelet listens; nothing for a node that kwok plays."""
    metadata, status = node["metadata"], node.get("status", {})
    if "kwok.x-k8s.io/node" in metadata.get("annotations", {}):
        return
    for address in status.get("addresses", ()):
        if address["type"] == "InternalIP":
            port = (
                status.get("daemonEndpoints", {}).get("kubeletEndpoint", {}).get("Port")
            )
            yield metadata["name"], (address["address"], port or 10250)
            return


def _caller(request: web.Request) -> str:
    """The common name in the caller's certificate."""
    transport = request.transport
    certificate = transport.get_extra_info("peercert") if transport else None
    names = {
        key: value
        for part in (certificate or {}).get("subject", ())
        for key, value in part
    }
    return str(names.get("commonName", ""))


def _head(metadata: Mapping[str, Any], usages: Iterable[Usage]) -> dict[str, Any]:
    newest = max(usages, key=lambda usage: usage.time)
    kept = {
        name: metadata[name]
        for name in ("name", "namespace", "labels")
        if name in metadata
    }
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "metadata": {**kept, "creationTimestamp": stamp},
        "timestamp": datetime.fromtimestamp(newest.time, UTC).strftime(
            "%Y-%m-%dT%H:%M:%SZ"
        ),
        "window": f"{newest.window:.3f}s",
    }


def _quantities(usage: Usage) -> dict[str, str]:
    return {"cpu": f"{usage.cpu * 1e9:.0f}n", "memory": f"{usage.memory // 1024}Ki"}


def _list(kind: str, items: list[dict[str, Any]]) -> web.Response:
    return web.json_response(
        {"kind": kind, "apiVersion": API_VERSION, "metadata": {}, "items": items}
    )


def _one(kind: str, request: web.Request, items: list[dict[str, Any]]) -> web.Response:
    name = request.match_info["name"]
    for item in items:
        if item["metadata"]["name"] == name:
            return web.json_response({"kind": kind, "apiVersion": API_VERSION, **item})
    return _status(404, "NotFound", f'There are no figures of "{name}".')


def _status(code: int, reason: str, message: str) -> web.Response:
    return web.json_response(
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "reason": reason,
            "message": message,
            "code": code,
        },
        status=code,
    )


async def serve(kubeconfig: Path, certificate: Path, key: Path, listen: str) -> None:
    """Serve until cancelled."""
    kube = KubeSession(kubeconfig)
    adaptor = Adaptor(kube)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(kube.ca))
    context.load_cert_chain(certificate, key)
    context.verify_mode = ssl.CERT_REQUIRED
    runner = web.AppRunner(adaptor.application(), access_log=None)
    address, _, port = listen.rpartition(":")
    try:
        await runner.setup()
        await web.TCPSite(runner, address, int(port), ssl_context=context).start()
        await adaptor.follow()
    finally:
        await runner.cleanup()
        await kube.close()


def main() -> None:
    """Run the adaptor."""
    parser = argparse.ArgumentParser(
        prog="python -m testbed.metrics", description=__doc__
    )
    for name in ("kubeconfig", "certificate", "key"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--listen", required=True, metavar="HOST:PORT")
    asked = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(message)s")
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(asked.kubeconfig, asked.certificate, asked.key, asked.listen))


if __name__ == "__main__":
    main()
