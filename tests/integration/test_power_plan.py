"""A plan for several devices: all checked first, applied together, told in full."""

from typing import Any

import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
)
from tests.integration.cluster_home import (
    READ_ONLY,
    entity_id,
    entry_for,
    set_up,
    until,
)
from tests.integration.live_server import LiveServer
from tests.integration.test_actions import FRIDGE, JAZZ, act, device_id, replicas, words

BACKUP = "cronjob/garden/backup"
WEATHER = "daemonset/garden/weather"


@pytest.fixture
async def entry(hass: HomeAssistant, home: LiveServer) -> MockConfigEntry:
    """An entry that is set up."""
    entry = entry_for(home)
    await set_up(hass, entry)
    return entry


async def plan(hass: HomeAssistant, *lines: dict[str, Any], **data: Any) -> Any:
    """Apply a plan."""
    return await act(hass, "apply_power_plan", devices=list(lines), **data)


async def test_a_plan_is_applied_and_told(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """By entity or device, by power or number; what stops comes before what starts."""
    fridge = str(entity_id(hass, f"{FRIDGE}/power"))
    jazz, backup = (device_id(hass, entry, key) for key in (JAZZ, BACKUP))
    answer = await plan(
        hass,
        {"device_id": jazz, "replicas": 3},
        {"entity_id": fridge, "power": False},
        {"device_id": backup, "power": False},
    )
    assert answer == {
        jazz: {
            "before": {"power": True, "replicas": 1},
            "after": {"power": True, "replicas": 3},
        },
        fridge: {
            "before": {"power": True, "replicas": 2},
            "after": {"power": False, "replicas": 0},
        },
        backup: {
            "before": {"power": True, "replicas": 1},
            "after": {"power": False, "replicas": 0},
        },
    }
    assert (replicas(home), replicas(home, "jazz")) == (0, 3)
    assert home.live["cronjobs", "garden", "backup"]["spec"]["suspend"] is True
    assert home.patches[-1][0].endswith("/statefulsets/jazz/scale")


async def test_on_restores_the_remembered_count(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """That of before the plan; what is as wished already is left alone."""
    fridge, jazz = (device_id(hass, entry, key) for key in (FRIDGE, JAZZ))
    await plan(hass, {"device_id": fridge, "replicas": 0})
    await plan(
        hass,
        {"device_id": fridge, "power": True},
        {"device_id": jazz, "replicas": 1},
    )
    assert replicas(home) == 2
    assert len(home.patches) == 2


@pytest.mark.parametrize(
    ("key", "wish", "hints", "said"),
    [
        (JAZZ, {"power": False}, {"protected": "true"}, "protected"),
        (JAZZ, {"replicas": 0}, {"protected": "true"}, "protected"),
        (JAZZ, {"power": False}, {"controls": "restart"}, "not_offered"),
        (BACKUP, {"replicas": 1}, {}, "not_scalable"),
        (FRIDGE, {"power": True}, {}, "plan_twice"),
    ],
)
async def test_one_line_that_is_not_possible_stops_the_whole_plan(
    hass: HomeAssistant,
    home: LiveServer,
    entry: MockConfigEntry,
    key: str,
    wish: dict[str, Any],
    hints: dict[str, str],
    said: str,
) -> None:
    """Before anything is done."""
    home.workload("statefulsets", "kitchen", "jazz", replicas=1, hints=hints)
    hub = entry.runtime_data
    await until(
        hass,
        lambda: (
            hub.roster.devices[JAZZ].view.hints.protected is ("protected" in hints)
            and bool(hub.roster.devices[JAZZ].view.hints.controls)
            is ("controls" in hints)
        ),
        "the hints",
    )
    with pytest.raises(ServiceValidationError) as error:
        await plan(
            hass,
            {"device_id": device_id(hass, entry, FRIDGE), "power": False},
            {"device_id": device_id(hass, entry, key), **wish},
        )
    assert words(error) == said
    assert home.patches == []


async def test_force_stops_what_is_protected_and_is_for_administrators(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """As the action Scale has it."""
    home.workload(
        "statefulsets", "kitchen", "jazz", replicas=1, hints={"protected": "true"}
    )
    hub = entry.runtime_data
    await until(hass, lambda: hub.roster.devices[JAZZ].view.hints.protected, "it")
    jazz = device_id(hass, entry, JAZZ)
    await hass.auth.async_create_user("The owner")
    user = await hass.auth.async_create_user("Kid", group_ids=["system-users"])
    with pytest.raises(Unauthorized):
        await plan(hass, {"device_id": jazz, "power": False}, force=True, user=user)
    await plan(hass, {"device_id": jazz, "power": False}, force=True)
    assert replicas(home, "jazz") == 0


async def test_a_missing_right_is_known_before(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """And named with its rule."""
    home.accounts["person"] = READ_ONLY
    entry = entry_for(home)
    await set_up(hass, entry)
    with pytest.raises(HomeAssistantError) as error:
        await plan(hass, {"device_id": device_id(hass, entry, FRIDGE), "power": False})
    assert words(error) == "right_missing"
    assert "deployments/scale" in (error.value.translation_placeholders or {})["rule"]


async def test_what_fails_under_way_is_told_and_the_rest_is_done(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """Nobody is left to guess in which state the home is."""
    home.refuse["patch"] = (409, "Conflict", "changed meanwhile")
    with pytest.raises(HomeAssistantError) as error:
        await plan(
            hass,
            {"device_id": device_id(hass, entry, BACKUP), "power": False},
            {"device_id": device_id(hass, entry, FRIDGE), "power": False},
            {"device_id": device_id(hass, entry, JAZZ), "replicas": 2},
        )
    assert words(error) == "partly_failed"
    told = error.value.translation_placeholders or {}
    assert told["done"] == "Fridge, jazz"
    assert "backup" in told["errors"]
    assert (replicas(home), replicas(home, "jazz")) == (0, 2)


@pytest.mark.parametrize(
    "line",
    [
        {"entity_id": "switch.kitchen_fridge"},
        {"entity_id": "switch.kitchen_fridge", "power": True, "replicas": 2},
        {"power": True},
        {"entity_id": "switch.kitchen_fridge", "device_id": "x", "power": True},
        {"entity_id": "switch.kitchen_fridge", "replicas": -1},
        {"entity_id": "all", "power": False},
    ],
)
async def test_a_line_names_one_device_and_one_wish(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry, line: dict[str, Any]
) -> None:
    """Anything else is not a plan."""
    with pytest.raises(probatio.Invalid):
        await plan(hass, line)
    assert home.patches == []
