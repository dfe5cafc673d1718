"""What there is once for all clusters: from the first that is set up to the last that is unloaded."""

from types import ModuleType
from typing import TYPE_CHECKING, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.importlib import async_import_module
from homeassistant.setup import async_when_setup
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .hub import HomeClusterConfigEntry, Hub

if TYPE_CHECKING:
    from .voice import Voice

_KEY: Final[HassKey[Once]] = HassKey(f"{DOMAIN}_once")


@callback
def join(hass: HomeAssistant, entry: HomeClusterConfigEntry) -> None:
    """Take a cluster in until its entry is unloaded."""
    once = hass.data.get(_KEY)
    if once is None:
        once = hass.data[_KEY] = Once(hass)
        once.wait()
    once.add(entry)
    entry.async_on_unload(lambda: once.remove(entry))


class Once:
    """The features that know all clusters. What they build on may be set up later, or never.

    None of it is a dependency: one that fails would take the devices with it.
    """

    def __init__(self, hass: HomeAssistant) -> None:
        """Start with no cluster."""
        self._hass = hass
        self._hubs: dict[str, Hub] = {}
        self._voice_module: ModuleType | None = None
        self._voice: Voice | None = None

    @callback
    def wait(self) -> None:
        """Wait for what the features build on; once in the life of Home Assistant."""
        async_when_setup(self._hass, "conversation", self._conversation_is_there)

    @callback
    def add(self, entry: HomeClusterConfigEntry) -> None:
        """Know a cluster."""
        self._hubs[entry.entry_id] = entry.runtime_data
        self._changed()

    @callback
    def remove(self, entry: HomeClusterConfigEntry) -> None:
        """Know a cluster no more."""
        self._hubs.pop(entry.entry_id, None)
        self._changed()

    def hubs(self) -> list[Hub]:
        """Return the clusters that are set up."""
        return list(self._hubs.values())

    def _changed(self) -> None:
        if self._voice is not None and self._hubs:
            self._voice.names_changed()
        elif self._voice is not None:
            self._voice.stop()
            self._voice = None
        elif self._voice_module is not None and self._hubs:
            self._voice = self._voice_module.Voice(self._hass, self.hubs)
            self._voice.start()

    async def _conversation_is_there(self, hass: HomeAssistant, _: str) -> None:
        self._voice_module = await async_import_module(hass, f"{__package__}.voice")
        self._changed()
