"""Making sure that what is missing is really gone, before its device is removed."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from .kube.errors import KubeError
from .kube.schema import Ref

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 300.0
AT_ONCE: Final = 8


class Absences:
    """The objects that are missing from the cluster's answers.

    `confirm` asks the cluster about one; `gone` hears of those that do not exist, `still_there` of
    those that do although nothing shows them. What cannot be confirmed is asked again, later and later.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        confirm: Callable[[Ref], Awaitable[bool]],
        gone: Callable[[Ref], None],
        still_there: Callable[[Ref], None],
    ) -> None:
        """Miss nothing yet."""
        self._hass = hass
        self._entry = entry
        self._confirm = confirm
        self._gone = gone
        self._still_there = still_there
        self._missing: set[Ref] = set()
        self._task: asyncio.Task[None] | None = None
        self._timer: CALLBACK_TYPE | None = None
        self._pause = FIRST_PAUSE

    @callback
    def add(self, ref: Ref) -> None:
        """Miss an object from now on, and ask about it at once."""
        if ref not in self._missing:
            self._missing.add(ref)
            self._pause = FIRST_PAUSE
            self.ask()

    @callback
    def discard(self, ref: Ref) -> None:
        """The object is back."""
        self._missing.discard(ref)

    @callback
    def ask(self) -> None:
        """Ask about all that is missing, now."""
        self._cancel_timer()
        if self._missing and (self._task is None or self._task.done()):
            self._task = self._entry.async_create_background_task(
                self._hass,
                self._ask(),
                "home_cluster confirm absences",
                eager_start=False,
            )

    @callback
    def stop(self) -> None:
        """Ask no more."""
        self._missing.clear()
        self._cancel_timer()

    async def _ask(self) -> None:
        asked: set[Ref] = set()
        while batch := sorted(self._missing - asked)[:AT_ONCE]:
            asked.update(batch)
            await asyncio.gather(*(self._ask_one(ref) for ref in batch))
        if self._missing:
            self._timer = async_call_later(
                self._hass, timedelta(seconds=self._pause), self._again
            )
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    async def _ask_one(self, ref: Ref) -> None:
        try:
            absent = await self._confirm(ref)
        except KubeError:
            return
        if ref not in self._missing:
            return
        if absent:
            self._missing.discard(ref)
            self._gone(ref)
        else:
            self._still_there(ref)

    @callback
    def _again(self, _now: object) -> None:
        self._timer = None
        self.ask()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer()
            self._timer = None
