"""What a device shows: a situation or a node, made into a view."""

from dataclasses import replace
from datetime import datetime

from ..kube.quantities import amount
from ..kube.schema import CronJob, Job, Kind, Node, Pod, Workload
from .autoscaling import scaling
from .case import latest
from .health import health
from .hints import labelled, parse
from .images import parse_image
from .owners import managed_by
from .rollout import switched_off
from .runs import runs_of
from .situation import FLICKER, Situation, condition, is_over, is_ready, lost_since
from .views import NodeView, WorkloadView
from .volumes import next_change, volume_views


def workload_view(situation: Situation) -> WorkloadView:
    """Return the device that a workload is."""
    workload = situation.workload
    living = [pod for pod in situation.pods if not is_over(pod)]
    desired = _desired(workload)
    container, image = (workload.template.containers or (("", ""),))[0]
    scaler = situation.autoscaler
    judged = health(situation)
    volumes = volume_views(situation, judged.reason)
    if (soon := next_change(situation, volumes)) is not None:
        recheck = soon if judged.recheck is None else min(soon, judged.recheck)
        judged = replace(judged, recheck=recheck)
    return WorkloadView(
        ref=situation.ref,
        uid=workload.uid,
        generation=workload.generation,
        name=(hints := parse(workload.labels, workload.annotations)).name
        or workload.name,
        hints=hints,
        labelled=bool(labelled(workload.labels)),
        power=_power(situation, living),
        desired=desired,
        ready=_ready(situation, living),
        restarts=sum(
            container.restarts for pod in living for container in pod.containers
        ),
        nodes=tuple(sorted({pod.node for pod in living if pod.node})),
        container=container,
        image=image,
        digest=_digest(living, container, image),
        version=parse_image(image).version if image else "",
        started=_started(workload, living),
        autoscaler=scaling(scaler) if scaler is not None else None,
        managed_by=managed_by(workload),
        health=judged,
        runs=runs_of(situation),
        volumes=volumes,
    )


def _power(situation: Situation, living: list[Pod]) -> bool:
    """Return whether the device is switched on.

    A DaemonSet is wanted by no node while all are lost; that does not switch it off.
    """
    workload = situation.workload
    if not isinstance(workload, Workload) or workload.kind is not Kind.DAEMON_SET:
        return _desired(workload) > 0
    if switched_off(workload):
        return False
    kept = any(pod.deleting is None for pod in living)
    return workload.desired > 0 or kept or bool(situation.lost)


def _desired(workload: Workload | CronJob | Job) -> int:
    if isinstance(workload, Workload):
        return workload.desired
    return 0 if workload.suspended else 1


def _ready(situation: Situation, living: list[Pod]) -> int:
    """Return how many pods are Ready; without any pod to read, what the workload's status says."""
    workload = situation.workload
    if not situation.pods and isinstance(workload, Workload):
        return workload.ready
    return sum(
        pod.deleting is None and is_ready(pod) and pod.node not in situation.lost
        for pod in living
    )


def _digest(living: list[Pod], container: str, image: str) -> str:
    """Return the digest that the pods of the newest image run."""
    return next(
        (
            one.digest
            for pod in living
            for one in pod.containers
            if one.name == container and one.image == image and one.digest
        ),
        "",
    )


def _started(workload: Workload | CronJob | Job, living: list[Pod]) -> datetime | None:
    """Return when a container was last started."""
    if isinstance(workload, CronJob) and not living:
        return workload.last_scheduled
    return latest(
        *(
            run.started
            for pod in living
            for container in pod.containers
            if (run := container.current) is not None and run.state == "running"
        )
    )


def node_view(
    node: Node, now: datetime, lost: datetime | None = None, pods: int = 0
) -> NodeView:
    """Return the device that a node is.

    `lost` is since when the node has not been Ready without a break, where that is known better than
    by its condition, whose time also changes between "False" and "Unknown". `pods` are on it.
    """
    since = lost_since(node)
    if since is not None and lost is not None:
        since = min(since, lost)
    connected = since is None
    over = since is not None and since + FLICKER <= now
    return NodeView(
        name=node.name,
        uid=node.uid,
        connected=connected,
        problem=False if connected else True if over else None,
        lost_since=since,
        memory_pressure=_pressure(node, "MemoryPressure", connected=connected),
        disk_pressure=_pressure(node, "DiskPressure", connected=connected),
        pid_pressure=_pressure(node, "PIDPressure", connected=connected),
        schedulable=not node.unschedulable,
        pods=pods,
        most_pods=int(node.pods) if node.pods.isdecimal() else 0,
        version=node.version,
        architecture=node.architecture,
        os_image=node.os_image,
        kernel=node.kernel,
        boot_id=node.boot_id,
        allocatable_cpu=amount(node.allocatable_cpu),
        allocatable_memory=amount(node.allocatable_memory),
        recheck=None if since is None or over else since + FLICKER,
    )


def _pressure(node: Node, kind: str, *, connected: bool) -> bool | None:
    found = condition(node.conditions, kind)
    if not connected or found is None or found.status == "Unknown":
        return None
    return found.status == "True"
