"""The options of updates: a part of the form that scripts may leave out, and passwords that stay where they are."""

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.home_cluster.connect import Refused
from custom_components.home_cluster.diagnostics import (
    async_get_config_entry_diagnostics,
)
from custom_components.home_cluster.forms import shown_updates, typed_updates
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from tests.integration.cluster_home import entry_for
from tests.integration.live_server import LiveServer

GHCR = {"address": "ghcr.io", "username": "home", "password": "open sesame"}
CHOSEN = {"mode": "all", "namespaces": [], "metrics_interval": 60}
UPDATES = {"update_checks": True, "auto_rollback": False, "allow_owned": True}


@pytest.fixture
def entry(
    hass: HomeAssistant, home: LiveServer, no_setup: Any
) -> Iterator[MockConfigEntry]:
    """An entry with an account for a registry."""
    entry = entry_for(home, updates={**UPDATES, "registries": [GHCR]})
    entry.add_to_hass(hass)
    return entry


async def submit(
    hass: HomeAssistant, entry: MockConfigEntry, typed: dict[str, Any]
) -> Any:
    """Open the form, send it, and wait for the entry to be reloaded."""
    options = hass.config_entries.options
    result = await options.async_init(entry.entry_id)
    result = await options.async_configure(result["flow_id"], typed)
    await hass.async_block_till_done()
    return result


async def test_the_form_shows_no_password(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """What else is set it shows."""
    result = await hass.config_entries.options.async_init(entry.entry_id)
    (part,) = (
        field for key, field in result["data_schema"].schema.items() if key == "updates"
    )
    shown = {
        str(key): (key.description or {}).get("suggested_value")
        for key in part.schema.schema
    }
    assert shown == {
        **UPDATES,
        "registries": [{"address": "ghcr.io", "username": "home"}],
    }
    diagnosed = await async_get_config_entry_diagnostics(hass, entry)
    assert "open sesame" not in repr(diagnosed)


async def test_a_script_that_changes_the_selection_only_changes_nothing_else(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """The part may be left out."""
    result = await submit(hass, entry, {**CHOSEN, "mode": "labelled"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options["mode"] == "labelled"
    assert entry.options["updates"] == {**UPDATES, "registries": [GHCR]}


async def test_a_password_that_is_left_empty_is_kept(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """For the same registry and user; a new one is taken as typed."""
    other = {"address": "https://Registry.home:5000/", "password": " secret "}
    typed = {
        **UPDATES,
        "registries": [{"address": " ghcr.io ", "username": "home"}, other],
    }
    result = await submit(hass, entry, {**CHOSEN, "updates": typed})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options["updates"]["registries"] == [
        GHCR,
        {"address": "Registry.home:5000", "username": "", "password": "secret"},
    ]


@pytest.mark.parametrize("address", ["", "ftp://x", "a b", "ghcr.io/home", "x:port"])
async def test_what_is_no_registry_is_said_to_be_none(
    hass: HomeAssistant, entry: MockConfigEntry, address: str
) -> None:
    """And nothing is changed."""
    typed = {**UPDATES, "registries": [{"address": address}]}
    result = await submit(hass, entry, {**CHOSEN, "updates": typed})
    assert result["errors"] == {"updates": "bad_registry"}
    assert entry.options["updates"]["registries"] == [GHCR]


def test_an_account_is_not_kept_for_another_registry() -> None:
    """Nor for another user."""
    before = {"registries": [GHCR]}
    for one in (
        {"address": "quay.io", "username": "home"},
        {"address": "http://ghcr.io", "username": "home"},
        {"address": "ghcr.io", "username": "guest"},
    ):
        (kept,) = typed_updates({"registries": [one]}, before)["registries"]
        assert kept["password"] == ""
    assert shown_updates({}) == {"registries": []}
    with pytest.raises(Refused):
        typed_updates({"registries": [{"address": "/"}]}, {})
