"""One cluster: what is in it becomes devices, and what people do with the devices goes to it."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .boots import Boots, reboot_told
from .chronicle import Chronicle
from .commands import Answers, Commands
from .const import CONF_MODE, CONF_NAMESPACES
from .devices import Device, Devices, key_of, ref_of
from .digest import Digest
from .firmware import Firmware
from .flailing import Flailing
from .guard import Guard
from .judge import Judge
from .keeping import Keeper, pods_key
from .kube.client import Client
from .kube.cluster import Cluster, LinkState
from .kube.schema import Event, Key, Kind, Pod, Ref
from .link import Link
from .mending import Mending
from .metrics import Metrics
from .model.index import Index
from .model.selection import MODE_ALL
from .model.situation import Situation
from .model.undoing import Setting, Value
from .model.views import Control, Need, NodeView, WorkloadView
from .node_commands import NodeCommands
from .oversight import Oversight
from .own import OwnPod, own_pod
from .parts import Part
from .peace import Peace
from .rechecks import Rechecks
from .remember import Remembered, RememberedCounts, notes_of, store_of
from .removal import Removal
from .rights import Rights
from .roster import Description, More, Roster
from .schedules import Schedules
from .scope import Scope
from .serving import Serving
from .stats import Stats

type HomeClusterConfigEntry = ConfigEntry[Hub]

SYNC_TIMEOUT: Final = 30


class OtherCluster(Exception):
    """At this address there is another cluster than the entry's."""


class Hub:
    """Follows one cluster for one config entry.

    `start` before platforms are set up, `stop` after they are unloaded.
    """

    def __init__(
        self, hass: HomeAssistant, entry: HomeClusterConfigEntry, client: Client
    ) -> None:
        """Prepare; nothing is asked yet."""
        self.hass = hass
        self.entry = entry
        self.client = client
        self.cluster_uid = entry.unique_id or ""
        self.link = Link(self)
        self.mode: str = entry.options.get(CONF_MODE, MODE_ALL)
        self.namespaces: list[str] = list(entry.options.get(CONF_NAMESPACES, ()))
        self._chosen = frozenset(self.namespaces)
        self.rights = Rights(self.mode, self.namespaces)
        self.counts = RememberedCounts(store_of(hass, entry.entry_id))
        self.answers = Answers()
        self.commands = Commands(self)
        self.roster = Roster(hass, entry, self.may, self.unique_id)
        self._devices = Devices(hass, entry.entry_id, self.cluster_uid)
        self._oversight = Oversight(
            hass,
            entry,
            client,
            self.rights,
            steady=lambda: self.available,
            changed=self._rights_changed,
            views=lambda: (*self.workloads.values(), *self.nodes.values()),
        )
        self._removal = Removal(self, self._devices, self._chosen)
        self._rechecks = Rechecks(hass, self._due)
        self.chronicle = Chronicle(
            self._situation, lambda: self.available, hass.loop.time
        )
        self.metrics = Metrics(self)
        self.remembered = Remembered(notes_of(hass, entry.entry_id))
        self.serving = Serving(
            hass,
            self.remembered,
            lambda: self.link.since,
            lambda refs: self.digest.mark(refs),
        )
        self.boots = Boots(
            self.remembered,
            lambda name: reboot_told(self.cluster.store(Kind.EVENT), name),
        )
        self.node_commands = NodeCommands(self)
        self.firmware = Firmware(self)
        mending = Mending(
            hass,
            entry,
            self.rights,
            situation=self._situation,
            expires=self._expires,
            may_roll_back=self.firmware.may_roll_back,
            view=self.view,
            may_switch=lambda ref: self.offers(ref, Control.POWER),
        )
        self.guard = Guard(self)
        self.schedules = Schedules(self)
        self.stats = Stats(self)
        self.peace = Peace(self)
        # What is built on devices; each is told of every change.
        self._parts: tuple[Part, ...] = (
            self.boots,
            self.chronicle,
            self.metrics,
            self.schedules,
            self.peace,
            self.serving,
            self.node_commands,
            self.stats,
            Flailing(hass, entry),
            mending,
            self.guard,
            self.firmware,
        )
        self._keeper = Keeper(
            self,
            self._devices,
            self._removal,
            self._oversight,
            parts=self._parts,
            expires=self._expires,
        )
        self._begun = False
        self.cluster: Cluster
        self.index: Index
        self.digest: Digest
        self._followed = Scope()

    # What entities use.

    @property
    def available(self) -> bool:
        """Whether what is shown is what the cluster says now."""
        return self.link.available

    @property
    def workloads(self) -> dict[Ref, WorkloadView]:
        """The workloads that are devices."""
        views = (device.view for device in self.roster.devices.values())
        return {view.ref: view for view in views if isinstance(view, WorkloadView)}

    @property
    def nodes(self) -> dict[str, NodeView]:
        """The nodes."""
        views = (device.view for device in self.roster.devices.values())
        return {view.name: view for view in views if isinstance(view, NodeView)}

    def unique_id(self, device_key: str, key: str) -> str:
        """Return an entity's unique id; it is a contract."""
        return f"{self.cluster_uid}/{device_key}/{key}"

    def listen(self, device_key: str, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call the listener when the device changed; returns what ends that."""
        return self.roster.listen(device_key, listener)

    @callback
    def follow(
        self,
        descriptions: Iterable[Description],
        entity_class: Callable[[Hub, Device, Any], Entity],
        async_add_entities: AddConfigEntryEntitiesCallback,
        more: More | None = None,
    ) -> None:
        """Have an entity for every description that fits a device, now and from now on."""
        self.roster.follow(
            descriptions,
            lambda device, description: entity_class(self, device, description),
            async_add_entities,
            more,
        )

    def may(self, device: Device, control: Control | Need) -> bool:
        """Say whether a device may be controlled so; what runs Home Assistant keeps running."""
        view = device.view
        if isinstance(control, Need):
            return self.rights.meets(view, control)
        if not isinstance(view, WorkloadView):
            return False
        if view.ref in self.judge.own and control is not Control.RESTART:
            return False
        if view.hints.protected and control in (Control.POWER, Control.RUN):
            return False
        return self.rights.may(view, control)

    def offers(self, ref: Ref, control: Control) -> bool:
        """Say whether a workload may be controlled so."""
        device = self.roster.devices.get(key_of(ref))
        return device is not None and self.may(device, control)

    async def power(self, ref: Ref, on: bool, context: Context | None = None) -> None:
        """Switch a workload on or off."""
        await self.commands.power(ref, on, context=context)

    async def set_replicas(
        self, ref: Ref, count: int, context: Context | None = None
    ) -> None:
        """Set how many pods a workload should have."""
        await self.commands.set_replicas(ref, count, context=context)

    async def restart(self, ref: Ref, context: Context | None = None) -> None:
        """Replace a workload's pods, one at a time."""
        await self.commands.restart(ref, context=context)

    # What commands use.

    @property
    def own(self) -> set[Ref]:
        """The workloads that run Home Assistant itself."""
        return self.judge.own

    def view(self, ref: Ref) -> WorkloadView | None:
        """Return a workload that is a device."""
        device = self.roster.devices.get(key_of(ref))
        return (
            device.view
            if device is not None and isinstance(device.view, WorkloadView)
            else None
        )

    def pods(self, ref: Ref) -> tuple[Pod, ...]:
        """Return the pods that a workload has now."""
        situation = self._situation(ref)
        return situation.pods if situation is not None else ()

    @callback
    def commanded(self, ref: Ref, setting: Setting, wanted: Value) -> None:
        """Take note of what the cluster has just accepted for a workload."""
        self.peace.commanded(ref, setting, wanted)

    def pod_keys(self, ref: Ref) -> Iterable[Key]:
        """Return the keys of the pods that a workload has now."""
        return self.index.pod_keys(ref)

    def listen_pods(self, ref: Ref, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call the listener at every change of the workload or its pods, until told to stop."""
        return self.roster.listen(pods_key(ref), listener)

    @property
    def own_pod(self) -> OwnPod | None:
        """The pod that Home Assistant runs in, None if it runs elsewhere."""
        return self.judge.own_pod

    def wake(self, ref: Ref) -> None:
        """Have a device's entities look at what they show."""
        self.roster.wake(key_of(ref))

    @callback
    def touch(self, ref: Ref) -> None:
        """Look at a device again and write what is different, before this returns."""
        self.digest.drop(ref)
        self._keeper.look(ref, False)
        self._keeper.look_at_cluster()

    # Life.

    async def start(self) -> None:
        """Learn what the cluster has, and register its devices.

        Raises `KubeError`, `OtherCluster`, or `TimeoutError` when the cluster does not tell its state.
        """
        await self.counts.load()
        await self.remembered.load()
        await self.firmware.load()
        if await self.client.cluster_uid() != self.cluster_uid:
            raise OtherCluster
        await self._oversight.look()
        followed = self.rights.scope
        self.cluster = Cluster(
            self.client,
            kinds=followed.kinds,
            on_change=self._on_change,
            on_link=self._on_link,
            review=self._oversight.review,
            on_access=self._oversight.take,
            create_task=self._create_task,
        )
        self.index = Index(self.cluster.store)
        self.judge = Judge(
            self.index,
            self.answers,
            self.counts,
            self._rechecks,
            self.cluster.read_at,
        )
        self.judge.unserved = self.serving.unserved
        self.judge.undone = self.peace.undone
        self.judge.own_pod = await self.hass.async_add_executor_job(own_pod)
        self.digest = Digest(
            self.hass.loop,
            self.index,
            self._keeper.look,
            self._on_told,
            self._keeper.look_at_cluster,
        )
        try:
            await self.cluster.start()
            await self._wait_synced()
            await self._begin(followed.kinds)
            if self.rights.unseen:
                # The namespaces of the devices, where rights may be other than in all of the cluster.
                await self._oversight.look()
            await self._oversight.try_at_first()
        except BaseException:
            await self.stop()
            raise
        self._followed = followed

    @callback
    def oversee(self) -> None:
        """Have the account's rights decide about entities, now that there are any."""
        self._oversight.start(self._followed)
        for part in self._parts:
            part.start()

    async def stop(self) -> None:
        """Let go of the cluster."""
        self.link.end()
        self._begun = False
        self.roster.hold()
        for part in self._parts:
            part.stop()
        self.digest.stop()
        self._oversight.stop()
        self._removal.stop()
        self._rechecks.stop()
        self.commands.stop()
        await self.cluster.stop()
        await self.counts.save()
        await self.remembered.save()
        await self.firmware.save()

    async def _wait_synced(self) -> None:
        if not await self.cluster.wait_synced(SYNC_TIMEOUT):
            raise self.cluster.error or TimeoutError

    def _create_task(self, target: Any, name: str = "") -> asyncio.Task[Any]:
        return self.entry.async_create_background_task(
            self.hass, target, f"home_cluster {name or 'watch'}"
        )

    async def _begin(self, kinds: Mapping[Kind, tuple[str, ...] | None]) -> None:
        """Make devices of what was read."""
        self._keeper.begin()
        self.link.begin()
        self._begun = True
        self.digest.take({kind: tuple(self.cluster.store(kind)) for kind in kinds})
        await self.digest.settled()
        self._keeper.look_at_cluster()
        self._removal.clear_out()

    def is_chosen(self, ref: Ref) -> bool:
        """Say whether a workload is one that the user chose."""
        return self.index.is_chosen(ref, self.mode, self._chosen)

    # The link.

    @callback
    def _on_link(self, state: LinkState) -> None:
        if self._begun:
            self.link.take(state)

    @callback
    def lost(self) -> None:
        """The link was lost: what is shown may be old."""
        self.answers.clear()
        self._wake_all()

    @callback
    def back(self) -> None:
        """The link is back: what is shown is so."""
        self._wake_all()
        self._removal.ask()
        self._oversight.soon()

    # What changes.

    @callback
    def _on_change(self, changes: Mapping[Kind, set[Key]]) -> None:
        if self._begun:
            self.digest.take(changes)

    @callback
    def _due(self, refs: Iterable[Ref]) -> None:
        self.digest.mark(refs)

    def _wake_all(self) -> None:
        """Have every device looked at and written, the cluster's first."""
        self._keeper.look_at_cluster(force=True)
        refs = (ref_of(key) for key in tuple(self.roster.devices))
        self.digest.mark((ref for ref in refs if ref is not None), force=True)

    @callback
    def _rights_changed(self) -> None:
        for device in tuple(self.roster.devices.values()):
            self.roster.refit(device)
            if self.rights.decided(device.view):
                self._removal.sweep(device)
        # What may not be read any more is not known any more.
        self._wake_all()

    def _situation(self, ref: Ref) -> Situation | None:
        return self.index.situation(ref, dt_util.utcnow())

    def _on_told(self, ref: Ref, event: Event) -> None:
        for part in self._parts:
            part.told(ref, event)

    def _expires(self) -> datetime | None:
        """Return when the credential in use ends, None if it does not say."""
        end = self.client.expires
        return None if end is None else dt_util.utc_from_timestamp(end)

    # What goes.

    def key_of(self, device: dr.AnyDeviceEntry) -> str | None:
        """Return the key of a registered device, None if it is not of this cluster."""
        return self._devices.key_of(device)

    async def is_stale(self, device: dr.AnyDeviceEntry) -> bool:
        """Say whether a registered device stands for nothing in the cluster any more."""
        return await self._removal.is_stale(device)

    @callback
    def removed(self) -> None:
        """A device was removed; the cluster's own may show something else."""
        self._keeper.look_at_cluster()

    @callback
    def remove(self, key: str) -> None:
        """Remove a device with all that is known of it."""
        if (ref := ref_of(key)) is not None:
            self._rechecks.set(ref, None)
            self.answers.drop(ref)
        self._keeper.forget(key)
        for part in self._parts:
            part.gone(key)
