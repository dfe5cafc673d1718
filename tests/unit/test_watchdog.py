"""When a watchdog restarts, how often, and when it gives up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from custom_components.home_cluster.model.view import workload_view
from custom_components.home_cluster.model.views import Health, Reason, Status
from custom_components.home_cluster.watchdog import CAP, DAY, WELL, Act, Watchdog, ails
from tests.unit.model.world import deployment, pod, situation

BEGAN = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
FIVE = timedelta(minutes=5)


def minutes(count: float) -> datetime:
    """Return the time so many minutes later."""
    return BEGAN + timedelta(minutes=count)


def test_a_device_that_is_well_is_left_alone() -> None:
    """There is nothing to wait for."""
    dog = Watchdog(FIVE)
    assert dog.step(False, BEGAN) is None
    assert dog.due is None


def test_a_device_is_restarted_when_it_has_been_broken_for_as_long_as_was_set() -> None:
    """Not before; `due` says when to ask."""
    dog = Watchdog(FIVE)
    assert dog.step(True, BEGAN) is None
    assert dog.due == minutes(5)
    assert dog.step(True, minutes(4.9)) is None
    assert dog.step(True, minutes(5)) is Act.RESTART
    assert dog.acts == [minutes(5)]


def test_trouble_that_passes_is_forgotten() -> None:
    """The next begins anew."""
    dog = Watchdog(FIVE)
    dog.step(True, BEGAN)
    dog.step(False, minutes(3))
    assert dog.step(True, minutes(4)) is None
    assert dog.step(True, minutes(8)) is None
    assert dog.step(True, minutes(9)) is Act.RESTART


def test_each_wait_is_twice_as_long_as_the_one_before() -> None:
    """Five minutes, ten, twenty; starting in between is no recovery."""
    dog = Watchdog(FIVE)
    acted = []
    for minute in range(200):
        starting = bool(acted) and minutes(minute) == acted[-1] + timedelta(minutes=1)
        if dog.step(not starting, minutes(minute)) is Act.RESTART:
            acted.append(minutes(minute))
    waits = [late - early for early, late in pairwise(acted)]
    assert waits == [timedelta(minutes=wait) for wait in (12, 22, 42, 82)]


def test_a_device_that_has_been_well_for_a_while_is_waited_for_as_at_first() -> None:
    """It is asked again when that time has come."""
    dog = Watchdog(FIVE)
    dog.step(True, BEGAN)
    dog.step(True, minutes(5))
    dog.step(False, minutes(6))
    assert dog.due == minutes(6) + WELL
    dog.step(False, minutes(6) + WELL)
    assert dog.due is None
    dog.step(True, minutes(20))
    assert dog.due == minutes(25)


def exhausted() -> tuple[Watchdog, datetime]:
    """Return a watchdog that has used up its restarts, and the time."""
    dog, now = Watchdog(timedelta(minutes=1)), BEGAN
    for _ in range(CAP):
        dog.step(True, now)
        assert dog.due is not None
        now = dog.due
        assert dog.step(True, now) is Act.RESTART
    return dog, now


def test_it_gives_up_after_so_many_restarts_and_says_so_once() -> None:
    """Then it only waits for the device to be well, which a person must see to."""
    dog, _ = exhausted()
    assert dog.due is not None
    now = dog.due
    assert dog.step(True, now) is Act.GIVE_UP
    assert dog.tired
    assert dog.due is None
    assert dog.step(True, now + DAY) is None
    assert dog.step(False, now + DAY) is None
    assert dog.step(False, now + DAY + WELL) is Act.CALM_DOWN
    assert not dog.tired
    assert dog.step(False, now + DAY + WELL * 2) is None


def test_restarts_of_yesterday_count_no_more() -> None:
    """Those of today do, also from before a restart of Home Assistant."""
    old = [BEGAN - DAY - timedelta(minutes=one) for one in range(CAP)]
    dog = Watchdog(FIVE, old)
    dog.step(True, BEGAN)
    assert dog.step(True, minutes(5)) is Act.RESTART
    assert dog.acts == [minutes(5)]
    dog = Watchdog(FIVE, [BEGAN - timedelta(hours=one) for one in range(CAP)])
    dog.step(True, BEGAN)
    assert dog.step(True, minutes(5)) is Act.GIVE_UP


def test_who_had_given_up_still_has_after_a_restart() -> None:
    """Until the device is well."""
    dog = Watchdog(FIVE, tired=True)
    assert dog.step(True, BEGAN) is None
    assert dog.step(True, minutes(60)) is None
    dog.step(False, minutes(60))
    assert dog.due == minutes(60) + WELL


def test_while_nobody_knows_nothing_is_done_and_nothing_waited_for() -> None:
    """After an outage of the link the waiting begins anew."""
    dog = Watchdog(FIVE)
    dog.step(True, BEGAN)
    assert dog.step(None, minutes(4)) is None
    assert dog.due is None
    assert dog.step(True, minutes(6)) is None
    assert dog.due == minutes(11)


@pytest.mark.parametrize(
    ("health", "ailing"),
    [
        ({"status": Status.RUNNING}, False),
        ({"status": Status.STARTING}, False),
        ({"status": Status.UNKNOWN, "problem": None}, None),
        (
            {
                "status": Status.FAILING,
                "problem": True,
                "reason": Reason.READINESS_FAILING,
            },
            True,
        ),
        (
            {"status": Status.FAILING, "problem": True, "reason": Reason.CRASH_LOOP},
            True,
        ),
        (
            {"status": Status.DEGRADED, "problem": True, "reason": Reason.CRASH_LOOP},
            False,
        ),
        (
            {
                "status": Status.DEGRADED,
                "problem": True,
                "reason": Reason.SERVED_ENTITIES_UNAVAILABLE,
            },
            True,
        ),
        (
            {
                "status": Status.FAILING,
                "problem": True,
                "reason": Reason.IMAGE_NOT_FOUND,
            },
            False,
        ),
        (
            {"status": Status.FAILING, "problem": True, "reason": Reason.NODE_LOST},
            False,
        ),
    ],
)
def test_what_a_restart_may_cure(health: dict[str, Any], ailing: bool | None) -> None:
    """A missing image it cannot, and one of several pods is Kubernetes' business."""
    view = workload_view(situation(deployment(), pod()))
    assert ails(replace(view, health=Health(**health))) is ailing
