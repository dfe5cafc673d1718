"""Following one rollout that was begun here: how far it is, whether it is done, why it failed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ..kube.schema import Pod, Workload
from .situation import is_over, is_ready
from .views import Health, Reason, Status

# What a new image, or the new pod it needs, is to blame for. The first are certain at once; a container
# that crashes, or finds no room for a moment, may get over it.
_AT_ONCE: Final = frozenset(
    {
        Reason.IMAGE_NOT_FOUND,
        Reason.IMAGE_PULL_DENIED,
        Reason.IMAGE_WRONG_ARCHITECTURE,
        Reason.CONFIG_MISSING,
        Reason.DEADLINE_EXCEEDED,
    }
)
_IN_A_WHILE: Final = frozenset(
    {
        Reason.CRASH_LOOP,
        Reason.OOM_KILLED,
        Reason.CANNOT_RUN,
        Reason.INIT_FAILED,
        Reason.NO_ROOM_CPU,
        Reason.NO_ROOM_MEMORY,
        Reason.NO_MATCHING_NODE,
        Reason.NODE_TAINTED,
        Reason.PORT_IN_USE,
        Reason.VOLUME_PENDING,
        Reason.QUOTA,
        Reason.LIVENESS_RESTARTS,
    }
)
WHILE: Final = timedelta(seconds=20)
# After the controller's own deadline, for what has none.
SLACK: Final = timedelta(seconds=30)
# What is said where nothing else is known of why the new pods are not ready.
LATE: Final = Health(
    status=Status.DEGRADED,
    problem=True,
    reason=Reason.DEADLINE_EXCEEDED,
    message="Its new pods were not ready in time.",
    advice="Look at the log and the Events of the newest pod for what it waits for.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a rollout is: `percent` of its pods are new, half counted until they are ready.

    `failure` is the health that says why it failed. `look` is when to look again though nothing changes.
    """

    percent: int = 0
    done: bool = False
    failure: Health | None = None
    look: datetime | None = None


class Following:
    """A rollout that began with a change of a workload; ask `step` whenever it or its pods changed."""

    def __init__(self, changed: Workload, before: Iterable[Pod], now: datetime) -> None:
        """Take the workload as the API server answered the change, and the pods there were before it."""
        self._uid = changed.uid
        self._generation = changed.generation
        self._before = {pod.uid for pod in before}
        self._began = now
        self._limit = timedelta(seconds=changed.deadline) + SLACK
        self._moved = now
        self._counted = (0, 0)
        self._ailing: datetime | None = None

    def hold(self, now: datetime) -> None:
        """Count no time while nobody knows how far it is."""
        self._moved = now

    def step(
        self, workload: Workload, pods: Iterable[Pod], health: Health, now: datetime
    ) -> Progress:
        """Return how far it is; `workload` is what the watch tells of it now."""
        if workload.observed_generation < self._generation:
            return self._waiting(0, None, now)
        desired = workload.desired
        if desired == 0 or workload.paused:
            return Progress(percent=100, done=True)
        fresh = [
            pod
            for pod in pods
            if pod.uid not in self._before and not pod.deleting and not is_over(pod)
        ]
        updated = min(workload.updated, desired)
        ready = min(sum(map(is_ready, fresh)), updated)
        if (
            updated == desired
            and workload.current <= desired
            and workload.ready >= desired
            and workload.available >= desired
        ):
            return Progress(percent=100, done=True)
        if (updated, ready) != self._counted:
            self._counted, self._moved = (updated, ready), now
        percent = min(100 * (updated + ready) // (2 * desired), 99)
        to_blame = self._is_to_blame(health, {pod.name for pod in fresh})
        return self._waiting(percent, health if to_blame else None, now)

    def _waiting(self, percent: int, ill: Health | None, now: datetime) -> Progress:
        """Return whether waiting on makes sense; `ill` is what came with this rollout."""
        look = self._moved + self._limit
        if ill is None:
            self._ailing = None
        else:
            self._ailing = self._ailing or now
            due = self._ailing + WHILE
            if ill.reason in _AT_ONCE or now >= due:
                return Progress(percent=percent, failure=ill)
            look = min(look, due)
        if now >= self._moved + self._limit:
            return Progress(percent=percent, failure=ill or LATE)
        return Progress(percent=percent, look=look)

    def _is_to_blame(self, health: Health, fresh: set[str]) -> bool:
        """Return whether what ails the device came with this rollout; `fresh` names its pods."""
        if not health.problem or health.reason not in _AT_ONCE | _IN_A_WHILE:
            return False
        if health.pod:
            return health.pod in fresh
        return health.since is not None and health.since >= self._began
