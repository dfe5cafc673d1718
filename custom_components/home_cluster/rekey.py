"""The same home on a new cluster: its devices and entities stay, under the new cluster's uid."""

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er

from .const import DOMAIN


@callback
def rekey(hass: HomeAssistant, entry: ConfigEntry, uid: str) -> None:
    """Give all devices and entities of an unloaded entry the keys they have on cluster `uid`.

    Their ids in Home Assistant stay, and with them names, areas, labels, history and what automations
    refer to. Can be done again after it was interrupted. The entry itself keeps its unique id.
    """
    old = f"{entry.unique_id}/"
    devices = dr.async_get(hass)
    for device in dr.async_entries_for_config_entry(devices, entry.entry_id):
        identifiers = {
            (domain, _moved(key, old, uid) if domain == DOMAIN else key)
            for domain, key in device.identifiers
        }
        if identifiers != device.identifiers:
            devices.async_update_device(device.id, new_identifiers=identifiers)
    entities = er.async_get(hass)
    for entity in er.async_entries_for_config_entry(entities, entry.entry_id):
        unique_id = _moved(entity.unique_id, old, uid)
        if unique_id != entity.unique_id:
            entities.async_update_entity(entity.entity_id, new_unique_id=unique_id)


def _moved(key: str, old: str, uid: str) -> str:
    """Return the key with the cluster's uid exchanged."""
    return f"{uid}/{key.removeprefix(old)}" if key.startswith(old) else key
