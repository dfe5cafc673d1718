"""A device's health: what its pods suffer from, and the status that follows.

The rules stand in the order of RULES, most telling first; each looks at one pod.
"""

from dataclasses import replace
from datetime import datetime, timedelta
import re
from typing import Final

from ..kube.schema import Container, CronJob, Job, Pod, Role, Run
from .case import PATIENCE, SETTLE, Case, Finding, Rule, Weight, latest, place
from .containers import (
    UNSEEN,
    blame,
    last_end,
    lasted,
    of_each_container,
    relapsing,
    unsettled,
    waits,
)
from .evictions import evicted
from .rollout import judge_workload, newest_template, subjects
from .runs import judge_cron_job, judge_job
from .scheduling import gated, refused, unschedulable
from .situation import Situation, condition, is_over
from .starting import (
    cannot_run,
    config_missing,
    image_problem,
    no_sandbox,
    wrong_architecture,
)
from .storage import share_of, volume_problem
from .views import Health, Reason

# The exit codes of a program that was killed or asked to end.
_KILLED: Final = frozenset({137, 143})
# The part of a probe's message that is the kubelet's own; what the program said may hold a secret.
_PROBE: Final = re.compile(
    r"(HTTP probe failed with statuscode: \d+|connection refused|i/o timeout|deadline exceeded)"
)


def node_lost(pod: Pod, case: Case) -> Finding | None:
    """A pod whose node has not been Ready for longer than the flicker window."""
    if not case.lost(pod):
        return None
    return Finding(
        reason=Reason.NODE_LOST,
        message=f"Node {pod.node} is lost, and pod {pod.name} with it.",
        advice=f"Check the power and the network of node {pod.node}.",
        since=case.away(pod),
        pod=pod.name,
        node=pod.node,
    )


@of_each_container
def oom_killed(container: Container, pod: Pod, case: Case) -> Finding | None:
    """A container that used more memory than its limit. Source: OOMKilled, now or in its last run."""
    run = last_end(container)
    if run is None or run.reason != "OOMKilled" or not unsettled(container, pod, case):
        return None
    return blame(
        Reason.OOM_KILLED,
        f"{place(container, pod)} was killed because it used more memory than it may.",
        "Raise its memory limit, or find out why it needs so much.",
        pod=pod,
        container=container,
        since=run.finished,
        exit_code=run.exit_code,
        weight=Weight.HARD
        if waits(container) or container.restarts > 1
        else Weight.SOFT,
    )


@of_each_container
def liveness_restarts(container: Container, pod: Pod, case: Case) -> Finding | None:
    """A container that the kubelet restarts because it does not answer its probe.

    Source: the Event Killing, which names the container, or Unhealthy with an exit code that a kill
    leaves; without any Event, such an exit code again and again.
    """
    run = last_end(container)
    if run is None or run.reason in UNSEEN or container.role is Role.INIT:
        return None
    if container.restarts < 1 or not unsettled(container, pod, case):
        return None
    probe = _failed_probe(container, pod, case, run)
    if probe is None:
        return None
    return blame(
        Reason.LIVENESS_RESTARTS,
        f"{place(container, pod)} is restarted again and again, because it does not answer its {probe} probe."
        if container.restarts > 1
        else f"{place(container, pod)} was restarted, because it did not answer its {probe} probe.",
        "Look at its log for why it hangs; if it is only slow, give the probe more time.",
        pod=pod,
        container=container,
        since=run.finished,
        exit_code=run.exit_code,
        weight=Weight.HARD if relapsing(container, pod, case) else Weight.SOFT,
    )


def _failed_probe(container: Container, pod: Pod, case: Case, run: Run) -> str | None:
    """Return which probe ended the run, None if none did."""
    for event in case.events(pod, "Killing"):
        if f"ontainer {container.name} failed " in event.message:
            return "startup" if "startup probe" in event.message else "liveness"
    if run.exit_code not in _KILLED and run.exit_code != 0:
        return None
    for event in case.events(pod, "Unhealthy"):
        for probe in ("Liveness", "Startup"):
            if event.message.startswith(f"{probe} probe"):
                return probe.lower()
    if (
        run.exit_code in _KILLED
        and not case.has_events(pod)
        and relapsing(container, pod, case)
    ):
        return "liveness"
    return None


@of_each_container
def init_failed(container: Container, pod: Pod, case: Case) -> Finding | None:
    """An init container that does not succeed, so that the others are never started."""
    if container.role is not Role.INIT:
        return None
    run = last_end(container)
    if not (
        relapsing(container, pod, case)
        or (run is container.current and run and run.exit_code)
    ):
        return None
    code = run.exit_code if run is not None else None
    return blame(
        Reason.INIT_FAILED,
        f"{place(container, pod)} fails{_with(code)}, so that the device is never started.",
        f"Look at the log of container {container.name} (previous run).",
        pod=pod,
        container=container,
        since=run.finished if run is not None else None,
        exit_code=code,
    )


@of_each_container
def crash_loop(container: Container, pod: Pod, case: Case) -> Finding | None:
    """A container that the kubelet waits to start again (back-off), or that has just come up again.

    Source: kubelet `CrashLoopBackOff`; the exit code is that of the last run.
    """
    if container.role is Role.INIT or not relapsing(container, pod, case):
        return None
    run = last_end(container)
    code = run.exit_code if run is not None else None
    if code == 0:
        what, advice = (
            "ends by itself again and again (exit code 0)",
            "A device's program must keep running; check its command, or make it a Job.",
        )
    else:
        what, advice = (
            f"crashes again and again{_with(code)}",
            f"Look at the log of container {container.name} (previous run) for what went wrong{_if_foreign(run)}.",
        )
    return blame(
        Reason.CRASH_LOOP,
        f"{place(container, pod)} {what}.",
        advice,
        pod=pod,
        container=container,
        since=run.finished if run is not None else None,
        exit_code=code,
    )


def _if_foreign(run: Run | None) -> str:
    """Return a hint at what only the log tells: a program for another processor ends at once, with 1 or 255."""
    duration = lasted(run) if run is not None else None
    if (
        run is None
        or run.exit_code not in {1, 255}
        or duration is None
        or duration > timedelta(seconds=1)
    ):
        return ""
    return '; if it says "exec format error", the image is not made for the node\'s processor'


def _with(code: int | None) -> str:
    return f" (exit code {code})" if code is not None else ""


def readiness_failing(pod: Pod, case: Case) -> Finding | None:
    """A pod that runs and does not become Ready, or is Ready no more.

    Hard once a pod that was Ready has not been so for 30 s; a pod that starts has the deadline, until
    then this only explains. The words of the probe come from the Event Unhealthy.
    """
    ready = condition(pod.conditions, "Ready")
    if case.ready_since(pod) is not None:
        return None
    since = case.unready_since(pod)
    waiting = [
        container
        for container in pod.containers
        if container.role is not Role.INIT and not container.ready
    ]
    running = [
        c for c in waiting if c.current is not None and c.current.state == "running"
    ]
    if pod.phase != "Running" or not (running or not waiting):
        return _slow_start(pod, since)
    said = next(
        (
            match[1]
            for event in case.events(pod, "Unhealthy")
            if (match := _PROBE.search(event.message))
            and event.message.startswith("Readiness")
        ),
        "",
    )
    container = running[0] if running else None
    started = container.current.started if container and container.current else None
    had_been = bool(
        ready
        and ready.since
        and started
        and ready.since > started + timedelta(seconds=1)
    )
    who = place(container, pod) if container else f"Pod {pod.name}"
    advice = (
        f"Look at the log of container {container.name}; if it only needs longer to start, give its probe more time."
        if container
        else "Look at the readiness gates of the pod."
    )
    return Finding(
        reason=Reason.READINESS_FAILING,
        message=f"{who} runs, but is not ready{f' ({said})' if said else ''}.",
        advice=advice,
        weight=Weight.HARD
        if had_been and case.passed(since + PATIENCE)
        else Weight.EXPLAINS,
        since=since,
        pod=pod.name,
        container=container.name if container else "",
        node=pod.node,
    )


def _slow_start(pod: Pod, since: datetime) -> Finding:
    where = f"on node {pod.node}" if pod.node else "and has no node yet"
    return Finding(
        reason=Reason.READINESS_FAILING,
        message=f"Pod {pod.name} is still being started {where}.",
        advice="A big image or a slow disk takes its time; if it goes on, look at the Events of the pod.",
        weight=Weight.EXPLAINS,
        since=since,
        pod=pod.name,
        node=pod.node,
    )


def stuck_terminating(pod: Pod, case: Case) -> Finding | None:
    """A pod that is still there a minute after it should have ended.

    A pod's deletionTimestamp is when its grace ends, not when it was deleted. A node that comes back
    has a minute to end what was to end meanwhile.
    """
    due = latest(pod.deleting, case.back_since(pod))
    if pod.deleting is None or due is None or not case.passed(due + SETTLE):
        return None
    if is_over(pod):
        what = f"Pod {pod.name} has ended, but is not removed: a finalizer holds it."
        advice = "Find out which controller set the pod's finalizers, and why it does not remove them."
    elif share := share_of(pod, case):
        what = f"Pod {pod.name} was to end, but is still there on node {pod.node}. It uses the NFS share {share}."
        advice = (
            f"Check that the NFS server is on and that node {pod.node} reaches it: what waits for a silent "
            "server cannot be stopped."
        )
    else:
        what = f"Pod {pod.name} was to end, but is still there on node {pod.node}."
        advice = (
            f"Check the container runtime and the volumes of node {pod.node}; deleting the pod with force "
            "does not stop it on the node."
        )
    return Finding(
        reason=Reason.STUCK_TERMINATING,
        message=what,
        advice=advice,
        since=pod.deleting,
        pod=pod.name,
        node=pod.node,
    )


RULES: Final[tuple[Rule, ...]] = (
    node_lost,
    image_problem,
    wrong_architecture,
    config_missing,
    cannot_run,
    oom_killed,
    liveness_restarts,
    init_failed,
    crash_loop,
    refused,
    evicted,
    volume_problem,
    unschedulable,
    gated,
    no_sandbox,
    stuck_terminating,
    readiness_failing,
)
"""Most telling first: of a pod the first that finds something counts."""

_OF_LEAVING: Final = frozenset({node_lost, stuck_terminating})
_OF_ENDED: Final = frozenset({refused, evicted})


def health(situation: Situation) -> Health:
    """Judge a device's health; the same situation always gives the same answer."""
    case = Case(situation)
    workload = situation.workload
    if isinstance(workload, CronJob):
        answer = judge_cron_job(case, workload, _findings(case, case.alive))
    elif isinstance(workload, Job):
        answer = judge_job(case, workload, _findings(case, case.alive))
    else:
        concerned = subjects(case, workload, newest_template(case, workload))
        answer = judge_workload(case, workload, _findings(case, concerned))
    return replace(answer, since=_since(answer, situation), recheck=case.recheck)


def _findings(case: Case, pods: list[Pod]) -> list[Finding]:
    """Return what ails the pods: the heaviest first, among equals the most telling."""
    ranked: list[tuple[int, int, Finding]] = []
    for pod in pods:
        if _spared(pod, case):
            continue
        for order, rule in enumerate(RULES):
            if _concerns(rule, pod) and (finding := rule(pod, case)) is not None:
                # What keeps a successor from running tells more than that its predecessor was lost.
                place_of = order + len(RULES) * (pod.deleting is not None)
                ranked.append((-finding.weight, place_of, finding))
                break
    if (held := _held(case, pods)) is not None:
        # Behind what is found now of the same weight: that is nearer to the truth.
        ranked.append((-held.weight, 2 * len(RULES), held))
    return [finding for _, _, finding in sorted(ranked, key=lambda entry: entry[:2])]


def _spared(pod: Pod, case: Case) -> bool:
    """Return whether nothing can be held against a pod now: it is well, or its node flickers."""
    if case.away(pod) is not None:
        return not case.lost(pod)
    if pod.deleting is not None:
        return False
    return case.settled(pod) or (pod.phase == "Running" and case.recovering(pod))


def _concerns(rule: Rule, pod: Pod) -> bool:
    if pod.deleting is not None:
        return rule in _OF_LEAVING
    return rule in _OF_ENDED if is_over(pod) else True


def _held(case: Case, pods: list[Pod]) -> Finding | None:
    """Return the problem of before while its very pod has not been Ready for a minute.

    A lost node is over when it is back; whatever else a pod had, it may have it again.
    """
    before = case.situation.before
    if (
        before is None
        or not before.problem
        or not before.pod
        or before.reason is Reason.NODE_LOST
    ):
        return None
    for pod in pods:
        if pod.name != before.pod or (
            pod.created and before.since and pod.created > before.since
        ):
            continue
        if case.settled(pod) or case.away(pod) is not None:
            return None
        return Finding(
            reason=before.reason,
            message=before.message,
            advice=before.advice,
            weight=Weight.SOFT if case.ready_since(pod) else Weight.HARD,
            since=before.since,
            pod=before.pod,
            container=before.container,
            node=before.node,
            exit_code=before.exit_code,
        )
    return None


def _since(answer: Health, situation: Situation) -> datetime | None:
    """Return since when it is so: a problem that goes on keeps its beginning, and so does a status."""
    before = situation.before
    if before is None:
        return answer.since
    if answer.problem:
        return (
            before.since
            if before.problem and before.pod == answer.pod and before.since
            else answer.since
        )
    return (
        before.since
        if before.status is answer.status and before.since
        else answer.since
    )
