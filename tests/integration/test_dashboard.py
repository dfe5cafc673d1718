"""The dashboard's modules: served while there are clusters, found by every page."""

from pathlib import Path

import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.home_cluster.http import FOLDER
from homeassistant.components.frontend import DATA_EXTRA_MODULE_URL
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from tests.integration.cluster_home import entry_for, set_up
from tests.integration.live_server import LiveServer


def modules(hass: HomeAssistant) -> list[str]:
    """Return our modules that a page loads."""
    urls = hass.data[DATA_EXTRA_MODULE_URL].urls
    return [url for url in urls if "home_cluster" in url]


@pytest.mark.parametrize("first", ["frontend", "the cluster"])
async def test_pages_load_the_modules_while_there_is_a_cluster(
    hass: HomeAssistant,
    home: LiveServer,
    hass_client: ClientSessionGenerator,
    first: str,
) -> None:
    """Whichever comes first; served under one address in the life of Home Assistant."""
    entry = entry_for(home)
    if first == "the cluster":
        await set_up(hass, entry)
    assert await async_setup_component(hass, "http", {})
    assert await async_setup_component(hass, "frontend", {})
    if first == "frontend":
        await set_up(hass, entry)
    await hass.async_block_till_done()
    (url,) = modules(hass)
    client = await hass_client()
    for path in FOLDER.glob("*.js"):
        answer = await client.get(f"{Path(url).parent}/{path.name}")
        assert answer.status == 200
        assert "javascript" in answer.headers["Content-Type"]
        assert await answer.text() == path.read_text()
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
    assert modules(hass) == []
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert modules(hass) == [url]


async def test_a_cluster_that_goes_at_once_leaves_nothing(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Also while the modules are being read."""
    assert await async_setup_component(hass, "http", {})
    assert await async_setup_component(hass, "frontend", {})
    entry = entry_for(home)
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
    assert modules(hass) == []
