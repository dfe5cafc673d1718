"""Restarting what stays broken, but not for ever: when, how often, and when to give up."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from .model.views import Reason, Status, WorkloadView

# So many restarts a day are tried; a device that needs more needs a person.
CAP: Final = 5
DAY: Final = timedelta(days=1)
# A device that has been well for this long has recovered: the next trouble is a new one.
WELL: Final = timedelta(minutes=10)

# What a new start may cure. A missing image, a lost node or a full disk it does not.
_CURABLE: Final = frozenset(
    {
        Reason.CRASH_LOOP,
        Reason.OOM_KILLED,
        Reason.LIVENESS_RESTARTS,
        Reason.READINESS_FAILING,
        Reason.DEADLINE_EXCEEDED,
    }
)


def ails(view: WorkloadView) -> bool | None:
    """Return whether a device has what a restart may cure; None while nobody knows how it is."""
    health = view.health
    if health.problem is None or health.status is Status.UNKNOWN:
        return None
    return health.reason is Reason.SERVED_ENTITIES_UNAVAILABLE or (
        health.status is Status.FAILING and health.reason in _CURABLE
    )


class Act(StrEnum):
    """What to do now."""

    RESTART = "restart"
    GIVE_UP = "give_up"
    CALM_DOWN = "calm_down"


class Watchdog:
    """The watch over one device.

    Ask `step` whenever something changed, and at `due`. It waits `patience` before the first restart,
    and each time twice as long as before until the device has been well for a while. `acts` are the
    times of the restarts of the last day, which outlive this object.
    """

    def __init__(
        self, patience: timedelta, acts: Iterable[datetime] = (), *, tired: bool = False
    ) -> None:
        """Begin to watch; `tired` says that it had given up before."""
        self._patience = patience
        self._since: datetime | None = None
        self._well: datetime | None = None
        self._tries = 0
        self.acts = list(acts)
        self.tired = tired
        self.due: datetime | None = None

    def step(self, ailing: bool | None, now: datetime) -> Act | None:
        """Return what to do; `ailing` is None while nobody knows, and then nothing is waited for."""
        if ailing is None:
            self._since = self._well = self.due = None
            return None
        return self._while_ailing(now) if ailing else self._while_well(now)

    def _while_ailing(self, now: datetime) -> Act | None:
        self._well = None
        self._since = self._since or now
        if self.tired:
            self.due = None
            return None
        self.due = self._since + self._patience * 2**self._tries
        if now < self.due:
            return None
        self.acts = [at for at in self.acts if at > now - DAY]
        if len(self.acts) >= CAP:
            self.tired, self.due = True, None
            return Act.GIVE_UP
        self.acts.append(now)
        self._tries += 1
        self._since = now
        self.due = now + self._patience * 2**self._tries
        return Act.RESTART

    def _while_well(self, now: datetime) -> Act | None:
        self._since = None
        self._well = self._well or now
        self.due = self._well + WELL if self._tries or self.tired else None
        if now < self._well + WELL:
            return None
        self._tries, self.due = 0, None
        if self.tired:
            self.tired = False
            return Act.CALM_DOWN
        return None
