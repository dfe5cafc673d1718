"""A drain, step by step, with a clock of its own."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from custom_components.home_cluster.drain import PAUSE, Drain, Obstacle, Phase, Skip
from custom_components.home_cluster.kube.errors import Unreadable
from custom_components.home_cluster.kube.onnode import PodOnNode, decode_pods_on
from custom_components.home_cluster.kube.schema import Owner

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PATIENCE = timedelta(minutes=10)


def pod(name: str, owner: str | None = "ReplicaSet", **fields: Any) -> PodOnNode:
    """Return a pod of the node."""
    return PodOnNode(
        namespace="kitchen",
        name=name,
        uid=f"uid-{name}",
        owner=Owner(owner, f"{name}-abc") if owner else None,
        **fields,
    )


def drain(*, force: bool = False) -> Drain:
    """Begin."""
    return Drain(start=START, patience=PATIENCE, force=force)


def after(seconds: float) -> datetime:
    """Return the time so many seconds after the start."""
    return START + timedelta(seconds=seconds)


def test_every_pod_goes_and_then_it_is_done() -> None:
    """Not before the last one has really stopped."""
    fridge, jazz = pod("fridge", scratch=True), pod("jazz", "StatefulSet")
    machine = drain()
    assert machine.step([fridge, jazz], START) == (fridge, jazz)
    machine.accepted(fridge)
    machine.accepted(jazz)
    assert machine.step([pod("fridge", deleting=START)], after(2)) == ()
    assert [one.name for one in machine.remaining] == ["fridge"]
    assert machine.step([], after(4)) is None
    assert machine.phase is Phase.DRAINED
    assert machine.evicted == [fridge, jazz]
    assert machine.scratched == (fridge,), (
        "its scratch folder is lost, and that is told"
    )
    assert machine.step([], after(5)) is None


@pytest.mark.parametrize(
    ("stays", "why"),
    [
        (pod("weather", "DaemonSet"), Skip.DAEMON_SET),
        (pod("etcd", "Node", mirror=True), Skip.MIRROR),
    ],
)
def test_what_belongs_to_the_node_stays(stays: PodOnNode, why: Skip) -> None:
    """And is no obstacle."""
    machine = drain()
    assert machine.step([stays], START) is None
    assert machine.phase is Phase.DRAINED
    assert list(machine.skipped.values()) == [(stays, why)]


def test_a_refused_pod_is_asked_again_after_a_pause() -> None:
    """Until its budget lets go."""
    fridge = pod("fridge")
    machine = drain()
    assert machine.step([fridge], START) == (fridge,)
    machine.refused(
        fridge, Obstacle.DISRUPTION_BUDGET, START, detail="needs 1", budget="cold"
    )
    assert machine.step([fridge], after(1)) == ()
    assert [(one.why, one.budget) for one in machine.blocked] == [
        (Obstacle.DISRUPTION_BUDGET, "cold")
    ]
    assert machine.step([fridge], START + PAUSE) == (fridge,)
    machine.accepted(fridge)
    assert machine.blocked == ()


def test_patience_has_an_end_and_all_that_is_left_is_named() -> None:
    """The pod whose budget never lets go, and the one that does not stop."""
    fridge, jazz = pod("fridge"), pod("jazz", deleting=START)
    machine = drain()
    machine.step([fridge, jazz], START)
    machine.refused(fridge, Obstacle.DISRUPTION_BUDGET, START, budget="cold")
    assert machine.step([fridge, jazz], START + PATIENCE) is None
    assert machine.phase is Phase.BLOCKED
    assert {one.pod.name: one.why for one in machine.blocked} == {
        "fridge": Obstacle.DISRUPTION_BUDGET,
        "jazz": Obstacle.STOPPING,
    }


def test_what_nothing_would_bring_back_stays_and_is_not_waited_for() -> None:
    """The others go first."""
    lonely, fridge = pod("lonely", owner=None), pod("fridge")
    machine = drain()
    assert machine.step([lonely, fridge], START) == (fridge,)
    machine.accepted(fridge)
    assert machine.step([lonely], after(2)) is None
    assert machine.phase is Phase.BLOCKED
    assert [one.why for one in machine.blocked] == [Obstacle.UNMANAGED]


def test_force_lets_the_unmanaged_go_too() -> None:
    """It is asked for by name."""
    lonely = pod("lonely", owner=None)
    assert drain(force=True).step([lonely], START) == (lonely,)


@pytest.mark.parametrize("owner", [None, "DaemonSet", "Job"])
def test_what_has_ended_may_always_go(owner: str | None) -> None:
    """Nothing is lost with it."""
    done = pod("chore", owner, over=True)
    assert drain().step([done], START) == (done,)


def test_a_pod_that_left_by_itself_blocks_nothing_any_more() -> None:
    """Its refusal is forgotten with it."""
    fridge, jazz = pod("fridge"), pod("jazz")
    machine = drain()
    machine.step([fridge, jazz], START)
    machine.refused(fridge, Obstacle.REFUSED, START, detail="no")
    machine.step([jazz], after(1))
    assert machine.blocked == ()


def test_a_cancelled_drain_evicts_nothing_more() -> None:
    """An ended one stays what it is."""
    machine = drain()
    machine.cancel()
    assert machine.step([pod("fridge")], START) is None
    assert machine.phase is Phase.CANCELLED
    done = drain()
    done.step([], START)
    done.cancel()
    assert done.phase is Phase.DRAINED


def test_reads_what_decides_about_a_pod() -> None:
    """As the API server lists it."""
    raw = b"""{"metadata": {"continue": "next", "resourceVersion": "7"}, "items": [
        {"metadata": {"name": "etcd-pi", "namespace": "kube-system", "uid": "a",
          "annotations": {"kubernetes.io/config.mirror": "x"},
          "ownerReferences": [{"kind": "Node", "name": "pi", "controller": true}]}},
        {"metadata": {"name": "fridge", "namespace": "kitchen", "uid": "b",
          "deletionTimestamp": "2026-11-24T12:00:00Z"},
         "spec": {"volumes": [{"name": "x"}, {"name": "y", "emptyDir": {}}]},
         "status": {"phase": "Succeeded"}}]}"""
    pods, token = decode_pods_on(raw)
    assert token == "next"
    assert pods[0] == PodOnNode(
        namespace="kube-system",
        name="etcd-pi",
        uid="a",
        owner=Owner("Node", "pi"),
        mirror=True,
    )
    assert (pods[1].scratch, pods[1].over, pods[1].deleting) == (True, True, START)


@pytest.mark.parametrize("raw", [b"<html>", b'{"items": [{}]}', b'{"items": 3}'])
def test_refuses_what_is_no_list_of_pods(raw: bytes) -> None:
    """One error for all."""
    with pytest.raises(Unreadable):
        decode_pods_on(raw)
