"""Emptying a node: every pod that has a home elsewhere is asked to go, and nothing is forced."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from .kube.onnode import PodOnNode

# How often a refused eviction is asked for again.
PAUSE: Final = timedelta(seconds=5)


class Phase(StrEnum):
    """Where a drain is."""

    DRAINING = "draining"
    DRAINED = "drained"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"


class Obstacle(StrEnum):
    """Why a pod is still on the node."""

    DISRUPTION_BUDGET = "disruption_budget"
    UNMANAGED = "unmanaged"
    NOT_ALLOWED = "not_allowed"
    REFUSED = "refused"
    STOPPING = "stopping"


class Skip(StrEnum):
    """Why a pod stays on a drained node."""

    DAEMON_SET = "daemon_set"
    MIRROR = "mirror"


@dataclass(frozen=True, slots=True)
class Blocked:
    """A pod that does not go; `detail` is what Kubernetes says, `budget` the budget that forbids it."""

    pod: PodOnNode
    why: Obstacle
    detail: str = ""
    budget: str = ""


class Drain:
    """The state of one drain.

    Ask `step` which pods to evict now, with the node's pods of now; tell what came of each by `accepted`
    or `refused`. None means that it is over: `phase` says how. Pods of DaemonSets and mirror pods stay. A pod without an owner would not come back anywhere: it goes only with `force`.
    """

    def __init__(
        self, *, start: datetime, patience: timedelta, force: bool = False
    ) -> None:
        """Have all pods gone within `patience`."""
        self._deadline = start + patience
        self._force = force
        self._not_before: dict[str, datetime] = {}
        self._blocked: dict[str, Blocked] = {}
        self._left: tuple[PodOnNode, ...] = ()
        self.phase = Phase.DRAINING
        self.evicted: list[PodOnNode] = []
        self.skipped: dict[str, tuple[PodOnNode, Skip]] = {}

    @property
    def remaining(self) -> tuple[PodOnNode, ...]:
        """The pods that are to go and were still there when last looked at."""
        return self._left

    @property
    def blocked(self) -> tuple[Blocked, ...]:
        """The pods that do not go, and why."""
        return tuple(self._blocked.values())

    @property
    def scratched(self) -> tuple[PodOnNode, ...]:
        """The evicted pods whose scratch folders are lost with them."""
        return tuple(pod for pod in self.evicted if pod.scratch)

    def step(
        self, pods: Iterable[PodOnNode], now: datetime
    ) -> tuple[PodOnNode, ...] | None:
        """Return the pods to evict now; an empty answer means to look again a little later."""
        if self.phase is not Phase.DRAINING:
            return None
        self._left = tuple(pod for pod in pods if not self._skips(pod))
        there = {pod.uid for pod in self._left}
        self._blocked = {uid: one for uid, one in self._blocked.items() if uid in there}
        if not self._left:
            self.phase = Phase.DRAINED
            return None
        todo = [pod for pod in self._left if not pod.deleting]
        unmanaged = [pod for pod in todo if self._stays(pod)]
        for pod in unmanaged:
            self._blocked[pod.uid] = Blocked(pod, Obstacle.UNMANAGED)
        if now >= self._deadline or len(unmanaged) == len(self._left):
            self._give_up()
            return None
        return tuple(
            pod
            for pod in todo
            if not self._stays(pod) and self._not_before.get(pod.uid, now) <= now
        )

    def accepted(self, pod: PodOnNode) -> None:
        """The API server accepted the eviction."""
        self._blocked.pop(pod.uid, None)
        self.evicted.append(pod)

    def refused(
        self,
        pod: PodOnNode,
        why: Obstacle,
        now: datetime,
        *,
        detail: str = "",
        budget: str = "",
    ) -> None:
        """Not now; it is asked for again later."""
        self._blocked[pod.uid] = Blocked(pod, why, detail, budget)
        self._not_before[pod.uid] = now + PAUSE

    def cancel(self) -> None:
        """Stop here; what has gone is gone."""
        if self.phase is Phase.DRAINING:
            self.phase = Phase.CANCELLED

    def _skips(self, pod: PodOnNode) -> bool:
        if pod.mirror:
            self.skipped[pod.uid] = (pod, Skip.MIRROR)
        elif pod.owner is not None and pod.owner.kind == "DaemonSet" and not pod.over:
            self.skipped[pod.uid] = (pod, Skip.DAEMON_SET)
        else:
            return False
        return True

    def _stays(self, pod: PodOnNode) -> bool:
        return pod.owner is None and not pod.over and not self._force

    def _give_up(self) -> None:
        self.phase = Phase.BLOCKED
        for pod in self._left:
            if pod.deleting:
                self._blocked[pod.uid] = Blocked(pod, Obstacle.STOPPING)
