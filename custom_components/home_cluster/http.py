"""Hands the dashboard and the card to browsers."""

from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Final

from homeassistant.components.frontend import add_extra_js_url, remove_extra_js_url
from homeassistant.components.http.server import StaticPathConfig
from homeassistant.core import HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .hub import Hub

FOLDER: Final = Path(__file__).with_name("frontend")
MODULE: Final = "home-cluster.js"

# The address under which the modules are served; Home Assistant cannot take back a path.
_SERVED: Final[HassKey[str]] = HassKey(f"{DOMAIN}_frontend")


class Dashboard:
    """Has every page of Home Assistant load the modules while there are clusters."""

    def __init__(self, hass: HomeAssistant, _hubs: Callable[[], Iterable[Hub]]) -> None:
        """Serve nothing yet."""
        self._hass = hass
        self._url = ""
        self._stopped = False

    @callback
    def start(self) -> None:
        """Serve the modules and have pages load them."""
        self._hass.async_create_task(self._serve(), f"{DOMAIN} frontend")

    @callback
    def stop(self) -> None:
        """Have new pages load nothing."""
        self._stopped = True
        if self._url:
            remove_extra_js_url(self._hass, self._url)
            self._url = ""

    @callback
    def hubs_changed(self) -> None:
        """The modules find the clusters by themselves."""

    async def _serve(self) -> None:
        base = self._hass.data.get(_SERVED)
        if base is None:
            # By what is in them: browsers may keep them for ever.
            digest = await self._hass.async_add_executor_job(_digest)
            base = self._hass.data[_SERVED] = f"/{DOMAIN}_files/{digest}"
            path = StaticPathConfig(base, str(FOLDER), cache_headers=True)
            await self._hass.http.async_register_static_paths([path])
        if not self._stopped:
            self._url = f"{base}/{MODULE}"
            add_extra_js_url(self._hass, self._url)


make_feature = Dashboard


def _digest() -> str:
    found = sha256()
    for path in sorted(FOLDER.glob("*.js")):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]
