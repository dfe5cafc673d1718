"""When a CronJob runs next: its schedule, read as Kubernetes reads it.

Kubernetes uses robfig/cron with the standard five fields. Two habits of it differ from other crons: a
time that the clocks skip in spring is skipped, one that they show twice in autumn comes twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
import re
from typing import Final, NamedTuple

# A schedule that has no time in so many years (the 30th of February) has none.
YEARS: Final = 5

_MONTHS: Final = [
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
]
_DAYS: Final = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


class _Field(NamedTuple):
    first: int
    last: int
    names: Mapping[str, int] = {}


_FIELDS: Final = (
    _Field(0, 59),
    _Field(0, 23),
    _Field(1, 31),
    _Field(1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    _Field(0, 6, {name: number for number, name in enumerate(_DAYS)}),
)
_WORDS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY: Final = "@every "
# A part of Go's way of writing a duration.
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_UNITS: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1,
    "m": 60,
    "h": 3600,
}
_LONGEST: Final = 400


class BadSchedule(ValueError):
    """Kubernetes would not understand this schedule."""


@dataclass(frozen=True, slots=True)
class Every:
    """At a fixed distance from the last time."""

    delay: timedelta

    def next(self, after: datetime, _zone: tzinfo, base: datetime) -> datetime | None:
        """Return the first time after `after`, counted from `base`."""
        passed = max(0, (after - base) // self.delay)
        return base + (passed + 1) * self.delay


@dataclass(frozen=True, slots=True)
class Times:
    """The minutes, hours, days of the month, months and days of the week that match.

    `both_days` says that a day must match as both; else, either will do.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    both_days: bool

    def next(self, after: datetime, zone: tzinfo, _base: datetime) -> datetime | None:
        """Return the first matching minute after `after` in a time zone, None if there is none."""
        time = after.astimezone(UTC).replace(second=0, microsecond=0)
        time += timedelta(minutes=1)
        end = after.year + YEARS
        while True:
            local = time.astimezone(zone)
            if local.year > end:
                return None
            if local.month not in self.months:
                first = local.replace(day=1, hour=0, minute=0, fold=0)
                following = (first + timedelta(days=32)).replace(day=1)
                time = _later(following, time)
            elif not self._is_day(local):
                midnight = local.replace(hour=0, minute=0, fold=0)
                time = _later(midnight + timedelta(days=1), time)
            elif local.hour not in self.hours:
                time += timedelta(minutes=60 - local.minute)
            elif local.minute not in self.minutes:
                time += timedelta(minutes=1)
            else:
                return time

    def matches(self, time: datetime, zone: tzinfo) -> bool:
        """Say whether a time is one of the schedule's."""
        local = time.astimezone(zone)
        return (
            local.month in self.months
            and self._is_day(local)
            and local.hour in self.hours
            and local.minute in self.minutes
        )

    def _is_day(self, local: datetime) -> bool:
        day = local.day in self.days
        weekday = (local.weekday() + 1) % 7 in self.weekdays
        return day and weekday if self.both_days else day or weekday


type Schedule = Every | Times


def _later(local: datetime, than: datetime) -> datetime:
    """Return a local time in UTC, but not one that was there before (clocks that go back at midnight)."""
    return max(local.astimezone(UTC), than + timedelta(minutes=1))


def parse(text: str) -> Schedule:
    """Read a CronJob's schedule; raises `BadSchedule`."""
    text = text.strip()
    if len(text) > _LONGEST:
        raise BadSchedule("too long")
    if text.startswith(_EVERY):
        return Every(_duration(text.removeprefix(_EVERY).strip()))
    fields = _WORDS.get(text, text).split()
    if len(fields) != len(_FIELDS):
        raise BadSchedule(f"{len(fields)} fields, not {len(_FIELDS)}")
    minutes, hours, days, months, weekdays = (
        _values(written, field) for written, field in zip(fields, _FIELDS, strict=True)
    )
    return Times(
        minutes[0],
        hours[0],
        days[0],
        months[0],
        weekdays[0],
        both_days=days[1] or weekdays[1],
    )


def _values(written: str, field: _Field) -> tuple[frozenset[int], bool]:
    """Return the values of a field, and whether it leaves everything open."""
    values: set[int] = set()
    is_open = False
    for part in written.split(","):
        if part:
            some, all_of_them = _range(part, field)
            values.update(some)
            is_open |= all_of_them
    return frozenset(values), is_open


def _range(part: str, field: _Field) -> tuple[range, bool]:
    span, slash, step_text = part.partition("/")
    low, dash, high = span.partition("-")
    if "-" in high or "/" in step_text:
        raise BadSchedule(f"too many signs in {part}")
    is_open = low in ("*", "?")
    if is_open:
        if dash:
            raise BadSchedule(f"no range: {part}")
        first, last = field.first, field.last
    else:
        first = _number(low, field.names)
        last = _number(high, field.names) if dash else first
    step = 1
    if slash:
        step = _number(step_text)
        if not dash and not is_open:
            # From there on to the end.
            last = field.last
    if step < 1:
        raise BadSchedule(f"a step of {step}")
    if not field.first <= first <= last <= field.last:
        raise BadSchedule(f"{part} is not within {field.first} and {field.last}")
    return range(first, last + 1, step), is_open and step == 1


def _number(text: str, names: Mapping[str, int] | None = None) -> int:
    if names and (named := names.get(text.lower())) is not None:
        return named
    if not (text.isascii() and text.isdecimal()):
        raise BadSchedule(f"no number: {text}")
    return int(text)


def _duration(text: str) -> timedelta:
    """Read Go's "1h30m"; below a second it is one, and what is beyond whole seconds does not count."""
    parts = _PART.findall(text)
    if not parts or "".join(map("".join, parts)) != text.removeprefix("+"):
        raise BadSchedule(f"no duration: {text}")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    # As many as Go can count.
    if seconds > 2**63 / 1e9:
        raise BadSchedule(f"too long: {text}")
    return timedelta(seconds=max(1, int(seconds)))


def zone_of(
    schedule: Schedule, last_scheduled: datetime | None, home: tzinfo
) -> tzinfo:
    """Return the time zone of a CronJob that names none: that of the machine that starts its runs.

    Mostly that is UTC. But k3s starts them on a machine of the home, whose clock may show the home's
    time; a run at a time that fits only there tells.
    """
    if (
        isinstance(schedule, Times)
        and last_scheduled is not None
        and not schedule.matches(last_scheduled, UTC)
        and schedule.matches(last_scheduled, home)
    ):
        return home
    return UTC
