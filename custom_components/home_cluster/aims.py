"""Finding the entity that a trigger or condition is about, whatever of the device was chosen."""

from collections.abc import Iterable

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from .const import DOMAIN


def entities_of(
    hass: HomeAssistant, chosen: Iterable[str], domain: str, key: str
) -> set[str]:
    """Return the entities of this domain and key that belong to the devices of those that were chosen.

    Areas, devices and labels bring entities of all kinds, and of other integrations; a person may choose
    the power switch where the status is meant.
    """
    registry = er.async_get(hass)
    found = set()
    for entry in _ours(registry, chosen):
        unique_id = f"{entry.unique_id.rpartition('/')[0]}/{key}"
        if (
            entity_id := registry.async_get_entity_id(domain, DOMAIN, unique_id)
        ) is not None:
            found.add(entity_id)
    return found


def volumes_of(hass: HomeAssistant, chosen: Iterable[str]) -> set[str]:
    """Return those of the chosen entities that tell how full a volume is."""
    return {
        entry.entity_id
        for entry in _ours(er.async_get(hass), chosen)
        if entry.domain == "sensor"
        and (key := entry.unique_id.rpartition("/")[2]).startswith("volume_")
        and key.endswith("_used")
    }


def _ours(
    registry: er.EntityRegistry, chosen: Iterable[str]
) -> Iterable[er.RegistryEntry]:
    for entity_id in chosen:
        entry = registry.async_get(entity_id)
        if entry is not None and entry.platform == DOMAIN:
            yield entry
