"""Disks and volumes as the nodes themselves tell them, for the entities that ask for it."""

import asyncio
from collections import Counter
from collections.abc import Iterable
import logging
from typing import Final, NamedTuple, Protocol, override

from homeassistant.core import callback
from homeassistant.helpers import issue_registry as ir

from . import on_demand
from .boots import Boots
from .const import DOMAIN
from .kube.client import Client
from .kube.cluster import Cluster
from .kube.errors import KubeError, UntrustedCertificate
from .kube.kubelet import Filesystem, NodeStats, node_stats
from .kube.schema import Key, Kind, Node, Ref
from .model.views import NodeView, WorkloadView
from .on_demand import OnDemand

_LOGGER = logging.getLogger(__name__)

# What was read last is shown until so many readings of a node in a row have failed.
MISSES: Final = 3
AT_ONCE: Final = 4


def untrusted_issue_id(entry_id: str) -> str:
    """Return the id of the repair about nodes whose certificates are not trusted."""
    return f"untrusted_nodes_{entry_id}"


class Measured(NamedTuple):
    """A file system, and the node that told of it with its own disk."""

    filesystem: Filesystem
    node: str
    disk: Filesystem | None


class Home(on_demand.Home, Protocol):
    """What this part needs of the hub."""

    client: Client
    boots: Boots
    cluster: Cluster

    def wake(self, ref: Ref) -> None:
        """Have a device's entities look at what they show."""


class Stats(OnDemand[Home]):
    """Asks each node that somebody wants to know of, one request a node a reading.

    The token is sent only to a node whose certificate the cluster's authority signed. A repair names
    those whose certificate it did not; nothing is known of them.
    """

    _what = "stats"

    def __init__(self, home: Home) -> None:
        """Know nothing yet."""
        super().__init__(home)
        self._known: dict[str, NodeStats] = {}
        self._misses: Counter[str] = Counter()
        self._untrusted: set[str] = set()

    @callback
    def disk(self, node: str) -> Filesystem | None:
        """Return a node's disk, None if it is not known."""
        stats = self._known.get(node)
        return stats.disk if stats is not None else None

    @callback
    def volume(self, nodes: Iterable[str], claim: Key) -> Measured | None:
        """Return the file system of a claim that is used on one of these nodes."""
        for name in nodes:
            stats = self._known.get(name)
            if stats is not None and (found := stats.volumes.get(claim)) is not None:
                return Measured(found, name, stats.disk)
        return None

    @override
    @callback
    def stop(self) -> None:
        """Ask no more, and know nothing."""
        super().stop()
        self._known.clear()
        self._misses.clear()
        self._untrusted.clear()
        self._report()

    def _nodes(self) -> set[str]:
        """Return the nodes that matter to somebody."""
        names: set[str] = set()
        for key in self._wanted:
            device = self._home.roster.devices.get(key)
            if device is None:
                continue
            if isinstance(device.view, NodeView):
                names.add(device.view.name)
            elif isinstance(device.view, WorkloadView):
                names.update(device.view.nodes)
        return names

    @override
    async def _read(self) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(name: str) -> None:
            async with gate:
                await self._ask(name)

        names = self._nodes()
        await asyncio.gather(*(one(name) for name in sorted(names)))
        for gone in self._known.keys() - names:
            del self._known[gone]
        self._untrusted &= names
        self._report()
        self._tell()

    async def _ask(self, name: str) -> None:
        node = self._home.cluster.store(Kind.NODE).get(Key("", name))
        if not isinstance(node, Node) or not node.address:
            return
        try:
            stats = await node_stats(self._home.client, node.address, node.kubelet_port)
        except KubeError as err:
            self._missed(name, err)
            return
        self._misses.pop(name, None)
        self._untrusted.discard(name)
        self._known[name] = stats
        if stats.started is not None and self._home.boots.learn(
            name, node.boot_id, stats.started
        ):
            self._home.wake(Ref(Kind.NODE, "", name))

    def _missed(self, name: str, err: KubeError) -> None:
        self._misses[name] += 1
        if isinstance(err, UntrustedCertificate):
            self._untrusted.add(name)
        if self._misses[name] == MISSES:
            _LOGGER.info("Node %s does not tell of its disk: %s", name, err)
            self._known.pop(name, None)

    def _report(self) -> None:
        entry = self._home.entry
        if not self._untrusted:
            ir.async_delete_issue(
                self._home.hass, DOMAIN, untrusted_issue_id(entry.entry_id)
            )
            return
        ir.async_create_issue(
            self._home.hass,
            DOMAIN,
            untrusted_issue_id(entry.entry_id),
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key="untrusted_nodes",
            translation_placeholders={
                "cluster": entry.title,
                "nodes": ", ".join(sorted(self._untrusted)),
            },
        )
