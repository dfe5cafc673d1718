"""CronJobs: when they ran, what came of it, when they run next, and running them now."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.util import dt as dt_util
from tests.integration.api_server import READ_ALL, READ_UID, Rule
from tests.integration.cluster_home import (
    attributes,
    call,
    enable,
    entity_id,
    entry_for,
    set_up,
    state,
    until,
)
from tests.integration.live_server import LiveServer, now

BACKUP = "cronjob/garden/backup"
OWNER = {"kind": "CronJob", "name": "backup", "controller": True, "uid": "b"}


def schedule(home: LiveServer, text: str, **spec: Any) -> None:
    """Change the schedule."""
    home.workload("cronjobs", "garden", "backup", schedule=text, **spec)


def status(home: LiveServer, **status: Any) -> None:
    """Change what the CronJob's controller tells."""
    home.put("cronjobs", "garden", "backup", status=status)


def coming(hass: HomeAssistant) -> datetime | None:
    """Return when the next run is, as shown."""
    return dt_util.parse_datetime(state(hass, f"{BACKUP}/next_run") or "")


def result(hass: HomeAssistant) -> str | None:
    """Return what is told of how the last run came out."""
    found: str | None = attributes(hass, f"{BACKUP}/last_run").get("result")
    return found


async def press(hass: HomeAssistant) -> None:
    """Press the button."""
    await call(hass, "button.press", f"{BACKUP}/run")


async def test_the_next_run_is_shown_until_it_is_off(
    hass: HomeAssistant, home: LiveServer
) -> None:
    await set_up(hass, entry_for(home))
    found = coming(hass)
    assert found is not None
    assert (found.hour, found.minute) == (3, 0)
    assert timedelta(0) < found - dt_util.utcnow() <= timedelta(days=1)
    await call(hass, "switch.turn_off", f"{BACKUP}/power")
    await until(hass, lambda: state(hass, f"{BACKUP}/next_run") == "unknown", "off")
    await call(hass, "switch.turn_on", f"{BACKUP}/power")
    await until(hass, lambda: coming(hass) == found, "on")


async def test_a_time_zone_counts(hass: HomeAssistant, home: LiveServer) -> None:
    """It is read beside the loop; one that does not exist has no next run."""
    schedule(home, "0 3 * * *", timeZone="Asia/Kolkata")
    await set_up(hass, entry_for(home))
    found = await until(hass, lambda: coming(hass), "the zone")
    assert (found.astimezone(UTC).hour, found.minute) == (21, 30)
    schedule(home, "0 3 * * *", timeZone="Moon/Sea")
    await until(hass, lambda: state(hass, f"{BACKUP}/next_run") == "unknown", "moon")


async def test_without_one_a_past_run_tells_whose_clock_counts(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """k3s on a machine of the home counts by that machine's clock."""
    await hass.config.async_set_time_zone("Asia/Kolkata")
    await set_up(hass, entry_for(home))
    found = coming(hass)
    assert found is not None
    assert (found.astimezone(UTC).hour, found.minute) == (3, 0)
    status(home, lastScheduleTime="2026-11-20T21:30:00Z")
    await until(
        hass,
        lambda: (found := coming(hass)) and found.astimezone(UTC).hour == 21,
        "the home's clock",
    )


@pytest.mark.parametrize("text", ["every now and then", "61 * * * *", "0 0 30 2 *"])
async def test_garbage_has_no_next_run(
    hass: HomeAssistant, home: LiveServer, text: str
) -> None:
    schedule(home, text)
    await set_up(hass, entry_for(home))
    assert state(hass, f"{BACKUP}/next_run") == "unknown"
    assert state(hass, f"{BACKUP}/power") == "on"


async def test_when_a_run_is_due_the_one_after_it_is_shown(
    hass: HomeAssistant,
    home: LiveServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schedule(home, "*/5 * * * *")
    await set_up(hass, entry_for(home))
    first = coming(hass)
    assert first is not None
    later = first + timedelta(seconds=1)
    monkeypatch.setattr(
        "custom_components.home_cluster.schedules.dt_util.utcnow", lambda: later
    )
    async_fire_time_changed(hass, later)
    await hass.async_block_till_done()
    assert coming(hass) == first + timedelta(minutes=5)


async def test_what_came_of_the_last_run_is_told(
    hass: HomeAssistant, home: LiveServer
) -> None:
    enable(hass, "sensor", f"{BACKUP}/last_result")
    await set_up(hass, entry_for(home))
    assert state(hass, f"{BACKUP}/last_run") == "unknown"
    assert result(hass) == state(hass, f"{BACKUP}/last_result") == "none"
    home.put(
        "jobs",
        "garden",
        "backup-1",
        metadata={"ownerReferences": [OWNER], "creationTimestamp": now(90)},
        spec={"template": {"spec": {"containers": []}}},
        status={"startTime": now(90), "active": 1},
    )
    await until(hass, lambda: result(hass) == "running", "run")
    began = dt_util.parse_datetime(state(hass, f"{BACKUP}/last_run") or "")
    assert began is not None
    assert timedelta(seconds=80) < dt_util.utcnow() - began < timedelta(seconds=110)
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
    home.put(
        "jobs",
        "garden",
        "backup-1",
        status={
            "startTime": now(90),
            "failed": 1,
            "conditions": [{**failed, "lastTransitionTime": now(30)}],
        },
    )
    await until(hass, lambda: result(hass) == "failed", "end")
    assert state(hass, f"{BACKUP}/last_result") == "failed"
    for key in ("last_run", "last_result"):
        shown = attributes(hass, f"{BACKUP}/{key}")
        assert (shown["job"], round(shown["seconds"])) == ("backup-1", 60)
    assert state(hass, f"{BACKUP}/reason") == "job_failed"


async def test_run_now_makes_the_cron_jobs_own_job(
    hass: HomeAssistant, home: LiveServer
) -> None:
    await set_up(hass, entry_for(home))
    await press(hass)
    (made,) = home.made
    template = home.live["cronjobs", "garden", "backup"]["spec"]["jobTemplate"]
    assert made["spec"] == template["spec"]
    assert made["metadata"]["annotations"] == {
        "cronjob.kubernetes.io/instantiate": "manual"
    }
    await until(hass, lambda: result(hass) == "running", "run")
    answer = await hass.services.async_call(
        "home_cluster",
        "run_job",
        {"entity_id": entity_id(hass, f"{BACKUP}/power")},
        blocking=True,
        return_response=True,
    )
    assert answer is not None
    (told,) = answer.values()
    assert isinstance(told, dict)
    assert ("jobs", "garden", told["job"]) in home.live
    assert len(home.made) == 2


async def test_what_must_run_alone_is_not_run_twice(
    hass: HomeAssistant, home: LiveServer
) -> None:
    schedule(home, "0 3 * * *", concurrencyPolicy="Forbid")
    await set_up(hass, entry_for(home))
    await press(hass)
    await until(hass, lambda: result(hass) == "running", "run")
    with pytest.raises(ServiceValidationError) as raised:
        await press(hass)
    assert raised.value.translation_key == "already_running"
    assert len(home.made) == 1


@pytest.mark.parametrize(
    ("refusal", "key"),
    [
        ((422, "Invalid", "ValidatingAdmissionPolicy denied"), "run_refused"),
        ((403, "Forbidden", "no"), "run_not_allowed"),
        ((403, "Forbidden", "ValidatingAdmissionPolicy 'no' denied"), "run_refused"),
        ((503, "ServiceUnavailable", "etcd"), "run_unreachable"),
    ],
)
async def test_a_refused_run_says_why(
    hass: HomeAssistant, home: LiveServer, refusal: tuple[int, str, str], key: str
) -> None:
    await set_up(hass, entry_for(home))
    home.refuse["create"] = refusal
    with pytest.raises(HomeAssistantError) as raised:
        await press(hass)
    assert raised.value.translation_key == key


@pytest.mark.parametrize(
    ("hints", "rules"),
    [
        ({"protected": "true"}, None),
        ({"controls": "power"}, None),
        ({}, (READ_UID, READ_ALL, Rule(("patch",), ("cronjobs",)))),
    ],
)
async def test_no_button_where_it_may_not_be_run(
    hass: HomeAssistant,
    home: LiveServer,
    hints: dict[str, str],
    rules: tuple[Rule, ...] | None,
) -> None:
    """Protected, left out by its hint, or without the right."""
    if rules:
        home.accounts["person"] = rules
    home.workload("cronjobs", "garden", "backup", hints=hints)
    await set_up(hass, entry_for(home))
    assert entity_id(hass, f"{BACKUP}/last_result")
    assert entity_id(hass, f"{BACKUP}/run") is None


@pytest.mark.parametrize(
    ("path", "hints", "key"),
    [
        ("deployment/kitchen/fridge", {}, "not_runnable"),
        (BACKUP, {"protected": "true"}, "protected_run"),
        (BACKUP, {"controls": "power"}, "not_offered"),
    ],
)
async def test_the_action_is_for_cron_jobs_that_offer_it(
    hass: HomeAssistant, home: LiveServer, path: str, hints: dict[str, str], key: str
) -> None:
    home.workload("cronjobs", "garden", "backup", hints=hints)
    await set_up(hass, entry_for(home))
    with pytest.raises(ServiceValidationError) as raised:
        await hass.services.async_call(
            "home_cluster",
            "run_job",
            {"entity_id": entity_id(hass, f"{path}/status")},
            blocking=True,
        )
    assert raised.value.translation_key == key
    assert home.made == []


async def test_a_removed_one_is_planned_no_more(
    hass: HomeAssistant, home: LiveServer
) -> None:
    entry = entry_for(home)
    await set_up(hass, entry)
    schedules: Callable[[str], Any] = entry.runtime_data.schedules.next_run
    assert schedules(BACKUP) is not None
    home.delete("cronjobs", "garden", "backup")
    await until(hass, lambda: schedules(BACKUP) is None, "gone")
