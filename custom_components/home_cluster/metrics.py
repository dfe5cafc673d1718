"""CPU and memory of the devices whose entities ask for it, read together once an interval."""

import asyncio
from collections.abc import Iterable, Mapping
from functools import reduce
import logging
from operator import add
from typing import Final, Protocol, override

from homeassistant.core import callback

from . import on_demand
from .devices import ref_of
from .kube.access import Missing
from .kube.client import Client
from .kube.errors import KubeError, NotFound
from .kube.metrics import Usage, node_usage, pod_usage
from .kube.schema import Key, Kind, Ref
from .on_demand import OnDemand
from .rights import POD_FIGURES, Rights

_LOGGER = logging.getLogger(__name__)

# What was read last is shown until so many readings in a row have failed.
MISSES: Final = 3
# Workloads that are added up in one turn of the event loop.
_SLICE: Final = 50


class Home(on_demand.Home, Protocol):
    """What this part needs of the hub."""

    client: Client
    rights: Rights

    def pod_keys(self, ref: Ref) -> Iterable[Key]:
        """Return the pods that a workload has now."""


class Metrics(OnDemand[Home]):
    """Reads metrics.k8s.io for the devices that are wanted.

    A reading is one request for all pods, or one a namespace, and one for all nodes. The last values
    are kept for a reading that fails; after `MISSES` in a row nothing is known.
    """

    _what = "metrics"

    def __init__(self, home: Home) -> None:
        """Know nothing yet."""
        super().__init__(home)
        self._used: dict[str, Usage] = {}
        self._misses = 0
        self._told = False

    @callback
    def usage(self, device_key: str) -> Usage | None:
        """Return what a device uses; None if nobody follows it, or it is not known."""
        return self._used.get(device_key)

    @override
    @callback
    def _unwanted(self, device_key: str) -> None:
        self._used.pop(device_key, None)

    @override
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


def _in(ref: Ref, nodes: Mapping[str, Usage]) -> bool:
    return ref.kind is Kind.NODE and ref.name in nodes
