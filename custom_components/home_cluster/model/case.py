"""A situation being judged: what the rules ask it, and what they find."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from ..kube.schema import Container, Event, Pod, Role
from .situation import FLICKER, Situation, condition, is_over
from .views import Reason

# A pod that has been Ready for this long without a break has recovered.
SETTLE: Final = timedelta(seconds=60)
# Fewer ready pods than asked for is no problem before this; a node's pods have it to come back.
PATIENCE: Final = timedelta(seconds=30)
# Events older than this tell nothing of now.
FRESH: Final = timedelta(minutes=15)


class Weight(IntEnum):
    """What a finding does: explain a problem, be a slight one, be one that stops the pod."""

    EXPLAINS = 0
    SOFT = 1
    HARD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A cause that was found, in plain sentences, and where."""

    reason: Reason
    message: str
    advice: str
    weight: Weight = Weight.HARD
    since: datetime | None = None
    pod: str = ""
    container: str = ""
    node: str = ""
    exit_code: int | None = None


type Rule = Callable[[Pod, Case], Finding | None]


class Case:
    """A situation, its pods sorted, and the next moment at which time alone may change the answer."""

    def __init__(self, situation: Situation) -> None:
        """Sort the pods: those that are to run, those on their way out, those that have ended."""
        self.situation = situation
        self.now: Final = situation.now
        self.recheck: datetime | None = None
        self.alive: list[Pod] = []
        self.leaving: list[Pod] = []
        self.over: list[Pod] = []
        for pod in situation.pods:
            if pod.deleting is not None:
                self.leaving.append(pod)
            elif is_over(pod):
                self.over.append(pod)
            else:
                self.alive.append(pod)

    def passed(self, moment: datetime) -> bool:
        """Return whether a moment has come; if not, the case is to be judged again then."""
        if moment <= self.now:
            return True
        if self.recheck is None or moment < self.recheck:
            self.recheck = moment
        return False

    def away(self, pod: Pod) -> datetime | None:
        """Return since when the pod's node has been lost."""
        return self.situation.lost.get(pod.node) if pod.node else None

    def lost(self, pod: Pod) -> bool:
        """Return whether the pod's node has been lost for longer than a flicker."""
        since = self.away(pod)
        return since is not None and self.passed(since + FLICKER)

    def flickers(self) -> bool:
        """Return whether the node of a pod is lost, and not for longer than a flicker."""
        return any(
            self.away(pod) is not None and not self.lost(pod)
            for pod in (*self.alive, *self.leaving)
        )

    def ready_since(self, pod: Pod) -> datetime | None:
        """Return since when the pod has been Ready, None if it is not or nobody can know."""
        if self.away(pod) is not None:
            return None
        ready = condition(pod.conditions, "Ready")
        if ready is None or ready.status != "True":
            return None
        return ready.since or self.now

    def settled(self, pod: Pod) -> bool:
        """Return whether the pod has been Ready for long enough to forget what was."""
        since = self.ready_since(pod)
        return since is not None and self.passed(since + SETTLE)

    def back_since(self, pod: Pod) -> datetime | None:
        """Return since when the pod's node has been Ready, if that is later than the pod's creation."""
        node = self.situation.nodes.get(pod.node)
        if node is None:
            return None
        ready = condition(node.conditions, "Ready")
        if (
            ready is None
            or ready.since is None
            or (pod.created and ready.since < pod.created)
        ):
            return None
        return ready.since

    def recovering(self, pod: Pod) -> bool:
        """Return whether the pod's node came back just now, so that its status is still of before."""
        back = self.back_since(pod)
        return back is not None and not self.passed(back + PATIENCE)

    def unready_since(self, pod: Pod) -> datetime:
        """Return since when the pod could have been Ready and was not."""
        ready = condition(pod.conditions, "Ready")
        return (
            latest(
                pod.created,
                ready.since if ready is not None else None,
                self.back_since(pod),
                *(
                    run.started
                    for container in pod.containers
                    if (run := container.current)
                ),
            )
            or self.now
        )

    def events(self, pod: Pod, *reasons: str) -> list[Event]:
        """Return the recent Events about this very pod, newest first."""
        found = [
            event
            for event in self.situation.events
            if event.reason in reasons
            and event.about_kind == "Pod"
            and event.about_name == pod.name
            and event.about_uid in ("", pod.uid)
            and self.fresh(event)
        ]
        return sorted(found, key=_last, reverse=True)

    def fresh(self, event: Event) -> bool:
        """Return whether an Event is recent."""
        return event.last is None or event.last + FRESH > self.now

    def has_events(self, pod: Pod) -> bool:
        """Return whether Events about this pod can be read at all."""
        return any(
            event.about_kind == "Pod" and event.about_name == pod.name
            for event in self.situation.events
        )


def _last(event: Event) -> float:
    return event.last.timestamp() if event.last else 0.0


def latest(*moments: datetime | None) -> datetime | None:
    """Return the latest of those moments that are known."""
    return max((moment for moment in moments if moment is not None), default=None)


def place(container: Container, pod: Pod) -> str:
    """Name a container in a sentence's beginning."""
    kind = {
        Role.MAIN: "Container",
        Role.INIT: "Init container",
        Role.SIDECAR: "Sidecar",
    }
    return f"{kind[container.role]} {container.name} of pod {pod.name}"


def listed(words: Iterable[str]) -> str:
    """Join words as a sentence does."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
