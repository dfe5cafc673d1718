"""The blueprints load, and do what they say."""

from datetime import timedelta
from pathlib import Path
import shutil
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
    async_mock_service,
)

from custom_components.home_cluster.const import DOMAIN
from homeassistant.components.blueprint import BLUEPRINT_SCHEMA, Blueprint
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import load_yaml_dict
from tests.integration.api_server import UID
from tests.integration.cluster_home import (
    device,
    entity_id,
    entry_for,
    set_up,
    state,
    until,
)
from tests.integration.live_server import LiveServer

FOLDER = Path(__file__).parents[2] / "blueprints" / "automation" / "home_cluster"
FILES = sorted(path.name for path in FOLDER.glob("*.yaml"))
FRIDGE = "deployment/kitchen/fridge"
JAZZ = "statefulset/kitchen/jazz"


@pytest.fixture
async def entry(hass: HomeAssistant, home: LiveServer) -> MockConfigEntry:
    """A connected home."""
    assert await async_setup_component(hass, "homeassistant", {})
    entry = entry_for(home)
    await set_up(hass, entry)
    return entry


async def automate(hass: HomeAssistant, name: str, **inputs: Any) -> None:
    """Make an automation of a blueprint, as a user does."""
    into = Path(hass.config.path("blueprints", "automation", "home_cluster"))
    into.mkdir(parents=True, exist_ok=True)
    shutil.copy(FOLDER / name, into)
    use = {"path": f"home_cluster/{name}", "input": inputs}
    assert await async_setup_component(
        hass, "automation", {"automation": {"use_blueprint": use}}
    )
    await hass.async_block_till_done()
    (found,) = hass.states.async_all("automation")
    assert found.state == "on"


@pytest.mark.parametrize("name", FILES)
def test_a_blueprint_is_valid_and_says_where_it_comes_from(name: str) -> None:
    """By Home Assistant's own schema; every input with a name and a description."""
    blueprint = Blueprint(
        load_yaml_dict(str(FOLDER / name)),
        path=name,
        expected_domain="automation",
        schema=BLUEPRINT_SCHEMA,
    )
    assert blueprint.validate() is None
    assert blueprint.metadata["source_url"].endswith(f"/home_cluster/{name}")
    for about in blueprint.inputs.values():
        assert about["name"]
        assert about["description"]
        assert about["selector"]
    assert name in (FOLDER.parents[2] / "docs" / "examples.md").read_text()


async def test_tells_when_a_device_fails_and_when_it_works_again(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """With the sentence and the advice."""
    told = async_mock_service(hass, "notify", "phone")
    await automate(
        hass,
        "tell_when_a_device_fails.yaml",
        devices={"entity_id": entity_id(hass, f"{FRIDGE}/status")},
        patience={"seconds": 0},
        lines=3,
        tell=[
            {
                "action": "notify.phone",
                "data": {
                    "title": "{{ title }}",
                    "message": "{{ message }}",
                    "log": "{{ log }}",
                },
            }
        ],
    )
    for pod in home.pods_of("kitchen", "fridge"):
        home.crash("kitchen", pod["metadata"]["name"])
    await until(hass, lambda: told, "the bad news")
    assert told[0].data["title"] == "Fridge has a problem"
    problem = hass.states.get(str(entity_id(hass, f"{FRIDGE}/problem")))
    assert problem is not None
    assert told[0].data["message"] == (
        f"{problem.attributes['message']} {problem.attributes['advice']}"
    )
    for pod in home.pods_of("kitchen", "fridge"):
        home.delete("pods", "kitchen", pod["metadata"]["name"])
    home.reconcile("deployments", "kitchen", "fridge")
    await until(hass, lambda: len(told) == 2, "the good news")
    assert told[1].data == {
        "title": "Fridge works again",
        "message": "It is well.",
        "log": "",
    }


async def test_saves_the_battery(
    hass: HomeAssistant,
    home: LiveServer,
    entry: MockConfigEntry,
) -> None:
    """Off when it is low for a minute, on when it is good for a minute."""
    hass.states.async_set("sensor.battery", "50")
    await automate(
        hass,
        "save_the_battery.yaml",
        battery="sensor.battery",
        switches=[entity_id(hass, f"{FRIDGE}/power")],
    )
    for level, word in (("20", "off"), ("70", "on")):
        hass.states.async_set("sensor.battery", level)
        await hass.async_block_till_done()
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=61))
        await until(
            hass, lambda word=word: state(hass, f"{FRIDGE}/power") == word, word
        )


def id_of(hass: HomeAssistant, entry: MockConfigEntry, key: str) -> str:
    """Return a device's id."""
    found = device(hass, entry, key)
    assert found is not None
    return found.id


async def test_restarts_a_device_when_its_entity_is_unavailable(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """While the device itself runs."""
    hass.states.async_set("light.hall", "on")
    await automate(
        hass,
        "restart_when_unavailable.yaml",
        entity="light.hall",
        device=id_of(hass, entry, JAZZ),
        lasting="00:00:00",
        pause="00:00:00",
    )
    hass.states.async_set("light.hall", "unavailable")
    await until(hass, lambda: home.evictions, "the restart")
    assert len(home.evictions) == 1


async def test_tells_of_new_firmware(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """From which version to which."""
    told = async_mock_service(hass, "notify", "phone")
    registry = er.async_get(hass)
    update = registry.async_get_or_create(
        "update",
        DOMAIN,
        f"{UID}/{FRIDGE}/update",
        config_entry=entry,
        device_id=id_of(hass, entry, FRIDGE),
    ).entity_id
    hass.states.async_set(update, "off")
    words = "{{ device }}: {{ installed }} to {{ latest }}"
    await automate(
        hass,
        "new_firmware.yaml",
        devices={"device_id": id_of(hass, entry, FRIDGE)},
        tell=[{"action": "notify.phone", "data": {"message": words}}],
    )
    versions = {"installed_version": "v1.0.0", "latest_version": "v1.1.0"}
    hass.states.async_set(update, "on", versions)
    await hass.async_block_till_done()
    assert [one.data["message"] for one in told] == ["Fridge: v1.0.0 to v1.1.0"]


def powers(hass: HomeAssistant) -> list[str | None]:
    """Return what the switches of the fridge and of jazz say."""
    return [state(hass, f"{key}/power") for key in (FRIDGE, JAZZ)]


async def test_switches_devices_off_at_night(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """By one plan; in the morning they are as they were."""
    night = dt_util.now() + timedelta(minutes=5)
    morning = night + timedelta(hours=7)
    await automate(
        hass,
        "night_plan.yaml",
        devices=[id_of(hass, entry, key) for key in (FRIDGE, JAZZ)],
        off_at=f"{night:%H:%M}:00",
        on_at=f"{morning:%H:%M}:00",
    )
    async_fire_time_changed(hass, night)
    await until(hass, lambda: powers(hass) == ["off", "off"], "the night")
    async_fire_time_changed(hass, morning)
    await until(hass, lambda: powers(hass) == ["on", "on"], "the morning")
    assert len(home.pods_of("kitchen", "fridge")) == 2
    (found,) = hass.states.async_all("automation")
    await hass.services.async_call(
        "automation", "turn_off", {"entity_id": found.entity_id}, blocking=True
    )
