"""A restart, step by step, with a clock of its own."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from custom_components.home_cluster.kube.schema import Condition, Pod
from custom_components.home_cluster.restart import (
    BUDGET_PAUSE,
    Evict,
    Phase,
    Restart,
    Wait,
)

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PATIENCE = timedelta(minutes=10)


def pod(
    name: str, *, ready: bool = True, leaving: bool = False, phase: str = "Running"
) -> Pod:
    """Return a pod of the workload."""
    return Pod(
        namespace="kitchen",
        name=name,
        uid=f"uid-{name}",
        resource_version="1",
        deleting=START if leaving else None,
        phase=phase,
        conditions=(Condition("Ready", "True" if ready else "False"),),
    )


def restart(pods: Iterable[Pod]) -> Restart:
    """Begin."""
    return Restart(pods, patience=PATIENCE)


def after(seconds: float) -> datetime:
    """Return the time so many seconds after the start."""
    return START + timedelta(seconds=seconds)


def test_the_next_pod_goes_only_when_the_successor_is_ready() -> None:
    """Two pods, one after the other, the last of a StatefulSet first."""
    a, b = pod("jazz-0"), pod("jazz-1")
    machine = restart([a, b])
    assert machine.step([a, b], 2, START) == Evict(b)
    machine.evicted(START)
    deadline = Wait(START + PATIENCE)
    assert machine.step([a, b], 2, after(1)) == deadline, "the watch has not told yet"
    assert machine.step([a, pod("jazz-1", leaving=True)], 2, after(2)) == deadline
    assert machine.step([a], 2, after(3)) == deadline, "fewer ready than before"
    new = pod("jazz-2", ready=False)
    assert machine.step([a, new], 2, after(4)) == deadline, "not ready yet"
    new = pod("jazz-2")
    assert machine.step([a, new], 2, after(5)) == Evict(a)
    machine.evicted(after(5))
    assert machine.step([new, pod("jazz-3")], 2, after(9)) is None
    assert machine.phase is Phase.DONE


def test_pods_that_are_not_ready_go_first() -> None:
    """They cost nothing."""
    well, ill = pod("b"), pod("a", ready=False)
    assert restart([well, ill]).step([well, ill], 2, START) == Evict(ill)


def test_a_device_of_which_no_pod_is_ready_is_not_waited_for() -> None:
    """All its pods are replaced, one right after the other."""
    pods = [pod("a", ready=False), pod("b", ready=False)]
    machine = restart(pods)
    first = machine.step(pods, 2, START)
    assert isinstance(first, Evict)
    machine.evicted(START)
    left = [one for one in pods if one is not first.pod]
    assert machine.step(left, 2, after(1)) == Evict(left[0])


def test_only_living_pods_are_replaced() -> None:
    """Neither those on their way out nor those that have ended."""
    machine = restart([pod("a", leaving=True), pod("b", phase="Failed")])
    assert machine.phase is Phase.DONE
    assert machine.step([], 1, START) is None


def test_it_ends_when_the_device_is_switched_off() -> None:
    """There is nothing left to restart."""
    pods = [pod("a"), pod("b")]
    machine = restart(pods)
    machine.step(pods, 2, START)
    machine.evicted(START)
    assert machine.step(pods, 0, after(1)) is None
    assert machine.phase is Phase.DONE


def test_it_gives_up_when_no_successor_becomes_ready() -> None:
    """After its patience, and for good."""
    pods = [pod("a"), pod("b")]
    machine = restart(pods)
    machine.step(pods, 2, START)
    machine.evicted(START)
    assert machine.step(pods[:1], 2, START + PATIENCE) is None
    assert machine.phase is Phase.GIVEN_UP
    assert machine.step(pods[:1], 2, START + PATIENCE) is None


def test_a_refusal_is_asked_again_until_patience_ends() -> None:
    """A budget may allow it in a while."""
    pods = [pod("a"), pod("b")]
    machine = restart(pods)
    now = START
    while isinstance(step := machine.step(pods, 2, now), Evict | Wait):
        if isinstance(step, Evict):
            machine.refused(now)
            assert machine.step(pods, 2, now) == Wait(now + BUDGET_PAUSE)
        now += BUDGET_PAUSE
    assert machine.phase is Phase.GIVEN_UP
    assert now == START + PATIENCE


@pytest.mark.parametrize("told", [True, False])
def test_a_pod_that_is_gone_already_is_skipped(told: bool) -> None:
    """Seen by the watch, or said by the API server."""
    a, b = pod("a"), pod("b")
    machine = restart([a, b])
    if told:
        assert machine.step([a, b], 2, START) == Evict(b)
        machine.gone()
    assert machine.step([a], 2, START) == Evict(a)
