"""What the tests of the reflector and the cluster have in common: the world around them."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from custom_components.home_cluster.kube import cluster as cluster_module
from custom_components.home_cluster.kube.cluster import Cluster, LinkState
from custom_components.home_cluster.kube.reflector import Phase, Reflector
from custom_components.home_cluster.kube.schema import Key, Kind, Record

from .model_server import READYZ, ModelClient, ModelServer, Request

EVENTUALLY = 140.0
"""The longest silence and the longest delay, twice."""


def told(
    server: ModelServer, kind: Kind, namespace: str = ""
) -> dict[Key, tuple[str, str]]:
    """Return uid and version of what the server has."""
    return {
        key: (obj["metadata"]["uid"], obj["metadata"]["resourceVersion"])
        for key, obj in server.state(kind, namespace).items()
    }


def known(store: Mapping[Key, Record]) -> dict[Key, tuple[str, str]]:
    """Return uid and version of what we have."""
    return {key: (item.uid, item.resource_version) for key, item in store.items()}


def names(store: Mapping[Key, Record]) -> set[str]:
    """Return the names of what we have."""
    return {key.name for key in store}


def rates(requests: Iterable[Request]) -> dict[str, int]:
    """Return the most requests for each path in any ten seconds; the pages of one list count once."""
    times: dict[str, list[float]] = {}
    for request in requests:
        if request.path not in (READYZ, "/version") and not request.page:
            times.setdefault(request.path, []).append(request.at)
    return {
        path: max(sum(start <= at < start + 10 for at in all_) for start in all_)
        for path, all_ in times.items()
    }


class Followed:
    """A reflector, its server, and a mirror of its store that is made of what it tells."""

    def __init__(
        self,
        kind: Kind = Kind.POD,
        namespace: str | None = None,
        *,
        seed: int = 0,
    ) -> None:
        """Prepare; objects can be put into `server` before it is followed."""
        loop = asyncio.get_running_loop()
        self.server = ModelServer(loop.time)
        self.client = ModelClient(self.server)
        self.mirror: dict[Key, Record] = {}
        self.changes: list[tuple[set[Key], bool]] = []
        self.phases: list[Phase] = []
        self.loop = loop
        self.reflector = Reflector(
            self.client,
            kind,
            namespace,
            on_change=self.on_change,
            on_phase=self.on_phase,
            ready=self.ready,
            clock=loop.time,
            random=Random(seed).random,
        )

    @property
    def store(self) -> dict[Key, Record]:
        """What is known."""
        return self.reflector.store

    def on_change(self, kind: Kind, keys: set[Key], replaced: bool) -> None:
        """Mirror what is told."""
        self.changes.append((keys, replaced))
        for key in keys:
            if (item := self.reflector.store.get(key)) is None:
                self.mirror.pop(key, None)
            else:
                self.mirror[key] = item

    def on_phase(self) -> None:
        """Keep the phases."""
        if not self.phases or self.phases[-1] is not self.reflector.phase:
            self.phases.append(self.reflector.phase)

    async def ready(self) -> bool:
        """Ask the server."""
        return not (self.server.refusing or self.server.unready or self.server.settling)

    def same(self) -> bool:
        """Say whether what is known is what there is, and what was told adds up to it."""
        there = told(self.server, self.reflector.kind, self.reflector.namespace or "")
        return known(self.store) == there == known(self.mirror)

    @property
    def asked(self) -> list[Request]:
        """The requests so far."""
        return self.server.requests

    def polite(self) -> None:
        """Check that the server was not molested."""
        assert max(rates(self.asked).values()) <= 10, rates(self.asked)
        assert self.server.at_once == 1


@asynccontextmanager
async def following(followed: Followed) -> AsyncIterator[Followed]:
    """Run the reflector."""
    task = asyncio.create_task(followed.reflector.run())
    try:
        yield followed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not followed.server.open, "requests are left open"
        assert not followed.server.watchers


class House:
    """A cluster that is followed, its server, and what it told."""

    def __init__(
        self,
        kinds: Mapping[Kind, tuple[str, ...] | None],
        *,
        seed: int = 0,
        **options: Any,
    ) -> None:
        """Prepare; objects can be put into `server` before it is followed."""
        self.loop = asyncio.get_running_loop()
        self.server = ModelServer(self.loop.time)
        self.client = ModelClient(self.server)
        self.links: list[tuple[float, LinkState]] = []
        self.mirror: dict[Kind, dict[Key, Record]] = {kind: {} for kind in kinds}
        self.turns = 0
        self.cluster = cluster_module.Cluster(
            self.client,  # type: ignore[arg-type]
            kinds=kinds,
            on_change=self.on_change,
            on_link=self.on_link,
            clock=self.loop.time,
            random=Random(seed).random,
            **options,
        )
        self.kinds = kinds

    def on_change(self, changes: Mapping[Kind, set[Key]]) -> None:
        """Mirror what is told."""
        self.turns += 1
        for kind, keys in changes.items():
            store = self.cluster.store(kind)
            for key in keys:
                if (item := store.get(key)) is None:
                    self.mirror[kind].pop(key, None)
                else:
                    self.mirror[kind][key] = item
        for kind, mirror in self.mirror.items():
            assert mirror == self.cluster.store(kind), "what was told does not add up"

    def on_link(self, link: LinkState) -> None:
        """Keep the states of the link."""
        assert link is self.cluster.link
        self.links.append((self.loop.time(), link))

    @property
    def up(self) -> bool:
        """Whether the link is up."""
        return self.cluster.link is LinkState.UP

    def same(self) -> bool:
        """Say whether what is known is what there is."""
        return all(
            known(self.cluster.store(kind)) == told(self.server, kind)
            for kind, namespaces in self.kinds.items()
            if namespaces is None
        )


@asynccontextmanager
async def inhabited(house: House) -> AsyncIterator[House]:
    """Run the cluster."""
    await house.cluster.start()
    try:
        yield house
    finally:
        await house.cluster.stop()
        assert not house.server.open, "requests are left open"
        assert not house.server.watchers


__all__ = [
    "EVENTUALLY",
    "Cluster",
    "Followed",
    "House",
    "following",
    "inhabited",
    "known",
    "names",
    "rates",
    "told",
]
