"""When the CronJobs run next."""

from collections.abc import Iterable
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Final, Protocol, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util import dt as dt_util

from .devices import Device, DeviceView
from .model.schedule import BadSchedule, Schedule, parse, zone_of
from .model.views import Runs, WorkloadView
from .parts import Part
from .roster import Roster


class Home(Protocol):
    """What this part needs of the hub."""

    hass: HomeAssistant
    entry: ConfigEntry
    roster: Roster


_parsed: Final = lru_cache(maxsize=256)(parse)


class Schedules(Part):
    """Knows the next run of every CronJob that is switched on; its entities are woken when that passes."""

    def __init__(self, home: Home) -> None:
        """Start without any."""
        self._home = home
        self._runs: dict[str, Runs] = {}
        self._next: dict[str, datetime] = {}
        # Reading one from disk would hold up the loop. None is one that is not there.
        self._zones: dict[str, tzinfo | None] = {}
        self._timer: CALLBACK_TYPE | None = None
        self._armed: datetime | None = None

    @callback
    def next_run(self, device_key: str) -> datetime | None:
        """Return when a CronJob runs next; None if it is off, or nobody can know."""
        return self._next.get(device_key)

    @override
    @callback
    def seen(self, device: Device, old: DeviceView | None) -> None:
        view = device.view
        if not isinstance(view, WorkloadView) or view.runs is None:
            return
        if not view.power:
            self._forget(device.key)
        elif view.runs != self._runs.get(device.key):
            self._runs[device.key] = view.runs
            self._plan(device.key)
        else:
            return
        self._arm()

    @override
    @callback
    def gone(self, key: str) -> None:
        self._forget(key)
        self._arm()

    @override
    @callback
    def stop(self) -> None:
        self._runs.clear()
        self._next.clear()
        self._arm()

    def _forget(self, key: str) -> None:
        self._runs.pop(key, None)
        self._next.pop(key, None)

    def _plan(self, key: str) -> None:
        """Work out the next run of one."""
        runs, now = self._runs[key], dt_util.utcnow()
        coming: datetime | None = None
        try:
            schedule = _parsed(runs.schedule)
        except BadSchedule:
            # What Kubernetes says of it is the device's problem already.
            schedule = None
        if schedule is not None and (zone := self._zone(schedule, runs)) is not None:
            base = runs.scheduled or runs.created or now
            coming = schedule.next(now, zone, base)
        if coming is None:
            self._next.pop(key, None)
        else:
            self._next[key] = coming

    def _zone(self, schedule: Schedule, runs: Runs) -> tzinfo | None:
        name = runs.time_zone
        if not name:
            return zone_of(schedule, runs.scheduled, dt_util.get_default_time_zone())
        if name not in self._zones:
            self._zones[name] = None
            self._home.entry.async_create_background_task(
                self._home.hass,
                self._load(name),
                f"home_cluster time zone {name}",
                eager_start=False,
            )
        return self._zones[name]

    async def _load(self, name: str) -> None:
        self._zones[name] = await dt_util.async_get_time_zone(name)
        self._again(key for key, runs in self._runs.items() if runs.time_zone == name)

    def _again(self, keys: Iterable[str]) -> None:
        for key in tuple(keys):
            self._plan(key)
            self._home.roster.wake(key)
        self._arm()

    def _arm(self) -> None:
        """Set the timer to the next run of all."""
        soonest = min(self._next.values(), default=None)
        if soonest == self._armed:
            return
        if self._timer is not None:
            self._timer()
            self._timer = None
        self._armed = soonest
        if soonest is not None:
            self._timer = async_track_point_in_utc_time(
                self._home.hass, self._passed, soonest
            )

    @callback
    def _passed(self, now: datetime) -> None:
        self._timer = self._armed = None
        self._again(key for key, coming in self._next.items() if coming <= now)
