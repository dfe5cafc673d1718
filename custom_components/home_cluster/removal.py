"""What goes: devices whose objects exist no more, and what a device has no more."""

from collections.abc import Collection
from typing import Protocol

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr

from .absence import Absences
from .devices import CLUSTER, Device, Devices, claim_of, key_of, ref_of, volume_keys
from .kube.cluster import Cluster
from .kube.errors import KubeError
from .kube.resources import RESOURCES
from .kube.schema import Kind, Ref
from .link import Link
from .model.selection import MODE_NAMESPACES
from .rights import Rights
from .roster import Roster


class Home(Protocol):
    """What removing needs of the hub."""

    hass: HomeAssistant
    entry: ConfigEntry
    roster: Roster
    rights: Rights
    mode: str
    link: Link
    cluster: Cluster

    def is_chosen(self, ref: Ref) -> bool:
        """Say whether a workload is one that the user chose."""

    def remove(self, key: str) -> None:
        """Remove a device with all that is known of it."""

    def removed(self) -> None:
        """A device was removed; the cluster's own may show something else."""


class Removal:
    """Removes what is proved to be gone: what is missing from an answer is asked for itself."""

    def __init__(
        self, home: Home, devices: Devices, namespaces: Collection[str]
    ) -> None:
        """Miss nothing yet; `namespaces` are those that the user chose."""
        self._home = home
        self._devices = devices
        self._chosen = namespaces
        self._absences = Absences(
            home.hass, home.entry, self._is_absent, self._gone, self._still_there
        )

    @callback
    def miss(self, ref: Ref) -> None:
        """Find out whether an object that is missing from the cluster's answers exists."""
        self._absences.add(ref)

    @callback
    def found(self, ref: Ref) -> None:
        """An object is there, or there again."""
        self._absences.discard(ref)

    @callback
    def ask(self) -> None:
        """Ask about all that is missing, now."""
        self._absences.ask()

    @callback
    def stop(self) -> None:
        """Ask no more."""
        self._absences.stop()

    @callback
    def clear_out(self) -> None:
        """Look after devices that an earlier run registered and that are not there now."""
        home = self._home
        for key in self._devices.known():
            ref = ref_of(key)
            if ref is None or key in home.roster.devices:
                continue
            if ref.key in home.cluster.store(ref.kind):
                if ref.kind is not Kind.NODE and not home.is_chosen(ref):
                    self._devices.remove(key)
            elif self._deselected(ref):
                self._devices.remove(key)
            elif home.rights.scope.follows(ref.kind, ref.namespace):
                self._absences.add(ref)

    @callback
    def sweep(self, device: Device) -> None:
        """Remove the entities that a device has no more, and ask about the volumes that may not exist any more."""
        owner = ref_of(device.key)
        for key in self._home.roster.sweep(device):
            if owner is None or not (claim := claim_of(key)):
                continue
            ref = Ref(Kind.VOLUME_CLAIM, owner.namespace, claim)
            if self._home.rights.scope.follows(
                ref.kind, ref.namespace
            ) and ref.key not in self._home.cluster.store(ref.kind):
                self._absences.add(ref)

    async def is_stale(self, device: dr.AnyDeviceEntry) -> bool:
        """Say whether a registered device stands for nothing in the cluster any more."""
        key = self._devices.key_of(device)
        ref = ref_of(key) if key is not None else None
        if key == CLUSTER or key in self._home.roster.devices:
            return False
        if ref is None:
            # Of no cluster that this entry knows.
            return True
        try:
            return (
                self._deselected(ref)
                or self._out_of_sight(ref)
                or await self._is_absent(ref)
            )
        except KubeError:
            return False

    def _deselected(self, ref: Ref) -> bool:
        """Say whether the user chose other namespaces than that of this workload."""
        return (
            self._home.mode == MODE_NAMESPACES
            and RESOURCES[ref.kind].namespaced
            and ref.namespace not in self._chosen
        )

    def _out_of_sight(self, ref: Ref) -> bool:
        """Say whether a workload cannot be seen where others were named: chosen out, or a right lost."""
        return (
            bool(self._chosen)
            and RESOURCES[ref.kind].namespaced
            and ref.namespace not in self._chosen
            and not self._home.rights.scope.follows(ref.kind, ref.namespace)
        )

    async def _is_absent(self, ref: Ref) -> bool:
        """Ask whether an object is really gone; True only of the entry's own cluster, as it is now."""
        link = self._home.link
        if not link.available or not await link.is_same():
            raise KubeError("the cluster is not known to be there")
        cluster = self._home.cluster
        absent = await cluster.confirm_absent(ref)
        return absent and ref.key not in cluster.store(ref.kind)

    @callback
    def _gone(self, ref: Ref) -> None:
        if ref.kind is Kind.VOLUME_CLAIM:
            self._strike_volume(ref)
            return
        self._home.remove(key_of(ref))
        self._home.removed()

    @callback
    def _still_there(self, ref: Ref) -> None:
        """It exists, but nothing tells of it: what is shown of it may be old."""
        if ref.kind is Kind.VOLUME_CLAIM:
            self._absences.discard(ref)
        device = self._home.roster.devices.get(key_of(ref))
        if device is not None and device.present:
            device.present = False
            self._home.roster.wake(device.key)

    def _strike_volume(self, ref: Ref) -> None:
        """Remove the entities of a claim that does not exist, where a workload is not said to have it."""
        for device in self._home.roster.devices.values():
            owner = ref_of(device.key)
            if owner is None or owner.namespace != ref.namespace:
                continue
            for key in volume_keys(ref.name):
                if key not in device.entities:
                    self._home.roster.strike(device, key)
