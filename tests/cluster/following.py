"""A real cluster that is followed while things happen to it, and what was told of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
import json
from pathlib import Path
import time
from typing import Any, override

import aiohttp

from custom_components.home_cluster.kube.access import Access, review
from custom_components.home_cluster.kube.client import Client
from custom_components.home_cluster.kube.cluster import Cluster, LinkState
from custom_components.home_cluster.kube.credentials import source_from
from custom_components.home_cluster.kube.resources import RESOURCES, path
from custom_components.home_cluster.kube.schema import Key, Kind, Record
from custom_components.home_cluster.kube.transport import SILENCE, Params, Stream
from testbed.cluster import Cluster as Testbed
from tests.unit.kube.loopback import run

type Kinds = Mapping[Kind, tuple[str, ...] | None]
type Versions = dict[Key, tuple[str, str]]

API_PORT = 6443
EVERYTHING: Kinds = dict.fromkeys(Kind)
# Of these some are not kept, and the server lets them go by itself.
FLEETING = Kind.EVENT


class Recording(Client):
    """A client that remembers the watches it opened; while `gate` is shut they wait."""

    @override
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = 0
        self.watches: list[tuple[float, str, dict[str, str | int]]] = []
        self.lists: list[str] = []

    @override
    async def request(self, method: str, path: str, **options: Any) -> bytes:
        self.lists.append(path)
        return await super().request(method, path, **options)

    @override
    @asynccontextmanager
    async def stream(
        self, path: str, *, params: Params | None = None, silence: float = SILENCE
    ) -> AsyncIterator[Stream]:
        self.waiting += 1
        await self.gate.wait()
        self.waiting -= 1
        self.watches.append((time.monotonic(), path, dict(params or {})))
        async with super().stream(path, params=params, silence=silence) as stream:
            yield stream

    def opened(self, kind: Kind) -> int:
        """How many watches of a kind were opened."""
        end = f"/{RESOURCES[kind].plural}"
        return sum(path.endswith(end) for _, path, _ in self.watches)

    def has_opened(self, kind: Kind, times: int) -> bool:
        """Whether that many watches of a kind were opened."""
        return self.opened(kind) >= times

    @property
    def reads(self) -> int:
        """How many watches began with a complete read."""
        return sum("sendInitialEvents" in params for *_, params in self.watches)


class Followed:
    """What is known of the cluster, and a mirror of it made of what was told."""

    def __init__(
        self, testbed: Testbed, client: Recording, kinds: Kinds, *, mirrored: bool
    ) -> None:
        """Nothing is followed yet."""
        self.testbed = testbed
        self.client = client
        self.kinds = kinds
        self.links: list[tuple[float, LinkState]] = []
        self.mirror: dict[Kind, dict[Key, Record]] = {kind: {} for kind in kinds}
        self.removed: set[tuple[Kind, Key]] = set()
        self.uids: dict[tuple[Kind, Key], list[str]] = {}
        self.access: Access | None = None
        self._mirrored = mirrored
        spaces = {name for names in kinds.values() for name in names or ()}
        self.cluster = Cluster(
            client,
            kinds=kinds,
            on_change=self._on_change,
            on_link=self._on_link,
            review=lambda: review(client, spaces),
            on_access=self._on_access,
        )

    def _on_change(self, changes: Mapping[Kind, set[Key]]) -> None:
        for kind, keys in changes.items():
            store, mirror = self.cluster.store(kind), self.mirror[kind]
            for key in keys:
                if (item := store.get(key)) is None:
                    mirror.pop(key, None)
                    self.removed.add((kind, key))
                    continue
                mirror[key] = item
                uids = self.uids.setdefault((kind, key), [])
                if item.uid not in uids:
                    uids.append(item.uid)
        if self._mirrored:
            for kind, mirror in self.mirror.items():
                assert mirror == self.cluster.store(kind), "what was told is not all"

    def _on_link(self, link: LinkState) -> None:
        self.links.append((time.monotonic(), link))

    def _on_access(self, access: Access) -> None:
        self.access = access

    # What is and was

    @property
    def history(self) -> list[LinkState]:
        """Every state of the link so far."""
        return [link for _, link in self.links]

    def names(self, kind: Kind, namespace: str) -> set[str]:
        """The names that are known in a namespace."""
        return {key.name for key in self.cluster.store(kind) if key[0] == namespace}

    def lost(self, namespace: str) -> set[str]:
        """The pods of the namespace, and the nodes, that were ever told to be gone."""
        return {
            key.name
            for kind, key in self.removed
            if kind is Kind.NODE or (kind is Kind.POD and key.namespace == namespace)
        }

    def known(self) -> dict[Kind, Versions]:
        """Uid and version of everything that is known, by kind."""
        return {
            kind: {
                key: (item.uid, item.resource_version)
                for key, item in self.cluster.store(kind).items()
            }
            for kind in self.kinds
            if kind is not FLEETING
        }

    def there(self) -> dict[Kind, Versions]:
        """Uid and version of everything that the server has, by another client."""
        return {
            kind: {
                key: value
                for namespace in spaces or ("",)
                for key, value in versions(
                    self.testbed.api.get(path(kind, namespace))
                ).items()
            }
            for kind, spaces in self.kinds.items()
            if kind is not FLEETING
        }

    # Waiting

    async def until(
        self,
        what: str,
        condition: Callable[[], object],
        seconds: float,
    ) -> None:
        """Wait until the condition is true, and say what was seen last if it is not in time."""
        deadline = time.monotonic() + seconds
        while not (last := condition()):
            assert time.monotonic() < deadline, (
                f"{what} did not come within {seconds} s: {last!r}, "
                f"{self.cluster.link} after {self.history}, "
                f"denied {self.cluster.denied}, {self.cluster.error!r}"
            )
            await asyncio.sleep(0.01)

    async def until_link(self, link: LinkState, seconds: float) -> float:
        """Wait for a state of the link; when it was told."""
        await self.until(
            f"{link}",
            lambda: self.links and self.links[-1][1] is link,
            seconds,
        )
        return self.links[-1][0]

    async def until_same(self, seconds: float = 20) -> None:
        """Wait until what is known is what a fresh list tells."""
        deadline = time.monotonic() + seconds
        while True:
            there = await asyncio.to_thread(self.there)
            known = self.known()
            if known == there and self.cluster.synced:
                return
            differs = {
                kind: set(known[kind].items()) ^ set(there[kind].items())
                for kind in there
                if known[kind] != there[kind]
            }
            assert time.monotonic() < deadline, f"not as listed: {differs}"
            await asyncio.sleep(0.2)

    async def tells(self, namespace: str, name: str, seconds: float = 5) -> None:
        """Make an object and wait until it is told: this is really followed."""
        await asyncio.to_thread(self.testbed.apply, parked(namespace, name))
        await self.until(
            f"The pod {name}",
            lambda: name in self.names(Kind.POD, namespace),
            seconds,
        )

    async def until_ready(self, seconds: float = 60) -> float:
        """Wait until the server says that it is ready; when it did."""
        deadline = time.monotonic() + seconds
        while not await asyncio.to_thread(self.testbed.api.ready):
            assert time.monotonic() < deadline, "the API server is not ready"
            await asyncio.sleep(0.02)
        return time.monotonic()


@asynccontextmanager
async def following(
    testbed: Testbed,
    data: dict[str, Any],
    kinds: Kinds = EVERYTHING,
    *,
    mirrored: bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Followed]:
    """Follow the cluster; afterwards neither a task nor a connection may be left.

    `clock` is the one by which credentials are read again.
    """
    async with aiohttp.ClientSession() as session:
        client = Recording(session, source_from(data, run, clock=clock))
        followed = Followed(testbed, client, kinds, mirrored=mirrored)
        await followed.cluster.start()
        try:
            yield followed
        finally:
            await followed.cluster.stop()
        left = [
            task.get_name()
            for task in asyncio.all_tasks()
            if task.get_name().startswith("home_cluster")
        ]
        assert left == []
    await followed.until("The end of all connections", lambda: not connections(), 2)


def connections() -> list[str]:
    """The connections of this process to the API server: what /proc tells of their sockets."""
    sockets = set()
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the one that lists the folder
            sockets.add(str(entry.readlink()))
    rows = [line.split() for line in Path("/proc/self/net/tcp").open()][1:]
    port = f":{API_PORT:04X}"
    return [
        row[2]
        for row in rows
        if row[2].endswith(port) and f"socket:[{row[9]}]" in sockets
    ]


def versions(listed: Mapping[str, Any]) -> Versions:
    """Uid and version of the objects of a list."""
    found = {}
    for item in listed["items"]:
        metadata = item["metadata"]
        key = Key(metadata.get("namespace", ""), metadata["name"])
        found[key] = metadata["uid"], metadata["resourceVersion"]
    return found


def kubectl_lists(testbed: Testbed, kind: Kind) -> dict[Key, str]:
    """The uids of what kubectl lists of a kind in the whole cluster."""
    resource = RESOURCES[kind]
    name = f"{resource.plural}.{resource.version}.{resource.group}".rstrip(".")
    if not resource.group:
        name = resource.plural
    listed = testbed.kubectl("get", name, "--all-namespaces", "--output", "json")
    return {key: uid for key, (uid, _) in versions(json.loads(listed)).items()}


def parked(namespace: str, name: str) -> dict[str, Any]:
    """A pod that no node ever gets: it costs next to nothing and goes at once."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": _PARKED}


def parked_crowd(namespace: str, name: str, pods: int) -> dict[str, Any]:
    """A Deployment of such pods."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": pods,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": _PARKED},
        },
    }


_PARKED = {
    "schedulingGates": [{"name": "home.local/never"}],
    "containers": [{"name": "parked", "image": "home.local/parked:1"}],
}
