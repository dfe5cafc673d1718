"""Diagnostics help, and tell no secret."""

import json
from typing import Any

import pytest

from custom_components.home_cluster.diagnostics import (
    async_get_config_entry_diagnostics,
    async_get_device_diagnostics,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.json import JSONEncoder
from tests.integration.cluster_home import device, entry_for, set_up, state, until
from tests.integration.live_server import LiveServer

FRIDGE = "deployment/kitchen/fridge"


def written(diagnostics: Any) -> str:
    """Return what the user downloads."""
    return json.dumps(diagnostics, cls=JSONEncoder)


async def test_an_entry_tells_what_it_follows_and_hides_its_credentials(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """No token, no certificate, no address."""
    entry = entry_for(home)
    await set_up(hass, entry)
    told = await async_get_config_entry_diagnostics(hass, entry)
    text = written(told)
    for secret in ("person", home.url, "BEGIN CERTIFICATE"):
        assert secret not in text.replace('"name": "person"', ""), secret
    assert told["cluster"]["link"] == "up"
    assert told["cluster"]["objects"]["Deployment"] == 1
    assert told["devices"][FRIDGE]["health"]["status"] == "running"
    assert told["devices"][FRIDGE]["hints"]["url"] == "**REDACTED**"


@pytest.mark.parametrize(
    ("key", "kinds"),
    [
        (FRIDGE, 3),
        ("node//pi-attic", 1),
        ("cluster//cluster", 0),
        ("cronjob/garden/backup", 1),
    ],
)
async def test_a_device_tells_the_objects_it_is_made_of(
    hass: HomeAssistant, home: LiveServer, key: str, kinds: int
) -> None:
    """Workload and pods; what they say in their own words is hidden."""
    entry = entry_for(home)
    await set_up(hass, entry)
    found = device(hass, entry, key)
    assert found is not None
    told = await async_get_device_diagnostics(hass, entry, found)
    assert len(told["objects"]) == kinds
    assert "fridge.local" not in written(told)


async def test_a_crash_shows_its_reason_but_not_the_programs_words(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """A message may hold anything."""
    entry = entry_for(home)
    await set_up(hass, entry)
    for pod in home.pods_of("kitchen", "fridge"):
        home.crash("kitchen", pod["metadata"]["name"])
    await until(hass, lambda: state(hass, f"{FRIDGE}/problem") == "on", "the problem")
    found = device(hass, entry, FRIDGE)
    assert found is not None
    text = written(await async_get_device_diagnostics(hass, entry, found))
    assert "CrashLoopBackOff" in text
    assert "back-off 5m0s" not in text


async def test_a_device_that_is_gone_tells_nothing(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """It may still be in the registry for a moment."""
    entry = entry_for(home)
    await set_up(hass, entry)
    found = device(hass, entry, FRIDGE)
    assert found is not None
    entry.runtime_data.roster.dismiss(FRIDGE)
    assert await async_get_device_diagnostics(hass, entry, found) == {"device": None}
