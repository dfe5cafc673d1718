"""The truth table of statuses, row by row."""

from dataclasses import replace

from msgspec.structs import replace as with_fields
import pytest

from custom_components.home_cluster.kube.schema import Condition, Container, Owner, Role
from custom_components.home_cluster.model.health import health
from custom_components.home_cluster.model.situation import Situation
from custom_components.home_cluster.model.views import Health, Reason, Status

from .world import (
    NOW,
    ago,
    complete,
    container,
    cron_job,
    deployment,
    ended,
    event,
    failed,
    job,
    job_pod,
    node,
    pod,
    running,
    situation,
    stateful_pod,
    stateful_set,
    waiting,
)

BACK_OFF = waiting("CrashLoopBackOff", "back-off 10s restarting failed container")


def crashing(name: str = "agent", code: int = 3, **fields: object) -> Container:
    """Return a container in its back-off."""
    return container(
        name, ready=False, restarts=4, current=BACK_OFF, last=ended(code), **fields
    )


def old(name: str = "fridge-old-1", **fields: object):
    """Return a pod of the template before."""
    return pod(
        name,
        **{
            "owner": Owner("ReplicaSet", "fridge-old"),
            "template_hash": "old",
            **fields,
        },
    )


def starting_pod(name: str = "fridge-abc-1", age: float = 5, **fields: object):
    """Return a pod that was made so many seconds ago and is not Ready."""
    return pod(
        name,
        container(ready=False, started=False, current=running(age - 1)),
        ready=False,
        ready_since=age,
        **{"created": ago(age), "started": ago(age), **fields},
    )


def scheduled_nowhere(message: str, since: float = 60, **fields: object):
    """Return a pod that the scheduler finds no node for."""
    return pod(
        "fridge-abc-2",
        container(ready=False, current=None),
        **{
            "ready": False,
            "ready_since": since,
            "created": ago(since),
            "node": "",
            "phase": "Pending",
            "conditions": (
                Condition(
                    "PodScheduled", "False", "Unschedulable", message, ago(since)
                ),
            ),
            **fields,
        },
    )


def lost_for(seconds: float):
    """Return the node pi-attic, not Ready for so long."""
    return node("pi-attic", lost=seconds)


@pytest.mark.parametrize(
    ("judged", "status", "problem", "reason"),
    [
        pytest.param(
            situation(deployment(), pod()),
            Status.RUNNING,
            False,
            Reason.NONE,
            id="ready",
        ),
        pytest.param(
            situation(deployment(desired=0, current=0)),
            Status.OFF,
            False,
            Reason.NONE,
            id="off",
        ),
        pytest.param(
            situation(deployment(desired=0), pod(deleting=ago(-20))),
            Status.STOPPING,
            False,
            Reason.NONE,
            id="a pod is still there",
        ),
        pytest.param(
            situation(deployment(desired=0)),
            Status.STOPPING,
            False,
            Reason.NONE,
            id="its status still counts a pod",
        ),
        pytest.param(
            situation(
                deployment(desired=0), pod("fridge-abc-1", crashing(), ready=False)
            ),
            Status.STOPPING,
            False,
            Reason.NONE,
            id="what ails a pod that is to go",
        ),
        pytest.param(
            situation(deployment(desired=0), pod(deleting=ago(61))),
            Status.FAILING,
            True,
            Reason.STUCK_TERMINATING,
            id="off, but stuck",
        ),
        pytest.param(
            situation(deployment(desired=0), pod(deleting=ago(500)), lost_for(70)),
            Status.FAILING,
            True,
            Reason.NODE_LOST,
            id="off, but nobody knows",
        ),
        pytest.param(
            situation(deployment(desired=0), pod(deleting=ago(500)), lost_for(50)),
            Status.UNKNOWN,
            None,
            Reason.NONE,
            id="off, node flickers",
        ),
        pytest.param(
            situation(deployment(generation=2), pod()),
            Status.UPDATING,
            False,
            Reason.NONE,
            id="spec not observed",
        ),
        pytest.param(
            situation(deployment(), old(), starting_pod()),
            Status.UPDATING,
            False,
            Reason.NONE,
            id="old pods remain",
        ),
        pytest.param(
            situation(
                deployment(),
                old("fridge-old-1", ready=False, deleting=ago(-20)),
                pod("fridge-abc-1", ready_since=5),
            ),
            Status.RUNNING,
            False,
            Reason.NONE,
            id="the old pod is only leaving",
        ),
        pytest.param(
            situation(
                deployment(),
                old("fridge-old-1", ready=False, phase="Running"),
                starting_pod(),
            ),
            Status.UPDATING,
            False,
            Reason.NONE,
            id="what ails an old pod does not count",
        ),
        pytest.param(
            situation(
                deployment(),
                old(),
                pod(
                    "fridge-abc-1",
                    crashing(),
                    ready=False,
                    ready_since=40,
                    created=ago(50),
                ),
            ),
            Status.DEGRADED,
            True,
            Reason.CRASH_LOOP,
            id="the new pod crashes",
        ),
        pytest.param(
            situation(
                deployment(
                    conditions=(
                        Condition(
                            "Progressing",
                            "False",
                            "ProgressDeadlineExceeded",
                            'ReplicaSet "fridge-abc" has timed out progressing.',
                            ago(3),
                        ),
                    )
                ),
                old(),
                starting_pod(age=610),
            ),
            Status.DEGRADED,
            True,
            Reason.DEADLINE_EXCEEDED,
            id="update past the deadline",
        ),
        pytest.param(
            situation(deployment(), starting_pod()),
            Status.STARTING,
            False,
            Reason.NONE,
            id="starting",
        ),
        pytest.param(
            situation(deployment(current=0, ready=0, generation=2)),
            Status.STARTING,
            False,
            Reason.NONE,
            id="switched on a moment ago",
        ),
        pytest.param(
            situation(deployment(), starting_pod(age=599)),
            Status.STARTING,
            False,
            Reason.NONE,
            id="slow, within the deadline",
        ),
        pytest.param(
            situation(deployment(), starting_pod(age=602)),
            Status.FAILING,
            True,
            Reason.DEADLINE_EXCEEDED,
            id="past the deadline",
        ),
        pytest.param(
            situation(deployment(deadline=20), starting_pod(age=30)),
            Status.FAILING,
            True,
            Reason.DEADLINE_EXCEEDED,
            id="past a deadline of its own",
        ),
        pytest.param(
            situation(
                deployment(desired=2), pod(), starting_pod("fridge-abc-2", age=20)
            ),
            Status.RUNNING,
            False,
            Reason.NONE,
            id="one of two, not for long",
        ),
        pytest.param(
            situation(
                deployment(desired=2), pod(), starting_pod("fridge-abc-2", age=40)
            ),
            Status.DEGRADED,
            True,
            Reason.READINESS_FAILING,
            id="one of two for over 30 s",
        ),
        pytest.param(
            situation(
                deployment(desired=2),
                pod(),
                pod("fridge-abc-2", crashing(), ready=False, ready_since=9),
            ),
            Status.DEGRADED,
            True,
            Reason.CRASH_LOOP,
            id="one of two with a hard reason",
        ),
        pytest.param(
            situation(
                deployment(),
                pod("fridge-abc-1", crashing(), ready=False, ready_since=9),
            ),
            Status.FAILING,
            True,
            Reason.CRASH_LOOP,
            id="none ready, hard reason",
        ),
        pytest.param(
            situation(
                deployment(),
                pod(
                    "fridge-abc-1",
                    container(
                        restarts=1, current=running(20), last=ended(137, "OOMKilled")
                    ),
                    ready_since=19,
                ),
            ),
            Status.DEGRADED,
            True,
            Reason.OOM_KILLED,
            id="ready, with a soft reason",
        ),
        pytest.param(
            situation(deployment(paused=True), pod()),
            Status.PAUSED,
            False,
            Reason.NONE,
            id="paused",
        ),
        pytest.param(
            situation(deployment(paused=True), old(), pod()),
            Status.PAUSED,
            False,
            Reason.NONE,
            id="paused within an update",
        ),
        pytest.param(
            situation(
                deployment(paused=True), pod("fridge-abc-1", crashing(), ready=False)
            ),
            Status.FAILING,
            True,
            Reason.CRASH_LOOP,
            id="paused, and crashing",
        ),
        pytest.param(
            situation(deployment(), pod(ready=False, ready_since=5), lost_for(5)),
            Status.UNKNOWN,
            None,
            Reason.NONE,
            id="node lost a moment ago",
        ),
        pytest.param(
            situation(deployment(), pod(), lost_for(5)),
            Status.UNKNOWN,
            None,
            Reason.NONE,
            id="node lost, its pod not yet marked",
        ),
        pytest.param(
            situation(deployment(), pod(ready=False, ready_since=61), lost_for(61)),
            Status.FAILING,
            True,
            Reason.NODE_LOST,
            id="node lost for longer",
        ),
        pytest.param(
            situation(
                deployment(desired=2),
                pod(ready=False, ready_since=61),
                pod("fridge-abc-2", node="pi-cellar"),
                lost_for(61),
            ),
            Status.DEGRADED,
            True,
            Reason.NODE_LOST,
            id="one of two on a lost node",
        ),
        pytest.param(
            situation(
                deployment(desired=2),
                pod(ready=False, ready_since=40),
                pod("fridge-abc-2", node="pi-cellar"),
                lost_for(40),
            ),
            Status.UNKNOWN,
            None,
            Reason.NONE,
            id="one of two on a flickering node",
        ),
        pytest.param(
            situation(
                deployment(desired=2),
                pod(ready=False, ready_since=40),
                pod("fridge-abc-2", crashing(), node="pi-cellar", ready=False),
                lost_for(40),
            ),
            Status.FAILING,
            True,
            Reason.CRASH_LOOP,
            id="a flicker hides no other problem",
        ),
        pytest.param(
            situation(
                deployment(),
                pod(ready=False, ready_since=400, deleting=ago(100)),
                pod("fridge-abc-2", node="pi-cellar", ready_since=3),
                lost_for(400),
            ),
            Status.RUNNING,
            False,
            Reason.NONE,
            id="moved from a lost node",
        ),
        pytest.param(
            situation(
                deployment(),
                pod(ready=False, ready_since=400, deleting=ago(100)),
                starting_pod("fridge-abc-2", node="pi-cellar"),
                lost_for(400),
            ),
            Status.FAILING,
            True,
            Reason.NODE_LOST,
            id="moving from a lost node",
        ),
        pytest.param(
            situation(
                stateful_set(),
                stateful_pod(ready=False, ready_since=400, deleting=ago(100)),
                lost_for(400),
            ),
            Status.FAILING,
            True,
            Reason.NODE_LOST,
            id="a StatefulSet's pod cannot move",
        ),
    ],
)
def test_workloads_follow_the_table(
    judged: Situation, status: Status, problem: bool | None, reason: Reason
) -> None:
    said = health(judged)
    assert (said.status, said.problem, said.reason) == (status, problem, reason)
    assert bool(said.message) is bool(said.advice) is (said.problem is True)


@pytest.mark.parametrize(
    ("judged", "status", "problem", "reason"),
    [
        pytest.param(
            situation(cron_job()), Status.IDLE, False, Reason.NONE, id="never ran"
        ),
        pytest.param(
            situation(cron_job(last_scheduled=ago(300), last_succeeded=ago(290))),
            Status.IDLE,
            False,
            Reason.NONE,
            id="between runs",
        ),
        pytest.param(
            situation(cron_job(suspended=True), job(conditions=(failed(),))),
            Status.PAUSED,
            False,
            Reason.NONE,
            id="suspended",
        ),
        pytest.param(
            situation(cron_job(active=("backup-1",)), job(), job_pod()),
            Status.RUNNING,
            False,
            Reason.NONE,
            id="runs",
        ),
        pytest.param(
            situation(
                cron_job(active=("backup-1",)),
                job(),
                job_pod(
                    "backup-1-x",
                    container(ready=False, current=waiting("ContainerCreating")),
                    ready=False,
                    phase="Pending",
                    ready_since=5,
                ),
            ),
            Status.STARTING,
            False,
            Reason.NONE,
            id="its run starts",
        ),
        pytest.param(
            situation(cron_job(active=("backup-1",), last_scheduled=ago(9))),
            Status.RUNNING,
            False,
            Reason.NONE,
            id="Jobs cannot be read",
        ),
        pytest.param(
            situation(cron_job(), job(conditions=(failed(),), failed=1, active=0)),
            Status.FAILING,
            True,
            Reason.JOB_FAILED,
            id="last run failed",
        ),
        pytest.param(
            situation(
                cron_job(), job(conditions=(failed("DeadlineExceeded"),), active=0)
            ),
            Status.FAILING,
            True,
            Reason.DEADLINE_EXCEEDED,
            id="last run took too long",
        ),
        pytest.param(
            situation(
                cron_job(last_scheduled=ago(20), active=("backup-2",)),
                job(conditions=(failed(),), failed=1, active=0),
                job("backup-2", created=ago(20)),
                job_pod("backup-2-x", owner=Owner("Job", "backup-2")),
            ),
            Status.FAILING,
            True,
            Reason.JOB_FAILED,
            id="a failed run stays a problem until one succeeds",
        ),
        pytest.param(
            situation(
                cron_job(last_scheduled=ago(50), last_succeeded=ago(40)),
                job(
                    "backup-1",
                    created=ago(200),
                    conditions=(failed(since=100),),
                    active=0,
                ),
                job(
                    "backup-2",
                    created=ago(50),
                    conditions=(complete(40),),
                    completed=ago(40),
                    active=0,
                ),
            ),
            Status.IDLE,
            False,
            Reason.NONE,
            id="a later run succeeded",
        ),
        pytest.param(
            situation(cron_job(last_scheduled=ago(40), last_succeeded=ago(90000))),
            Status.FAILING,
            True,
            Reason.JOB_FAILED,
            id="the failed run was not kept",
        ),
        pytest.param(
            situation(cron_job(last_scheduled=ago(3), last_succeeded=ago(90000))),
            Status.IDLE,
            False,
            Reason.NONE,
            id="its run is about to appear",
        ),
        pytest.param(
            situation(
                cron_job(active=("backup-1",)),
                job(),
                job_pod(ready=False, ready_since=9),
                lost_for(9),
            ),
            Status.UNKNOWN,
            None,
            Reason.NONE,
            id="runs on a flickering node",
        ),
        pytest.param(
            situation(
                cron_job(active=("backup-1",)),
                job(),
                job_pod(
                    "backup-1-x",
                    container(
                        ready=False,
                        current=waiting(
                            "ErrImagePull",
                            'failed to resolve reference "registry.home/fridge:v1": not found',
                        ),
                    ),
                    ready=False,
                    phase="Pending",
                ),
            ),
            Status.FAILING,
            True,
            Reason.IMAGE_NOT_FOUND,
            id="its run cannot start",
        ),
    ],
)
def test_cron_jobs_follow_the_table(
    judged: Situation, status: Status, problem: bool | None, reason: Reason
) -> None:
    said = health(judged)
    assert (said.status, said.problem, said.reason) == (status, problem, reason)


LONE = {"owner": None, "labels": {"home-cluster.github.io/device": "true"}}


@pytest.mark.parametrize(
    ("judged", "status", "problem", "reason"),
    [
        pytest.param(
            situation(job(**LONE), job_pod()),
            Status.RUNNING,
            False,
            Reason.NONE,
            id="runs",
        ),
        pytest.param(
            situation(job(**LONE)), Status.STARTING, False, Reason.NONE, id="starts"
        ),
        pytest.param(
            situation(job(started=ago(700), created=ago(700), **LONE)),
            Status.FAILING,
            True,
            Reason.DEADLINE_EXCEEDED,
            id="does not start",
        ),
        pytest.param(
            situation(job(suspended=True, **LONE)),
            Status.PAUSED,
            False,
            Reason.NONE,
            id="suspended",
        ),
        pytest.param(
            situation(job(conditions=(complete(),), **LONE)),
            Status.COMPLETED,
            False,
            Reason.NONE,
            id="done",
        ),
        pytest.param(
            situation(job(conditions=(failed(),), **LONE)),
            Status.FAILING,
            True,
            Reason.JOB_FAILED,
            id="failed",
        ),
        pytest.param(
            situation(
                job(failed=1, **LONE),
                job_pod(
                    "backup-1-a",
                    container(ready=False, current=ended(4)),
                    phase="Failed",
                    ready=False,
                ),
                job_pod("backup-1-b"),
            ),
            Status.DEGRADED,
            True,
            Reason.JOB_FAILED,
            id="failed once and tried again",
        ),
        pytest.param(
            situation(job(**LONE), job_pod(ready=False, ready_since=9), lost_for(9)),
            Status.UNKNOWN,
            None,
            Reason.NONE,
            id="runs on a flickering node",
        ),
        pytest.param(
            situation(
                job(**LONE),
                event(
                    job(**LONE),
                    "FailedCreate",
                    'Error creating: pods "backup-1-x" is forbidden: exceeded quota: tight, requested: '
                    "pods=1, used: pods=1, limited: pods=1",
                ),
            ),
            Status.FAILING,
            True,
            Reason.QUOTA,
            id="not allowed",
        ),
    ],
)
def test_jobs_follow_the_table(
    judged: Situation, status: Status, problem: bool | None, reason: Reason
) -> None:
    said = health(judged)
    assert (said.status, said.problem, said.reason) == (status, problem, reason)


# How a problem begins and ends.


def rejudged(judged: Situation, before: Health) -> Health:
    """Judge with the health of before known."""
    return health(replace(judged, before=before))


FAILING = health(
    situation(
        deployment(),
        pod(
            "fridge-abc-1",
            container(
                ready=False,
                current=waiting(
                    "CreateContainerConfigError", 'configmap "tune" not found'
                ),
            ),
            ready=False,
            ready_since=200,
            phase="Pending",
        ),
    )
)


def test_a_problem_holds_while_its_pod_has_been_ready_for_less_than_a_minute() -> None:
    assert FAILING.reason is Reason.CONFIG_MISSING
    ready = situation(deployment(), pod(ready_since=59))
    said = rejudged(ready, FAILING)
    assert (said.status, said.problem, said.reason) == (
        Status.DEGRADED,
        True,
        Reason.CONFIG_MISSING,
    )
    assert said.since == FAILING.since
    assert said.recheck == ago(-1)


def test_a_problem_holds_while_its_pod_starts() -> None:
    said = rejudged(
        situation(deployment(), starting_pod(age=200, created=ago(3600))), FAILING
    )
    assert (said.status, said.problem, said.reason) == (
        Status.FAILING,
        True,
        Reason.CONFIG_MISSING,
    )


def test_a_problem_clears_after_a_minute_of_readiness() -> None:
    said = rejudged(situation(deployment(), pod(ready_since=60)), FAILING)
    assert (said.status, said.problem, said.reason) == (
        Status.RUNNING,
        False,
        Reason.NONE,
    )


def test_a_problem_clears_at_once_when_a_successor_is_ready() -> None:
    said = rejudged(
        situation(deployment(), pod("fridge-abc-2", ready_since=1, created=ago(9))),
        FAILING,
    )
    assert (said.status, said.problem) == (Status.RUNNING, False)


def test_a_successor_of_the_same_name_is_another_pod() -> None:
    before = health(
        situation(
            stateful_set(),
            stateful_pod(
                "jazz-0",
                container(ready=False, current=waiting("InvalidImageName")),
                ready=False,
                ready_since=200,
                created=ago(200),
                phase="Pending",
            ),
        )
    )
    assert before.problem
    said = rejudged(
        situation(stateful_set(), stateful_pod(ready_since=1, created=ago(9))), before
    )
    assert (said.status, said.problem) == (Status.RUNNING, False)


def test_a_crash_loop_holds_between_two_crashes_without_being_remembered() -> None:
    between = container(
        restarts=3, current=running(12), last=ended(3, started=40, finished=30)
    )
    said = health(situation(deployment(), pod("fridge-abc-1", between, ready_since=11)))
    assert (said.status, said.reason, said.exit_code) == (
        Status.DEGRADED,
        Reason.CRASH_LOOP,
        3,
    )
    assert said.recheck == ago(-49)


def test_a_single_crash_is_no_crash_loop() -> None:
    once = container(
        restarts=1, current=running(12), last=ended(3, started=4000, finished=30)
    )
    assert (
        health(
            situation(deployment(), pod("fridge-abc-1", once, ready_since=11))
        ).problem
        is False
    )


def test_a_restart_after_a_power_cut_is_no_crash() -> None:
    cut = container(
        restarts=7,
        ready=False,
        current=running(5),
        last=ended(255, "Unknown", started=900, finished=10),
    )
    said = health(
        situation(deployment(), pod("fridge-abc-1", cut, ready=False, ready_since=6))
    )
    assert (said.status, said.problem) == (Status.STARTING, False)


def test_a_pod_on_a_node_that_is_back_has_time_to_say_so() -> None:
    back = node("pi-attic", ready_since=4)
    said = health(situation(deployment(), pod(ready=False, ready_since=140), back))
    assert (said.status, said.problem) == (Status.STARTING, False)
    assert said.recheck is not None and said.recheck > NOW


def test_a_problem_of_a_lost_node_ends_with_it() -> None:
    lost = health(
        situation(deployment(), pod(ready=False, ready_since=90), lost_for(90))
    )
    assert lost.reason is Reason.NODE_LOST
    said = rejudged(
        situation(deployment(), pod(ready_since=1), node("pi-attic", ready_since=3)),
        lost,
    )
    assert (said.status, said.problem) == (Status.RUNNING, False)


def test_a_problem_keeps_its_beginning() -> None:
    before = health(
        situation(deployment(), pod("fridge-abc-1", crashing(), ready=False))
    )
    later = pod(
        "fridge-abc-1",
        container(
            ready=False,
            restarts=5,
            current=BACK_OFF,
            last=ended(3, started=3, finished=1),
        ),
        ready=False,
    )
    said = rejudged(situation(deployment(), later), before)
    assert said.since == before.since


def test_the_deadline_goes_on_from_when_the_start_was_first_seen() -> None:
    nothing = deployment(current=0, ready=0)
    first = health(situation(nothing))
    assert (first.status, first.since) == (Status.STARTING, NOW)
    assert first.recheck == ago(-600)
    late = health(replace(situation(nothing, now=ago(-601)), before=first))
    assert (late.status, late.reason) == (Status.FAILING, Reason.DEADLINE_EXCEEDED)


def test_time_alone_turns_a_flicker_into_a_loss() -> None:
    flickering = situation(deployment(), pod(ready=False, ready_since=10), lost_for(10))
    said = health(flickering)
    assert said.recheck == ago(-50)
    assert health(replace(flickering, now=said.recheck)).reason is Reason.NODE_LOST


def test_time_alone_turns_a_shortfall_into_a_problem() -> None:
    short = situation(
        deployment(desired=2), pod(), starting_pod("fridge-abc-2", age=20)
    )
    said = health(short)
    assert said.recheck is not None
    assert health(replace(short, now=said.recheck)).status is Status.DEGRADED


def test_what_lies_still_needs_no_second_look() -> None:
    assert health(situation(deployment(), pod())).recheck is None
    assert health(situation(deployment(desired=0, current=0))).recheck is None


def test_without_right_to_read_pods_the_workload_itself_tells() -> None:
    assert health(situation(deployment(desired=2, ready=2))).status is Status.RUNNING
    assert (
        health(situation(deployment(desired=2, ready=1, current=2, updated=2))).status
        is Status.DEGRADED
    )
    assert (
        health(situation(deployment(desired=2, ready=0, current=2, updated=2))).status
        is Status.STARTING
    )
    updating = deployment(desired=3, ready=3, current=3, updated=1)
    assert health(situation(updating)).status is Status.UPDATING


def test_a_finished_rollout_is_not_the_one_that_a_newer_pod_is_of() -> None:
    """The condition still names the crashing template when the controller has begun with the mended one."""
    bad = pod("fridge-abc-1", crashing(), ready=False, created=ago(60))
    mended = starting_pod(
        "fridge-new-1",
        age=1,
        owner=Owner("ReplicaSet", "fridge-new"),
        template_hash="new",
    )
    said = health(situation(deployment(ready=0), bad, mended))
    assert (said.status, said.problem) == (Status.UPDATING, False)
    under_way = Condition(
        "Progressing",
        "True",
        "ReplicaSetUpdated",
        'ReplicaSet "fridge-new" is progressing.',
        ago(1),
    )
    again = pod("fridge-abc-2", crashing(), ready=False, created=ago(0.5))
    said = health(situation(deployment(conditions=(under_way,)), again, mended))
    assert (said.status, said.problem) == (Status.UPDATING, False)


def test_a_stateful_set_updates_while_something_moves() -> None:
    newer = stateful_set(desired=2, update_revision="jazz-two")
    rest = stateful_pod("jazz-0")
    new = stateful_pod("jazz-1", revision_hash="jazz-two", ready_since=400)
    fresh = stateful_pod("jazz-1", revision_hash="jazz-two", ready_since=3)
    leaving = stateful_pod("jazz-1", deleting=ago(-5))
    assert health(situation(newer, rest, fresh)).status is Status.UPDATING
    assert health(situation(newer, rest, leaving)).status is Status.UPDATING
    # A partition, or the strategy OnDelete, leaves it at that.
    assert health(situation(newer, rest, new)).status is Status.RUNNING


def test_an_update_that_a_stateful_set_does_not_finish_is_late() -> None:
    newer = stateful_set(desired=2, update_revision="jazz-two")
    stuck = with_fields(
        starting_pod("jazz-1", age=700),
        owner=Owner("StatefulSet", "jazz"),
        template_hash="",
        revision_hash="jazz-two",
    )
    said = health(situation(newer, stateful_pod("jazz-0"), stuck))
    assert (said.status, said.reason, said.pod) == (
        Status.DEGRADED,
        Reason.DEADLINE_EXCEEDED,
        "jazz-1",
    )


def test_an_evicted_pod_is_forgotten_once_its_successor_is_ready() -> None:
    gone = pod(
        "fridge-abc-0",
        ready=False,
        ready_since=30,
        phase="Failed",
        reason="Evicted",
        message="The node was low on resource: ephemeral-storage. ",
    )
    said = health(situation(deployment(), gone, starting_pod(age=28)))
    assert (said.status, said.reason, said.pod) == (
        Status.FAILING,
        Reason.EVICTED,
        "fridge-abc-0",
    )
    assert health(situation(deployment(), gone, pod(ready_since=1))).problem is False


def test_an_eviction_of_last_week_explains_nothing_today() -> None:
    gone = pod(
        "fridge-abc-0",
        ready=False,
        ready_since=7 * 86400,
        phase="Failed",
        reason="Evicted",
        message="",
    )
    today = scheduled_nowhere("0/2 nodes are available: 2 Insufficient memory.")
    assert health(situation(deployment(), gone, today)).reason is Reason.NO_ROOM_MEMORY


def test_a_role_is_named_in_the_sentence() -> None:
    for role, word in (
        (Role.MAIN, "Container"),
        (Role.INIT, "Init container"),
        (Role.SIDECAR, "Sidecar"),
    ):
        said = health(
            situation(
                deployment(),
                pod(
                    "fridge-abc-1",
                    crashing("proxy", role=role),
                    container(),
                    ready=False,
                    ready_since=9,
                ),
            )
        )
        assert said.message.startswith(f"{word} proxy of pod fridge-abc-1")
        assert said.reason is (
            Reason.INIT_FAILED if role is Role.INIT else Reason.CRASH_LOOP
        )


def test_readiness_that_is_lost_is_hard_and_one_that_never_came_has_time() -> None:
    lost = pod(ready=False, ready_since=31)
    assert health(situation(deployment(), lost)).reason is Reason.READINESS_FAILING
    assert health(situation(deployment(), lost)).status is Status.FAILING
    never = starting_pod(age=31)
    assert health(situation(deployment(), never)).status is Status.STARTING


def test_conditions_of_old_do_not_count_for_a_spec_not_yet_observed() -> None:
    stale = deployment(
        generation=3,
        observed_generation=2,
        conditions=(
            Condition(
                "Progressing",
                "False",
                "ProgressDeadlineExceeded",
                "ReplicaSet …",
                ago(900),
            ),
        ),
    )
    said = health(situation(stale, pod()))
    assert (said.status, said.problem) == (Status.UPDATING, False)
