"""What a node's own agent says of its disk and its volumes.

Asked at the node itself, for which `nodes/stats` is enough. The way through the API server would need
`nodes/proxy`, which is as good as a shell on the node.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec
from msgspec.json import Decoder

from .client import Client
from .errors import Unreadable
from .schema import Key
from .shapes.common import Wire, moment

PATH: Final = "/stats/summary"


@dataclass(frozen=True, slots=True)
class Filesystem:
    """A file system, in bytes; what is reserved for root is neither used nor available."""

    used: int
    available: int
    capacity: int

    @property
    def percent(self) -> float | None:
        """How full it is, as `df` counts."""
        usable = self.used + self.available
        return round(self.used / usable * 100, 1) if usable else None


@dataclass(frozen=True, slots=True)
class NodeStats:
    """A node's stats: when it was started, its disk, and the file systems its claims' volumes lie on."""

    started: datetime | None = None
    disk: Filesystem | None = None
    volumes: Mapping[Key, Filesystem] = field(default_factory=dict)


class _Fs(Wire):
    used_bytes: int | None = None
    available_bytes: int | None = None
    capacity_bytes: int | None = None

    def record(self) -> Filesystem | None:
        if (
            self.used_bytes is None
            or self.available_bytes is None
            or self.capacity_bytes is None
        ):
            return None
        return Filesystem(self.used_bytes, self.available_bytes, self.capacity_bytes)


class _Claim(Wire):
    name: str
    namespace: str


class _Volume(_Fs):
    pvc_ref: _Claim | None = None


class _Pod(Wire):
    volume: list[_Volume] | None = None


class _Node(Wire):
    start_time: str | None = None
    fs: _Fs | None = None


class _Summary(Wire):
    node: _Node
    pods: list[_Pod] | None = None


_SUMMARY: Final = Decoder(_Summary)


async def node_stats(client: Client, address: str, port: int) -> NodeStats:
    """Ask one node; needs `get` on `nodes/stats`."""
    raw = await client.ask_node(address, port, PATH)
    try:
        summary = _SUMMARY.decode(raw)
        started = moment(summary.node.start_time)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Unreadable(f"not a summary of a kubelet: {error}") from error
    volumes = {
        Key(volume.pvc_ref.namespace, volume.pvc_ref.name): found
        for pod in summary.pods or ()
        for volume in pod.volume or ()
        if volume.pvc_ref is not None and (found := volume.record()) is not None
    }
    disk = summary.node.fs.record() if summary.node.fs is not None else None
    return NodeStats(started, disk, volumes)
