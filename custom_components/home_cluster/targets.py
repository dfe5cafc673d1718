"""Which devices of which clusters an action is for."""

from collections.abc import Iterable, Mapping
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ENTITY_MATCH_ALL
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.target import (
    TargetSelection,
    async_extract_referenced_entity_ids,
)

from .action import Target
from .const import DOMAIN
from .devices import DeviceView
from .sentences import misuse


@callback
def targets_of(
    hass: HomeAssistant, data: Mapping[str, Any], of: tuple[type[DeviceView], ...]
) -> list[Target]:
    """Return the devices that entities, devices, areas, floors and labels name, each once.

    Raises `ServiceValidationError` for what is unknown, is not of this integration or, named by itself,
    is no device of the right kind; for an entry that is not loaded; and if nothing is left.
    """
    selection = TargetSelection(dict(data))
    if ENTITY_MATCH_ALL in selection.entity_ids:
        raise misuse("target_all")
    selected = async_extract_referenced_entity_ids(hass, selection)
    if unknown := (
        selected.missing_devices
        | selected.missing_areas
        | selected.missing_floors
        | selected.missing_labels
    ):
        raise misuse("target_unknown", target=", ".join(sorted(unknown)))
    devices = dict.fromkeys(sorted(selection.device_ids & selected.referenced_devices))
    entities = {name: _device_of(hass, name) for name in sorted(selected.referenced)}
    direct = [*devices, *entities.values()]
    around = _around(hass, selected.referenced_devices, selected.indirectly_referenced)
    found: list[Target] = []
    for device_id in dict.fromkeys([*direct, *around]):
        by_name = device_id in direct
        named = tuple(name for name, home in entities.items() if home == device_id)
        target = _target(hass, device_id, named or (device_id,), by_name=by_name)
        if target is None:
            continue
        if isinstance(target.device.view, of):
            found.append(target)
        elif by_name:
            raise misuse("target_wrong_kind", device=target.name)
    if not found:
        raise misuse("target_none")
    return found


def _device_of(hass: HomeAssistant, entity_id: str) -> str:
    entry = er.async_get(hass).async_get(entity_id)
    if entry is None:
        raise misuse("target_unknown", target=entity_id)
    if entry.platform != DOMAIN or entry.device_id is None:
        raise misuse("target_foreign", target=entity_id)
    return entry.device_id


def _around(
    hass: HomeAssistant, devices: Iterable[str], entities: Iterable[str]
) -> list[str]:
    """Return the devices that areas, floors and labels lead to, those of others included."""
    registry = er.async_get(hass)
    entries = (registry.async_get(entity_id) for entity_id in sorted(entities))
    through = [
        entry.device_id
        for entry in entries
        if entry is not None and entry.platform == DOMAIN and entry.device_id
    ]
    return [*sorted(devices), *through]


def _target(
    hass: HomeAssistant, device_id: str, named: tuple[str, ...], *, by_name: bool
) -> Target | None:
    """Return a device, None for one of another integration that was not named by itself."""
    device, entry = dr.async_get_device_and_config_entry_for_domain(
        hass, device_id, domain=DOMAIN
    )
    if device is None or entry is None:
        if by_name:
            raise misuse("target_foreign", target=device_id)
        return None
    if entry.state is not ConfigEntryState.LOADED:
        raise misuse("target_not_loaded", cluster=entry.title)
    hub = entry.runtime_data
    key = hub.key_of(device)
    known = hub.roster.devices.get(key)
    if known is None:
        raise misuse("target_gone", device=device.name_by_user or device.name or "")
    return Target(hub, known, named)
