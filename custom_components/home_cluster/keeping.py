"""Keeping devices as the cluster has them: their views, and what the registry says of them."""

from collections.abc import Callable, Iterable
from datetime import datetime
import logging
from typing import Any, Protocol

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util

from .devices import CLUSTER, ClusterView, Device, Devices, DeviceView, key_of
from .judge import Judge
from .kube.cluster import Cluster
from .kube.schema import Kind, Ref
from .model.views import NodeView, WorkloadView
from .oversight import Oversight
from .parts import Part
from .removal import Removal
from .rights import Rights
from .roster import Roster

_LOGGER = logging.getLogger(__package__)


class Home(Protocol):
    """What keeping devices needs of the hub; `cluster` and `judge` are there when it begins."""

    entry: ConfigEntry
    roster: Roster
    rights: Rights
    cluster: Cluster
    judge: Judge

    @property
    def available(self) -> bool:
        """Whether what is shown is what the cluster says now."""

    def is_chosen(self, ref: Ref) -> bool:
        """Say whether a workload is one that the user chose."""

    def remove(self, key: str) -> None:
        """Remove a device with all that is known of it."""


class Keeper:
    """Makes, changes and misses the devices of one cluster.

    `parts` are told of each device that is looked at, `expires` returns when the credential in use ends.
    """

    def __init__(
        self,
        home: Home,
        devices: Devices,
        removal: Removal,
        oversight: Oversight,
        *,
        parts: Iterable[Part],
        expires: Callable[[], datetime | None],
    ) -> None:
        """Keep nothing yet."""
        self._home = home
        self._devices = devices
        self._removal = removal
        self._oversight = oversight
        self._parts = parts
        self._expires = expires
        self._problems: dict[str, str] = {}
        self._failed: set[Ref] = set()
        self._told: set[tuple[Ref, str]] = set()

    @callback
    def begin(self) -> None:
        """Make the cluster's own device, of which all others are."""
        entry = self._devices.add_cluster(
            self._home.entry.title, self._home.cluster.version
        )
        self._home.roster.admit(Device(CLUSTER, entry, ClusterView()))

    @callback
    def look(self, ref: Ref, force: bool) -> None:
        """Make one device's view anew; `force` writes its entities also if nothing is different."""
        try:
            self._look(ref, force=force)
        except Exception:  # noqa: BLE001
            # One device that we fail to judge must not take the others with it.
            self._fail(ref)

    @callback
    def look_at_cluster(self, *, force: bool = False) -> None:
        """Make the view of the cluster anew."""
        home = self._home
        device = home.roster.devices[CLUSTER]
        view = ClusterView(
            reachable=home.available,
            version=home.cluster.version,
            latency=home.cluster.latency,
            workloads=tuple(sorted(self._problems.values())),
            credential_expires=self._expires(),
        )
        if view != device.view or force:
            if (
                isinstance(device.view, ClusterView)
                and view.version != device.view.version
            ):
                device.entry = self._devices.add_cluster(home.entry.title, view.version)
            device.view = view
            home.roster.refit(device)
            home.roster.wake(CLUSTER)

    @callback
    def forget(self, key: str) -> None:
        """Remove a device from the registry, with its entities."""
        self._problems.pop(key, None)
        self._home.roster.dismiss(key)
        self._devices.remove(key)

    def _look(self, ref: Ref, *, force: bool) -> None:
        """Add, write or miss a device."""
        home, key = self._home, key_of(ref)
        device = home.roster.devices.get(key)
        record = home.cluster.store(ref.kind).get(ref.key)
        if record is None:
            if device is not None:
                self._removal.miss(ref)
                if force:
                    home.roster.wake(key)
            return
        self._removal.found(ref)
        now = dt_util.utcnow()
        view: WorkloadView | NodeView | None
        if ref.kind is Kind.NODE:
            view = home.judge.node(ref, record, now)
        elif home.is_chosen(ref):
            known = device.view if device is not None else None
            before = known.health if isinstance(known, WorkloadView) else None
            home.roster.wake(pods_key(ref))
            view = home.judge.workload(ref, record, before, now)
        elif device is not None:
            home.remove(key)
            return
        else:
            return
        if view is None:
            return
        if device is None:
            self._admit(key, view)
            return
        present = home.rights.scope.follows(ref.kind, ref.namespace)
        if view == device.view and device.present is present and not force:
            return
        device.present = present
        self._change(device, view)

    def _admit(self, key: str, view: WorkloadView | NodeView) -> None:
        """Make a device of something new."""
        device = Device(key, self._register(view), view)
        self._home.roster.admit(device)
        self._note_problem(key, view)
        self._seen(device, None)
        if isinstance(view, WorkloadView):
            self._home.rights.add_place(view.ref.namespace)
        self._oversight.soon()

    def _change(self, device: Device, view: WorkloadView | NodeView) -> None:
        """Have a device show another view, or the same again."""
        old = device.view
        device.view = view
        if _described(view) != _described(old):
            device.entry = self._register(view)
        if view != old:
            self._home.roster.refit(device)
            if _autoscaler(view) not in (None, _autoscaler(old)):
                # Whether its limits may be set has to be tried.
                self._oversight.soon()
        self._note_problem(device.key, view)
        self._seen(device, old)
        self._home.roster.wake(device.key)

    def _register(self, view: WorkloadView | NodeView) -> dr.DeviceEntry:
        if isinstance(view, NodeView):
            return self._devices.add_node(view)
        for hint in view.hints.dropped:
            if (view.ref, hint) not in self._told:
                self._told.add((view.ref, hint))
                _LOGGER.warning("A hint of %s is ignored: %s", key_of(view.ref), hint)
        return self._devices.add_workload(view)

    def _note_problem(self, key: str, view: WorkloadView | NodeView) -> None:
        if isinstance(view, WorkloadView) and view.health.problem:
            self._problems[key] = view.name
        else:
            self._problems.pop(key, None)

    def _seen(self, device: Device, old: DeviceView | None) -> None:
        for part in self._parts:
            part.seen(device, old)

    def _fail(self, ref: Ref) -> None:
        """Show nothing of a device rather than something old, and say why, once."""
        if ref not in self._failed:
            self._failed.add(ref)
            _LOGGER.exception("Unexpected error about %s", key_of(ref))
        device = self._home.roster.devices.get(key_of(ref))
        if device is not None and device.present:
            device.present = False
            self._home.roster.wake(device.key)


def pods_key(ref: Ref) -> str:
    """Return the key under which the roster wakes what follows a workload's pods."""
    return f"{key_of(ref)}/pods"


def _autoscaler(view: object) -> str | None:
    """Return the name of the autoscaler of a workload that has one."""
    if not isinstance(view, WorkloadView) or view.autoscaler is None:
        return None
    return view.autoscaler.name


def _described(view: object) -> tuple[Any, ...]:
    """Return what the device registry shows of a view."""
    if isinstance(view, WorkloadView):
        return (view.name, view.version, view.image, view.hints)
    if isinstance(view, NodeView):
        return (view.name, view.version, view.architecture, view.os_image)
    return ()
