"""How far a rollout is, when it is done, when it has failed: by a clock of the test's own."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from custom_components.home_cluster.kube.schema import Pod, Workload
from custom_components.home_cluster.model.progress import LATE, SLACK, WHILE, Following
from custom_components.home_cluster.model.views import Health, Reason, Status

from .world import NOW, ago, deployment, pod

WELL = Health(status=Status.UPDATING)
OLD = (pod("fridge-old-1"), pod("fridge-old-2"))


def asked(**fields: Any) -> Workload:
    """Return a Deployment of two pods whose third generation is not looked at yet."""
    given: dict[str, Any] = {
        "desired": 2,
        "generation": 3,
        "observed_generation": 2,
        "current": 2,
        "ready": 2,
        "updated": 2,
        "available": 2,
        "deadline": 120,
    }
    return deployment(**{**given, **fields})


def observed(**fields: Any) -> Workload:
    """Return it when the controller has seen the change."""
    return asked(observed_generation=3, **fields)


def ill(reason: Reason, **fields: Any) -> Health:
    """Return the health of a device that has a problem."""
    given: dict[str, Any] = {"pod": "fridge-new-1", "message": "It is so."}
    return Health(
        status=Status.DEGRADED, problem=True, reason=reason, **{**given, **fields}
    )


def new(number: int, *, ready: bool = True) -> Pod:
    """Return a pod of the new image."""
    return pod(f"fridge-new-{number}", ready=ready)


def later(seconds: float) -> datetime:
    """Return the time so many seconds after the change."""
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def following() -> Following:
    """A rollout that has just begun."""
    return Following(asked(), OLD, NOW)


def test_nothing_counts_before_the_controller_has_seen_the_change(
    following: Following,
) -> None:
    """The status is still that of the old image, and so is what ails it."""
    for health in (WELL, ill(Reason.IMAGE_NOT_FOUND, pod="fridge-old-1")):
        progress = following.step(asked(), OLD, health, NOW)
        assert (progress.percent, progress.done, progress.failure) == (0, False, None)


@pytest.mark.parametrize(
    ("updated", "pods", "percent"),
    [
        (0, (), 0),
        (1, (new(1, ready=False),), 25),
        (1, (new(1),), 50),
        (2, (new(1), new(2, ready=False)), 75),
        (2, (new(1), new(2)), 99),
    ],
)
def test_progress_is_that_of_the_pods(
    following: Following, updated: int, pods: tuple[Pod, ...], percent: int
) -> None:
    """Half for being there, half for being ready; all of it only when it is done."""
    workload = observed(updated=updated, current=3)
    progress = following.step(workload, (*OLD, *pods), WELL, NOW)
    assert progress.percent == percent
    assert not progress.done


@pytest.mark.parametrize(
    "left",
    [{"current": 3}, {"ready": 1}, {"available": 1}, {"updated": 1}],
)
def test_it_is_done_when_nothing_is_left_to_do(
    following: Following, left: dict[str, int]
) -> None:
    """All new, all ready, no old one left."""
    pods = (new(1), new(2))
    assert not following.step(observed(**left), pods, WELL, NOW).done
    assert following.step(observed(), pods, WELL, NOW).done


@pytest.mark.parametrize("still", [{"desired": 0}, {"paused": True}])
def test_what_does_not_roll_is_done_when_it_is_seen(
    following: Following, still: dict[str, Any]
) -> None:
    """A device that is switched off, or paused, gets the image when it goes on."""
    assert not following.step(asked(**still), (), WELL, NOW).done
    assert following.step(observed(**still), (), WELL, NOW).done


@pytest.mark.parametrize("reason", [Reason.IMAGE_NOT_FOUND, Reason.CONFIG_MISSING])
def test_what_is_certain_fails_at_once(following: Following, reason: Reason) -> None:
    """If a new pod has it."""
    workload, pods = observed(updated=1, current=3), (*OLD, new(1, ready=False))
    health = ill(reason)
    assert following.step(workload, pods, health, NOW).failure == health
    old = ill(reason, pod="fridge-old-1")
    assert following.step(workload, pods, old, NOW).failure is None


@pytest.mark.parametrize("reason", [Reason.CRASH_LOOP, Reason.NO_ROOM_CPU])
def test_what_may_pass_fails_when_it_stays(
    following: Following, reason: Reason
) -> None:
    """A first crash, or a moment without room, may be got over."""
    workload, pods = observed(updated=1, current=3), (*OLD, new(1, ready=False))
    progress = following.step(workload, pods, ill(reason), NOW)
    assert progress.failure is None
    assert progress.look == NOW + WHILE
    assert following.step(workload, pods, WELL, later(15)).failure is None
    assert following.step(workload, pods, ill(reason), later(16)).failure is None
    assert following.step(workload, pods, ill(reason), later(35)).failure is None
    assert following.step(workload, pods, ill(reason), later(36)).failure is not None


@pytest.mark.parametrize(
    ("health", "blamed"),
    [
        (ill(Reason.QUOTA, pod="", since=NOW), True),
        (ill(Reason.QUOTA, pod="", since=ago(5)), False),
        (ill(Reason.QUOTA, pod="", since=None), False),
        (ill(Reason.NODE_LOST), False),
        (ill(Reason.STUCK_TERMINATING), False),
        (ill(Reason.READINESS_FAILING), False),
    ],
)
def test_what_else_is_wrong_is_not_the_image(
    following: Following, health: Health, blamed: bool
) -> None:
    """A problem without a pod is of this rollout if it began with it; a node that went is not."""
    workload, pods = observed(updated=1, current=3), (*OLD, new(1, ready=False))
    following.step(workload, pods, health, NOW)
    failure = following.step(workload, pods, health, NOW + WHILE).failure
    assert (failure is not None) is blamed


def test_what_does_not_move_fails_by_the_clock(following: Following) -> None:
    """After the workload's own deadline; each new or ready pod begins it anew."""
    limit = timedelta(seconds=120) + SLACK
    workload, pods = observed(updated=1, current=3), (*OLD, new(1, ready=False))
    assert following.step(workload, pods, WELL, later(100)).look == later(100) + limit
    assert following.step(workload, pods, WELL, later(249)).failure is None
    assert following.step(workload, pods, WELL, later(250)).failure == LATE


def test_no_time_passes_while_the_cluster_is_away(following: Following) -> None:
    """Nobody knows how far it is then."""
    following.hold(later(1000))
    workload, pods = observed(updated=0, current=3), OLD
    assert following.step(workload, pods, WELL, later(1100)).failure is None


def test_a_pod_of_the_same_name_is_another_one() -> None:
    """Those of a StatefulSet keep their names."""
    before = (pod("jazz-0", uid="one"),)
    after = (pod("jazz-0", uid="two", ready=False),)
    following = Following(asked(desired=1), before, NOW)
    health = ill(Reason.IMAGE_PULL_DENIED, pod="jazz-0")
    workload = observed(desired=1, updated=1, current=1, ready=0, available=0)
    assert following.step(workload, before, health, NOW).failure is None
    assert following.step(workload, after, health, NOW).failure == health
