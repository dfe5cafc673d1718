"""What there is once for all clusters: from the first that is set up to the last that is unloaded."""

from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Final, Protocol

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.importlib import async_import_module
from homeassistant.setup import async_when_setup
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .hub import HomeClusterConfigEntry, Hub

# The modules of the features, by the integration that each builds on.
_FEATURES: Final = {"conversation": "voice", "frontend": "http", "llm": "llm"}

_KEY: Final[HassKey[Once]] = HassKey(f"{DOMAIN}_once")


class Feature(Protocol):
    """A feature that knows all clusters; its module has a `make_feature` that returns one."""

    def start(self) -> None:
        """Begin: there is a cluster."""

    def stop(self) -> None:
        """End: there is none any more."""

    def hubs_changed(self) -> None:
        """A cluster came or went."""


type MakeFeature = Callable[[HomeAssistant, Callable[[], Iterable[Hub]]], Feature]


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
        self._ready: dict[str, ModuleType] = {}
        self._begun: dict[str, Feature] = {}

    @callback
    def wait(self) -> None:
        """Wait for what the features build on; once in the life of Home Assistant."""
        for component in _FEATURES:
            async_when_setup(self._hass, component, self._is_there)

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
        if not self._hubs:
            for feature in self._begun.values():
                feature.stop()
            self._begun.clear()
            return
        for feature in self._begun.values():
            feature.hubs_changed()
        for name, module in self._ready.items():
            if name not in self._begun:
                make: MakeFeature = module.make_feature
                self._begun[name] = make(self._hass, self.hubs)
                self._begun[name].start()

    async def _is_there(self, hass: HomeAssistant, component: str) -> None:
        name = _FEATURES[component]
        self._ready[name] = await async_import_module(hass, f"{__package__}.{name}")
        self._changed()
