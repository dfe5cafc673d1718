"""The firehose with what measuring needs: worlds to choose, requests counted, faults, a clock of any speed.

It is told by requests to `/bench/…`:

    world?pods=N            another crowd; every connection of a client ends
    change?count=N&first=N  changes of pods, as fast as they can be sent
    fault?is=NAME           from now on fail so (see `Fault`); every connection of a client ends
    speed?is=X              streams end, and bookmarks come, so much earlier
    requests                what was asked since the last time
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from http import HTTPStatus
import json
import queue
import socket
import ssl
import time
from typing import Any, Final, override
from urllib.parse import parse_qsl, urlsplit
from weakref import WeakSet

from testbed.firehose import BOOKMARK_SECONDS, Connection, World, main, pod


class Fault(StrEnum):
    """What may be wrong with every answer."""

    NONE = "none"
    UNAVAILABLE = "503"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    EMPTY = "empty"  # complete answers without objects
    CUT = "cut"  # lists and streams end in the middle of an object
    GONE = "gone"  # connections end as they begin


_STATUSES: Final = {
    Fault.UNAVAILABLE: (HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable"),
    Fault.UNAUTHORIZED: (HTTPStatus.UNAUTHORIZED, "Unauthorized"),
    Fault.FORBIDDEN: (HTTPStatus.FORBIDDEN, "Forbidden"),
}


# As much as clients want that find out where pods are.
_DISCOVERY: Final[dict[str, dict[str, Any]]] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [
            {
                "name": "pods",
                "singularName": "pod",
                "namespaced": True,
                "kind": "Pod",
                "verbs": ["get", "list", "watch"],
                "shortNames": ["po"],
            }
        ],
    },
}


class BenchWorld(World):
    """A world that can be exchanged, and knows what is wrong and who asked."""

    def __init__(self, pods: int, workloads: int) -> None:
        """Begin without faults, at real time."""
        super().__init__(pods, workloads)
        self.fault = Fault.NONE
        self.speed = 1.0
        self.requests: Counter[str] = Counter()
        self.clients: WeakSet[ssl.SSLSocket] = WeakSet()
        self.by_name: dict[tuple[str, ...], bytes] = {}
        self._name_all()

    def become(self, pods: int) -> None:
        """Be another crowd of the same workloads."""
        other = World(pods, self.workloads)
        with self.lock:
            self.pods, self.items, self.blocks = other.pods, other.items, other.blocks
            self._name_all()
        self.part()

    def fail(self, fault: Fault) -> None:
        """Fail from now on."""
        self.fault = fault
        self.part()

    def part(self) -> None:
        """End the connections of all clients."""
        for client in list(self.clients):
            # Not as TLS would: a thread may be writing to it.
            with suppress(OSError):
                socket.socket.shutdown(client, socket.SHUT_RDWR)

    def change(self, count: int, first: int) -> dict[str, Any]:
        """Tell changes of pods, as fast as they can be sent; says when, and what the last one is."""
        begun = self.modify(count, first)
        last = pod((first + count - 1) % self.pods, self.workloads, self.version)
        metadata = last["metadata"]
        return {
            "time": begun,
            "key": [metadata["namespace"], metadata["name"]],
            "version": metadata["resourceVersion"],
        }

    def _name_all(self) -> None:
        self.by_name = {}
        for plural, items in self.items.items():
            for item in items if plural != "pods" else ():
                metadata = json.loads(item)["metadata"]
                place = metadata.get("namespace", ""), metadata["name"]
                self.by_name[plural, *place] = item


class BenchConnection(Connection):
    """A connection that may fail."""

    world: BenchWorld

    @override
    def answer(self, tls: ssl.SSLSocket, method: str, target: str, body: bytes) -> None:
        # Some clients ask for `/version/`.
        target = target.removesuffix("/")
        url = urlsplit(target)
        self.query = dict(parse_qsl(url.query))
        if url.path.startswith("/bench/"):
            self.send_json(tls, self.obey(url.path.removeprefix("/bench/"), self.query))
            return
        self.world.clients.add(tls)
        self.world.requests[f"{method} {url.path}"] += 1
        fault = self.world.fault
        parts = url.path.strip("/").split("/")
        if fault is Fault.GONE:
            raise OSError
        # A server that forbids everything is a healthy one.
        if fault in _STATUSES and not (
            fault is Fault.FORBIDDEN and parts[0] in ("readyz", "version")
        ):
            status, reason = _STATUSES[fault]
            told = {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "code": status.value,
                "reason": reason,
                "message": f"the bench says {status.value}",
            }
            self.send_json(tls, told, status)
        elif url.path in _DISCOVERY:
            self.send_json(tls, _DISCOVERY[url.path])
        elif method == "GET" and parts[-2:-1] and parts[-2] in self.world.items:
            self.get(tls, parts)
        else:
            super().answer(tls, method, target, body)

    def obey(self, command: str, query: dict[str, str]) -> dict[str, Any]:
        """Do what the bench asks for."""
        world = self.world
        match command:
            case "world":
                world.become(int(query["pods"]))
            case "change":
                return world.change(int(query["count"]), int(query["first"]))
            case "fault":
                world.fail(Fault(query["is"]))
            case "speed":
                world.speed = float(query["is"])
            case "requests":
                asked, world.requests = world.requests, Counter()
                return dict(asked)
            case _:
                raise ValueError(f"no command {command}")
        return {}

    def get(self, tls: ssl.SSLSocket, parts: Sequence[str]) -> None:
        """Send one object."""
        *_, plural, name = parts
        place = parts[-3] if parts[-4] == "namespaces" else ""
        found = self.world.by_name.get((plural, place, name))
        if found is not None:
            self.send(tls, found, "application/json")
        else:
            told = {"kind": "Status", "code": 404, "reason": "NotFound"}
            self.send_json(tls, told, HTTPStatus.NOT_FOUND)

    @override
    def list(self, tls: ssl.SSLSocket, plural: str, query: dict[str, str]) -> None:
        match self.world.fault:
            case Fault.EMPTY:
                metadata = {"resourceVersion": str(self.world.version)}
                self.send_json(
                    tls,
                    {
                        "kind": "List",
                        "apiVersion": "v1",
                        "metadata": metadata,
                        "items": [],
                    },
                )
            case Fault.CUT:
                tls.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
                    b'{"kind":"List","items":[{"metadata":{"na'
                )
                raise OSError
            case _:
                super().list(tls, plural, query)

    @override
    def watch(self, tls: ssl.SSLSocket, plural: str, *, initial: bool) -> None:
        world = self.world
        seconds = float(self.query.get("timeoutSeconds", 300))
        end = time.monotonic() + seconds / world.speed
        mine: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        with world.lock:
            world.watchers.setdefault(plural, []).append(mine)
        try:
            tls.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            if initial:
                self.tell_all(tls, plural)
            while (left := end - time.monotonic()) > 0:
                try:
                    tls.sendall(
                        mine.get(timeout=min(left, BOOKMARK_SECONDS / world.speed))
                        or b""
                    )
                except queue.Empty:
                    tls.sendall(world.bookmark())
            tls.sendall(b"0\r\n\r\n")
        finally:
            with world.lock:
                world.watchers[plural].remove(mine)

    def tell_all(self, tls: ssl.SSLSocket, plural: str) -> None:
        """Send what there is, as far as nothing is wrong."""
        blocks = self.world.blocks.get(plural, [])
        if self.world.fault is Fault.CUT:
            whole = b"".join(blocks)
            tls.sendall(whole[: len(whole) // 2])
            raise OSError
        if self.world.fault is not Fault.EMPTY:
            for block in blocks:
                tls.sendall(block)
        tls.sendall(self.world.bookmark(initial_end=True))


if __name__ == "__main__":
    main(BenchWorld, BenchConnection)
