"""A stuck automation does not thrash the cluster, and is named."""

from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.home_cluster.const import DOMAIN
from custom_components.home_cluster.throttle import COMMANDS, RESTARTS
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from tests.integration.cluster_home import call, entity_id, entry_for, set_up, until
from tests.integration.live_server import LiveServer
from tests.integration.test_actions import FRIDGE, JAZZ, act, device_id, words


@pytest.fixture
async def entry(hass: HomeAssistant, home: LiveServer) -> MockConfigEntry:
    """An entry whose throttle's clock stands still, and whose cluster's pods do."""
    home.pods_follow = False
    entry = entry_for(home)
    await set_up(hass, entry)
    entry.runtime_data.commands.throttle._clock = lambda: 0.0
    return entry


def repairs(hass: HomeAssistant) -> list[ir.IssueEntry]:
    """Return what is told."""
    return [
        issue
        for issue in ir.async_get(hass).issues.values()
        if issue.domain == DOMAIN and issue.issue_id.startswith("too_often")
    ]


async def toggle(hass: HomeAssistant, times: int, context: Context) -> None:
    """Switch the fridge off and on so often."""
    for turn in range(times):
        await hass.services.async_call(
            "switch",
            "turn_on" if turn % 2 else "turn_off",
            {"entity_id": entity_id(hass, f"{FRIDGE}/power")},
            blocking=True,
            context=context,
        )


async def test_a_person_is_never_stopped_by_ordinary_use(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """Fifteen times off and on within a moment; and what is on already costs nothing."""
    await toggle(hass, COMMANDS.times, Context())
    for _ in range(50):
        await call(hass, "switch.turn_on", f"{FRIDGE}/power")
    assert len(home.patches) == COMMANDS.times
    assert repairs(hass) == []


async def test_beyond_the_limit_nothing_is_asked_of_the_cluster(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """By no way in; other devices are free."""
    await toggle(hass, COMMANDS.times, Context())
    found = device_id(hass, entry, FRIDGE)
    for action, data in (
        ("scale", {"device_id": found, "replicas": 1}),
        ("apply_power_plan", {"devices": [{"device_id": found, "power": False}]}),
    ):
        with pytest.raises(ServiceValidationError) as error:
            await act(hass, action, **data)
        assert words(error) == "rate_limited"
        assert (error.value.translation_placeholders or {})["seconds"] == "10"
    assert len(home.patches) == COMMANDS.times
    await call(hass, "switch.turn_off", f"{JAZZ}/power")
    entry.runtime_data.commands.throttle._clock = lambda: 11.0
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    assert len(home.patches) == COMMANDS.times + 2


async def test_restarts_have_a_limit_of_their_own(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """Each replaces all pods."""
    home.pods_follow = True
    hub = entry.runtime_data
    for _ in range(RESTARTS.times):
        await call(hass, "button.press", f"{JAZZ}/restart")
        await until(
            hass, lambda: not hub.commands._restarts.under_way, "the restart's end"
        )
    with pytest.raises(ServiceValidationError) as error:
        await call(hass, "button.press", f"{JAZZ}/restart")
    assert words(error) == "rate_limited"
    assert len(home.evictions) == RESTARTS.times


async def test_the_automation_is_named_and_the_repair_goes_by_itself(
    hass: HomeAssistant,
    home: LiveServer,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """One repair, however often it was refused."""
    power = entity_id(hass, f"{FRIDGE}/power")
    config: dict[str, Any] = {
        "alias": "Freezer watch",
        "triggers": [{"trigger": "event", "event_type": "tick"}],
        "actions": [{"action": "switch.toggle", "target": {"entity_id": power}}],
        "mode": "queued",
        "max": 100,
    }
    assert await async_setup_component(hass, "automation", {"automation": [config]})
    for _ in range(COMMANDS.times + 3):
        hass.bus.async_fire("tick")
        await hass.async_block_till_done()
    assert len(home.patches) == COMMANDS.times
    (issue,) = repairs(hass)
    assert issue.translation_key == "too_often"
    assert issue.translation_placeholders == {
        "device": "Fridge",
        "who": "Freezer watch (automation.freezer_watch)",
        "times": "30",
        "minutes": "5",
    }
    freezer.tick(timedelta(seconds=COMMANDS.seconds + 1))
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    assert repairs(hass) == []


async def test_a_user_is_named_a_stranger_is_not(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """A context without a user may be anybody's; no context is nobody's."""
    user = await hass.auth.async_create_user("Ada")
    await toggle(hass, COMMANDS.times, Context())
    for context, key, who in (
        (Context(user_id=user.id), "too_often", "Ada"),
        (Context(user_id="gone"), "too_often_by_somebody", ""),
        (Context(), "too_often_by_somebody", ""),
    ):
        with pytest.raises(ServiceValidationError):
            await entry.runtime_data.power(
                entry.runtime_data.roster.devices[FRIDGE].view.ref, False, context
            )
        (issue,) = repairs(hass)
        assert issue.translation_key == key
        assert (issue.translation_placeholders or {})["who"] == who
    with pytest.raises(ServiceValidationError):
        await entry.runtime_data.power(
            entry.runtime_data.roster.devices[FRIDGE].view.ref, False
        )
    await hass.config_entries.async_unload(entry.entry_id)
    assert repairs(hass) == []
