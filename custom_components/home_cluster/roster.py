"""Which entities there are: added and removed in one place, for all platforms."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import DOMAIN, PLATFORMS
from .devices import Device, DeviceView
from .model.views import Control, Need

# Adding an entity takes Home Assistant some 0.2 ms. A turn of its loop that is shorter than the 5 ms after
# which Python gives the interpreter to who waits for it (`sys.setswitchinterval`) does not have to share
# it with the recorder's thread, which works through all that is added: longer turns, longer set-ups.
SLICE: Final = 0.003
BATCH: Final = 4


class Description(Protocol):
    """An entity description, as far as it decides whether there is an entity."""

    @property
    def key(self) -> str:
        """The entity's key; the end of its unique id."""

    @property
    def of(self) -> type[DeviceView]:
        """The devices it is for, by the class of their views."""

    @property
    def fits_fn(self) -> Callable[[Any], bool]:
        """Say whether a device has it."""

    @property
    def entity_registry_enabled_default(self) -> bool:
        """Whether somebody sees it without asking for it."""

    @property
    def control(self) -> Control | Need | None:
        """What must be allowed for it."""


type More = Callable[[DeviceView], Iterable[Description]]
"""Returns the entities that one device has more than others of its kind."""


@dataclass(frozen=True, slots=True)
class _Follower:
    descriptions: tuple[Description, ...]
    make: Callable[[Device, Any], Entity]
    add: AddConfigEntryEntitiesCallback
    more: More | None


type _Queue = deque[tuple[_Follower, Device, Description]]


class Roster:
    """The entities of one entry's devices.

    `may` says whether a control of a device is allowed, `unique_id` makes the ids.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        may: Callable[[Device, Control | Need], bool],
        unique_id: Callable[[str, str], str],
    ) -> None:
        """Start without platforms and devices."""
        self._hass = hass
        self._entry = entry
        self._may = may
        self._unique_id = unique_id
        self._followers: list[_Follower] = []
        self._described: set[str] = set()
        self._listeners: dict[str, list[CALLBACK_TYPE]] = {}
        # Those that somebody sees come first: half of all are disabled until somebody wants them.
        self._queue: _Queue = deque()
        self._later: _Queue = deque()
        self._later_waits = True
        self._settled = asyncio.Event()
        self._settled.set()
        self._held = False
        self._adding: asyncio.Task[None] | None = None
        self.devices: dict[str, Device] = {}

    @callback
    def follow(
        self,
        descriptions: Iterable[Description],
        make: Callable[[Device, Any], Entity],
        add: AddConfigEntryEntitiesCallback,
        more: More | None = None,
    ) -> None:
        """Have an entity for every description that fits a device, now and from now on.

        What `more` described once stays while the device does: that a part of it is missing from an
        answer proves nothing. What is really gone does not come again at the next start.
        """
        follower = _Follower(tuple(descriptions), make, add, more)
        self._followers.append(follower)
        self._described.update(one.key for one in follower.descriptions)
        for device in self.devices.values():
            self._fit(follower, device)

    @callback
    def admit(self, device: Device) -> None:
        """Take in a device that is registered."""
        self.devices[device.key] = device
        self.refit(device)

    @callback
    def dismiss(self, key: str) -> None:
        """Forget a device; its entities go with its registry entry."""
        self.devices.pop(key, None)

    @callback
    def refit(self, device: Device) -> None:
        """Add the entities that fit a device now, remove those that do not any more."""
        for follower in self._followers:
            self._fit(follower, device)

    @callback
    def sweep(self, device: Device) -> set[str]:
        """Remove what an earlier run registered and does not fit any more.

        Returns the keys of what one device had more than others of its kind: whether that is gone is
        for others to find out.
        """
        unknown = set()
        for key, entity_id in self._registered(device).items():
            if key in device.entities:
                continue
            if key in self._described:
                er.async_get(self._hass).async_remove(entity_id)
            else:
                unknown.add(key)
        return unknown

    @callback
    def strike(self, device: Device, key: str) -> None:
        """Remove an entity, if there is one."""
        device.entities.discard(key)
        registry = er.async_get(self._hass)
        unique_id = self._unique_id(device.key, key)
        for platform in PLATFORMS:
            entity_id = registry.async_get_entity_id(platform, DOMAIN, unique_id)
            if entity_id is not None:
                registry.async_remove(entity_id)

    @callback
    def listen(self, key: str, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call the listener whenever the device changed, until the returned function is called."""
        listeners = self._listeners.setdefault(key, [])
        listeners.append(listener)

        def stop() -> None:
            listeners.remove(listener)

        return stop

    @callback
    def wake(self, key: str) -> None:
        """Tell that a device changed."""
        for listener in tuple(self._listeners.get(key, ())):
            listener()

    async def settle(self) -> None:
        """Return when all entities are added but those that are disabled at first; these come from then on."""
        await self._settled.wait()
        self._later_waits = False
        self._start_adding()

    @callback
    def hold(self) -> None:
        """Add nothing more for now: the platforms are about to go."""
        self._held = True

    @callback
    def release(self) -> None:
        """Go on adding."""
        self._held = False
        self._start_adding()

    def _fit(self, follower: _Follower, device: Device) -> None:
        more = () if follower.more is None else follower.more(device.view)
        for description in (*follower.descriptions, *more):
            if not isinstance(device.view, description.of):
                continue
            has = description.key in device.entities
            wants = description.fits_fn(device.view) and (
                description.control is None or self._may(device, description.control)
            )
            if wants and not has:
                device.entities.add(description.key)
                queue = (
                    self._queue
                    if description.entity_registry_enabled_default
                    else self._later
                )
                queue.append((follower, device, description))
            elif has and not wants:
                self.strike(device, description.key)
        self._start_adding()

    def _start_adding(self) -> None:
        if self._queue:
            self._settled.clear()
        if (
            self._next()
            and not self._held
            and (self._adding is None or self._adding.done())
        ):
            self._adding = self._entry.async_create_task(
                self._hass, self._add(), "home_cluster add entities", eager_start=False
            )

    def _next(self) -> _Queue:
        """Return those that are to be added now."""
        return self._queue if self._queue or self._later_waits else self._later

    def _registered(self, device: Device) -> dict[str, str]:
        """Return the ids of all entities that the registry has of a device, by their keys."""
        prefix = self._unique_id(device.key, "")
        return {
            entry.unique_id.removeprefix(prefix): entry.entity_id
            for entry in er.async_entries_for_device(
                er.async_get(self._hass),
                device.entry.id,
                include_disabled_entities=True,
            )
            if entry.config_entry_id == self._entry.entry_id
        }

    async def _add(self) -> None:
        """Hand the waiting entities to their platforms, a few at a time."""
        loop = self._hass.loop
        while (queue := self._next()) and not self._held:
            end = loop.time() + SLICE
            while queue and loop.time() < end:
                follower = queue[0][0]
                batch: list[Entity] = []
                while queue and queue[0][0] is follower and len(batch) < BATCH:
                    _, device, description = queue.popleft()
                    # Both may have changed while it waited.
                    if (
                        self.devices.get(device.key) is device
                        and description.key in device.entities
                    ):
                        batch.append(follower.make(device, description))
                if batch:
                    follower.add(batch)
            if not self._queue:
                self._settled.set()
            await asyncio.sleep(0)
