"""The number of pods a device had when it was last switched on."""

from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store

from .const import DOMAIN
from .kube.schema import Ref

VERSION: Final = 1
# A count that others set is on disk this many seconds later: a scale-out must not wear out an SD card.
LATER: Final = 60


def store_of(hass: HomeAssistant, entry_id: str) -> Store[dict[str, int]]:
    """Return the file of an entry."""
    return Store(hass, VERSION, f"{DOMAIN}.{entry_id}", atomic_writes=True)


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
        return max(1, self._counts.get(_key(ref), 1))

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
        self._counts[_key(ref)] = count
        return True

    @callback
    def _data(self) -> dict[str, int]:
        self._unsaved = False
        return dict(self._counts)


def _key(ref: Ref) -> str:
    return f"{ref.kind.lower()}/{ref.namespace}/{ref.name}"
