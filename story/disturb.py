"""The disturbances of a home, done to the test cluster without holding up the story."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed import faults
from testbed.cluster import Cluster
from testbed.controlplane import API, ETCD


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is away from `begin` to `end`; `silent` if nothing answers meanwhile."""

    name: str
    begin: Callable[[], Awaitable[None]]
    end: Callable[[], Awaitable[None]]
    silent: bool


def api_away(cluster: Cluster) -> Fault:
    """The API server is killed and starts again; etcd lives on."""
    return _away("the API server restarts", cluster, API, silent=True)


def etcd_away(cluster: Cluster) -> Fault:
    """The database is killed and starts again; the API server lives on."""
    return _away("etcd restarts", cluster, ETCD, silent=False)


def rewound(cluster: Cluster, snapshot: Path) -> Fault:
    """Both stop, the database goes back to the snapshot, both start."""

    async def begin() -> None:
        await asyncio.to_thread(cluster.control_plane.stop)

    async def end() -> None:
        await asyncio.to_thread(faults.restore, cluster, snapshot)

    return Fault("etcd goes back to a snapshot", begin, end, silent=True)


async def snapshot(cluster: Cluster) -> Path:
    """Save what etcd holds now; the file lies in the cluster's own folder."""
    file = cluster.layout.root / "story.snapshot"
    await asyncio.to_thread(faults.snapshot, cluster, file)
    return file


@asynccontextmanager
async def wifi_down(cluster: Cluster, node: str) -> AsyncIterator[None]:
    """A time without Wi-Fi for one node."""
    await asyncio.to_thread(faults.wifi_down, cluster, node)
    try:
        yield
    finally:
        await asyncio.to_thread(faults.wifi_up, cluster, node)


async def power_off(cluster: Cluster, *nodes: str) -> None:
    """Cut the power of these nodes, or of every machine of the cluster."""
    await asyncio.to_thread(faults.power_cut, cluster, *nodes)


async def power_on(cluster: Cluster) -> None:
    """Give every machine its power again; all nodes are Ready on return."""
    await asyncio.to_thread(faults.power_on, cluster)


async def mend(cluster: Cluster) -> None:
    """Undo every disturbance that may be on, and what a step may have done to nodes."""
    await asyncio.to_thread(faults.mend, cluster)
    await asyncio.to_thread(cluster.kubectl, "uncordon", *cluster.node_names())


def _away(name: str, cluster: Cluster, program: str, *, silent: bool) -> Fault:
    async def begin() -> None:
        await asyncio.to_thread(cluster.control_plane.stop, program, grace=0)

    return Fault(name, begin, _start(cluster), silent)


def _start(cluster: Cluster) -> Callable[[], Awaitable[None]]:
    async def start() -> None:
        await asyncio.to_thread(cluster.control_plane.start)

    return start
