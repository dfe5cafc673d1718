"""The sensors of disks and volumes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import PERCENTAGE, EntityCategory

from .const import NEARLY_FULL
from .devices import Device, DeviceView, volume_keys
from .entity import HomeClusterDescription, HomeClusterEntity
from .hub import Hub
from .kube.kubelet import Filesystem
from .kube.schema import Key, Kind
from .model.views import Need, NodeView, VolumeState, VolumeView, WorkloadView
from .model.volumes import has_its_own
from .stats import Measured


@dataclass(frozen=True, kw_only=True)
class DiskDescription(SensorEntityDescription, HomeClusterDescription[NodeView]):
    """How full a node's disk is."""


@dataclass(frozen=True, kw_only=True)
class VolumeDescription(SensorEntityDescription, HomeClusterDescription[WorkloadView]):
    """A sensor of one volume; `text` is the key of its texts, which say the claim's name."""

    text: str
    claim: str = ""


DISKS: Final = (
    DiskDescription(
        of=NodeView,
        key="disk",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        control=Need.STATS,
    ),
)

VOLUME: Final = VolumeDescription(
    of=WorkloadView,
    key="volume",
    text="volume",
    device_class=SensorDeviceClass.ENUM,
    options=[state.value for state in VolumeState],
    entity_category=EntityCategory.DIAGNOSTIC,
)
VOLUME_USED: Final = VolumeDescription(
    of=WorkloadView,
    key="volume_used",
    text="volume_used",
    entity_category=EntityCategory.DIAGNOSTIC,
    entity_registry_enabled_default=False,
    native_unit_of_measurement=PERCENTAGE,
    state_class=SensorStateClass.MEASUREMENT,
    suggested_display_precision=0,
    control=Need.STATS,
)
# A volume that is known to be a folder of its node says so in its name.
VOLUME_DISK: Final = replace(VOLUME_USED, key="volume_disk", text="volume_disk")


def volumes_of(view: DeviceView) -> Iterable[VolumeDescription]:
    """Return a sensor for every volume of a workload."""
    for volume in view.volumes if isinstance(view, WorkloadView) else ():
        state, _ = volume_keys(volume.claim)
        yield replace(VOLUME, key=state, claim=volume.claim)


def uses_of(view: DeviceView) -> Iterable[VolumeDescription]:
    """Return a sensor for every volume of a workload that nodes tell of."""
    for volume in view.volumes if isinstance(view, WorkloadView) else ():
        if volume.kind == "hostPath":
            continue
        kind = VOLUME_DISK if volume.folder else VOLUME_USED
        _, used = volume_keys(volume.claim)
        yield replace(kind, key=used, claim=volume.claim)


class DiskSensor(HomeClusterEntity, SensorEntity):
    """How full a node's disk is; unavailable while the node does not tell."""

    _unrecorded_attributes = frozenset({"capacity", "available"})

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self.hub.stats.follow(self.device.key, self._changed))

    @property
    def _disk(self) -> Filesystem | None:
        assert isinstance(self.device.view, NodeView)
        return self.hub.stats.disk(self.device.view.name)

    @property
    @override
    def available(self) -> bool:
        return super().available and self._disk is not None

    @property
    @override
    def native_value(self) -> float | None:
        return self._disk.percent if self._disk is not None else None

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        return _sizes(self._disk) if self._disk is not None else None

    @override
    def _shown(self) -> Any:
        return self.native_value, self.extra_state_attributes


class _VolumeEntity(HomeClusterEntity, SensorEntity):
    entity_description: VolumeDescription

    def __init__(
        self, hub: Hub, device: Device, description: VolumeDescription
    ) -> None:
        super().__init__(hub, device, description)
        self._attr_translation_key = description.text
        self._attr_translation_placeholders = {"claim": description.claim}

    @property
    def _view(self) -> WorkloadView:
        assert isinstance(self.device.view, WorkloadView)
        return self.device.view

    @property
    def _volume(self) -> VolumeView | None:
        """The volume; None if the workload has no such claim any more."""
        for volume in self._view.volumes:
            if volume.claim == self.entity_description.claim:
                return volume
        return None

    @property
    @override
    def available(self) -> bool:
        return super().available and self._volume is not None

    @override
    def _shown(self) -> Any:
        return self.native_value, self.extra_state_attributes


class VolumeSensor(_VolumeEntity):
    """How a volume is, and what it is."""

    _unrecorded_attributes = frozenset(
        {"capacity", "requested", "storage_class", "kind", "share", "node"}
    )

    @property
    @override
    def native_value(self) -> str | None:
        if (volume := self._volume) is None:
            return None
        if volume.state is not None:
            return volume.state
        # Only who follows claims can say that there is none.
        seen = self.hub.rights.scope.follows(
            Kind.VOLUME_CLAIM, self._view.ref.namespace
        )
        return VolumeState.MISSING if seen else None

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        if (volume := self._volume) is None:
            return None
        words = {
            "capacity": _whole(volume.capacity),
            "requested": _whole(volume.requested),
            "storage_class": volume.storage_class,
            "kind": volume.kind,
            "share": volume.share,
            "node": volume.node,
        }
        return {key: word for key, word in words.items() if word not in ("", None)}


class VolumeUsedSensor(_VolumeEntity):
    """How full the file system is that a volume lies on: its own, or the disk it shares with others.

    Never how much of the claim is used, which nobody measures.
    """

    _unrecorded_attributes = frozenset({"lies_on", "node", "capacity", "available"})

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self.hub.stats.follow(self.device.key, self._changed))

    @property
    def _measured(self) -> Measured | None:
        view = self._view
        claim = Key(view.ref.namespace, self.entity_description.claim)
        return self.hub.stats.volume(view.nodes, claim)

    @property
    @override
    def available(self) -> bool:
        return super().available and self._measured is not None

    @property
    @override
    def native_value(self) -> float | None:
        measured = self._measured
        return measured.filesystem.percent if measured is not None else None

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        measured, volume = self._measured, self._volume
        if measured is None or volume is None:
            return None
        full = measured.filesystem.percent
        return {
            "lies_on": _lies_on(measured, volume),
            "node": measured.node,
            "nearly_full": full is not None and full >= NEARLY_FULL,
            **_sizes(measured.filesystem),
        }


def _lies_on(measured: Measured, volume: VolumeView) -> str:
    """Say what the figures are of."""
    filesystem = measured.filesystem
    own = has_its_own(filesystem.capacity, volume.capacity)
    if own and filesystem != measured.disk:
        return "volume"
    return "nfs_share" if volume.kind == "nfs" else "node_disk"


def _sizes(filesystem: Filesystem) -> dict[str, int]:
    return {"capacity": filesystem.capacity, "available": filesystem.available}


def _whole(size: float | None) -> int | None:
    return None if size is None else int(size)
