"""The cluster around Home Assistant connects itself, once, and never against anybody's will."""

from itertools import islice, repeat
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from custom_components.home_cluster import async_setup, zero_touch
from custom_components.home_cluster.const import DOMAIN
from custom_components.home_cluster.zero_touch import pauses
from homeassistant.components import onboarding
from homeassistant.config_entries import (
    SOURCE_IGNORE,
    SOURCE_IMPORT,
    SOURCE_INTEGRATION_DISCOVERY,
    SOURCE_USER,
    ConfigEntry,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.setup import async_setup_component
from tests.integration.api_server import READ_ALL, UID, ApiServer
from tests.integration.cluster_home import until

pytestmark = pytest.mark.usefixtures("no_setup", "socket_enabled")


@pytest.fixture(autouse=True)
def onboarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a Home Assistant whose owner answered its first questions; do not pause between tries."""
    monkeypatch.setattr(onboarding, "async_is_onboarded", lambda _: True)
    monkeypatch.setattr(zero_touch, "pauses", lambda: repeat(0))


async def start(hass: HomeAssistant, value: Any = None) -> None:
    """Start with the YAML key and let what it begins come to its end."""
    assert await async_setup(hass, zero_touch.CONFIG_SCHEMA({DOMAIN: value}))
    await hass.async_block_till_done(wait_background_tasks=True)


def entries(hass: HomeAssistant) -> list[ConfigEntry]:
    """Return the entries that somebody wants."""
    return hass.config_entries.async_entries(DOMAIN, include_ignore=False)


def cards(hass: HomeAssistant) -> list[Any]:
    """Return the discoveries on offer."""
    return [
        flow
        for flow in hass.config_entries.flow.async_progress_by_handler(DOMAIN)
        if flow["context"]["source"] == SOURCE_INTEGRATION_DISCOVERY
    ]


async def remove(hass: HomeAssistant) -> None:
    """Remove the entry, as a user does."""
    [entry] = entries(hass)
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()


@pytest.mark.usefixtures("pod")
@pytest.mark.parametrize("value", [None, {}])
async def test_a_cluster_that_was_never_met_is_connected(
    hass: HomeAssistant, value: Any
) -> None:
    assert await async_setup_component(hass, DOMAIN, {DOMAIN: value})
    await hass.async_block_till_done(wait_background_tasks=True)
    [entry] = entries(hass)
    assert entry.source == SOURCE_IMPORT
    assert entry.unique_id == UID
    assert entry.title == "Kubernetes"
    assert entry.data == {"method": "in_cluster"}
    assert entry.options == {"mode": "all", "namespaces": []}


@pytest.mark.usefixtures("pod")
async def test_the_next_start_changes_nothing(hass: HomeAssistant) -> None:
    await start(hass)
    [before] = entries(hass)
    await start(hass)
    assert entries(hass) == [before]
    assert not cards(hass)


@pytest.mark.usefixtures("pod")
async def test_without_the_key_nothing_happens(
    hass: HomeAssistant, api: ApiServer
) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not entries(hass)
    assert not api.requests


async def test_outside_of_a_cluster_it_says_so(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    await start(hass)
    assert not entries(hass)
    assert "does not run on one" in caplog.text


@pytest.mark.usefixtures("pod")
async def test_a_removed_entry_is_offered_again_and_no_more(
    hass: HomeAssistant,
) -> None:
    await start(hass)
    await remove(hass)
    assert not cards(hass)
    await start(hass)
    await start(hass)
    assert not entries(hass)
    [card] = cards(hass)
    assert card["step_id"] == "discovery_confirm"
    result = await hass.config_entries.flow.async_configure(card["flow_id"], {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    [entry] = entries(hass)
    assert entry.unique_id == UID
    assert entry.data == {"method": "in_cluster"}


@pytest.mark.usefixtures("pod")
async def test_an_ignored_cluster_is_offered_no_more(hass: HomeAssistant) -> None:
    await start(hass)
    await remove(hass)
    await start(hass)
    [card] = cards(hass)
    await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_IGNORE},
        data={"unique_id": card["context"]["unique_id"], "title": "Kubernetes"},
    )
    await start(hass)
    assert not cards(hass)
    assert not entries(hass)


@pytest.mark.usefixtures("pod")
async def test_a_new_home_assistant_connects_what_another_had_met(
    hass: HomeAssistant,
) -> None:
    await start(hass)
    await remove(hass)
    with patch.object(onboarding, "async_is_onboarded", return_value=False):
        await start(hass)
    [entry] = entries(hass)
    assert entry.source == SOURCE_INTEGRATION_DISCOVERY


@pytest.mark.usefixtures("pod")
async def test_a_cluster_connected_by_hand_is_left_alone(hass: HomeAssistant) -> None:
    MockConfigEntry(domain=DOMAIN, unique_id=UID, data={"method": "token"}).add_to_hass(
        hass
    )
    await start(hass, {"namespaces": ["kitchen"]})
    await start(hass, {"namespaces": ["kitchen", "garden"]})
    [entry] = entries(hass)
    assert entry.data == {"method": "token"}
    assert not entry.options
    await remove(hass)
    await start(hass)
    assert not entries(hass)
    assert len(cards(hass)) == 1


@pytest.mark.usefixtures("pod")
async def test_home_assistant_restored_on_another_cluster_gets_no_second_entry(
    hass: HomeAssistant,
) -> None:
    MockConfigEntry(
        domain=DOMAIN, unique_id="the-old-cluster", data={"method": "in_cluster"}
    ).add_to_hass(hass)
    await start(hass)
    [entry] = entries(hass)
    assert entry.unique_id == "the-old-cluster"
    assert not cards(hass)


@pytest.mark.usefixtures("pod")
async def test_it_waits_for_the_cluster_and_says_once_why(
    hass: HomeAssistant, api: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    def asked(times: int) -> bool:
        return len(api.requests) >= times

    api.broken = 503
    assert await async_setup(hass, zero_touch.CONFIG_SCHEMA({DOMAIN: None}))
    await until(hass, lambda: asked(5))
    api.broken, api.accounts["reader"] = None, ()
    api.requests.clear()
    await until(hass, lambda: asked(20))
    assert not entries(hass)
    api.accounts["reader"] = (READ_ALL,)
    await until(hass, lambda: entries(hass))
    assert caplog.text.count("cannot be connected yet (cannot_connect)") == 1
    assert caplog.text.count("cannot be connected yet (uid_forbidden)") == 1
    assert "name: home-cluster-" in caplog.text


def test_it_tries_less_and_less_often() -> None:
    assert list(islice(pauses(), 7)) == [2, 4, 8, 16, 32, 60, 60]


@pytest.mark.usefixtures("pod")
async def test_a_form_that_somebody_fills_in_comes_first(hass: HomeAssistant) -> None:
    flow = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    form = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"next_step_id": "in_cluster"}
    )
    await start(hass)
    assert not entries(hass)
    await hass.config_entries.flow.async_configure(form["flow_id"], {})
    assert len(entries(hass)) == 1


@pytest.mark.usefixtures("pod")
@pytest.mark.parametrize(
    ("value", "variable", "options"),
    [
        (
            {"namespaces": ["kitchen", "garden", "kitchen"]},
            "media",
            {"mode": "namespaces", "namespaces": ["kitchen", "garden"]},
        ),
        (
            {"namespaces": "kitchen"},
            None,
            {"mode": "namespaces", "namespaces": ["kitchen"]},
        ),
        (
            None,
            "home-media, home-garden,",
            {"mode": "namespaces", "namespaces": ["home-media", "home-garden"]},
        ),
        ({"namespaces": []}, "media", {"mode": "all", "namespaces": []}),
        (None, "", {"mode": "all", "namespaces": []}),
    ],
)
async def test_the_yaml_or_the_chart_names_the_namespaces(
    hass: HomeAssistant,
    monkeypatch: pytest.MonkeyPatch,
    value: Any,
    variable: str | None,
    options: dict[str, Any],
) -> None:
    if variable is not None:
        monkeypatch.setenv("HOME_CLUSTER_NAMESPACES", variable)
    await start(hass, value)
    [entry] = entries(hass)
    assert entry.options == options


@pytest.mark.usefixtures("pod")
async def test_a_new_zone_joins_and_one_that_was_taken_out_stays_out(
    hass: HomeAssistant,
) -> None:
    await start(hass, {"namespaces": ["kitchen", "garden"]})
    [entry] = entries(hass)
    hass.config_entries.async_update_entry(
        entry, options={"mode": "namespaces", "namespaces": ["kitchen"]}
    )
    await start(hass, {"namespaces": ["kitchen", "garden", "media"]})
    assert entry.options["namespaces"] == ["kitchen", "media"]
    hass.config_entries.async_update_entry(
        entry, options={"mode": "namespaces", "namespaces": ["kitchen"]}
    )
    await start(hass, {"namespaces": ["kitchen", "garden", "media"]})
    assert entry.options["namespaces"] == ["kitchen"]


@pytest.mark.usefixtures("pod")
async def test_a_choice_that_is_not_by_namespace_stays(hass: HomeAssistant) -> None:
    await start(hass, {"namespaces": ["kitchen"]})
    [entry] = entries(hass)
    hass.config_entries.async_update_entry(
        entry, options={"mode": "labelled", "namespaces": []}
    )
    await start(hass, {"namespaces": ["kitchen", "media"]})
    assert entry.options == {"mode": "labelled", "namespaces": []}


@pytest.mark.parametrize("value", ["yes", {"zones": ["kitchen"]}])
def test_anything_else_under_the_key_is_refused(value: Any) -> None:
    with pytest.raises(vol.Invalid):
        zero_touch.CONFIG_SCHEMA({DOMAIN: value})
