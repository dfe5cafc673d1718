"""What is built on the devices of a cluster, beside their entities."""

from homeassistant.core import callback

from .devices import Device, DeviceView
from .kube.schema import Event, Ref


class Part:
    """A feature that lives as long as the hub follows its cluster; it overrides what it needs.

    Nothing here may wait or raise. What a part has to tell entities goes through `Roster.wake`.
    """

    @callback
    def start(self) -> None:
        """Begin: the devices and their entities are there."""

    @callback
    def stop(self) -> None:
        """End what was begun."""

    @callback
    def seen(self, device: Device, old: DeviceView | None) -> None:
        """A device came (`old` is None), or was looked at again; its view may equal `old`."""

    @callback
    def told(self, ref: Ref, event: Event) -> None:
        """Kubernetes told, or told again, of something about a workload or node, be it a device or not."""

    @callback
    def gone(self, key: str) -> None:
        """A device was removed."""
