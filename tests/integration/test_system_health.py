"""What the page on Home Assistant's health says of the clusters."""

from datetime import UTC, datetime
from typing import Any

from pytest_homeassistant_custom_component.common import get_system_health_info

from custom_components.home_cluster.const import DOMAIN
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from tests.integration.cluster_home import entry_for, set_up, until
from tests.integration.flow_texts import TEXTS
from tests.integration.live_server import LiveServer


async def told(hass: HomeAssistant) -> dict[str, Any]:
    """Return the facts."""
    assert await async_setup_component(hass, "system_health", {})
    await hass.async_block_till_done()
    return dict(await get_system_health_info(hass, DOMAIN))


async def test_a_cluster_that_is_there(hass: HomeAssistant, home: LiveServer) -> None:
    """Reached, how fast, how much is followed, when it was last read."""
    await set_up(hass, entry_for(home))
    facts = await told(hass)
    assert facts["reachable"] is True
    assert facts["version"] == "v1.37.2"
    assert facts["devices"] == 6
    assert facts["collections"] >= 10
    assert facts["objects"] >= 12
    assert facts["latency"] == "–" or facts["latency"].endswith(" ms")
    assert (datetime.now(UTC) - facts["last_relist"]).total_seconds() < 30
    assert set(facts) == set(TEXTS["system_health"]["info"])


async def test_a_cluster_that_is_away(hass: HomeAssistant, home: LiveServer) -> None:
    """It is said, and so is why an entry could not be set up."""
    entry = entry_for(home)
    await set_up(hass, entry)
    await home.down()
    await until(hass, lambda: not entry.runtime_data.available, "the link lost")
    assert (await told(hass))["reachable"] is False
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert await told(hass) == {"reachable": "not_ready"}


async def test_two_clusters_are_told_apart(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """By the names of their entries."""
    await set_up(hass, entry_for(home))
    cabin = entry_for(home)
    cabin.add_to_hass(hass)
    hass.config_entries.async_update_entry(cabin, title="Cabin", unique_id="other")
    facts = await told(hass)
    assert facts["Home: reachable"] is True
    assert facts["Cabin: reachable"] == "not_loaded"
