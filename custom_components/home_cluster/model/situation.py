"""All that a workload's health is judged by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from ..kube.schema import (
    Autoscaler,
    Condition,
    CronJob,
    Event,
    Job,
    Node,
    Pod,
    Ref,
    Volume,
    VolumeClaim,
    Workload,
)
from .views import Health

# A node away for less than this is a flicker, never a problem.
FLICKER: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unserved:
    """Something in Home Assistant that a device is there for, unavailable since that time."""

    what: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Undone:
    """By whom something was set back, and when."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A workload with everything that belongs to it, at the time `now`.

    `pods` are those of the workload, of a CronJob those of its Jobs (`jobs`). `nodes` are all that the
    cluster has, by name; `lost` says since when those that are not Ready have been so. `before` is the
    health as last judged, if known: it holds a problem until the pod has been Ready for a minute.
    `claim_names` are those of all claims that it has or should have, `volumes` what is known of those
    behind them, by name. `unserved` is what it is there for and is unavailable in Home Assistant.
    `holders` are the pods that have the devices (hardware) its pods ask for. `undone` tells who set back
    what was set from here.
    """

    ref: Ref
    workload: Workload | CronJob | Job
    now: datetime
    pods: tuple[Pod, ...] = ()
    jobs: tuple[Job, ...] = ()
    events: tuple[Event, ...] = ()
    claims: tuple[VolumeClaim, ...] = ()
    claim_names: tuple[str, ...] = ()
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    lost: Mapping[str, datetime] = field(default_factory=dict)
    autoscaler: Autoscaler | None = None
    before: Health | None = None
    unserved: tuple[Unserved, ...] = ()
    holders: tuple[tuple[str, Pod], ...] = ()
    undone: Undone | None = None


def condition(conditions: tuple[Condition, ...], kind: str) -> Condition | None:
    """Return the condition of a type."""
    for one in conditions:
        if one.type == kind:
            return one
    return None


def is_ready(pod: Pod) -> bool:
    """Return whether Kubernetes calls the pod Ready."""
    ready = condition(pod.conditions, "Ready")
    return ready is not None and ready.status == "True"


def is_over(pod: Pod) -> bool:
    """Return whether a pod has ended for good."""
    return pod.phase in ("Succeeded", "Failed")


def lost_since(node: Node) -> datetime | None:
    """Return since when Kubernetes has not called the node Ready, None if it does."""
    ready = condition(node.conditions, "Ready")
    if ready is None:
        return node.created
    return None if ready.status == "True" else ready.since or node.created
