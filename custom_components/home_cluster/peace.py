"""Peace with other writers: what was set from here and is set back becomes a repair that says by whom."""

import asyncio
from datetime import datetime, timedelta
import logging
from typing import Final, Protocol, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .devices import Device, DeviceView, key_of, ref_of
from .kube.client import Client
from .kube.errors import KubeError
from .kube.schema import Ref
from .kube.writers import look_at
from .model.owners import CHART_IMAGE
from .model.remedies import (
    FIELDS,
    By,
    Undoer,
    remedy,
    told_as,
    who_undid,
    writer_itself,
)
from .model.situation import Undone
from .model.undoing import LIMITS, Setting, Undoing, Value, edition_of, settings_of
from .model.views import WorkloadView
from .parts import Part
from .rights import scaler_of

_LOGGER = logging.getLogger(__name__)

# Once may have been a person; who does it again is at odds with what is set here.
AGAIN: Final = 2
# So much earlier by the API server's clock is earlier by ours. What was written last before it was set
# here is back because the whole datastore is: so it is known of what has no generation.
CLOCKS: Final = timedelta(minutes=1)
# What our own chart never names, and what it names anew only where its values do.
_LEFT_ALONE: Final = (Setting.REPLICAS, Setting.SUSPEND, Setting.IMAGE)


class Home(Protocol):
    """What this part needs of the hub."""

    hass: HomeAssistant
    entry: ConfigEntry
    client: Client

    @property
    def available(self) -> bool:
        """Whether what is shown is what the cluster says now."""

    def view(self, ref: Ref) -> WorkloadView | None:
        """Return a workload that is a device."""

    def touch(self, ref: Ref) -> None:
        """Look at a workload again."""


class Peace(Part):
    """Hears of every setting that is asked for, and of every look at a device.

    The repair goes when the setting has held for a while, or its device is gone.
    """

    def __init__(self, home: Home) -> None:
        """Start in peace."""
        self._home = home
        self._undoing = Undoing()
        self._undoers: dict[tuple[Ref, Setting], tuple[Undoer, datetime]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: CALLBACK_TYPE | None = None
        self._armed: datetime | None = None

    @property
    def asking(self) -> bool:
        """Whether it is being found out who undid something."""
        return bool(self._tasks)

    @callback
    def commanded(self, ref: Ref, setting: Setting, wanted: Value) -> None:
        """Watch a setting that the cluster has just accepted; a count of True is any but 0."""
        self._undoing.commanded(ref, setting, wanted, dt_util.utcnow())
        if (view := self._home.view(ref)) is not None:
            self._look(view)
        self._arm()

    def undone(self, ref: Ref) -> Undone | None:
        """Return who undid something of a workload last, and when; None while there is peace."""
        found = [
            (at, undoer) for (of, _), (undoer, at) in self._undoers.items() if of == ref
        ]
        if not found:
            return None
        at, undoer = max(found)
        return Undone(undoer.words, at)

    @override
    @callback
    def seen(self, device: Device, old: DeviceView | None) -> None:
        if (
            isinstance(device.view, WorkloadView)
            and self._home.available
            and self._undoing.watches()
        ):
            self._look(device.view)

    @override
    @callback
    def gone(self, key: str) -> None:
        if (ref := ref_of(key)) is not None:
            for setting in tuple(self._undoing.drop(ref)):
                self._withdraw(ref, setting)

    @override
    @callback
    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for ref, setting in tuple(self._undoers):
            self._withdraw(ref, setting)
        self._disarm()

    def _look(self, view: WorkloadView) -> None:
        undone = self._undoing.look(
            view.ref, edition_of(view), settings_of(view), dt_util.utcnow()
        )
        for setting in undone:
            task = self._home.entry.async_create_background_task(
                self._home.hass,
                self._find_out(view, setting),
                f"home_cluster who undid {view.name}",
                eager_start=False,
            )
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._arm()

    async def _find_out(self, view: WorkloadView, setting: Setting) -> None:
        """Ask the cluster who wrote the setting, and tell it."""
        scaler = scaler_of(view)
        target = scaler if setting in LIMITS and scaler is not None else view.ref
        try:
            record, writer = await look_at(self._home.client, target, FIELDS[setting])
        except KubeError as err:
            _LOGGER.debug("Could not find out who changed %s: %s", view.name, err)
            return
        watch = self._undoing.get(view.ref, setting)
        if watch is None or not watch.is_undone:
            return
        if (
            setting in LIMITS
            and writer is not None
            and writer.time is not None
            and writer.time < watch.at - CLOCKS
        ):
            self._undoing.forget(view.ref, setting)
            return
        scaling = view.autoscaler
        keda = scaling.scaled_object if scaling is not None else ""
        of_scaler = None if scaling is None else (keda or scaling.name, scaling.owner)
        present = settings_of(view)[setting]
        # At 0 an autoscaler rests: it leads neither there nor away. KEDA does both.
        scales = setting is Setting.REPLICAS and bool(
            keda or (scaling and present and watch.wanted)
        )
        undoer = who_undid(record, writer, of_scaler, scales=scales)
        if (undoer is None or undoer.by is By.WRITER) and watch.undone < AGAIN:
            return
        undoer = undoer or writer_itself(writer)
        if (
            setting in _LEFT_ALONE
            and undoer.by is By.HELM
            and CHART_IMAGE in record.annotations
        ):
            return
        watch.told = True
        self._undoers[view.ref, setting] = (undoer, dt_util.utcnow())
        change = remedy(undoer, target, setting, present, watch.wanted)
        ir.async_create_issue(
            self._home.hass,
            DOMAIN,
            self._issue(view.ref, setting),
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key=told_as(undoer, setting),
            translation_placeholders={
                "device": view.name,
                "object": f"{target.kind} {target.namespace}/{target.name}",
                "field": ".".join(part for part in FIELDS[setting] if part != "*"),
                "owner": undoer.name or "–",
                "change": change,
            },
        )
        self._home.touch(view.ref)

    def _withdraw(self, ref: Ref, setting: Setting) -> None:
        if self._undoers.pop((ref, setting), None) is not None:
            issue = self._issue(ref, setting)
            ir.async_delete_issue(self._home.hass, DOMAIN, issue)

    def _issue(self, ref: Ref, setting: Setting) -> str:
        return f"undone_{self._home.entry.entry_id}_{key_of(ref)}_{setting}"

    def _arm(self) -> None:
        """Set the timer to when something is to be forgotten."""
        soonest = self._undoing.next_end()
        if soonest == self._armed and self._timer is not None:
            return
        self._disarm()
        self._armed = soonest
        if soonest is not None:
            self._timer = async_track_point_in_utc_time(
                self._home.hass, self._due, soonest
            )

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer()
            self._timer = None

    @callback
    def _due(self, _now: datetime) -> None:
        self._disarm()
        for ref, setting in tuple(self._undoing.over(dt_util.utcnow())):
            self._withdraw(ref, setting)
            if self._home.view(ref) is not None:
                self._home.touch(ref)
        self._arm()
