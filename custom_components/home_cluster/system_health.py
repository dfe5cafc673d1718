"""How it stands with each cluster, for the page on Home Assistant's own health."""

from datetime import timedelta
from typing import Any

from homeassistant.components.system_health import SystemHealthRegistration
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .hub import HomeClusterConfigEntry, Hub


@callback
def async_register(hass: HomeAssistant, register: SystemHealthRegistration) -> None:
    """Offer the information."""
    register.async_register_info(system_health_info)


async def system_health_info(hass: HomeAssistant) -> dict[str, Any]:
    """Return a line for each fact of each cluster; of one that is not connected, why."""
    entries: list[HomeClusterConfigEntry] = hass.config_entries.async_entries(DOMAIN)
    told: dict[str, Any] = {}
    for entry in entries:
        if entry.state is ConfigEntryState.LOADED:
            facts = _facts(entry.runtime_data)
        else:
            facts = {
                "reachable": entry.error_reason_translation_key or entry.state.value
            }
        # With several clusters their names tell them apart.
        before = f"{entry.title}: " if len(entries) > 1 else ""
        told.update({f"{before}{key}": fact for key, fact in facts.items()})
    return told


def _facts(hub: Hub) -> dict[str, Any]:
    cluster = hub.cluster
    kinds = hub.rights.scope.kinds
    latency = cluster.latency
    since = cluster.since_read
    return {
        "reachable": hub.available,
        "version": cluster.version,
        "latency": "–" if latency is None else f"{latency * 1000:.0f} ms",
        "devices": len(hub.workloads) + len(hub.nodes),
        "collections": len(kinds),
        "objects": sum(len(cluster.store(kind)) for kind in kinds),
        "last_relist": "–"
        if since is None
        else dt_util.utcnow() - timedelta(seconds=since),
    }
