"""What helps to find out why something is as it is: without a secret, without an address."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from homeassistant.components.diagnostics import REDACTED
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util

from .const import CONF_METHOD, CONF_MODE, CONF_NAMESPACES, CONF_VERIFY_SSL
from .devices import Device, ref_of
from .hub import HomeClusterConfigEntry, Hub
from .kube.schema import Kind, Record
from .model.masking import mask

# Of the entry only this is shown, and what is a number or a yes or no.
_SHOWN: Final = frozenset({CONF_METHOD, CONF_MODE, CONF_NAMESPACES, CONF_VERIFY_SSL})
# What an object says of itself may hold anything; what is judged by is in the view.
_HIDDEN: Final = frozenset(
    {"annotations", "labels", "address", "message", "share", "url"}
)


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: HomeClusterConfigEntry
) -> dict[str, Any]:
    """Return what the entry follows, what it may do, and what its devices are."""
    known = {
        "version": f"{entry.version}.{entry.minor_version}",
        "state": entry.state.value,
        "source": entry.source,
        "data": _safe(entry.data),
        "options": _safe(entry.options),
    }
    if entry.state is not ConfigEntryState.LOADED:
        return {"entry": known, "error": entry.error_reason_translation_key}
    hub = entry.runtime_data
    return {
        "entry": known,
        "cluster": _told(hub),
        "devices": {
            key: _plain(device.view)
            for key, device in sorted(hub.roster.devices.items())
        },
    }


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: HomeClusterConfigEntry, device: dr.DeviceEntry
) -> dict[str, Any]:
    """Return what is known of one device, and the objects that say so."""
    if entry.state is not ConfigEntryState.LOADED:
        return {"device": None}
    hub = entry.runtime_data
    key = hub.key_of(device)
    known = hub.roster.devices.get(key) if key is not None else None
    if known is None:
        return {"device": None}
    return {"device": _plain(known.view), "objects": _plain(_objects(hub, known))}


def _safe(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings whose values are known to be harmless, and the names of the others."""
    return {
        key: value
        if key in _SHOWN or isinstance(value, bool | int | float)
        else REDACTED
        for key, value in settings.items()
    }


def _told(hub: Hub) -> dict[str, Any]:
    """Return how it stands with the cluster."""
    kinds = hub.rights.scope.kinds
    return {
        "available": hub.available,
        "link": hub.cluster.link,
        "version": hub.cluster.version,
        "latency": hub.cluster.latency,
        "mode": hub.mode,
        "objects": {kind: len(hub.cluster.store(kind)) for kind in kinds},
        "followed": dict(kinds),
        "denied": sorted(hub.cluster.denied, key=repr),
        "missing": sorted(hub.rights.scope.missing, key=repr),
        "account": sorted(hub.rights.allowed, key=repr),
    }


def _objects(hub: Hub, device: Device) -> list[Record]:
    """Return the objects that a device's view is made of."""
    ref = ref_of(device.key)
    if ref is None:
        return []
    if ref.kind is Kind.NODE:
        return [node] if (node := hub.cluster.store(ref.kind).get(ref.key)) else []
    found = hub.index.situation(ref, dt_util.utcnow())
    if found is None:
        return []
    return [found.workload, *found.jobs, *found.pods, *found.events, *found.claims]


def _plain(value: Any) -> Any:
    """Return a value as JSON has it, without what an object says in its own words, or what looks secret."""
    if isinstance(value, dict):
        return {
            key: REDACTED if key in _HIDDEN and inner else _plain(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, int | float | None):
        return value
    return _plain(msgspec.to_builtins(value, str_keys=True, enc_hook=str))
