"""What helps to find out why something is as it is: without a secret, without an address."""

from typing import Any, Final

import msgspec

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util

from .const import (
    CONF_CA,
    CONF_CONTEXT,
    CONF_KUBECONFIG,
    CONF_STATIC,
    CONF_TOKEN,
    CONF_URL,
)
from .devices import Device, ref_of
from .hub import HomeClusterConfigEntry, Hub
from .kube.schema import Kind, Record

TO_REDACT: Final = frozenset(
    {CONF_CA, CONF_CONTEXT, CONF_KUBECONFIG, CONF_STATIC, CONF_TOKEN, CONF_URL, "title"}
)
# What an object says of itself may hold anything; what is judged by is in the view.
_HIDDEN: Final = frozenset({"annotations", "address", "message", "url"})


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: HomeClusterConfigEntry
) -> dict[str, Any]:
    """Return what the entry follows, what it may do, and what its devices are."""
    known = async_redact_data(entry.as_dict(), TO_REDACT)
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
    """Return a value as JSON has it, without what an object says in its own words."""
    if isinstance(value, dict):
        return {
            key: "**REDACTED**" if key in _HIDDEN and inner else _plain(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, str | int | float | None):
        return value
    return _plain(msgspec.to_builtins(value, str_keys=True, enc_hook=str))
