"""The link to the cluster: lost at once, back when the cluster has told all and is known to be the same one."""

import logging
from typing import Protocol

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from .digest import Digest
from .kube.client import Client
from .kube.cluster import Cluster, LinkState
from .kube.errors import KubeError
from .lookout import withdraw_reauth

_LOGGER = logging.getLogger(__name__)


class Home(Protocol):
    """What the link needs of the hub."""

    hass: HomeAssistant
    entry: ConfigEntry
    client: Client
    cluster: Cluster
    cluster_uid: str
    digest: Digest

    def lost(self) -> None:
        """The link was lost: what is shown may be old."""

    def back(self) -> None:
        """The link is back: what is shown is so."""


class Link:
    """Says whether what is shown is what the cluster says now (`available`), and since when it was last back.

    `begin` when there is something to show, `end` before that goes.
    """

    def __init__(self, home: Home) -> None:
        """Nothing is known yet."""
        self._home = home
        self._verified = False
        self.available = False
        self.since = dt_util.utcnow()

    @callback
    def begin(self) -> None:
        """Begin with a cluster that has said who it is."""
        self._verified = True
        self.available = self._home.cluster.link is LinkState.UP

    @callback
    def end(self) -> None:
        """Show nothing any more."""
        self.available = False

    @callback
    def take(self, state: LinkState) -> None:
        """Follow a change of the link."""
        home = self._home
        if state is LinkState.UP:
            home.entry.async_create_background_task(
                home.hass, self._come_back(), "home_cluster come back"
            )
            return
        self._verified = False
        if state is LinkState.UNAUTHORIZED:
            home.entry.async_start_reauth(home.hass)
        if self.available:
            self.available = False
            home.lost()

    async def is_same(self) -> bool:
        """Say whether this is known to be the entry's own cluster."""
        return await self._verify() and self._verified

    async def _come_back(self) -> None:
        """Show what the cluster says, once it has said all of it and is known to be the same one."""
        await self._home.digest.indexed()
        if (
            not await self._verify()
            or self._home.cluster.link is not LinkState.UP
            or self.available
        ):
            return
        self.available = True
        self.since = dt_util.utcnow()
        withdraw_reauth(self._home.hass, self._home.entry)
        self._home.back()

    async def _verify(self) -> bool:
        """Make sure that this is still the entry's cluster; a new one is the set-up's business."""
        if not self._verified:
            home = self._home
            try:
                uid = await home.client.cluster_uid()
            except KubeError as err:
                _LOGGER.debug("Could not ask the cluster who it is: %s", err)
                return True
            if uid != home.cluster_uid:
                home.hass.config_entries.async_schedule_reload(home.entry.entry_id)
                return False
            self._verified = True
        return True
