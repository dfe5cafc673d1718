"""What pods and nodes use, as the API metrics.k8s.io tells it."""

import asyncio
from typing import Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from .client import Client
from .errors import Unreadable
from .quantities import amount
from .schema import Key
from .wire import decode_page

GROUP: Final = "metrics.k8s.io"
_ROOT: Final = f"/apis/{GROUP}/v1beta1"

# Objects that are read in one turn of the event loop: a fraction of a millisecond.
_SLICE: Final = 100
# No machine has so much: a figure above is a mistake, not a measurement.
_MOST_CORES: Final = 100_000
_MOST_BYTES: Final = 1 << 50


class Usage(Struct, frozen=True, gc=False):
    """What is used: cores, and bytes of memory."""

    cpu: float
    memory: float

    def __add__(self, other: Usage) -> Usage:
        """Return what both use together."""
        return Usage(self.cpu + other.cpu, self.memory + other.memory)


class _Metadata(Struct, gc=False):
    name: str = ""
    namespace: str = ""


class _Amounts(Struct, gc=False):
    cpu: str = ""
    memory: str = ""

    def usage(self) -> Usage | None:
        cpu, memory = amount(self.cpu), amount(self.memory)
        if cpu is None or memory is None or cpu > _MOST_CORES or memory > _MOST_BYTES:
            return None
        return Usage(cpu, memory)


class _Container(Struct, gc=False):
    usage: _Amounts


class _PodMetrics(Struct, gc=False):
    metadata: _Metadata
    containers: list[_Container] | None = None

    def used(self) -> Usage | None:
        """Return what all containers use; None if that of one is not known."""
        total = Usage(0.0, 0.0)
        for container in self.containers or ():
            if (usage := container.usage.usage()) is None:
                return None
            total += usage
        return total if self.containers else None


class _NodeMetrics(Struct, gc=False):
    metadata: _Metadata
    usage: _Amounts

    def used(self) -> Usage | None:
        """Return what the node uses; None if that is not known."""
        return self.usage.usage()


async def pod_usage(client: Client, namespace: str | None) -> dict[Key, Usage]:
    """Return what the pods of a namespace, or (None) of the whole cluster, use.

    Needs `list` on `pods` of metrics.k8s.io. A pod whose figures make no sense is left out, as is one
    that was not measured yet. Raises `NotFound` without a metrics server, `Unreachable` while it is down.
    """
    place = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    return await _list(client, f"{_ROOT}{place}/pods", _PodMetrics)


async def node_usage(client: Client) -> dict[str, Usage]:
    """Return what the nodes use; needs `list` on `nodes` of metrics.k8s.io, raises as `pod_usage`."""
    found = await _list(client, f"{_ROOT}/nodes", _NodeMetrics)
    return {key.name: usage for key, usage in found.items()}


async def _list(
    client: Client, path: str, shape: type[_PodMetrics | _NodeMetrics]
) -> dict[Key, Usage]:
    items = decode_page(await client.request("GET", path)).objects
    found: dict[Key, Usage] = {}
    broken = 0
    for number, raw in enumerate(items, 1):
        try:
            item = msgspec.json.decode(raw, type=shape)
        except msgspec.MsgspecError:
            broken += 1
            continue
        if (usage := item.used()) is not None:
            found[Key(item.metadata.namespace, item.metadata.name)] = usage
        if number % _SLICE == 0:
            await asyncio.sleep(0)
    if broken and broken == len(items):
        raise Unreadable("not one of the figures can be read")
    return found
