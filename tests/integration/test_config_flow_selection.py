"""Choosing what becomes a device: when connecting, and later in the options."""

from collections.abc import Mapping
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.home_cluster.const import DOMAIN
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.setup import async_setup_component
from tests.integration.api_server import (
    READ_UID,
    UID,
    ApiServer,
    Rule,
    reader_of,
    workload,
)
from tests.integration.flow_texts import suggested
from tests.integration.pki import Authority
from tests.integration.test_config_flow import good, start, submit

pytestmark = pytest.mark.usefixtures("no_setup", "socket_enabled")


async def at_selection(
    hass: HomeAssistant, api: ApiServer, authority: Authority, account: str = "reader"
) -> dict[str, Any]:
    """Connect, up to the form of the selection."""
    flow_id = await start(hass, "token")
    result = await submit(hass, flow_id, {**good(api, authority), "token": account})
    assert result["step_id"] == "selection"
    return result


async def test_shows_what_would_become_devices(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    result = await at_selection(hass, api, authority)
    words = result["description_placeholders"]
    assert words["all_count"] == words["chosen_count"] == "3"
    assert words["all_names"] == "fridge (kitchen), jazz (kitchen), weather (garden)"
    assert words["labelled_count"] == "1"
    assert words["labelled_names"] == "fridge (kitchen)"
    assert words["by_namespace"] == "garden (1), kitchen (2)"
    assert suggested(result) == {"mode": "all", "namespaces": []}
    offered = result["data_schema"].schema["namespaces"].config["options"]
    assert offered == ["garden", "kitchen", "kube-system", "longhorn"]


async def test_names_only_the_first_few_of_many(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    api.objects += [workload("deployments", "attic", f"lamp-{n:02}") for n in range(20)]
    result = await at_selection(hass, api, authority)
    words = result["description_placeholders"]
    assert words["all_count"] == "23"
    assert words["all_names"].startswith(
        "fridge (kitchen), jazz (kitchen), lamp-00 (attic)"
    )
    assert words["all_names"].endswith(", …")
    assert "weather" not in words["all_names"]


@pytest.mark.parametrize(
    ("typed", "options"),
    [
        ({}, {"mode": "all", "namespaces": []}),
        ({"mode": "labelled"}, {"mode": "labelled", "namespaces": []}),
        (
            {
                "mode": "namespaces",
                "namespaces": [" kitchen ", "garden", "kitchen", ""],
            },
            {"mode": "namespaces", "namespaces": ["kitchen", "garden"]},
        ),
    ],
)
async def test_keeps_the_selection_as_options(
    hass: HomeAssistant,
    api: ApiServer,
    authority: Authority,
    typed: dict[str, Any],
    options: dict[str, Any],
) -> None:
    result = await at_selection(hass, api, authority)
    result = await submit(hass, result["flow_id"], typed)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["options"] == options


WRONG_NAMESPACES = [
    ({"mode": "namespaces", "namespaces": []}, "no_namespace"),
    ({"mode": "namespaces", "namespaces": ["  "]}, "no_namespace"),
    ({"mode": "namespaces", "namespaces": ["kitchen", "Küche"]}, "invalid_namespace"),
    ({"mode": "namespaces", "namespaces": ["two words"]}, "invalid_namespace"),
    ({"mode": "namespaces", "namespaces": ["kitchen", "cellar"]}, "unknown_namespace"),
    ({"mode": "labelled", "namespaces": ["cellar"]}, "unknown_namespace"),
]


@pytest.mark.parametrize(("typed", "key"), WRONG_NAMESPACES)
async def test_says_what_is_wrong_with_namespaces_and_goes_on(
    hass: HomeAssistant,
    api: ApiServer,
    authority: Authority,
    typed: dict[str, Any],
    key: str,
) -> None:
    result = await at_selection(hass, api, authority)
    result = await submit(hass, result["flow_id"], typed)
    assert result["step_id"] == "selection"
    assert result["errors"] == {"namespaces": key}
    assert suggested(result) == typed
    result = await submit(
        hass, result["flow_id"], {"mode": "namespaces", "namespaces": ["kitchen"]}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_says_which_namespaces_there_are(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    result = await at_selection(hass, api, authority)
    result = await submit(
        hass, result["flow_id"], {"mode": "namespaces", "namespaces": ["cellar"]}
    )
    words = result["description_placeholders"]
    assert words["namespaces"] == "cellar"
    assert words["existing"] == "garden, kitchen, kube-system, longhorn"
    assert words["chosen_count"] == "0"


async def test_an_account_of_one_namespace_names_it(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    api.accounts["cook"] = (READ_UID, reader_of("kitchen"))
    result = await at_selection(hass, api, authority, "cook")
    assert result["description_placeholders"]["all_count"] == "–"

    result = await submit(hass, result["flow_id"], {"mode": "all"})
    assert result["errors"] == {"mode": "needs_all_namespaces"}
    yaml = result["description_placeholders"]["yaml"]
    assert "kind: ClusterRole\n" in yaml
    assert "deployments" in yaml
    assert api.account.rpartition(":")[2] in yaml

    typed = {"mode": "namespaces", "namespaces": ["kitchen", "garden"]}
    result = await submit(hass, result["flow_id"], typed)
    assert result["errors"] == {"namespaces": "namespace_denied"}
    words = result["description_placeholders"]
    assert words["namespaces"] == "garden"
    assert "namespace: garden" in words["yaml"]
    assert "namespace: kitchen" not in words["yaml"]
    assert words["chosen_names"] == "fridge (kitchen), jazz (kitchen)"

    result = await submit(
        hass, result["flow_id"], {"mode": "labelled", "namespaces": ["kitchen"]}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["options"] == {"mode": "labelled", "namespaces": ["kitchen"]}


async def test_a_right_that_was_added_counts_when_submitted_again(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    api.accounts["cook"] = (READ_UID,)
    result = await at_selection(hass, api, authority, "cook")
    typed = {"mode": "namespaces", "namespaces": ["kitchen"]}
    result = await submit(hass, result["flow_id"], typed)
    assert result["errors"] == {"namespaces": "namespace_denied"}
    api.accounts["cook"] = (READ_UID, reader_of("kitchen"))
    result = await submit(hass, result["flow_id"], typed)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_an_account_without_some_kinds_is_taken(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    api.accounts["cook"] = (READ_UID, Rule(("list",), ("statefulsets",)))
    result = await at_selection(hass, api, authority, "cook")
    assert result["description_placeholders"]["all_names"] == "jazz (kitchen)"
    result = await submit(hass, result["flow_id"], {})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_cluster_that_falls_silent_does_not_lose_what_was_typed(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    api.accounts["cook"] = (READ_UID, reader_of("kitchen"))
    result = await at_selection(hass, api, authority, "cook")
    api.broken = 500
    result = await submit(
        hass, result["flow_id"], {"mode": "namespaces", "namespaces": ["kitchen"]}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.fixture
def entry(hass: HomeAssistant, api: ApiServer, authority: Authority) -> MockConfigEntry:
    """Return a connected cluster."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        unique_id=UID,
        title="Home",
        data={"method": "token", **good(api, authority)},
        options={"mode": "namespaces", "namespaces": ["garden"]},
    )
    entry.add_to_hass(hass)
    return entry


async def test_options_begin_with_the_present_selection(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    result = await hass.config_entries.options.async_init(entry.entry_id)
    assert result["step_id"] == "init"
    assert suggested(result) == {
        "mode": "namespaces",
        "namespaces": ["garden"],
        "metrics_interval": 60,
        "node_losses": 5,
    }
    assert result["description_placeholders"]["chosen_names"] == "weather (garden)"


@pytest.mark.parametrize(("typed", "key"), WRONG_NAMESPACES)
async def test_options_say_what_is_wrong_and_are_saved_then(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    no_setup: Any,
    typed: dict[str, Any],
    key: str,
) -> None:
    assert await hass.config_entries.async_setup(entry.entry_id)
    result = await hass.config_entries.options.async_init(entry.entry_id)
    result = await hass.config_entries.options.async_configure(result["flow_id"], typed)
    assert result["errors"] == {"namespaces": key}
    assert suggested(result) == {**typed, "metrics_interval": 60, "node_losses": 5}
    result = await hass.config_entries.options.async_configure(
        result["flow_id"],
        {
            "mode": "labelled",
            "namespaces": [],
            "metrics_interval": 120.0,
            "node_losses": 8.0,
        },
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert entry.options == {
        "mode": "labelled",
        "namespaces": [],
        "metrics_interval": 120,
        "node_losses": 8,
    }
    assert no_setup.call_count == 2


async def test_options_can_be_changed_while_the_cluster_is_away(
    hass: HomeAssistant, api: ApiServer, entry: MockConfigEntry
) -> None:
    api.broken = 503
    result = await hass.config_entries.options.async_init(entry.entry_id)
    assert result["description_placeholders"]["chosen_count"] == "–"
    result = await hass.config_entries.options.async_configure(
        result["flow_id"], {"mode": "namespaces", "namespaces": ["kitchen"]}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options == {
        "mode": "namespaces",
        "namespaces": ["kitchen"],
        "metrics_interval": 60,
        "node_losses": 5,
    }


async def look(
    hass_ws_client: WebSocketGenerator,
    flow_id: str,
    kind: str,
    typed: Mapping[str, Any],
) -> dict[str, Any]:
    """Ask for the preview as the frontend does; return its event or its error."""
    client = await hass_ws_client()
    await client.send_json_auto_id(
        {
            "type": f"{DOMAIN}/start_preview",
            "flow_id": flow_id,
            "flow_type": kind,
            "user_input": typed,
        }
    )
    answer = await client.receive_json()
    if not answer["success"]:
        return dict(answer["error"])
    event = dict((await client.receive_json())["event"])
    await client.send_json_auto_id(
        {"type": "unsubscribe_events", "subscription": answer["id"]}
    )
    assert (await client.receive_json())["success"]
    return event


async def test_the_preview_follows_the_form(
    hass: HomeAssistant,
    api: ApiServer,
    authority: Authority,
    hass_ws_client: WebSocketGenerator,
) -> None:
    await async_setup_component(hass, "websocket_api", {})
    result = await at_selection(hass, api, authority)
    assert result["preview"] == DOMAIN
    flow_id = result["flow_id"]

    seen = await look(hass_ws_client, flow_id, "config_flow", {})
    assert seen["state"] == "3"
    seen = await look(hass_ws_client, flow_id, "config_flow", {"mode": "labelled"})
    assert seen["state"] == "1"
    assert seen["attributes"]["friendly_name"] == "fridge (kitchen)"
    typed = {"mode": "namespaces", "namespaces": ["garden"]}
    seen = await look(hass_ws_client, flow_id, "config_flow", typed)
    assert seen["attributes"]["friendly_name"] == "weather (garden)"

    result = await submit(hass, flow_id, typed)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    seen = await look(hass_ws_client, flow_id, "config_flow", typed)
    assert seen["code"] == "not_found"


async def test_the_preview_of_the_options_follows_the_form(
    hass: HomeAssistant,
    api: ApiServer,
    entry: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
) -> None:
    await async_setup_component(hass, "websocket_api", {})
    result = await hass.config_entries.options.async_init(entry.entry_id)
    flow_id = result["flow_id"]
    seen = await look(hass_ws_client, flow_id, "options_flow", {"mode": "all"})
    assert seen["state"] == "3"
    hass.config_entries.options.async_abort(flow_id)
    seen = await look(hass_ws_client, flow_id, "options_flow", {"mode": "all"})
    assert seen["code"] == "not_found"

    api.broken = 500
    result = await hass.config_entries.options.async_init(entry.entry_id)
    seen = await look(
        hass_ws_client, result["flow_id"], "options_flow", {"mode": "all"}
    )
    assert seen["state"] == "unavailable"
