"""CPU and memory of the devices whose entities ask for it, read together once an interval."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import reduce
import logging
from operator import add
from typing import Final, Protocol, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from .const import CONF_METRICS_INTERVAL, METRICS_INTERVAL
from .devices import ref_of
from .kube.access import Missing
from .kube.client import Client
from .kube.errors import KubeError, NotFound
from .kube.metrics import Usage, node_usage, pod_usage
from .kube.schema import Key, Kind, Ref
from .parts import Part
from .rights import POD_FIGURES, Rights
from .roster import Roster

_LOGGER = logging.getLogger(__name__)

# Entities come one after the other: they are read together.
SOON: Final = 1.0
# What was read last is shown until so many readings in a row have failed.
MISSES: Final = 3
# Workloads that are added up in one turn of the event loop.
_SLICE: Final = 50


class Home(Protocol):
    """What this part needs of the hub."""

    hass: HomeAssistant
    entry: ConfigEntry
    client: Client
    rights: Rights
    roster: Roster
    available: bool

    def pod_keys(self, ref: Ref) -> Iterable[Key]:
        """Return the pods that a workload has now."""


class Metrics(Part):
    """Reads metrics.k8s.io while at least one entity wants to know, at most once an interval.

    A reading is one request for all pods, or one a namespace, and one for all nodes. The last values
    are kept for a reading that fails; after `MISSES` in a row nothing is known.
    """

    def __init__(self, home: Home) -> None:
        """Wait for somebody who wants to know."""
        self._home = home
        self._wanted: Counter[str] = Counter()
        self._used: dict[str, Usage] = {}
        self._misses = 0
        self._told = False
        self._timer: CALLBACK_TYPE | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def reading(self) -> bool:
        """Whether an answer is waited for."""
        return self._task is not None and not self._task.done()

    @callback
    def follow(self, device_key: str, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Have a device measured and the listener told of every reading; returns what ends that."""
        self._wanted[device_key] += 1
        stop = self._home.roster.listen(_listening(device_key), listener)
        if self._timer is None:
            self._arm(SOON)

        @callback
        def end() -> None:
            stop()
            self._wanted[device_key] -= 1
            if not self._wanted[device_key]:
                del self._wanted[device_key]
                self._used.pop(device_key, None)
            if not self._wanted:
                self.stop()

        return end

    @callback
    def usage(self, device_key: str) -> Usage | None:
        """Return what a device uses; None if nobody follows it, or it is not known."""
        return self._used.get(device_key)

    @override
    @callback
    def stop(self) -> None:
        """Read no more."""
        if self._timer is not None:
            self._timer()
            self._timer = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    @callback
    def _arm(self, seconds: float) -> None:
        self._timer = async_call_later(self._home.hass, seconds, self._due)

    @callback
    def _due(self, _now: object) -> None:
        options = self._home.entry.options
        self._arm(options.get(CONF_METRICS_INTERVAL, METRICS_INTERVAL))
        # While the link is lost nothing is shown anyway, and who asks then only waits for long.
        if self._home.available and not self.reading:
            self._task = self._home.entry.async_create_background_task(
                self._home.hass, self._read(), "home_cluster metrics", eager_start=False
            )

    async def _read(self) -> None:
        wanted = [(key, ref) for key in self._wanted if (ref := ref_of(key))]
        workloads = [(key, ref) for key, ref in wanted if ref.kind is not Kind.NODE]
        used: dict[str, Usage] = {}
        try:
            if workloads:
                places = {ref.namespace for _, ref in workloads}
                used = await self._sums(workloads, await self._pods(places))
            if len(workloads) < len(wanted):
                nodes = await node_usage(self._home.client)
                used |= {key: nodes[ref.name] for key, ref in wanted if _in(ref, nodes)}
        except KubeError as err:
            self._missed(err)
            return
        if self._told:
            _LOGGER.info("CPU and memory of the devices are known again")
        self._misses, self._told = 0, False
        self._used = {key: usage for key, usage in used.items() if key in self._wanted}
        self._tell()

    async def _pods(self, namespaces: set[str]) -> dict[Key, Usage]:
        """Read the pods of these namespaces with as few requests as the account may make."""
        if len(namespaces) > 1 and self._home.rights.allows(
            Missing(*POD_FIGURES, None)
        ):
            return await pod_usage(self._home.client, None)
        found: dict[Key, Usage] = {}
        for namespace in sorted(namespaces):
            found |= await pod_usage(self._home.client, namespace)
        return found

    async def _sums(
        self, workloads: Iterable[tuple[str, Ref]], pods: Mapping[Key, Usage]
    ) -> dict[str, Usage]:
        """Add up each workload's pods; one without pods uses nothing, one with none measured yet has no sum."""
        sums: dict[str, Usage] = {}
        for number, (key, ref) in enumerate(workloads, 1):
            keys = tuple(self._home.pod_keys(ref))
            parts = [pods[pod] for pod in keys if pod in pods]
            if parts or not keys:
                sums[key] = reduce(add, parts, Usage(0.0, 0.0))
            if number % _SLICE == 0:
                await asyncio.sleep(0)
        return sums

    def _missed(self, err: KubeError) -> None:
        self._misses += 1
        if self._misses < MISSES or self._told:
            return
        self._told = True
        # A cluster without a metrics server is in order; its user wanted figures all the same.
        why = "it has no metrics server" if isinstance(err, NotFound) else str(err)
        _LOGGER.info("The cluster does not tell CPU and memory: %s", why)
        self._used.clear()
        self._tell()

    def _tell(self) -> None:
        for key in tuple(self._wanted):
            self._home.roster.wake(_listening(key))


def _in(ref: Ref, nodes: Mapping[str, Usage]) -> bool:
    return ref.kind is Kind.NODE and ref.name in nodes


def _listening(device_key: str) -> str:
    return f"{device_key}/figures"
