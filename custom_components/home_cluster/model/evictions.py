"""Pods that their node threw out to save itself."""

from datetime import datetime, timedelta
from typing import Final

from ..kube.schema import Event, Pod
from .case import Case, Finding, latest
from .situation import condition, is_over
from .views import Reason

# A successor is made within seconds, but may have to wait for the volume or the room of the one before.
SUCCESSION: Final = timedelta(minutes=5)
_LEEWAY: Final = timedelta(seconds=10)
# A node that is shut down ends its pods, and is lost soon after: that is said, not this.
_SHUTDOWN: Final = frozenset({"Terminated", "NodeShutdown", "Shutdown"})


def ended_at(pod: Pod) -> datetime | None:
    """Return when a pod ended for good."""
    ready = condition(pod.conditions, "Ready")
    return (
        latest(
            ready.since if ready is not None else None,
            *(
                run.finished
                for one in pod.containers
                if (run := one.current) is not None
            ),
        )
        or pod.created
    )


def succeeded_by(end: datetime | None, case: Case) -> bool:
    """Return whether a pod that is not Ready was made because another ended then, or is still to be made."""
    unready = [pod for pod in case.alive if case.ready_since(pod) is None]
    if end is None:
        return True
    if not unready:
        return end + SUCCESSION > case.now
    return any(
        pod.created is None or -_LEEWAY <= pod.created - end <= SUCCESSION
        for pod in unready
    )


def evicted(pod: Pod, case: Case) -> Finding | None:
    """A pod that its node threw out, while its successor is not Ready.

    Source: status.reason; else the Event Evicted, for a program that ends well when asked to makes the
    pod "Succeeded". Whatever is to run for ever ends only so. A StatefulSet's successor has the same name.
    """
    told = [event for event in _told(case) if event.about_name == pod.name]
    if is_over(pod):
        if pod.reason in _SHUTDOWN:
            return None
        message = (
            pod.message if pod.reason == "Evicted" or not told else told[-1].message
        )
        since = ended_at(pod)
    else:
        told = [event for event in told if event.about_uid not in ("", pod.uid)]
        if not told or case.ready_since(pod) is not None:
            return None
        message, since = told[-1].message, told[-1].last
    why, advice = _pressure(message)
    return Finding(
        reason=Reason.EVICTED,
        message=f"Pod {pod.name} was evicted from node {pod.node}: {why}."
        if is_over(pod)
        else f"The pod {pod.name} before this one was evicted: {why}.",
        advice=advice,
        since=latest(since, pod.created),
        pod=pod.name,
        node=pod.node,
    )


def told_eviction(case: Case) -> Finding | None:
    """The eviction of a pod that is gone already, while its successor is not Ready.

    Source: the Event Evicted; a DaemonSet removes an evicted pod at once.
    """
    names = {pod.name for pod in case.situation.pods}
    told = [
        event
        for event in _told(case)
        if event.about_kind == "Pod"
        and event.about_name not in names
        and succeeded_by(event.last, case)
    ]
    if not told:
        return None
    why, advice = _pressure(told[-1].message)
    return Finding(
        reason=Reason.EVICTED,
        message=f"Pod {told[-1].about_name} was evicted: {why}.",
        advice=advice,
        since=told[-1].last,
    )


def _told(case: Case) -> list[Event]:
    """Return the recent Events of evictions, the newest last."""
    found = [
        event
        for event in case.situation.events
        if event.reason == "Evicted" and case.fresh(event)
    ]
    return sorted(found, key=lambda event: event.last or case.now)


def _pressure(message: str) -> tuple[str, str]:
    """Return what the node ran out of, and what to do."""
    if "exceed" in message and ("phemeral" in message or "EmptyDir" in message):
        return (
            "it wrote more temporary data than it may",
            "Raise its limit of ephemeral storage, or let it write to a volume.",
        )
    if "resource: memory" in message or "MemoryPressure" in message:
        return (
            "the node ran out of memory",
            "Give devices memory requests and limits that fit the node, or move some elsewhere.",
        )
    if "pids" in message or "PIDPressure" in message:
        return (
            "the node ran out of process numbers",
            "Find the device that starts too many processes.",
        )
    if "storage" in message or "DiskPressure" in message or "inodes" in message:
        return (
            "the node ran out of disk space",
            "Free disk space on the node: old images, logs and temporary data.",
        )
    return (
        "the node needed what it used",
        "Look at the Events of the node, and at its pressures.",
    )
