"""How a container's runs ended, and whether it has proved since that it is well."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Final

from ..kube.schema import Container, Pod, Role, Run
from .case import SETTLE, Case, Finding, Rule, Weight, latest
from .views import Reason

# After running this long the kubelet forgets earlier crashes.
KUBELET_FORGETS: Final = timedelta(minutes=10)
# What a power cut leaves behind: nobody saw how the container ended.
UNSEEN: Final = frozenset({"Unknown", "ContainerStatusUnknown"})

EPOCH: Final = 1970

_BACKOFF: Final = "CrashLoopBackOff"


def of_each_container(rule: Callable[[Container, Pod, Case], Finding | None]) -> Rule:
    """Let a rule about one container look at all of a pod, the first to be started first."""

    @wraps(rule)
    def look(pod: Pod, case: Case) -> Finding | None:
        for container in pod.containers:
            if (found := rule(container, pod, case)) is not None:
                return found
        return None

    return look


def blame(
    reason: Reason,
    message: str,
    advice: str,
    *,
    pod: Pod,
    container: Container,
    since: datetime | None = None,
    exit_code: int | None = None,
    weight: Weight = Weight.HARD,
) -> Finding:
    """Return a finding about a container; a problem is never older than its pod."""
    return Finding(
        reason=reason,
        message=message,
        advice=advice,
        weight=weight,
        since=latest(since, pod.created),
        pod=pod.name,
        container=container.name,
        node=pod.node,
        exit_code=exit_code,
    )


def waits(container: Container) -> str:
    """Return why the container waits, "" if it does not."""
    run = container.current
    return run.reason if run is not None and run.state == "waiting" else ""


def last_end(container: Container) -> Run | None:
    """Return the run that ended last."""
    run = container.current
    if run is not None and run.state == "terminated":
        return run
    return container.last


def unsettled(container: Container, pod: Pod, case: Case) -> bool:
    """Return whether a running container has yet to prove that it is well."""
    run = container.current
    if run is None or run.state != "running" or run.started is None:
        return True
    if container.role is Role.INIT:
        return True
    if case.ready_since(pod) is not None:
        return not case.settled(pod)
    return not case.passed(
        run.started + (KUBELET_FORGETS if not container.ready else SETTLE)
    )


def lasted(run: Run) -> timedelta | None:
    """Return how long a run lasted, None if that is not known."""
    # A container that could not be started has the start time 1970.
    if run.started is None or run.finished is None or run.started.year == EPOCH:
        return None
    return run.finished - run.started


def relapsing(container: Container, pod: Pod, case: Case) -> bool:
    """Return whether a container keeps ending: it is held back, or has come up again and may end again."""
    if waits(container) == _BACKOFF:
        return True
    run = last_end(container)
    if run is None or run.reason in UNSEEN:
        return False
    if container.role is Role.INIT and run.exit_code == 0:
        return False
    duration = lasted(run)
    if duration is not None and duration >= KUBELET_FORGETS:
        return False
    enough = 1 if run is container.current else 2
    return container.restarts >= enough and unsettled(container, pod, case)
