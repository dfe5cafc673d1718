"""A device is judged by what it is there for in Home Assistant."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.home_cluster.const import DOMAIN
from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.helpers import entity_registry as er
from tests.integration.cluster_home import (
    attributes,
    entity_id,
    entry_for,
    set_up,
    state,
    until,
)
from tests.integration.live_server import LiveServer

FRIDGE = "deployment/kitchen/fridge"
STATUS = f"{FRIDGE}/status"
DOOR = "binary_sensor.fridge_door"
TEMPERATURE = "sensor.fridge_temperature"


@pytest.fixture(autouse=True)
def no_grace() -> Iterator[None]:
    """Bear nothing, so that no test has to wait."""
    with patch("custom_components.home_cluster.model.serving.GRACE", timedelta(0)):
        yield


def serve(home: LiveServer, serves: str) -> None:
    """Have the fridge say what it is there for."""
    home.workload(
        "deployments",
        "kitchen",
        "fridge",
        replicas=2,
        hints={"name": "Fridge", "serves": serves},
    )


async def until_status(hass: HomeAssistant, status: str) -> None:
    """Wait for what the fridge is said to do."""
    await until(hass, lambda: state(hass, STATUS) == status, status)


async def test_an_entity_that_stays_unavailable_degrades_its_device(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Its reason and sentence say which; it is well at once when the entity is back."""
    serve(home, f"{DOOR}, {TEMPERATURE}")
    hass.states.async_set(DOOR, "off")
    hass.states.async_set(TEMPERATURE, "unknown")
    await set_up(hass, entry_for(home))
    await until_status(hass, "running")
    hass.states.async_set(DOOR, "unavailable")
    await until_status(hass, "degraded")
    assert state(hass, f"{FRIDGE}/reason") == "served_entities_unavailable"
    assert DOOR in attributes(hass, f"{FRIDGE}/problem")["message"]
    hass.states.async_set(DOOR, "on")
    await until_status(hass, "running")


async def test_what_was_unavailable_before_is_seen_when_the_entry_is_set_up(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """And when the hint comes later."""
    hass.states.async_set(DOOR, "unavailable")
    await set_up(hass, entry_for(home))
    await until_status(hass, "running")
    serve(home, DOOR)
    await until_status(hass, "degraded")
    serve(home, "sensor.nobody_has")
    await until_status(hass, "running")


async def test_nothing_is_missed_while_home_assistant_starts(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Other integrations may still be on their way."""
    hass.set_state(CoreState.starting)
    hass.states.async_set(DOOR, "unavailable")
    serve(home, DOOR)
    await set_up(hass, entry_for(home))
    await until_status(hass, "running")
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await until_status(hass, "degraded")


async def test_an_outage_of_the_link_counts_for_nothing(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """What went away with it has the grace again after it."""
    serve(home, DOOR)
    hass.states.async_set(DOOR, "off")
    await set_up(hass, entry_for(home))
    await home.down()
    await until_status(hass, "unavailable")
    hass.states.async_set(DOOR, "unavailable")
    with patch("custom_components.home_cluster.model.serving.GRACE", timedelta(1)):
        await home.up()
        await until_status(hass, "running")
        await hass.async_block_till_done()
        assert state(hass, STATUS) == "running"


def registered(hass: HomeAssistant, entry: MockConfigEntry, name: str) -> str:
    """Return an entity of another integration."""
    return (
        er.async_get(hass)
        .async_get_or_create(
            "sensor", entry.domain, name, suggested_object_id=name, config_entry=entry
        )
        .entity_id
    )


@pytest.fixture
def other(hass: HomeAssistant) -> MockConfigEntry:
    """Another integration that is loaded."""
    entry = MockConfigEntry(domain="frost", state=ConfigEntryState.LOADED)
    entry.add_to_hass(hass)
    return entry


async def test_an_entity_that_is_renamed_is_still_meant(
    hass: HomeAssistant,
    home: LiveServer,
    other: MockConfigEntry,
    hass_storage: dict[str, Any],
) -> None:
    """By its entry in the registry, also after the next start, when only the hint has the old id."""
    old = registered(hass, other, "fridge_temperature")
    hass.states.async_set(old, "4")
    serve(home, old)
    entry = entry_for(home)
    await set_up(hass, entry)
    er.async_get(hass).async_update_entity(old, new_entity_id="sensor.cold")
    hass.states.async_remove(old)
    hass.states.async_set("sensor.cold", "unavailable")
    await until_status(hass, "degraded")
    assert "sensor.cold" in attributes(hass, f"{FRIDGE}/problem")["message"]
    await hass.config_entries.async_reload(entry.entry_id)
    await until_status(hass, "degraded")
    assert "sensor.cold" in attributes(hass, f"{FRIDGE}/problem")["message"]
    file = f"{DOMAIN}.{entry.entry_id}.notes"
    assert old in hass_storage[file]["data"]["served"]
    await hass.config_entries.async_remove(entry.entry_id)
    assert file not in hass_storage


async def test_an_integration_is_missed_when_all_its_entities_are(
    hass: HomeAssistant, home: LiveServer, other: MockConfigEntry
) -> None:
    """Not while one of them is there; one that comes later counts, too."""
    one, two = (registered(hass, other, name) for name in ("one", "two"))
    hass.states.async_set(one, "1")
    hass.states.async_set(two, "unavailable")
    serve(home, "integration:frost")
    await set_up(hass, entry_for(home))
    await until_status(hass, "running")
    hass.states.async_set(one, "unavailable")
    await until_status(hass, "degraded")
    message = attributes(hass, f"{FRIDGE}/problem")["message"]
    assert "the integration frost is unavailable" in message
    three = registered(hass, other, "three")
    hass.states.async_set(three, "3")
    await hass.async_block_till_done()
    hass.states.async_set(three, "unavailable")
    hass.states.async_set(three, "4")
    await until_status(hass, "running")


async def test_an_integration_that_cannot_be_set_up_is_missed(
    hass: HomeAssistant, home: LiveServer, other: MockConfigEntry
) -> None:
    """Until it is; one that is disabled is missed by nobody."""
    serve(home, "integration:frost, integration:nobody_has, integration:home_cluster")
    await set_up(hass, entry_for(home))
    await until_status(hass, "running")
    other.mock_state(hass, ConfigEntryState.SETUP_RETRY)
    await until_status(hass, "degraded")
    other.mock_state(hass, ConfigEntryState.LOADED)
    await until_status(hass, "running")
    other.mock_state(hass, ConfigEntryState.SETUP_ERROR)
    await until_status(hass, "degraded")
    hass.config_entries._entries.data[other.entry_id] = other
    object.__setattr__(other, "disabled_by", ConfigEntryDisabler.USER)
    other.mock_state(hass, ConfigEntryState.NOT_LOADED)
    await until_status(hass, "running")


async def test_a_device_does_not_wait_for_itself(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Its own entities are unavailable with it."""
    await set_up(hass, entry_for(home))
    own = entity_id(hass, f"{FRIDGE}/power")
    assert own is not None
    serve(home, own)
    await hass.async_block_till_done()
    hass.states.async_set(own, "unavailable")
    await hass.async_block_till_done()
    assert state(hass, STATUS) == "running"


async def test_a_device_that_goes_is_followed_no_more(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Nor is anything after the entry is unloaded."""
    serve(home, DOOR)
    entry = entry_for(home)
    await set_up(hass, entry)
    home.delete("deployments", "kitchen", "fridge")
    await until(hass, lambda: state(hass, STATUS) is None, "the end")
    hass.states.async_set(DOOR, "unavailable")
    await hass.async_block_till_done()
    assert await hass.config_entries.async_unload(entry.entry_id)
