"""What was set from here, and whether it stays so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from ..kube.schema import Kind, Ref
from .case import Case, Finding, Weight
from .views import Reason, WorkloadView

# What is set back within this time was undone; later, somebody changed his mind.
WINDOW: Final = timedelta(minutes=15)
# What stays for so long after it was undone is let be.
HOLD: Final = WINDOW
# After so long nobody remembers.
FORGET: Final = timedelta(days=1)


class Setting(StrEnum):
    """What of a workload can be set from here."""

    REPLICAS = "replicas"
    SUSPEND = "suspend"
    NODES = "nodes"
    IMAGE = "image"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"


# A count, a switch, an image. That anything but 0 will do is True.
type Value = int | bool | str

# These are another object's, the autoscaler's, which need not count its changes.
LIMITS: Final = (Setting.MINIMUM, Setting.MAXIMUM)


class Edition(NamedTuple):
    """Which change of its spec a workload is at, as the API server counts them."""

    uid: str = ""
    generation: int = 0

    def precedes(self, other: Edition) -> bool:
        """Say whether the very same workload was no further: its datastore was restored from a copy."""
        return self.uid == other.uid and 0 < self.generation <= other.generation


@dataclass(slots=True)
class Watch:
    """A setting that is watched: what was asked for and when, and what became of it.

    `undone` counts how often it was undone, last at `undone_at`; `held_since` is since when it has been
    as asked for after that. `edition` is that of the workload when it was last as asked for. `told` says
    that somebody knows who undoes it.
    """

    wanted: Value
    at: datetime
    seen: bool = False
    edition: Edition = field(default_factory=Edition)
    is_undone: bool = False
    undone: int = 0
    undone_at: datetime | None = None
    held_since: datetime | None = None
    told: bool = False


def settings_of(view: WorkloadView) -> dict[Setting, Value]:
    """Return what of a workload can be set, as it is now."""
    found: dict[Setting, Value] = {}
    match view.ref.kind:
        case Kind.DEPLOYMENT | Kind.STATEFUL_SET:
            found[Setting.REPLICAS] = view.desired
        case Kind.CRON_JOB | Kind.JOB:
            found[Setting.SUSPEND] = not view.power
        case Kind.DAEMON_SET:
            found[Setting.NODES] = view.power
        case _:
            pass
    if view.image:
        found[Setting.IMAGE] = view.image
    if view.autoscaler is not None:
        found[Setting.MINIMUM] = view.autoscaler.minimum
        found[Setting.MAXIMUM] = view.autoscaler.maximum
    return found


def edition_of(view: WorkloadView) -> Edition:
    """Return which change of its spec a workload is at."""
    return Edition(view.uid, view.generation)


def undone_by_owner(case: Case) -> Finding | None:
    """What was set from here was set back a short time ago.

    Source: the object's managedFields, or its labels, which name the writer.
    """
    undone = case.situation.undone
    if undone is None or case.passed(undone.at + WINDOW):
        return None
    return Finding(
        reason=Reason.UNDONE_BY_OWNER,
        message=f"It runs, but what was set from Home Assistant was set back by {undone.by}.",
        advice="Look under Settings → Repairs for the change that makes peace.",
        weight=Weight.SOFT,
        since=undone.at,
    )


class Undoing:
    """The settings that were asked for from here, of all workloads."""

    def __init__(self) -> None:
        """Start without any."""
        self._watches: dict[tuple[Ref, Setting], Watch] = {}

    def commanded(
        self, ref: Ref, setting: Setting, wanted: Value, now: datetime
    ) -> None:
        """Watch a setting that was asked for just now; a count of True is any but 0."""
        before = self._watches.get((ref, setting))
        watch = Watch(wanted, now)
        if before is not None and before.undone_at is not None:
            watch.undone, watch.undone_at = before.undone, before.undone_at
            watch.told = before.told
        self._watches[ref, setting] = watch

    def watches(self) -> bool:
        """Say whether anything was asked for that is not forgotten yet."""
        return bool(self._watches)

    def look(
        self,
        ref: Ref,
        edition: Edition,
        now_set: Mapping[Setting, Value],
        now: datetime,
    ) -> list[Setting]:
        """Take in how a workload is set now; return which settings have been undone just now.

        What is as before because the whole datastore is, nobody undid.
        """
        undone = []
        for setting, value in now_set.items():
            watch = self._watches.get((ref, setting))
            if watch is None:
                continue
            if _is(watch.wanted, value):
                watch.seen, watch.is_undone = True, False
                watch.edition = edition
                if watch.held_since is None:
                    watch.held_since = now
                continue
            watch.held_since = None
            # Until it was seen once, the news of it are on their way.
            if not watch.seen or watch.is_undone:
                continue
            restored = setting not in LIMITS and edition.precedes(watch.edition)
            if restored or now - watch.at > WINDOW:
                self.forget(ref, setting)
                continue
            watch.is_undone = True
            watch.undone += 1
            watch.undone_at = now
            undone.append(setting)
        return undone

    def get(self, ref: Ref, setting: Setting) -> Watch | None:
        """Return what is known of a setting."""
        return self._watches.get((ref, setting))

    def forget(self, ref: Ref, setting: Setting) -> None:
        """Take what was as before for nobody's undoing; who is known to undo is remembered."""
        watch = self._watches.get((ref, setting))
        if watch is not None and not watch.told:
            del self._watches[ref, setting]

    def over(self, now: datetime) -> Iterator[tuple[Ref, Setting]]:
        """Forget, and name, what has held for long enough or is too long ago."""
        for key, watch in tuple(self._watches.items()):
            if now >= _end(watch):
                del self._watches[key]
                yield key

    def next_end(self) -> datetime | None:
        """Return when `over` has something to forget."""
        return min((_end(watch) for watch in self._watches.values()), default=None)

    def drop(self, ref: Ref) -> Iterator[Setting]:
        """Forget, and name, all settings of a workload that is gone."""
        for key in tuple(self._watches):
            if key[0] == ref:
                del self._watches[key]
                yield key[1]


def _is(wanted: Value, value: Value) -> bool:
    return value != 0 if wanted is True else value == wanted


def _end(watch: Watch) -> datetime:
    if watch.undone_at is None:
        return watch.at + WINDOW
    if watch.held_since is not None:
        return watch.held_since + HOLD
    return watch.undone_at + FORGET
