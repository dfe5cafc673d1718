"""What happened to a device: told once, when it happens, not as long as it lasts."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from ..kube.schema import Container, Event, Kind, Pod, Role, Run, Workload
from .case import Case, place
from .containers import UNSEEN
from .rollout import newest_template, template_of
from .situation import Situation, is_over
from .views import Health, Reason, Status, WorkloadView


class What(StrEnum):
    """The kinds of happenings of a workload."""

    FAILED = "failed"
    RECOVERED = "recovered"
    CRASHED = "crashed"
    OOM_KILLED = "oom_killed"
    UNRESPONSIVE = "unresponsive"
    IMAGE_PULL_FAILED = "image_pull_failed"
    UNSCHEDULABLE = "unschedulable"
    VOLUME_FAILED = "volume_failed"
    EVICTED = "evicted"
    NODE_LOST = "node_lost"
    SCALED = "scaled"
    ROLLOUT_STARTED = "rollout_started"
    ROLLOUT_FINISHED = "rollout_finished"
    ROLLOUT_FAILED = "rollout_failed"
    RESTARTED = "restarted"
    WATCHDOG_RESTARTED = "watchdog_restarted"
    WATCHDOG_GAVE_UP = "watchdog_gave_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that happened, in a plain English sentence.

    `reason` is that of the problem that came with it, `count` how often so far, where that is known.
    """

    what: str
    message: str = ""
    reason: Reason = Reason.NONE
    pod: str = ""
    container: str = ""
    node: str = ""
    count: int | None = None


GOOD: Final = frozenset({Status.RUNNING, Status.IDLE, Status.COMPLETED})
BAD: Final = frozenset({Status.DEGRADED, Status.FAILING})
AT_REST: Final = frozenset({Status.OFF, Status.PAUSED})
"""Together the settled statuses; the others are only ways between them."""

# All pods of a restart are replaced within this, or it was none.
TURNOVER: Final = timedelta(minutes=30)
# A message of the cluster is cut after this.
LONGEST: Final = 300

_LONG_RUNNING: Final = frozenset({Kind.DEPLOYMENT, Kind.STATEFUL_SET, Kind.DAEMON_SET})
_SCALED: Final = frozenset({Kind.DEPLOYMENT, Kind.STATEFUL_SET})

_BY_REASON: Final = {
    Reason.IMAGE_NOT_FOUND: What.IMAGE_PULL_FAILED,
    Reason.IMAGE_PULL_DENIED: What.IMAGE_PULL_FAILED,
    Reason.NO_ROOM_CPU: What.UNSCHEDULABLE,
    Reason.NO_ROOM_MEMORY: What.UNSCHEDULABLE,
    Reason.NO_MATCHING_NODE: What.UNSCHEDULABLE,
    Reason.NODE_TAINTED: What.UNSCHEDULABLE,
    Reason.PORT_IN_USE: What.UNSCHEDULABLE,
    Reason.VOLUME_PENDING: What.VOLUME_FAILED,
    Reason.VOLUME_ON_LOST_NODE: What.VOLUME_FAILED,
    Reason.NFS_UNREACHABLE: What.VOLUME_FAILED,
    Reason.EVICTED: What.EVICTED,
    Reason.NODE_LOST: What.NODE_LOST,
}
_BY_EVENT: Final = {
    "FailedScheduling": What.UNSCHEDULABLE,
    "FailedMount": What.VOLUME_FAILED,
    "FailedAttachVolume": What.VOLUME_FAILED,
    "Evicted": What.EVICTED,
    "Preempted": What.EVICTED,
    "TaintManagerEviction": What.EVICTED,
    "ErrImageNeverPull": What.IMAGE_PULL_FAILED,
    "InspectFailed": What.IMAGE_PULL_FAILED,
}
# Said of many a pod that starts well a moment later: news only when it is said again.
_SAID_TWICE: Final = frozenset(
    {"FailedScheduling", "FailedMount", "FailedAttachVolume"}
)
_CAUSES: Final = frozenset({*_BY_REASON.values(), *_BY_EVENT.values()})

REPEATED: Final = _CAUSES | {What.CRASHED, What.OOM_KILLED, What.UNRESPONSIVE}
"""What can happen again and again while nobody does anything about it."""


def happening_of(event: Event) -> Happening | None:
    """Return what an Event of Kubernetes about a device or its pods says that happened."""
    what = _BY_EVENT.get(event.reason)
    if event.reason == "Failed" and "pull image" in event.message:
        what = What.IMAGE_PULL_FAILED
    if what is None or event.message.startswith("Cancelling"):
        return None
    if event.reason in _SAID_TWICE and event.count < 2:
        return None
    return Happening(
        what=what,
        message=event.message[:LONGEST],
        pod=event.about_name if event.about_kind == Kind.POD else "",
        count=event.count,
    )


class Past:
    """What was last known of a device.

    `look` takes in what is known now and returns what happened since. Begin with what is known
    when the device is first seen: that is no news.
    """

    def __init__(self, view: WorkloadView, situation: Situation) -> None:
        """Take what there is for granted."""
        self._health = view.health
        self._settled: Status | None = None
        self._desired = view.desired
        self._ends = _ends(situation)
        self._template = _template(situation)
        self._generation = situation.workload.generation
        self._rolling = False
        self._troubled = False
        self._runs = _runs(situation)
        self._turning: datetime | None = None
        self._settle(view.health)

    def look(self, view: WorkloadView, situation: Situation) -> list[Happening]:
        """Return what happened, causes before their consequences."""
        found = [
            *self._ended(situation),
            *self._rescaled(view),
            *self._rollout_began(view, situation),
            *self._went_wrong(view.health),
            *self._rollout_ended(view, situation),
            *self._restarted(view, situation),
            *self._recovered(view.health),
        ]
        self._health = view.health
        self._settle(view.health)
        return found

    def _settle(self, health: Health) -> None:
        if health.status in GOOD | BAD | AT_REST:
            self._settled = health.status

    def _ended(self, situation: Situation) -> Iterator[Happening]:
        """Runs of containers that ended, and not because they were to."""
        before, self._ends = self._ends, _ends(situation)
        for pod in situation.pods:
            if pod.deleting is not None or pod.reason:
                continue
            for container in pod.containers:
                key = (pod.uid, container.name)
                if self._ends.get(key) != before.get(key) and key in self._ends:
                    yield from _ending(pod, container, situation)

    def _rescaled(self, view: WorkloadView) -> Iterator[Happening]:
        before, self._desired = self._desired, view.desired
        if view.desired != before and view.ref.kind in _SCALED:
            yield Happening(
                what=What.SCALED,
                message=f"From {before} to {view.desired} replicas.",
                count=view.desired,
            )

    def _rollout_began(
        self, view: WorkloadView, situation: Situation
    ) -> Iterator[Happening]:
        template, generation = _template(situation), situation.workload.generation
        if not template or template == self._template:
            return
        # Pods and conditions tell it at different moments: of one change of the spec only the first counts.
        if self._template and generation <= self._generation:
            return
        self._generation = generation
        if self._template and view.power:
            self._rolling = True
            self._troubled = bool(self._health.problem)
            yield Happening(
                what=What.ROLLOUT_STARTED,
                message=f"Its pods are being replaced, image {view.image}.",
            )
        self._template = template

    def _rollout_ended(
        self, view: WorkloadView, situation: Situation
    ) -> Iterator[Happening]:
        if not self._rolling:
            return
        health = view.health
        self._troubled = self._troubled and bool(health.problem)
        if health.status is Status.RUNNING:
            self._rolling = False
            done = "All its pods are of the new template."
            yield Happening(what=What.ROLLOUT_FINISHED, message=done)
        elif health.status is Status.OFF:
            self._rolling = False
        elif health.problem and self._is_to_blame(health, situation):
            self._rolling = False
            yield _of(health, What.ROLLOUT_FAILED)

    def _is_to_blame(self, health: Health, situation: Situation) -> bool:
        """Say whether it is the new pods that have a problem, not the old ones that are still there."""
        workload = situation.workload
        for pod in situation.pods:
            if pod.name == health.pod and isinstance(workload, Workload):
                return template_of(pod, workload) == self._template
        return not self._troubled

    def _went_wrong(self, health: Health) -> Iterator[Happening]:
        if not health.problem:
            return
        cause = _BY_REASON.get(health.reason)
        if cause is not None and cause is not _BY_REASON.get(self._health.reason):
            yield _of(health, cause)
        if health.status in BAD and self._settled not in BAD:
            yield _of(health, What.FAILED)

    def _recovered(self, health: Health) -> Iterator[Happening]:
        if health.status in GOOD and self._settled in BAD:
            yield Happening(what=What.RECOVERED, message="It works again.")

    def _restarted(
        self, view: WorkloadView, situation: Situation
    ) -> Iterator[Happening]:
        """Everything that ran has been started anew, one after the other or all at once."""
        if view.ref.kind not in _LONG_RUNNING:
            return
        if not view.power:
            self._runs = _NOTHING_RUNS
            return
        if view.health.status is not Status.RUNNING:
            return
        runs, before = _runs(situation), set(self._runs)
        kept = before.intersection(runs)
        if before and runs and not kept:
            yield Happening(what=What.RESTARTED, message="It was started anew.")
        elif kept < before:
            self._turning = self._turning or situation.now
            if situation.now - self._turning < TURNOVER:
                return
        self._runs, self._turning = runs, None


def _of(health: Health, what: What) -> Happening:
    return Happening(
        what=what,
        message=health.message,
        reason=health.reason,
        pod=health.pod,
        container=health.container,
        node=health.node,
    )


def _template(situation: Situation) -> str:
    """Return what tells the newest template of a workload from those before, "" if it is not known."""
    workload = situation.workload
    return (
        newest_template(Case(situation), workload)
        if isinstance(workload, Workload)
        else ""
    )


def _runs(situation: Situation) -> array[int]:
    """Return the runs of main containers that go on: hashes, of which ten thousand must fit a Raspberry Pi."""
    return array(
        "q",
        (
            hash((pod.uid, container.name, run.started))
            for pod in situation.pods
            if pod.deleting is None and not is_over(pod)
            for container in pod.containers
            if container.role is Role.MAIN
            and (run := container.current) is not None
            and run.state == "running"
        ),
    )


_NOTHING_RUNS: Final = array("q")


def _end(container: Container) -> Run | None:
    """Return the run of a container that ended last and badly, as far as anybody saw it."""
    current = container.current
    run = current if current and current.state == "terminated" else container.last
    if run is None or run.finished is None or run.reason in UNSEEN or not run.exit_code:
        return None
    return run


def _ends(situation: Situation) -> dict[tuple[str, str], datetime | None]:
    """Return when each container last ended badly."""
    return {
        (pod.uid, container.name): run.finished
        for pod in situation.pods
        for container in pod.containers
        if (run := _end(container)) is not None
    }


def _ending(
    pod: Pod, container: Container, situation: Situation
) -> Iterator[Happening]:
    """Tell how a container ended."""
    run = _end(container)
    assert run is not None
    if run.reason == "OOMKilled":
        what, how = (
            What.OOM_KILLED,
            "was killed because it used more memory than it may",
        )
    elif _was_killed(pod, container, run, situation):
        what, how = What.UNRESPONSIVE, "was ended because it did not answer its probe"
    else:
        what, how = What.CRASHED, f"ended with exit code {run.exit_code}"
    yield Happening(
        what=what,
        message=f"{place(container, pod)} {how}.",
        pod=pod.name,
        container=container.name,
        node=pod.node,
        count=container.restarts + (run is container.current),
    )


def _was_killed(pod: Pod, container: Container, run: Run, situation: Situation) -> bool:
    """Return whether the kubelet ended this run because of a probe."""
    return any(
        event.reason == "Killing"
        and event.about_uid == pod.uid
        and f"ontainer {container.name} failed " in event.message
        and event.last is not None
        and (run.started is None or event.last >= run.started)
        for event in situation.events
    )
