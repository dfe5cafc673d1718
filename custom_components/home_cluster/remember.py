"""What is remembered of devices: the number of pods when last switched on, and what belongs to them."""

from typing import Any, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store

from .const import DOMAIN
from .devices import key_of
from .kube.schema import Ref

type Notes = dict[str, dict[str, Any]]

VERSION: Final = 1
# A count that others set is on disk this many seconds later: a scale-out must not wear out an SD card.
LATER: Final = 60


def store_of(hass: HomeAssistant, entry_id: str) -> Store[dict[str, int]]:
    """Return the file of an entry."""
    return Store(hass, VERSION, f"{DOMAIN}.{entry_id}", atomic_writes=True)


def notes_of(hass: HomeAssistant, entry_id: str) -> Store[Notes]:
    """Return the file of an entry's other notes."""
    return Store(hass, VERSION, f"{DOMAIN}.{entry_id}.notes", atomic_writes=True)


class RememberedCounts:
    """Remembers each workload's count; one that is not known is 1."""

    def __init__(self, store: Store[dict[str, int]]) -> None:
        """Keep the file; `load` reads it."""
        self._store = store
        self._counts: dict[str, int] = {}
        self._unsaved = False

    async def load(self) -> None:
        """Read what an earlier run remembered."""
        self._counts = await self._store.async_load() or {}

    def get(self, ref: Ref) -> int:
        """Return the count to restore, at least 1."""
        return max(1, self._counts.get(key_of(ref), 1))

    @callback
    def learn(self, ref: Ref, count: int) -> None:
        """Take over a count that was seen in the cluster; 0 teaches nothing."""
        if self._put(ref, count):
            self._unsaved = True
            self._store.async_delay_save(self._data, LATER)

    async def keep(self, ref: Ref, count: int) -> None:
        """Have the count on disk when this returns, so that a power cut cannot lose it."""
        if self._put(ref, count) or self._unsaved:
            self._unsaved = False
            await self._store.async_save(self._data())

    async def save(self) -> None:
        """Write what is not on disk yet."""
        if self._unsaved:
            self._unsaved = False
            await self._store.async_save(self._data())

    def _put(self, ref: Ref, count: int) -> bool:
        """Say whether there is something new to save."""
        if count < 1 or self.get(ref) == count:
            return False
        self._counts[key_of(ref)] = count
        return True

    @callback
    def _data(self) -> dict[str, int]:
        self._unsaved = False
        return dict(self._counts)


class Remembered:
    """Notes about devices, by subject and key; each can be written as JSON."""

    def __init__(self, store: Store[Notes]) -> None:
        """Keep the file; `load` reads it."""
        self._store = store
        self._notes: Notes = {}
        self._unsaved = False

    async def load(self) -> None:
        """Read what an earlier run noted."""
        self._notes = await self._store.async_load() or {}

    def get(self, subject: str, key: str) -> Any:
        """Return a note, None if there is none."""
        return self._notes.get(subject, {}).get(key)

    @callback
    def put(self, subject: str, key: str, note: Any) -> None:
        """Note something; it is on disk within a minute. None forgets."""
        if self.get(subject, key) == note:
            return
        notes = self._notes.setdefault(subject, {})
        if note is None:
            notes.pop(key)
        else:
            notes[key] = note
        self._unsaved = True
        self._store.async_delay_save(self._data, LATER)

    async def save(self) -> None:
        """Write what is not on disk yet."""
        if self._unsaved:
            await self._store.async_save(self._data())

    @callback
    def _data(self) -> Notes:
        self._unsaved = False
        return {subject: dict(notes) for subject, notes in self._notes.items()}
