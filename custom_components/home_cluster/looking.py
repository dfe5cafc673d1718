"""The actions that only look: what a device wrote, what the cluster says of it, what is known of it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
import math
from typing import Final, NamedTuple

import probatio

from homeassistant.core import SupportsResponse
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType, JsonValueType

from .action import Action, Request
from .const import DOMAIN
from .devices import ClusterView
from .hub import Hub
from .kube.access import Right
from .kube.errors import Unreachable
from .kube.schema import Container, Event, Kind, Pod, Role, Run
from .model.masking import mask
from .model.situation import Situation, is_over, is_ready
from .model.views import NodeView, WorkloadView
from .rights import READ_LOGS, rule_of
from .sentences import ASK, in_words, misuse, unreachable

ATTR_CONTAINER: Final = "container"
ATTR_LIMIT: Final = "limit"
ATTR_POD: Final = "pod"
ATTR_PREVIOUS: Final = "previous"
ATTR_SINCE: Final = "since"
ATTR_TAIL: Final = "tail"

# What one answer may hold: more helps nobody, and Home Assistant keeps answers in its traces.
LOG_CHARACTERS: Final = 64 * 1024
# What is asked for: the server cuts at the newest end, so less lines are asked for until all fit.
LOG_BYTES: Final = 1024 * 1024
_FEWER: Final = 4
# What a kubelet answers, as if it were the log, when it has removed the container meanwhile.
_REMOVED: Final = "unable to retrieve container logs for "
# In the address of the kubelet, which the API server names when it does not get the log from there.
_KEPT_BY_KUBELET: Final = "/containerLogs/"

MANY_LINES: Final = 2000
MANY_EVENTS: Final = 200
DESCRIBED_EVENTS: Final = 10


class Log(NamedTuple):
    """What a container wrote last, without secrets; `truncated` says that there was more."""

    pod: str
    container: str
    text: str
    truncated: bool


async def read_log(
    hub: Hub,
    view: WorkloadView,
    *,
    tail: int,
    since: timedelta | None = None,
    previous: bool = False,
    pod: str = "",
    container: str = "",
) -> Log:
    """Return what one of a workload's containers wrote last.

    Without `pod` it is the one with a problem, else the newest; without `container` the one with a
    problem, else the main one. Raises `HomeAssistantError`.
    """
    chosen = _pod(hub.pods(view.ref), view, pod)
    name = _container(chosen, view, container)
    if not hub.available:
        raise unreachable(view, ASK)
    seconds = None if since is None else max(1, math.ceil(since.total_seconds()))
    asked = tail
    while True:
        with in_words(view, ASK, READ_LOGS), _from_node(view, chosen):
            text = await hub.client.logs(
                chosen.namespace,
                chosen.name,
                container=name,
                tail=asked,
                limit=LOG_BYTES,
                since=seconds,
                previous=previous,
            )
        if text.startswith(_REMOVED):
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="log_removed",
                translation_placeholders={"device": view.name, "pod": chosen.name},
            )
        if len(text.encode()) < LOG_BYTES or asked == 1:
            break
        asked = max(1, asked // _FEWER)
    # The time that it takes grows with what a program wrote.
    masked = await hub.hass.async_add_executor_job(mask, _end(text, 2 * LOG_CHARACTERS))
    kept = _end(masked, LOG_CHARACTERS)
    cut = asked < tail or len(kept) < len(masked) or len(text) > 2 * LOG_CHARACTERS
    return Log(chosen.name, name, kept, cut)


@contextmanager
def _from_node(view: WorkloadView, pod: Pod) -> Iterator[None]:
    """Tell a node that does not answer from a cluster that does not."""
    try:
        yield
    except Unreachable as err:
        if _KEPT_BY_KUBELET not in err.message:
            raise
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="log_node_silent",
            translation_placeholders={
                "device": view.name,
                "pod": pod.name,
                "node": pod.node,
                "error": err.message,
            },
        ) from err


def _end(text: str, characters: int) -> str:
    """Return the end of a text, from the beginning of a line if there is one: half a secret has no shape."""
    if len(text) <= characters:
        return text
    end = text[-characters:]
    return end.partition("\n")[2] or end


def _pod(pods: Iterable[Pod], view: WorkloadView, name: str) -> Pod:
    there = {pod.name: pod for pod in pods}
    if not there:
        raise misuse("pods_none", device=view.name)
    if name:
        if name not in there:
            known = ", ".join(sorted(there))
            raise misuse("pod_unknown", device=view.name, pod=name, pods=known)
        return there[name]
    if view.health.pod in there:
        return there[view.health.pod]
    return max(there.values(), key=_newest)


def _newest(pod: Pod) -> tuple[bool, float, str]:
    created = pod.created.timestamp() if pod.created is not None else 0.0
    return not is_over(pod), created, pod.name


def _container(pod: Pod, view: WorkloadView, name: str) -> str:
    names = [container.name for container in pod.containers]
    if name and name not in names:
        known = ", ".join(names) or "–"
        raise misuse(
            "container_unknown", device=view.name, container=name, containers=known
        )
    if not names:
        raise misuse("pods_none", device=view.name)
    if name:
        return name
    if view.health.pod == pod.name and view.health.container in names:
        return view.health.container
    return names[0]


def events_of(hub: Hub, view: WorkloadView, limit: int) -> list[JsonObjectType]:
    """Return what the cluster has to say of a workload and its pods, the latest first, without secrets."""
    situation = hub.index.situation(view.ref, dt_util.utcnow())
    return _events(situation, limit) if situation is not None else []


def _events(situation: Situation, limit: int) -> list[JsonObjectType]:
    latest = sorted(situation.events, key=_moment, reverse=True)
    return [
        {
            "time": _time(event.last),
            "first": _time(event.first),
            "type": "Warning" if event.warning else "Normal",
            "reason": event.reason,
            "message": mask(event.message),
            "count": event.count,
            "about": f"{event.about_kind}/{event.about_name}",
        }
        for event in latest[:limit]
    ]


def _moment(event: Event) -> float:
    return event.last.timestamp() if event.last is not None else 0.0


def describe(hub: Hub, view: WorkloadView | NodeView | ClusterView) -> JsonObjectType:
    """Return what is known of a device, in plain facts: no secret, no value of an environment variable."""
    if isinstance(view, WorkloadView):
        return _workload(hub, view)
    if isinstance(view, NodeView):
        return _node(hub, view)
    return {
        "reachable": view.reachable,
        "version": view.version,
        "latency": view.latency,
        "problems": [*view.workloads],
    }


def _workload(hub: Hub, view: WorkloadView) -> JsonObjectType:
    situation = hub.index.situation(view.ref, dt_util.utcnow())
    health = view.health
    told: JsonObjectType = {
        "name": view.name,
        "kind": view.ref.kind.value,
        "namespace": view.ref.namespace,
        "object": view.ref.name,
        "status": health.status.value,
        "problem": health.problem,
        "reason": health.reason.value,
        "message": mask(health.message),
        "advice": mask(health.advice),
        "since": _time(health.since),
        "power": view.power,
        "desired": view.desired,
        "ready": view.ready,
        "restarts": view.restarts,
        "nodes": [*view.nodes],
        "image": mask(view.image),
        "version": view.version,
        "started": _time(view.started),
        "autoscaler": None
        if view.autoscaler is None
        else {
            "minimum": view.autoscaler.minimum,
            "maximum": view.autoscaler.maximum,
        },
        "managed_by": view.managed_by,
        "protected": view.hints.protected,
        "runs_home_assistant": view.ref in hub.own,
    }
    if situation is not None:
        told["pods"] = [_pod_facts(pod) for pod in situation.pods]
        told["volumes"] = [
            {
                "name": claim.name,
                "phase": claim.phase,
                "capacity": claim.capacity or claim.requested,
                "storage_class": claim.storage_class,
            }
            for claim in situation.claims
        ]
        told["events"] = [*_events(situation, DESCRIBED_EVENTS)]
    return told


def _pod_facts(pod: Pod) -> JsonObjectType:
    return {
        "name": pod.name,
        "phase": pod.phase,
        "ready": is_ready(pod),
        "deleting": pod.deleting is not None,
        "node": pod.node,
        "started": _time(pod.started),
        "reason": pod.reason,
        "message": mask(pod.message),
        "containers": [_container_facts(container) for container in pod.containers],
    }


def _container_facts(container: Container) -> JsonValueType:
    return {
        "name": container.name,
        "role": "main" if container.role is Role.MAIN else container.role.value,
        "image": mask(container.image),
        "ready": container.ready,
        "restarts": container.restarts,
        "now": _run_facts(container.current),
        "before": _run_facts(container.last),
    }


def _run_facts(run: Run | None) -> JsonValueType:
    if run is None:
        return None
    return {
        "state": run.state,
        "reason": run.reason,
        "message": mask(run.message),
        "exit_code": run.exit_code,
        "started": _time(run.started),
        "finished": _time(run.finished),
    }


def _node(hub: Hub, view: NodeView) -> JsonObjectType:
    return {
        "name": view.name,
        "kind": Kind.NODE.value,
        "connected": view.connected,
        "problem": view.problem,
        "lost_since": _time(view.lost_since),
        "memory_pressure": view.memory_pressure,
        "disk_pressure": view.disk_pressure,
        "pid_pressure": view.pid_pressure,
        "schedulable": view.schedulable,
        "version": view.version,
        "architecture": view.architecture,
        "os_image": view.os_image,
        "devices": [
            *sorted(
                one.name for one in hub.workloads.values() if view.name in one.nodes
            )
        ],
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


async def _get_logs(request: Request) -> JsonObjectType:
    data = request.data
    log = await read_log(
        request.hub,
        request.workload,
        tail=data[ATTR_TAIL],
        since=data.get(ATTR_SINCE),
        previous=data[ATTR_PREVIOUS],
        pod=data.get(ATTR_POD, ""),
        container=data.get(ATTR_CONTAINER, ""),
    )
    return {
        "pod": log.pod,
        "container": log.container,
        "previous": data[ATTR_PREVIOUS],
        "log": log.text,
        "truncated": log.truncated,
    }


async def _get_events(request: Request) -> JsonObjectType:
    view = request.workload
    if not request.hub.rights.scope.follows(Kind.EVENT, view.ref.namespace):
        rule = rule_of(Right("list", "", "events"))
        raise misuse("events_unseen", device=view.name, rule=rule)
    return {"events": [*events_of(request.hub, view, request.data[ATTR_LIMIT])]}


async def _describe(request: Request) -> JsonObjectType:
    return describe(request.hub, request.target.device.view)


LOOKING: Final = (
    Action(
        name="get_logs",
        do=_get_logs,
        fields={
            probatio.Optional(ATTR_TAIL, default=100): probatio.All(
                probatio.Coerce(int), probatio.Range(min=1, max=MANY_LINES)
            ),
            probatio.Optional(ATTR_SINCE): cv.positive_time_period,
            probatio.Optional(ATTR_PREVIOUS, default=False): cv.boolean,
            probatio.Optional(ATTR_POD): cv.string,
            probatio.Optional(ATTR_CONTAINER): cv.string,
        },
        response=SupportsResponse.ONLY,
        changes=False,
    ),
    Action(
        name="get_events",
        do=_get_events,
        fields={
            probatio.Optional(ATTR_LIMIT, default=50): probatio.All(
                probatio.Coerce(int), probatio.Range(min=1, max=MANY_EVENTS)
            ),
        },
        response=SupportsResponse.ONLY,
        changes=False,
    ),
    Action(
        name="describe",
        do=_describe,
        of=(WorkloadView, NodeView, ClusterView),
        response=SupportsResponse.ONLY,
        changes=False,
    ),
)
