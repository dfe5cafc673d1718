"""Connecting the cluster that Home Assistant itself runs on, without anybody and only once."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
import logging
import os
from typing import Any, Final

import voluptuous as vol

from homeassistant.config_entries import (
    SOURCE_IMPORT,
    SOURCE_INTEGRATION_DISCOVERY,
    ConfigEntry,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv, discovery_flow
from homeassistant.helpers.storage import Store
from homeassistant.helpers.typing import ConfigType

from .connect import Refused, connect_in_cluster, in_a_pod
from .const import CONF_METHOD, CONF_MODE, CONF_NAMESPACES, DOMAIN, METHOD_IN_CLUSTER
from .model.selection import MODE_ALL, MODE_NAMESPACES

# Set by the chart: the namespaces of its zones, separated by commas.
NAMESPACES_VARIABLE: Final = "HOME_CLUSTER_NAMESPACES"

STORE: Final = f"{DOMAIN}.zero_touch"
VERSION: Final = 1

FIRST_PAUSE: Final = 2
LONGEST_PAUSE: Final = 60

CONFIG_SCHEMA: Final = vol.Schema(
    {
        vol.Optional(DOMAIN): vol.All(
            lambda value: {} if value is None else value,
            vol.Schema(
                {vol.Optional(CONF_NAMESPACES): vol.All(cv.ensure_list, [cv.string])}
            ),
        )
    },
    extra=vol.ALLOW_EXTRA,
)

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OwnCluster:
    """The cluster around Home Assistant, and which of its namespaces hold devices: none named is all."""

    uid: str
    namespaces: tuple[str, ...] = ()

    @property
    def data(self) -> dict[str, Any]:
        """The data of its entry."""
        return {CONF_METHOD: METHOD_IN_CLUSTER}

    @property
    def options(self) -> dict[str, Any]:
        """The options of its entry."""
        mode = MODE_NAMESPACES if self.namespaces else MODE_ALL
        return {CONF_MODE: mode, CONF_NAMESPACES: list(self.namespaces)}


def named_namespaces(config: ConfigType) -> tuple[str, ...]:
    """Return the namespaces that the YAML key names, or else those that the chart does."""
    named = config[DOMAIN].get(CONF_NAMESPACES)
    if named is None:
        named = os.environ.get(NAMESPACES_VARIABLE, "").split(",")
    return tuple(dict.fromkeys(name.strip() for name in named if name.strip()))


async def connect_own_cluster(hass: HomeAssistant, namespaces: Sequence[str]) -> None:
    """Have the cluster around Home Assistant connected; returns when that is settled.

    A cluster that was never met gets its entry at once. One that was met and has no entry was
    removed by somebody: it is offered as a discovery and no more. Namespaces that were not named
    before join an entry that selects by namespace; what somebody took out of it stays out.
    """
    if not in_a_pod():
        _LOGGER.warning(
            "The key `%s:` in configuration.yaml connects the cluster that Home Assistant runs on, but it does not run on one. Remove the key and add the integration under Settings",
            DOMAIN,
        )
        return
    own = OwnCluster(await _uid(hass), tuple(namespaces))
    store = Store[dict[str, list[str]]](hass, VERSION, STORE, atomic_writes=True)
    met = await store.async_load() or {}
    before = met.get(own.uid)
    if before is None or not set(own.namespaces) <= set(before):
        # On disk first: an entry that is removed later must not come back.
        await store.async_save(
            {**met, own.uid: sorted({*(before or ()), *own.namespaces})}
        )
    entry = hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, own.uid)
    if entry is not None:
        if before is not None:
            _add_namespaces(hass, entry, set(own.namespaces) - set(before))
        return
    if _moved_here(hass):
        # Its own error says that this is another cluster, and how its devices move here.
        return
    if before is None:
        await hass.config_entries.flow.async_init(
            DOMAIN, context={"source": SOURCE_IMPORT}, data=asdict(own)
        )
        return
    discovery_flow.async_create_flow(
        hass, DOMAIN, {"source": SOURCE_INTEGRATION_DISCOVERY}, asdict(own)
    )


async def _uid(hass: HomeAssistant) -> str:
    """Return who the cluster is, however long it takes to come up."""
    said, pause = "", pauses()
    while True:
        try:
            return (await connect_in_cluster(hass)).uid
        except Refused as refused:
            if said != refused.key:
                said = refused.key
                _LOGGER.warning(
                    "The cluster that Home Assistant runs on cannot be connected yet (%s). It is tried again until it can%s",
                    refused.key,
                    _details(refused.placeholders),
                )
        await asyncio.sleep(next(pause))


def pauses() -> Iterator[int]:
    """Return the seconds between two tries, without an end."""
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE)


def _details(words: Mapping[str, str]) -> str:
    found = [words[key] for key in ("url", "detail", "yaml") if words.get(key)]
    return ": " + "\n".join(found) if found else ""


def _moved_here(hass: HomeAssistant) -> bool:
    """Say whether an entry was made from inside another cluster: Home Assistant was restored here."""
    return any(
        entry.data.get(CONF_METHOD) == METHOD_IN_CLUSTER
        for entry in hass.config_entries.async_entries(DOMAIN)
    )


def _add_namespaces(hass: HomeAssistant, entry: ConfigEntry, new: set[str]) -> None:
    if entry.options.get(CONF_MODE) != MODE_NAMESPACES:
        return
    chosen = entry.options.get(CONF_NAMESPACES, [])
    if added := sorted(new - set(chosen)):
        hass.config_entries.async_update_entry(
            entry, options={**entry.options, CONF_NAMESPACES: [*chosen, *added]}
        )
        hass.config_entries.async_schedule_reload(entry.entry_id)
