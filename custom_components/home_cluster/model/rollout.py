"""The truth table of Deployments, StatefulSets and DaemonSets: from what ails their pods to a status."""

from datetime import datetime, timedelta
import re
from typing import Final

from ..kube.schema import OFF_SELECTOR, Kind, Pod, Workload
from .autoscaling import autoscaler_blind
from .case import PATIENCE, Case, Finding, Weight
from .evictions import ended_at, succeeded_by, told_eviction
from .scheduling import GRACE
from .serving import not_serving
from .situation import condition
from .undoing import undone_by_owner
from .views import Health, Reason, Status

_REPLICA_SET: Final = re.compile(r'[Rr]eplica ?[Ss]et "([^"]+)"')
# A rollout with this reason is over: nobody makes pods of an older template any more.
_FINISHED: Final = "NewReplicaSetAvailable"
_QUOTA: Final = re.compile(
    r"exceeded quota: ([^,\s]+)(?:, requested: (\S+?)(?:, |$))?|failed quota: ([^:\s]+)"
)
_ACCOUNT: Final = re.compile(r'serviceaccount "([^"]+)" not found')
_LIMIT: Final = re.compile(
    r"(?:maximum|minimum) (cpu|memory|storage|ephemeral-storage) (?:usage|limit)"
)


def newest_template(case: Case, workload: Workload) -> str:
    """Return the hash that the pods of the newest template bear, "" if it is not known.

    A StatefulSet tells it; a Deployment in the message of its condition Progressing; otherwise, or if
    that rollout is told to be finished and another has pods by now, it is that of the pod that was
    created last.
    """
    newest = max(
        case.alive, key=lambda pod: (pod.created or case.now, pod.name), default=None
    )
    latest_made = template_of(newest, workload) if newest is not None else ""
    if workload.kind is Kind.STATEFUL_SET:
        return (
            workload.update_revision.removeprefix(f"{workload.name}-")
            if _observed(workload)
            else ""
        )
    if workload.kind is Kind.DEPLOYMENT and _observed(workload):
        told = condition(workload.conditions, "Progressing")
        if told is None or (told.reason == _FINISHED and latest_made):
            return latest_made
        match = _REPLICA_SET.search(told.message)
        if match and match[1].startswith(f"{workload.name}-"):
            return match[1].removeprefix(f"{workload.name}-")
    return latest_made


def template_of(pod: Pod, workload: Workload) -> str:
    """Return the hash of the template that a pod was made from."""
    if workload.kind is Kind.DEPLOYMENT:
        return pod.template_hash
    return pod.revision_hash.removeprefix(f"{workload.name}-")


def _observed(workload: Workload) -> bool:
    return workload.observed_generation >= workload.generation


def ready_pods(case: Case, workload: Workload) -> int:
    """Return how many pods are Ready; without right to read pods, what the workload's status says."""
    if not case.situation.pods:
        return workload.ready
    return sum(case.ready_since(pod) is not None for pod in case.alive)


def wanted_pods(case: Case, workload: Workload) -> int:
    """Return how many pods there should be.

    A DaemonSet's status leaves out a lost node, for that is tainted; its pod there is missed all the same.
    """
    if workload.kind is not Kind.DAEMON_SET:
        return workload.desired
    return workload.desired + sum(case.away(pod) is not None for pod in case.alive)


def subjects(case: Case, workload: Workload, newest: str) -> list[Pod]:
    """Return the pods whose ailments are the device's.

    Pods of an older template go away by themselves; those that left or ended only count while their
    successors are missing.
    """
    current = [
        pod for pod in case.alive if not newest or template_of(pod, workload) == newest
    ]
    # A newest template without any pod yet says nothing: until then the old ones are what there is.
    concerned = current or list(case.alive)
    missing = ready_pods(case, workload) < wanted_pods(case, workload)
    concerned += [
        pod
        for pod in case.leaving
        if case.away(pod) is None or missing or not wanted_pods(case, workload)
    ]
    if missing:
        concerned += [pod for pod in case.over if succeeded_by(ended_at(pod), case)]
    return concerned


def judge_workload(case: Case, workload: Workload, findings: list[Finding]) -> Health:
    """Return the status that the truth table gives; `findings` are the heaviest first."""
    wanted = wanted_pods(case, workload)
    if wanted == 0:
        return _switched_off(case, workload, findings)
    ready = ready_pods(case, workload)
    worst = findings[0] if findings else None
    if worst is not None and worst.weight is Weight.HARD:
        return problem(Status.DEGRADED if ready else Status.FAILING, worst)
    failure = creation_failure(case, workload)
    if failure is None and ready < wanted:
        failure = told_eviction(case)
    if failure is not None:
        return problem(Status.DEGRADED if ready else Status.FAILING, failure)
    if ready < wanted and case.flickers():
        return Health(status=Status.UNKNOWN, problem=None)
    updating = _updating(case, workload)
    began = _began(case, workload)
    if (
        late := _late(case, workload, ready, wanted, updating=updating, began=began)
    ) is not None:
        return problem(
            Status.DEGRADED if ready else Status.FAILING, _explained(late, worst)
        )
    if updating:
        return Health(
            status=Status.PAUSED if workload.paused else Status.UPDATING, since=began
        )
    if ready == 0:
        return Health(status=Status.STARTING, since=began)
    if ready < wanted and (short := _shortfall(case, ready, wanted, worst)) is not None:
        return problem(Status.DEGRADED, short)
    if worst is not None and worst.weight is Weight.SOFT:
        return problem(Status.DEGRADED, worst)
    if workload.paused:
        return Health(status=Status.PAUSED)
    if (unserved := not_serving(case)) is not None:
        return problem(Status.DEGRADED, unserved)
    if (blind := autoscaler_blind(case)) is not None:
        return problem(Status.DEGRADED, blind)
    if (undone := undone_by_owner(case)) is not None:
        return problem(Status.DEGRADED, undone)
    return Health(status=Status.RUNNING)


def problem(status: Status, finding: Finding) -> Health:
    """Return the health that a finding makes."""
    return Health(
        status=status,
        problem=True,
        reason=finding.reason,
        message=finding.message,
        advice=finding.advice,
        since=finding.since,
        container=finding.container,
        pod=finding.pod,
        node=finding.node,
        exit_code=finding.exit_code,
    )


def switched_off(daemon_set: Workload) -> bool:
    """Return whether a DaemonSet asks for nodes that it knows not to be there."""
    return any(key == OFF_SELECTOR for key, _ in daemon_set.template.node_selector)


def _switched_off(case: Case, workload: Workload, findings: list[Finding]) -> Health:
    if not case.alive and not case.leaving and workload.current == 0:
        if (
            workload.kind is Kind.DAEMON_SET
            and case.situation.lost
            and not switched_off(workload)
        ):
            # No node wants a pod of it while none is there: nobody switched it off.
            return Health(status=Status.UNKNOWN, problem=None)
        return Health(status=Status.OFF)
    for finding in findings:
        # Whatever else ails pods that are to go, it goes with them.
        if finding.reason in (Reason.NODE_LOST, Reason.STUCK_TERMINATING):
            return problem(Status.FAILING, finding)
    if case.flickers():
        return Health(status=Status.UNKNOWN, problem=None)
    return Health(status=Status.STOPPING)


def _updating(case: Case, workload: Workload) -> bool:
    """Return whether pods of an older template are still to be replaced.

    StatefulSets and DaemonSets may keep old pods on purpose (OnDelete, partition): theirs is an update
    only while something moves.
    """
    if not _observed(workload):
        return bool(case.alive) or workload.current > 0
    newest = newest_template(case, workload)
    if not case.situation.pods:
        return 0 < workload.updated < min(workload.desired, workload.current)
    old = [pod for pod in case.alive if newest and template_of(pod, workload) != newest]
    if not old:
        return False
    if workload.kind is Kind.DEPLOYMENT or any(
        case.away(pod) is None for pod in case.leaving
    ):
        return True
    new = [pod for pod in case.alive if template_of(pod, workload) == newest]
    return any(
        (since := case.ready_since(pod)) is None or not case.passed(since + PATIENCE)
        for pod in new
    )


def _began(case: Case, workload: Workload) -> datetime:
    """Return when the pods last made progress towards being Ready."""
    unready = [
        case.unready_since(pod) for pod in case.alive if case.ready_since(pod) is None
    ]
    if unready:
        return max(unready)
    before = case.situation.before
    if (
        before is not None
        and before.since is not None
        and before.status in (Status.STARTING, Status.UPDATING)
    ):
        return before.since
    return case.now


def _late(
    case: Case,
    workload: Workload,
    ready: int,
    wanted: int,
    *,
    updating: bool,
    began: datetime,
) -> Finding | None:
    """Return that the pods did not become Ready in time, by the controller's word or by the clock."""
    progressing = condition(workload.conditions, "Progressing")
    said = (
        progressing is not None
        and progressing.status == "False"
        and progressing.reason == "ProgressDeadlineExceeded"
        and _observed(workload)
        and not workload.paused
    )
    late = said and (updating or ready < wanted)
    if not late and (ready == 0 or (updating and workload.kind is not Kind.DEPLOYMENT)):
        late = case.passed(began + timedelta(seconds=workload.deadline))
    if not late:
        return None
    doing = "The update" if updating else "The start"
    return Finding(
        reason=Reason.DEADLINE_EXCEEDED,
        message=f"{doing} was not finished within {workload.deadline} s.",
        advice="Look at the log and the Events of the newest pod for what it waits for.",
        since=progressing.since if said and progressing else began,
    )


def _explained(late: Finding, why: Finding | None) -> Finding:
    if why is None:
        return late
    return Finding(
        reason=late.reason,
        message=f"{late.message} {why.message}",
        advice=why.advice,
        since=late.since,
        pod=why.pod,
        container=why.container,
        node=why.node,
        exit_code=why.exit_code,
    )


def _shortfall(
    case: Case, ready: int, wanted: int, why: Finding | None
) -> Finding | None:
    """Return that for over 30 s some pods have not been Ready."""
    unready = [
        case.unready_since(pod) for pod in case.alive if case.ready_since(pod) is None
    ]
    if case.situation.pods and (
        not unready or not case.passed(min(unready) + PATIENCE)
    ):
        return None
    if why is not None:
        return why
    return Finding(
        reason=Reason.READINESS_FAILING,
        message=f"Only {ready} of {wanted} pods are ready.",
        advice="Look at the Events of the pods that are not ready.",
        since=min(unready, default=None),
    )


def creation_failure(case: Case, workload: Workload) -> Finding | None:
    """Pods that are not even created: a quota, a limit, a policy, a missing service account.

    Source: a Deployment's condition ReplicaFailure; of the others only the Event FailedCreate tells.
    """
    failure = condition(workload.conditions, "ReplicaFailure")
    if failure is not None and failure.status == "True":
        return creation_finding(case, failure.message, failure.since)
    if workload.kind is Kind.DEPLOYMENT or len(case.alive) >= workload.desired:
        return None
    return told_creation_failure(case, (workload.name,), workload.kind)


def told_creation_failure(
    case: Case, names: tuple[str, ...], kind: Kind
) -> Finding | None:
    """Return what the newest Event FailedCreate about one of these objects says."""
    told = [
        event
        for event in case.situation.events
        if event.reason == "FailedCreate"
        and event.about_kind == kind
        and event.about_name in names
        and case.fresh(event)
    ]
    if not told:
        return None
    newest = max(told, key=lambda event: event.last or case.now)
    # Each refused pod has another name, and so an Event of its own.
    return creation_finding(
        case,
        newest.message,
        min((event.first or case.now for event in told), default=None),
    )


def creation_finding(
    case: Case, message: str, since: datetime | None
) -> Finding | None:
    """Return why the API server refuses a pod; None while it may be a matter of seconds."""
    if since is not None and not case.passed(since + GRACE):
        return None
    reason, why, advice = _refusal(message)
    return Finding(
        reason=reason,
        message=f"Its pods cannot be created: {why}.",
        advice=advice,
        since=since,
    )


def _refusal(message: str) -> tuple[Reason, str, str]:
    if match := _QUOTA.search(message):
        quota, requested, unsaid = match.groups()
        if unsaid:
            return (
                Reason.QUOTA,
                f"the quota {unsaid} asks for requests and limits that the device does not state",
                "Set requests and limits for CPU and memory on all containers of the device.",
            )
        more = f" (it asks for {requested})" if requested else ""
        return (
            Reason.QUOTA,
            f"the quota {quota} of its namespace is used up{more}",
            "Raise the quota, or switch off another device of the namespace.",
        )
    if match := _LIMIT.search(message):
        return (
            Reason.QUOTA,
            f"the limit range of its namespace does not allow its {match[1]}",
            "Change its requests and limits, or the LimitRange of the namespace.",
        )
    if match := _ACCOUNT.search(message):
        return (
            Reason.CANNOT_RUN,
            f"its service account {match[1]} does not exist",
            f"Create the service account {match[1]}, or correct its name.",
        )
    if "violates PodSecurity" in message:
        return (
            Reason.CANNOT_RUN,
            "they break the Pod Security rules of the namespace",
            "Give the device a stricter security context, or the namespace another Pod Security level.",
        )
    if "admission webhook" in message or "failed calling webhook" in message:
        return (
            Reason.CANNOT_RUN,
            "an admission webhook of the cluster refuses them or does not answer",
            "Find the webhook in the workload's Events, and check that it runs and why it refuses.",
        )
    return (
        Reason.CANNOT_RUN,
        "the API server refuses them",
        "Look at the workload's Events (FailedCreate) for what it refuses.",
    )
