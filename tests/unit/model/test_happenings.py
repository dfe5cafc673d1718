"""What is told of a device when it changes, and what is not."""

from dataclasses import replace
from typing import Any

from msgspec.structs import replace as with_fields
import pytest

from custom_components.home_cluster.kube.schema import (
    Condition,
    Container,
    Owner,
    Pod,
    Record,
    Workload,
)
from custom_components.home_cluster.model.happenings import (
    TURNOVER,
    Happening,
    Past,
    What,
    happening_of,
)
from custom_components.home_cluster.model.view import workload_view
from custom_components.home_cluster.model.views import Health, Reason, Status

from .world import (
    NOW,
    ago,
    container,
    cron_job,
    deployment,
    ended,
    event,
    job,
    job_pod,
    pod,
    running,
    situation,
    stateful_pod,
    stateful_set,
    waiting,
)


class Life:
    """A device that is looked at again and again; `step` returns what was told."""

    def __init__(self, *records: Record, **health: Any) -> None:
        """Look at it for the first time."""
        view, found = self._seen(records, health)
        self.past = Past(view, found)

    def step(self, *records: Record, **health: Any) -> list[Happening]:
        """Look at it as it is now; `health` overrules what is judged of it."""
        return self.past.look(*self._seen(records, health))

    def kinds(self, *records: Record, **health: Any) -> list[str]:
        """Return the kinds of what is told."""
        return [one.what for one in self.step(*records, **health)]

    def _seen(self, records: tuple[Record, ...], health: dict[str, Any]):
        now = health.pop("now", NOW)
        found = situation(*records, now=now)
        view = workload_view(found)
        if health:
            view = replace(view, health=Health(**health))
        return view, found


def crashed(run_ended: float = 10, code: int = 3, **fields: Any) -> Container:
    """Return a container that ended so many seconds ago and waits."""
    return container(
        ready=False,
        restarts=fields.pop("restarts", 0),
        current=waiting("CrashLoopBackOff"),
        last=ended(code, started=run_ended + 5, finished=run_ended, **fields),
    )


def newer_template(workload: Workload) -> Workload:
    """Return the workload with its template changed, as its controller tells it."""
    said = 'ReplicaSet "fridge-new" is progressing.'
    return with_fields(
        workload,
        generation=2,
        observed_generation=2,
        conditions=(Condition("Progressing", "True", "ReplicaSetUpdated", said, NOW),),
    )


def new_pod(**fields: Any) -> Pod:
    """Return a pod of the newer template."""
    return pod(
        "fridge-new-1",
        **{
            "owner": Owner("ReplicaSet", "fridge-new"),
            "template_hash": "new",
            **fields,
        },
    )


def test_what_is_so_when_a_device_is_first_seen_is_no_news() -> None:
    """Neither its crashes nor its problem; Home Assistant may only have started."""
    life = Life(deployment(), pod("fridge-abc-1", crashed(), ready=False))
    assert life.kinds(deployment(), pod("fridge-abc-1", crashed(), ready=False)) == []


def test_each_crash_is_told_once() -> None:
    """By when the container ended; the count says how often so far."""
    life = Life(deployment(), pod())
    first = deployment(), pod("fridge-abc-1", crashed(), ready=False, ready_since=10)
    told = life.step(*first)
    assert [one.what for one in told] == [What.CRASHED, What.FAILED]
    assert told[0] == Happening(
        what=What.CRASHED,
        message="Container agent of pod fridge-abc-1 ended with exit code 3.",
        pod="fridge-abc-1",
        container="agent",
        node="pi-attic",
        count=0,
    )
    assert life.step(*first) == []
    again = pod("fridge-abc-1", crashed(2, restarts=1), ready=False, ready_since=10)
    (told,) = life.step(deployment(), again)
    assert (told.what, told.count) == (What.CRASHED, 1)


def test_a_run_that_just_ended_is_counted_before_the_next_one_starts() -> None:
    """The restart count is raised only with the next run."""
    life = Life(deployment(), pod())
    over = container(ready=False, restarts=2, current=ended(1))
    told = life.step(deployment(), pod("fridge-abc-1", over, ready=False))
    assert (told[0].what, told[0].count) == (What.CRASHED, 3)


@pytest.mark.parametrize(
    ("code", "reason", "what"),
    [
        (137, "OOMKilled", [What.OOM_KILLED]),
        (1, "Error", [What.CRASHED]),
        (0, "Completed", []),
        (255, "Unknown", []),
    ],
)
def test_how_a_container_ended(code: int, reason: str, what: list[str]) -> None:
    """What ends by itself with 0 did not crash; of a power cut nobody saw how it ended."""
    life = Life(deployment(), pod())
    later = pod("fridge-abc-1", container(restarts=1, last=ended(code, reason)))
    told = life.kinds(deployment(), later, status=Status.RUNNING)
    assert told == what


def test_a_program_that_hangs_did_not_crash() -> None:
    """The kubelet says that it killed it because of a probe."""
    life = Life(deployment(), pod())
    later = pod("fridge-abc-1", container(restarts=1, last=ended(137)))
    killed = event(
        later,
        "Killing",
        "Container agent failed liveness probe, will be restarted",
        last=ago(11),
    )
    assert life.kinds(deployment(), later, killed, status=Status.RUNNING) == [
        What.UNRESPONSIVE
    ]
    older = with_fields(killed, last=ago(100))
    life = Life(deployment(), pod())
    assert life.kinds(deployment(), later, older, status=Status.RUNNING) == [
        What.CRASHED
    ]


@pytest.mark.parametrize(
    "leaving", [{"deleting": NOW}, {"reason": "Evicted", "phase": "Failed"}]
)
def test_a_pod_that_was_to_end_did_not_crash(leaving: dict[str, Any]) -> None:
    """A restart kills what does not end in time; an eviction is told as one."""
    life = Life(deployment(), pod())
    later = pod("fridge-abc-1", container(current=ended(137)), **leaving)
    told = life.kinds(deployment(), later, pod("b"), status=Status.RUNNING)
    assert told == [What.RESTARTED]


def test_a_problem_is_told_when_it_begins_and_when_it_ends() -> None:
    """Not while it lasts, not between degraded and failing, not on the way through starting."""
    life = Life(deployment(), pod())
    words = {"problem": True, "reason": Reason.CONFIG_MISSING, "message": "It is gone."}
    told = life.step(deployment(), pod(), status=Status.FAILING, **words)
    assert [(one.what, one.message) for one in told] == [(What.FAILED, "It is gone.")]
    assert life.kinds(deployment(), pod(), status=Status.DEGRADED, **words) == []
    assert life.kinds(deployment(), pod(), status=Status.STARTING) == []
    assert life.kinds(deployment(), pod(), status=Status.UNKNOWN, problem=None) == []
    assert life.kinds(deployment(), pod(), status=Status.FAILING, **words) == []
    assert life.kinds(deployment(), pod(), status=Status.RUNNING) == [What.RECOVERED]
    assert life.kinds(deployment(), pod(), status=Status.RUNNING) == []


def test_who_switches_a_failing_device_off_did_not_mend_it() -> None:
    """Nor who switches it on again."""
    life = Life(deployment(), pod(), status=Status.FAILING, problem=True)
    off = deployment(desired=0, current=0)
    assert life.kinds(off) == [What.SCALED]
    assert life.kinds(deployment(), pod()) == [What.SCALED]


@pytest.mark.parametrize(
    ("reason", "what"),
    [
        (Reason.IMAGE_NOT_FOUND, What.IMAGE_PULL_FAILED),
        (Reason.IMAGE_PULL_DENIED, What.IMAGE_PULL_FAILED),
        (Reason.NO_ROOM_MEMORY, What.UNSCHEDULABLE),
        (Reason.NODE_TAINTED, What.UNSCHEDULABLE),
        (Reason.VOLUME_PENDING, What.VOLUME_FAILED),
        (Reason.EVICTED, What.EVICTED),
        (Reason.NODE_LOST, What.NODE_LOST),
    ],
)
def test_the_cause_of_a_problem_is_told_before_the_problem(
    reason: Reason, what: What
) -> None:
    """Once for each kind of cause, also when it changes while the problem goes on."""
    life = Life(deployment(), pod())
    bad = {"status": Status.FAILING, "problem": True, "reason": reason}
    assert life.kinds(deployment(), pod(), **bad) == [what, What.FAILED]
    assert life.kinds(deployment(), pod(), **bad) == []
    other = {**bad, "reason": Reason.CONFIG_MISSING}
    assert life.kinds(deployment(), pod(), **other) == []
    assert life.kinds(deployment(), pod(), **bad) == [what]


def test_another_number_of_replicas_is_told() -> None:
    """From how many to how many."""
    life = Life(deployment(), pod())
    (told,) = life.step(deployment(desired=2), pod(), status=Status.RUNNING)
    assert told == Happening(what=What.SCALED, message="From 1 to 2 replicas.", count=2)


def test_a_rollout_is_told_from_its_beginning_to_its_end() -> None:
    """By the template that the controller says is the newest, not by a short status."""
    life = Life(deployment(), pod())
    newer = newer_template(deployment())
    unseen = deployment(generation=2)
    assert life.kinds(unseen, pod()) == []
    assert life.kinds(newer, pod()) == [What.ROLLOUT_STARTED]
    assert life.kinds(newer, pod(), new_pod(ready=False, ready_since=2)) == []
    assert life.kinds(newer, new_pod()) == [What.ROLLOUT_FINISHED, What.RESTARTED]
    assert life.kinds(newer, new_pod()) == []


def test_a_rollout_that_fails_says_why() -> None:
    """It then goes on as a problem; the next template begins anew."""
    life = Life(deployment(), pod())
    newer = newer_template(deployment())
    life.step(newer, pod())
    bad = {
        "status": Status.DEGRADED,
        "problem": True,
        "message": "No such image.",
        "pod": "fridge-new-1",
    }
    told = life.step(newer, pod(), new_pod(ready=False), **bad)
    assert [one.what for one in told] == [What.FAILED, What.ROLLOUT_FAILED]
    assert told[1].message == "No such image."
    assert life.kinds(deployment(generation=3, observed_generation=3), pod()) == [
        What.ROLLOUT_STARTED,
        What.ROLLOUT_FINISHED,
        What.RECOVERED,
    ]


def test_one_change_of_the_template_is_one_rollout() -> None:
    """Pods, conditions and the generation come by different ways, one before the other."""
    life = Life(deployment(), pod())
    behind = deployment(generation=2, observed_generation=2)
    kinds = [
        *life.kinds(deployment(generation=2), new_pod(created=NOW), pod()),
        *life.kinds(behind, new_pod(), pod(), status=Status.UPDATING),
        *life.kinds(newer_template(deployment()), new_pod(), pod()),
        *life.kinds(newer_template(deployment()), new_pod()),
    ]
    assert kinds == [What.ROLLOUT_STARTED, What.ROLLOUT_FINISHED, What.RESTARTED]


def test_trouble_of_before_does_not_make_a_rollout_fail() -> None:
    """Only that of the new pods does, or one that no pod has and that is new."""
    bad = {"status": Status.FAILING, "problem": True, "pod": "fridge-abc-1"}
    newer = newer_template(deployment())
    life = Life(deployment(), pod(), **bad)
    assert life.kinds(newer, pod(), **bad) == [What.ROLLOUT_STARTED]
    assert life.kinds(newer, pod(), new_pod(), status=Status.UPDATING) == []
    assert life.kinds(newer, pod(), new_pod(), **bad) == []
    worse = {**bad, "pod": "fridge-new-1"}
    assert life.kinds(newer, pod(), new_pod(), **worse) == [What.ROLLOUT_FAILED]
    no_pod = {**bad, "pod": ""}
    life = Life(deployment(), pod(), **no_pod)
    assert life.kinds(newer, pod(), **no_pod) == [What.ROLLOUT_STARTED]
    assert life.kinds(newer, pod(), **no_pod) == []
    assert life.kinds(newer, pod(), new_pod(), status=Status.UPDATING) == []
    assert life.kinds(newer, new_pod(), **no_pod) == [What.ROLLOUT_FAILED]


def test_a_rollout_of_a_device_that_is_switched_off_is_none() -> None:
    """There is nothing to replace; switched off in between, it just ends."""
    off = deployment(desired=0, current=0)
    life = Life(off)
    assert life.kinds(newer_template(off)) == []
    life = Life(deployment(), pod())
    assert life.kinds(newer_template(deployment()), pod()) == [What.ROLLOUT_STARTED]
    assert life.kinds(newer_template(off)) == [What.SCALED]
    on = newer_template(deployment())
    assert life.kinds(on, new_pod()) == [What.SCALED]


def test_a_restart_is_told_when_all_of_it_is_new() -> None:
    """One pod after the other, each running before the next goes."""
    jazz = stateful_set(desired=2, current=2, ready=2)
    one, two = stateful_pod("jazz-0"), stateful_pod("jazz-1")
    newer_one = stateful_pod("jazz-0", uid="newer-0")
    newer_two = stateful_pod("jazz-1", uid="newer-1")
    life = Life(jazz, one, two)
    assert life.kinds(jazz, one, status=Status.DEGRADED, problem=True) == [What.FAILED]
    assert life.kinds(jazz, one, newer_two) == [What.RECOVERED]
    assert life.kinds(jazz, newer_one, newer_two) == [What.RESTARTED]


def test_two_crashes_long_apart_are_no_restart() -> None:
    """All of it must be replaced within half an hour."""
    jazz = stateful_set(desired=2, current=2, ready=2)
    one, two = stateful_pod("jazz-0"), stateful_pod("jazz-1")
    newer_one = stateful_pod("jazz-0", uid="newer-0")
    newer_two = stateful_pod("jazz-1", uid="newer-1")
    life = Life(jazz, one, two)
    assert life.kinds(jazz, one, newer_two) == []
    assert life.kinds(jazz, one, newer_two, now=NOW + TURNOVER) == []
    assert life.kinds(jazz, newer_one, newer_two, now=NOW + TURNOVER) == []


def test_a_container_that_runs_anew_in_the_same_pod_is_a_restart() -> None:
    """As after a crash, or a reboot of the node."""
    life = Life(deployment(), pod())
    anew = pod("fridge-abc-1", container(restarts=1, current=running(100)))
    assert life.kinds(deployment(), anew) == [What.RESTARTED]


def test_who_is_switched_on_is_not_restarted() -> None:
    """Its pods are new, but nothing ran before."""
    life = Life(deployment(), pod())
    assert life.kinds(deployment(desired=0, current=0)) == [What.SCALED]
    later = pod("fridge-abc-2", ready_since=90)
    assert life.kinds(deployment(), later) == [What.SCALED]


def test_the_runs_of_a_cron_job_are_no_restarts() -> None:
    """They come and go."""
    life = Life(cron_job(), job(), job_pod())
    assert life.kinds(cron_job(), job("backup-2"), job_pod("backup-2-x")) == []


@pytest.mark.parametrize(
    ("reason", "message", "count", "what"),
    [
        ("Evicted", "The node was low on resource: memory.", 1, What.EVICTED),
        ("Preempted", "Preempted by pod camera.", 1, What.EVICTED),
        ("TaintManagerEviction", "Marking for deletion Pod x", 1, What.EVICTED),
        ("TaintManagerEviction", "Cancelling deletion of Pod x", 1, None),
        ("Failed", 'Failed to pull image "x": not found', 1, What.IMAGE_PULL_FAILED),
        ("Failed", "Error: configmap not found", 1, None),
        ("ErrImageNeverPull", "Image is not there", 1, What.IMAGE_PULL_FAILED),
        ("FailedScheduling", "0/2 nodes are available", 1, None),
        ("FailedScheduling", "0/2 nodes are available", 2, What.UNSCHEDULABLE),
        ("FailedMount", "no such claim", 1, None),
        ("FailedMount", "no such claim", 4, What.VOLUME_FAILED),
        ("BackOff", "Back-off restarting failed container", 9, None),
    ],
)
def test_what_an_event_of_kubernetes_says(
    reason: str, message: str, count: int, what: What | None
) -> None:
    """Some are said of every pod that starts: they are news when they are said again."""
    told = happening_of(event(pod(), reason, message, count=count))
    assert (told.what if told else None) == what
    if told is not None:
        assert (told.message, told.pod, told.count) == (message, "fridge-abc-1", count)


def test_a_long_message_is_cut() -> None:
    """And one about the workload itself names no pod."""
    told = happening_of(event(deployment(), "Evicted", "x" * 999))
    assert told is not None
    assert (len(told.message), told.pod) == (300, "")
