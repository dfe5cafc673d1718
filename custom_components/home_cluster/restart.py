"""Replacing a workload's pods one at a time, without ever having fewer ready ones than need be."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from .kube.schema import Pod
from .model.situation import is_over, is_ready

# How long a refusal by a disruption budget is borne after the first pod was replaced, and how often asked.
BUDGET_PAUSE: Final = timedelta(seconds=5)


class Phase(StrEnum):
    """Where a restart is."""

    EVICTING = "evicting"
    WAITING = "waiting"
    DONE = "done"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Evict:
    """Evict this pod now."""

    pod: Pod


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing until the pods change or this moment comes."""

    until: datetime


type Step = Evict | Wait | None


class Restart:
    """The state of one restart.

    Ask `step` what to do next, whenever the pods changed; tell what came of an eviction by `evicted`,
    `gone` or `refused`. None means it is over: `phase` says how. Each pod must be replaced within
    `patience`.
    """

    def __init__(self, pods: Iterable[Pod], *, patience: timedelta) -> None:
        """Take the pods to replace, in this order: those that are not ready first, then by name downwards."""
        self._todo = sorted(
            (pod for pod in pods if not pod.deleting and not is_over(pod)),
            key=lambda pod: (not is_ready(pod), pod.name),
        )
        self._ready = sum(is_ready(pod) for pod in self._todo)
        self._patience = patience
        self._deadline: datetime | None = None
        self._not_before: datetime | None = None
        self._evicted: Pod | None = None
        self.total = len(self._todo)
        self.phase = Phase.EVICTING if self._todo else Phase.DONE

    def step(self, pods: Iterable[Pod], desired: int, now: datetime) -> Step:
        """Return what to do next; `pods` are the workload's of now, `desired` how many there should be."""
        if self.phase in (Phase.DONE, Phase.GIVEN_UP):
            return None
        if desired == 0:
            self.phase = Phase.DONE
            return None
        present = {pod.uid: pod for pod in pods}
        if self._deadline is not None and now >= self._deadline:
            self.phase = Phase.GIVEN_UP
            return None
        if self.phase is Phase.WAITING and not self._replaced(present, desired):
            assert self._deadline is not None
            return Wait(self._deadline)
        if self.phase is Phase.WAITING:
            self.phase, self._deadline, self._evicted = Phase.EVICTING, None, None
        while self._todo and self._todo[-1].uid not in present:
            self._todo.pop()
        if not self._todo:
            self.phase = Phase.DONE
            return None
        if self._not_before is not None and now < self._not_before:
            return Wait(self._not_before)
        return Evict(present[self._todo[-1].uid])

    def evicted(self, now: datetime) -> None:
        """The API server accepted the eviction."""
        self._evicted = self._todo.pop()
        self._not_before = None
        self._deadline = now + self._patience
        self.phase = Phase.WAITING

    def gone(self) -> None:
        """There is no such pod any more."""
        self._todo.pop()
        self._not_before = None

    def refused(self, now: datetime, pause: timedelta = BUDGET_PAUSE) -> None:
        """Not now: a budget forbids it, or the server has too much to do."""
        self._not_before = now + pause
        if self._deadline is None:
            self._deadline = now + self._patience

    def _replaced(self, present: dict[str, Pod], desired: int) -> bool:
        assert self._evicted is not None
        old = present.get(self._evicted.uid)
        if old is not None and not old.deleting:
            return False
        ready = sum(is_ready(pod) for pod in present.values() if not pod.deleting)
        return ready >= min(desired, self._ready)
