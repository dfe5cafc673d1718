"""Ready is not enough: what the device is there for must be there, too."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from custom_components.home_cluster.kube.schema import Record
from custom_components.home_cluster.model.health import health
from custom_components.home_cluster.model.serving import GRACE
from custom_components.home_cluster.model.situation import Situation, Unserved
from custom_components.home_cluster.model.views import Reason, Status

from .world import (
    NOW,
    ago,
    container,
    cron_job,
    deployment,
    job,
    job_pod,
    pod,
    situation as found,
    waiting,
)

TEMPERATURE = Unserved(what="sensor.fridge_temperature", since=ago(600))
DOOR = Unserved(what="binary_sensor.fridge_door", since=ago(300))


def situation(
    *records: Record, unserved: tuple[Unserved, ...] = (), **fields: Any
) -> Situation:
    """Return a situation in which these are unavailable."""
    return replace(found(*records, **fields), unserved=unserved)


def test_ready_pods_that_do_not_do_their_work_are_degraded() -> None:
    """The sentence names what is missed; it is so since the first is away."""
    judged = health(situation(deployment(), pod(), unserved=(TEMPERATURE, DOOR)))
    assert (judged.status, judged.problem, judged.reason) == (
        Status.DEGRADED,
        True,
        Reason.SERVED_ENTITIES_UNAVAILABLE,
    )
    assert judged.since == TEMPERATURE.since
    assert judged.message == (
        "It runs, but what it is there for does not work: binary_sensor.fridge_door and sensor.fridge_temperature"
        " are unavailable in Home Assistant."
    )
    assert "integration" in judged.advice


def test_one_that_is_away_is_named_alone_and_of_many_only_some() -> None:
    """A sentence must stay readable."""
    judged = health(situation(deployment(), pod(), unserved=(DOOR,)))
    assert "binary_sensor.fridge_door is unavailable" in judged.message
    many = tuple(Unserved(what=f"light.lamp_{n}", since=ago(300)) for n in range(9))
    judged = health(situation(deployment(), pod(), unserved=many))
    assert "light.lamp_0, light.lamp_1, light.lamp_2 and 6 more are" in judged.message


@pytest.mark.parametrize(
    ("away", "ready", "degraded"),
    [
        (119, 3600, False),
        (121, 3600, True),
        (3600, 119, False),
        (3600, 121, True),
    ],
)
def test_two_minutes_are_borne(away: float, ready: float, degraded: bool) -> None:
    """From when it went away, and from when the pods became ready."""
    unserved = (Unserved(what="sensor.x", since=ago(away)),)
    judged = health(situation(deployment(), pod(ready_since=ready), unserved=unserved))
    assert (judged.status is Status.DEGRADED) is degraded
    if not degraded:
        assert judged.recheck == ago(min(away, ready)) + GRACE


def test_it_is_over_at_once_when_it_is_back() -> None:
    """No pod has to prove anything."""
    before = health(situation(deployment(), pod(), unserved=(DOOR,)))
    judged = health(
        situation(deployment(), pod(), before=before, now=NOW + timedelta(seconds=1))
    )
    assert judged.status is Status.RUNNING


def test_a_cause_in_the_pods_tells_more() -> None:
    """The consequence is not named instead of it."""
    crashing = container(ready=False, restarts=4, current=waiting("CrashLoopBackOff"))
    judged = health(
        situation(
            deployment(),
            pod("fridge-abc-1", crashing, ready=False),
            unserved=(TEMPERATURE,),
        )
    )
    assert judged.reason is Reason.CRASH_LOOP


@pytest.mark.parametrize(
    ("workload", "pods"),
    [
        (deployment(desired=0, current=0), ()),
        (deployment(paused=True), (pod(),)),
        (cron_job(), (job(), job_pod())),
    ],
)
def test_what_is_off_or_runs_now_and_then_serves_nothing(workload, pods) -> None:
    """Then nothing is missed."""
    judged = health(situation(workload, *pods, unserved=(TEMPERATURE,)))
    assert not judged.problem


def test_without_the_right_to_read_pods_their_readiness_is_not_waited_for() -> None:
    """The workload's own status says how many are ready."""
    judged = health(situation(deployment(), unserved=(TEMPERATURE,)))
    assert judged.reason is Reason.SERVED_ENTITIES_UNAVAILABLE
