"""A watchdog is a number of the device, restarts it, and says when it gives up."""

from collections.abc import Iterator
from datetime import timedelta
import logging
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.home_cluster import guard
from custom_components.home_cluster.const import DOMAIN
from custom_components.home_cluster.own import OwnPod
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from tests.integration.api_server import UID
from tests.integration.cluster_home import (
    attributes,
    call,
    entity_id,
    entry_for,
    set_up,
    state,
    until,
)
from tests.integration.live_server import LiveServer, crash_loop, pod_status

JAZZ = "statefulset/kitchen/jazz"
WATCHDOG = f"{JAZZ}/watchdog"
EVENT = f"{JAZZ}/event"


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    """Have each minute last no time at all."""

    def at_once(*, minutes: float) -> timedelta:
        return timedelta(seconds=minutes / 1000)

    with (
        patch.object(guard, "timedelta", at_once),
        patch("custom_components.home_cluster.rechecks.SOONEST", timedelta(0)),
    ):
        yield


@pytest.fixture
def entry(hass: HomeAssistant, home: LiveServer) -> MockConfigEntry:
    """An entry whose device jazz has its watchdog enabled."""
    entry = entry_for(home)
    entry.add_to_hass(hass)
    er.async_get(hass).async_get_or_create(
        "number", DOMAIN, f"{UID}/{WATCHDOG}", config_entry=entry, disabled_by=None
    )
    return entry


async def connect(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Set the entry up."""
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()


def hang(home: LiveServer) -> None:
    """Have jazz crash again and again, since long."""
    for pod in home.pods_of("kitchen", "jazz"):
        home.put(
            "pods",
            "kitchen",
            pod["metadata"]["name"],
            metadata={"creationTimestamp": "2026-01-01T00:00:00Z"},
            status=crash_loop(100),
        )


async def test_it_is_off_and_disabled_until_somebody_wants_it(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """A setting of the device, in minutes."""
    await set_up(hass, entry_for(home))
    found = entity_id(hass, WATCHDOG)
    assert found is not None
    registered = er.async_get(hass).async_get(found)
    assert registered is not None
    assert registered.disabled_by is er.RegistryEntryDisabler.INTEGRATION
    assert registered.entity_category is er.EntityCategory.CONFIG


async def test_a_device_that_stays_broken_is_restarted(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """And its event entity says who did it."""
    await connect(hass, entry)
    assert state(hass, WATCHDOG) == "0"
    await call(hass, "number.set_value", WATCHDOG, value=5)
    assert state(hass, WATCHDOG) == "5"
    hang(home)
    await until(hass, lambda: home.evictions, "the restart")
    assert len(home.evictions) == 1
    await until(hass, lambda: state(hass, f"{JAZZ}/status") == "running", "running")


async def test_it_is_remembered(
    hass: HomeAssistant,
    home: LiveServer,
    entry: MockConfigEntry,
    hass_storage: dict[str, Any],
) -> None:
    """On disk at once, and used after a restart."""
    await connect(hass, entry)
    await call(hass, "number.set_value", WATCHDOG, value=7)
    file = f"{DOMAIN}.{entry.entry_id}.notes"
    assert hass_storage[file]["data"]["watchdog"] == {JAZZ: {"minutes": 7}}
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert state(hass, WATCHDOG) == "7"
    hang(home)
    await until(hass, lambda: home.evictions, "the restart")
    await call(hass, "number.set_value", WATCHDOG, value=0)
    assert hass_storage[file]["data"]["watchdog"] == {}


async def test_without_its_entity_there_is_no_watchdog(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """Whoever disables it wants no surprise."""
    await connect(hass, entry)
    await call(hass, "number.set_value", WATCHDOG, value=5)
    found = entity_id(hass, WATCHDOG)
    assert found is not None
    er.async_get(hass).async_update_entity(
        found, disabled_by=er.RegistryEntryDisabler.USER
    )
    await hass.async_block_till_done()
    hang(home)
    await until(hass, lambda: state(hass, f"{JAZZ}/status") == "failing", "failing")
    await hass.async_block_till_done()
    assert home.evictions == []


async def test_it_gives_up_with_a_repair_that_goes_when_it_is_set_anew(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """A pod that crashes after each restart; also across a restart of Home Assistant."""
    await connect(hass, entry)
    await call(hass, "number.set_value", WATCHDOG, value=1)
    issues = ir.async_get(hass)
    issue = (DOMAIN, guard.issue_id(entry, JAZZ))
    told: list[str] = []
    hass.bus.async_listen(
        "state_changed",
        callback(
            lambda event: told.append(
                event.data["new_state"].attributes.get("event_type")
            )
        ),
    )

    def given_up() -> bool:
        hang(home)
        return issue in issues.issues

    await until(hass, given_up, "the repair")
    assert told.count("watchdog_restarted") == 5
    assert attributes(hass, EVENT)["event_type"] == "watchdog_gave_up"
    found = issues.issues[issue]
    assert found.translation_placeholders is not None
    assert found.translation_placeholders["device"] == "jazz"
    assert found.translation_placeholders["times"] == "5"
    assert "crashes again" in found.translation_placeholders["message"]
    assert found.is_persistent
    await hass.config_entries.async_reload(entry.entry_id)
    await until(hass, lambda: state(hass, f"{JAZZ}/status") == "failing", "failing")
    await hass.async_block_till_done()
    assert told.count("watchdog_restarted") == 5
    assert issue in issues.issues
    await call(hass, "number.set_value", WATCHDOG, value=0)
    assert issue not in issues.issues


async def test_a_device_that_is_well_again_takes_the_repair_back(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """After it has been so for a while."""
    await connect(hass, entry)
    await call(hass, "number.set_value", WATCHDOG, value=1)
    issues = ir.async_get(hass)
    issue = (DOMAIN, guard.issue_id(entry, JAZZ))

    def given_up() -> bool:
        hang(home)
        return issue in issues.issues

    with patch("custom_components.home_cluster.watchdog.CAP", 0):
        await until(hass, given_up, "the repair")
    with patch("custom_components.home_cluster.watchdog.WELL", timedelta(0)):
        for pod in home.pods_of("kitchen", "jazz"):
            name = pod["metadata"]["name"]
            home.put("pods", "kitchen", name, status=pod_status(ago=100))
        await until(hass, lambda: issue not in issues.issues, "no repair")


async def test_a_repair_goes_with_its_device_or_its_entry(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """Nothing is left of either."""
    await connect(hass, entry)
    issues = ir.async_get(hass)
    for key in (JAZZ, "deployment/kitchen/fridge"):
        ir.async_create_issue(
            hass,
            DOMAIN,
            guard.issue_id(entry, key),
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key="watchdog_gave_up",
        )
    home.delete("statefulsets", "kitchen", "jazz")
    await until(
        hass,
        lambda: (DOMAIN, guard.issue_id(entry, JAZZ)) not in issues.issues,
        "no repair of the device",
    )
    await hass.config_entries.async_remove(entry.entry_id)
    assert not [issue for issue in issues.issues if issue[0] == DOMAIN]


async def test_a_restart_that_is_refused_is_no_end(
    hass: HomeAssistant,
    home: LiveServer,
    entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It counts as a try, and the log says why."""
    await connect(hass, entry)
    await call(hass, "number.set_value", WATCHDOG, value=60)
    home.refuse["eviction"] = (403, "Forbidden", "not on a Sunday")
    hang(home)
    await until(hass, lambda: "could not restart jazz" in caplog.text, "the warning")
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]
    home.refuse.clear()
    await until(hass, lambda: home.evictions, "the next try")


async def test_home_assistants_own_pod_is_never_restarted_by_its_own_watchdog(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """Nor can it be set so; what was set before it was known is not obeyed."""
    await connect(hass, entry)
    await call(hass, "number.set_value", WATCHDOG, value=5)
    name = home.pods_of("kitchen", "jazz")[0]["metadata"]["name"]
    entry.runtime_data.judge.own_pod = OwnPod(name, "kitchen")
    hang(home)
    await until(hass, lambda: state(hass, f"{JAZZ}/status") == "failing", "failing")
    await hass.async_block_till_done()
    assert home.evictions == []
    with pytest.raises(ServiceValidationError, match="runs Home Assistant itself"):
        await call(hass, "number.set_value", WATCHDOG, value=6)
