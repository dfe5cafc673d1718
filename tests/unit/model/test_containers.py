"""How long a container ran, and when it has proved that it is well."""

from datetime import UTC, datetime, timedelta

import pytest

from custom_components.home_cluster.kube.schema import Role, Run
from custom_components.home_cluster.model.case import Case
from custom_components.home_cluster.model.containers import lasted, relapsing, unsettled

from .world import ago, container, deployment, ended, pod, running, situation, waiting

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def case() -> Case:
    return Case(situation(deployment()))


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (ended(started=70, finished=10), timedelta(seconds=60)),
        (running(), None),
        (Run(state="terminated", finished=ago(5)), None),
        # A container that could not be started at all.
        (Run(state="terminated", started=EPOCH, finished=ago(5)), None),
    ],
)
def test_a_run_lasted_from_its_start_to_its_end(
    run: Run, expected: timedelta | None
) -> None:
    assert lasted(run) == expected


@pytest.mark.parametrize(
    ("described", "pod_ready", "ready_for", "expected"),
    [
        ({"current": None}, False, 0, True),
        ({"current": waiting("PodInitializing")}, False, 0, True),
        ({"current": ended()}, False, 0, True),
        # An init container is well when it has ended, not while it runs.
        ({"role": Role.INIT, "current": running(3600)}, False, 0, True),
        # The pod's readiness counts …
        ({"current": running(70)}, True, 59, True),
        ({"current": running(70)}, True, 60, False),
        # … without it, how long it runs: long if it was never ready itself.
        ({"current": running(59)}, False, 0, True),
        ({"current": running(60)}, False, 0, False),
        ({"current": running(599), "ready": False}, False, 0, True),
        ({"current": running(600), "ready": False}, False, 0, False),
    ],
)
def test_a_container_has_proved_to_be_well(
    described: dict[str, object], pod_ready: bool, ready_for: float, expected: bool
) -> None:
    one = container(**described)
    its_pod = pod("fridge-abc-1", one, ready=pod_ready, ready_since=ready_for)
    assert unsettled(one, its_pod, case()) is expected


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ({"current": waiting("CrashLoopBackOff"), "restarts": 3}, True),
        ({"current": ended(), "restarts": 1}, True),
        ({"current": ended(), "restarts": 0}, False),
        ({"current": running(5), "last": ended(), "restarts": 2}, True),
        ({"current": running(5), "last": ended(), "restarts": 1}, False),
        ({"current": running(5), "restarts": 2}, False),
        # Nobody saw how it ended: the power was gone.
        (
            {"current": running(5), "last": ended(reason="Unknown"), "restarts": 2},
            False,
        ),
        # It had run for so long that this is no loop.
        (
            {
                "current": running(5),
                "last": ended(started=700, finished=10),
                "restarts": 2,
            },
            False,
        ),
        ({"role": Role.INIT, "current": ended(0), "restarts": 1}, False),
    ],
)
def test_a_container_ends_again_and_again(
    described: dict[str, object], expected: bool
) -> None:
    one = container(ready=False, **described)
    its_pod = pod("fridge-abc-1", one, ready=False, ready_since=5)
    assert relapsing(one, its_pod, case()) is expected
