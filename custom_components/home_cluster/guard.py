"""The watchdogs of devices: each is a number of minutes that somebody set."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
import logging
from typing import Any, Final, Protocol, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from .chronicle import Chronicle
from .const import DOMAIN
from .devices import Device, DeviceView, key_of
from .kube.schema import Ref
from .model.happenings import Happening, What
from .model.views import WorkloadView
from .parts import Part
from .rechecks import Rechecks
from .remember import Remembered
from .sentences import misuse
from .watchdog import CAP, Act, Watchdog, ails
from .wording import words_of

_LOGGER = logging.getLogger(__name__)

_NOTE: Final = "watchdog"


def issue_id(entry: ConfigEntry, key: str = "") -> str:
    """Return the id of the repair about a device; without its key, what those of all devices begin with."""
    return f"watchdog_{entry.entry_id}_{key}"


class Home(Protocol):
    """What watchdogs need of the hub."""

    hass: HomeAssistant
    entry: ConfigEntry
    chronicle: Chronicle
    remembered: Remembered

    @property
    def available(self) -> bool:
        """Whether what is shown is what the cluster says now."""

    @property
    def own(self) -> set[Ref]:
        """The workloads that run Home Assistant itself."""

    @property
    def restart(self) -> Callable[[Ref], Awaitable[None]]:
        """Replace a workload's pods."""

    def view(self, ref: Ref) -> WorkloadView | None:
        """Return a workload that is a device."""


class Guard(Part):
    """Restarts devices that stay broken for as long as their watchdog says.

    A watchdog is there while its entity is, and what it is set to is remembered; 0 minutes is none.
    """

    def __init__(self, home: Home) -> None:
        """Watch nothing yet."""
        self._home = home
        self._watchdogs: dict[Ref, Watchdog] = {}
        self._rechecks = Rechecks(home.hass, self._due)

    def minutes(self, ref: Ref) -> int:
        """Return after how many minutes a device is restarted; 0 for never."""
        return int(self._noted(ref).get("minutes", 0))

    async def set_minutes(self, ref: Ref, minutes: int) -> None:
        """Set it anew, which forgets the restarts so far. Raises for what runs Home Assistant itself."""
        if minutes and ref in self._home.own:
            raise misuse("watchdog_own", device=self._name(ref))
        self._home.remembered.put(
            _NOTE, key_of(ref), {"minutes": minutes} if minutes else None
        )
        await self._home.remembered.save()
        self._calm_down(ref)
        self._watch(ref)

    @callback
    def attach(self, ref: Ref) -> CALLBACK_TYPE:
        """Watch a device for as long as its entity is there; returns what ends that."""
        self._watch(ref)

        @callback
        def detach() -> None:
            self._watchdogs.pop(ref, None)
            self._rechecks.set(ref, None)

        return detach

    @override
    @callback
    def stop(self) -> None:
        self._watchdogs.clear()
        self._rechecks.stop()

    @override
    @callback
    def seen(self, device: Device, old: DeviceView | None) -> None:
        view = device.view
        if isinstance(view, WorkloadView) and view.ref in self._watchdogs:
            self._step(view.ref)

    @override
    @callback
    def gone(self, key: str) -> None:
        ir.async_delete_issue(self._home.hass, DOMAIN, issue_id(self._home.entry, key))

    def _watch(self, ref: Ref) -> None:
        """Begin anew with what is set."""
        noted = self._noted(ref)
        self._watchdogs.pop(ref, None)
        self._rechecks.set(ref, None)
        if minutes := noted.get("minutes", 0):
            acts = [dt_util.utc_from_timestamp(at) for at in noted.get("acts", ())]
            self._watchdogs[ref] = Watchdog(
                timedelta(minutes=minutes), acts, tired=noted.get("tired", False)
            )
            self._step(ref)

    @callback
    def _due(self, refs: Iterable[Ref]) -> None:
        for ref in refs:
            if ref in self._watchdogs:
                self._step(ref)

    def _step(self, ref: Ref) -> None:
        watchdog, view = self._watchdogs[ref], self._home.view(ref)
        unknown = view is None or not self._home.available or ref in self._home.own
        ailing = None if unknown or view is None else ails(view)
        act = watchdog.step(ailing, dt_util.utcnow())
        self._rechecks.set(ref, watchdog.due)
        if act is None or view is None:
            return
        self._remember(ref, watchdog)
        match act:
            case Act.RESTART:
                self._restart(view, len(watchdog.acts))
            case Act.GIVE_UP:
                self._give_up(view, watchdog.acts)
            case Act.CALM_DOWN:
                self._calm_down(ref)

    def _restart(self, view: WorkloadView, count: int) -> None:
        _LOGGER.info(
            "The watchdog restarts %s, for the time %d of %d a day: %s",
            view.name,
            count,
            CAP,
            view.health.message,
        )
        self._tell(view, What.WATCHDOG_RESTARTED, count)
        self._home.entry.async_create_background_task(
            self._home.hass,
            self._try_to_restart(view),
            f"home_cluster watchdog {view.name}",
            eager_start=False,
        )

    async def _try_to_restart(self, view: WorkloadView) -> None:
        try:
            await self._home.restart(view.ref)
        except HomeAssistantError as err:
            _LOGGER.warning("The watchdog could not restart %s: %s", view.name, err)

    def _give_up(self, view: WorkloadView, acts: list[datetime]) -> None:
        said = words_of(self._home.hass, view.health)
        self._tell(view, What.WATCHDOG_GAVE_UP, len(acts))
        ir.async_create_issue(
            self._home.hass,
            DOMAIN,
            issue_id(self._home.entry, key_of(view.ref)),
            is_fixable=False,
            is_persistent=True,
            severity=ir.IssueSeverity.WARNING,
            translation_key="watchdog_gave_up",
            translation_placeholders={
                "device": view.name,
                "times": str(len(acts)),
                "message": said.message,
                "advice": said.advice,
            },
        )

    def _calm_down(self, ref: Ref) -> None:
        ir.async_delete_issue(
            self._home.hass, DOMAIN, issue_id(self._home.entry, key_of(ref))
        )

    def _tell(self, view: WorkloadView, what: What, count: int) -> None:
        words = Happening(
            what=what,
            message=view.health.message,
            reason=view.health.reason,
            count=count,
        )
        self._home.chronicle.tell(key_of(view.ref), words)

    def _name(self, ref: Ref) -> str:
        view = self._home.view(ref)
        return view.name if view is not None else ref.name

    def _noted(self, ref: Ref) -> dict[str, Any]:
        return self._home.remembered.get(_NOTE, key_of(ref)) or {}

    def _remember(self, ref: Ref, watchdog: Watchdog) -> None:
        note: dict[str, Any] = {"minutes": self.minutes(ref)}
        note["acts"] = [at.timestamp() for at in watchdog.acts]
        if watchdog.tired:
            note["tired"] = True
        self._home.remembered.put(_NOTE, key_of(ref), note)
