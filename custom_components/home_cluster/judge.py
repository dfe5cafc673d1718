"""What is known of a device: its objects, judged, less what an answer overtook."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from .commands import Answers
from .kube.schema import Kind, Record, Ref
from .model.index import Index
from .model.situation import Situation, Undone, Unserved
from .model.view import workload_view
from .model.views import Health, NodeView, WorkloadView
from .own import OwnPod
from .rechecks import Rechecks
from .remember import RememberedCounts
from .rights import SCALABLE

# How often an answer that no watch has confirmed is held against what was read since.
RECHECK_ANSWER: Final = timedelta(seconds=1)


class Judge:
    """Makes views. `own` are the workloads that run Home Assistant itself.

    `unserved` returns what a workload is there for and is unavailable, `undone` who set it back.
    `read_at` says when the last complete read of an object's collection was asked for.
    """

    def __init__(
        self,
        index: Index,
        answers: Answers,
        counts: RememberedCounts,
        rechecks: Rechecks,
        read_at: Callable[[Ref], float],
    ) -> None:
        """Bind to what is known."""
        self._index = index
        self._answers = answers
        self._counts = counts
        self._rechecks = rechecks
        self._read_at = read_at
        self.own_pod: OwnPod | None = None
        self.own: set[Ref] = set()
        self.unserved: Callable[[Ref], tuple[Unserved, ...]] = lambda _: ()
        self.undone: Callable[[Ref], Undone | None] = lambda _: None

    def node(self, ref: Ref, record: Record, now: datetime) -> NodeView | None:
        """Return a node, None if there is none."""
        view = self._index.node(ref.name, now)
        if view is None:
            self._rechecks.set(ref, None)
            return None
        answer = self._answers.newer_than(ref, record, self._read_at(ref))
        again = None if answer is None else now + RECHECK_ANSWER
        self._rechecks.set(ref, _sooner(view.recheck, again))
        return view if answer is None else replace(view, schedulable=bool(answer))

    def workload(
        self, ref: Ref, record: Record, before: Health | None, now: datetime
    ) -> WorkloadView | None:
        """Return a workload, None if there is none; `before` is its health as last judged."""
        situation = self._index.situation(ref, now, before)
        if situation is None:
            return None
        if unserved := self.unserved(ref):
            situation = replace(situation, unserved=unserved)
        if (undone := self.undone(ref)) is not None:
            situation = replace(situation, undone=undone)
        view = workload_view(situation)
        self._rechecks.set(ref, view.health.recheck)
        self._recognise(ref, situation)
        answer = self._answers.newer_than(ref, record, self._read_at(ref))
        if answer is not None:
            again = _sooner(view.health.recheck, now + RECHECK_ANSWER)
            self._rechecks.set(ref, again)
            # A DaemonSet's count is the nodes' business, not the answer's.
            desired = view.desired if ref.kind is Kind.DAEMON_SET else answer
            return replace(view, power=answer > 0, desired=desired)
        if ref.kind in SCALABLE and view.autoscaler is None:
            self._counts.learn(ref, view.desired)
        return view

    def _recognise(self, ref: Ref, situation: Situation) -> None:
        if self.own_pod is not None and any(
            self.own_pod.is_(pod) for pod in situation.pods
        ):
            self.own.add(ref)


def _sooner(*moments: datetime | None) -> datetime | None:
    return min((one for one in moments if one is not None), default=None)
