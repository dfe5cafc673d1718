"""Coming back without anybody: looking out for a cluster whose entry could not be set up."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .kube.client import Client
from .kube.errors import KubeError

# Home Assistant itself tries a failed set-up again after up to 80 s: too late after a power cut.
LOOK_EVERY: Final = 4
LOOK_LATER: Final = 30
SOON_ENDS: Final = 75

_WAITING: Final = (ConfigEntryState.SETUP_RETRY, ConfigEntryState.SETUP_ERROR)


class _Lookout(NamedTuple):
    task: asyncio.Task[None]
    what: tuple[Mapping[str, Any], bool]


_LOOKOUTS: HassKey[dict[str, _Lookout]] = HassKey(f"{DOMAIN}_lookouts")


@callback
def look_out(
    hass: HomeAssistant, entry: ConfigEntry, client: Client, *, refused: bool = False
) -> None:
    """Set an entry up as soon as its cluster is there, and (`refused`) knows the account again.

    Right after its start an API server can refuse a good token, and a token in a file is renewed
    by others. However often a set-up fails, one task looks.
    """
    lookouts = hass.data.setdefault(_LOOKOUTS, {})
    if (before := lookouts.get(entry.entry_id)) is not None and not before.task.done():
        if before.what == (entry.data, refused):
            return
        before.task.cancel()
    task = hass.async_create_background_task(
        _look_out(hass, entry, client, refused=refused),
        f"home_cluster look out for {entry.title}",
    )
    lookouts[entry.entry_id] = _Lookout(task, (entry.data, refused))


@callback
def withdraw_reauth(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Ask for other credentials no more: the cluster takes those that there are."""
    for flow in tuple(entry.async_get_active_flows(hass, {SOURCE_REAUTH})):
        hass.config_entries.flow.async_abort(flow["flow_id"])


async def _look_out(
    hass: HomeAssistant, entry: ConfigEntry, client: Client, *, refused: bool
) -> None:
    looks = 0
    while True:
        soon = looks < SOON_ENDS and not refused
        await asyncio.sleep(LOOK_EVERY if soon else LOOK_LATER)
        looks += 1
        if entry.state not in _WAITING:
            return
        try:
            if refused:
                await client.cluster_uid()
            elif not await client.ready():
                continue
        except KubeError:
            continue
        hass.config_entries.async_schedule_reload(entry.entry_id)
        return
