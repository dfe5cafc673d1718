"""What is read from the cluster only while somebody wants to know, once an interval."""

from abc import abstractmethod
import asyncio
from collections import Counter
from typing import ClassVar, Final, Protocol, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from .const import CONF_METRICS_INTERVAL, METRICS_INTERVAL
from .parts import Part
from .roster import Roster

# Entities come one after the other: what they need is read together.
SOON: Final = 1.0


class Home(Protocol):
    """What this part needs of the hub."""

    hass: HomeAssistant
    entry: ConfigEntry
    roster: Roster

    @property
    def available(self) -> bool:
        """Whether what is shown is what the cluster says now."""


class OnDemand[H: Home](Part):
    """Reads while at least one entity wants to know, at most once an interval, one reading at a time."""

    _what: ClassVar[str]

    def __init__(self, home: H) -> None:
        """Wait for somebody who wants to know."""
        self._home = home
        self._wanted: Counter[str] = Counter()
        self._timer: CALLBACK_TYPE | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def reading(self) -> bool:
        """Whether an answer is waited for."""
        return self._task is not None and not self._task.done()

    @callback
    def follow(self, device_key: str, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Read for a device and have the listener told of every reading; returns what ends that."""
        self._wanted[device_key] += 1
        stop = self._home.roster.listen(self._listening(device_key), listener)
        if self._timer is None:
            self._arm(SOON)

        @callback
        def end() -> None:
            stop()
            self._wanted[device_key] -= 1
            if not self._wanted[device_key]:
                del self._wanted[device_key]
                self._unwanted(device_key)
            if not self._wanted:
                self.stop()

        return end

    @override
    @callback
    def stop(self) -> None:
        """Read no more."""
        if self._timer is not None:
            self._timer()
            self._timer = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    @abstractmethod
    async def _read(self) -> None:
        """Read for all that are wanted, and tell them."""

    @callback
    def _unwanted(self, device_key: str) -> None:
        """Forget what was read for a device that nobody wants to know of any more."""

    @callback
    def _tell(self) -> None:
        """Wake all who want to know."""
        for key in tuple(self._wanted):
            self._home.roster.wake(self._listening(key))

    @callback
    def _arm(self, seconds: float) -> None:
        self._timer = async_call_later(self._home.hass, seconds, self._due)

    @callback
    def _due(self, _now: object) -> None:
        options = self._home.entry.options
        self._arm(options.get(CONF_METRICS_INTERVAL, METRICS_INTERVAL))
        # While the link is lost nothing is shown anyway, and who asks then only waits for long.
        if self._home.available and not self.reading:
            self._task = self._home.entry.async_create_background_task(
                self._home.hass,
                self._read(),
                f"home_cluster {self._what}",
                eager_start=False,
            )

    def _listening(self, device_key: str) -> str:
        return f"{device_key}/{self._what}"
