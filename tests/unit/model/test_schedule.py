"""When CronJobs run: robfig/cron's rules, which are Kubernetes'."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.home_cluster.model.schedule import (
    BadSchedule,
    Every,
    Times,
    parse,
    zone_of,
)

BERLIN = ZoneInfo("Europe/Berlin")
KOLKATA = ZoneInfo("Asia/Kolkata")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")


def at(text: str) -> datetime:
    """Return a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def following(
    schedule: str, after: str, count: int = 1, zone: ZoneInfo | None = None
) -> list[str]:
    """Return the next times, as UTC."""
    read, time, found = parse(schedule), at(after), []
    for _ in range(count):
        coming = read.next(time, zone or UTC, at(after))
        if coming is None:
            break
        time = coming
        found.append(time.strftime("%Y-%m-%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("schedule", "after", "coming"),
    [
        ("* * * * *", "2026-11-27 19:00", "2026-11-27 19:01"),
        ("* * * * *", "2026-11-27 19:00:59", "2026-11-27 19:01"),
        ("0/15 * * * *", "2026-11-27 19:00", "2026-11-27 19:15"),
        ("*/15 * * * *", "2026-11-27 19:45", "2026-11-27 20:00"),
        ("20-35/15 * * * *", "2026-11-27 19:21", "2026-11-27 19:35"),
        ("20-35/15 * * * *", "2026-11-27 19:35", "2026-11-27 20:20"),
        ("5,25,45 * * * *", "2026-11-27 19:26", "2026-11-27 19:45"),
        ("0 3 * * *", "2026-11-27 19:00", "2026-11-28 03:00"),
        ("0 3 * * *", "2026-11-27 03:00", "2026-11-28 03:00"),
        ("30 23 31 12 *", "2026-12-31 23:29", "2026-12-31 23:30"),
        ("30 23 31 12 *", "2026-12-31 23:30", "2027-12-31 23:30"),
        ("0 0 29 2 *", "2026-01-01 00:00", "2028-02-29 00:00"),
        ("0 0 31 * *", "2026-04-01 00:00", "2026-05-31 00:00"),
        ("0 0 1 jan,JUL ?", "2026-02-01 00:00", "2026-07-01 00:00"),
        ("0 8 * * mon-fri", "2026-11-27 09:00", "2026-11-30 08:00"),
        ("0 8 * * SUN", "2026-11-27 09:00", "2026-11-29 08:00"),
        ("0 8 * * 0", "2026-11-27 09:00", "2026-11-29 08:00"),
        ("0 8 ? * 6", "2026-11-27 09:00", "2026-11-28 08:00"),
        ("@hourly", "2026-11-27 19:00", "2026-11-27 20:00"),
        ("@daily", "2026-11-27 19:00", "2026-11-28 00:00"),
        ("@midnight", "2026-11-27 19:00", "2026-11-28 00:00"),
        ("@weekly", "2026-11-27 19:00", "2026-11-29 00:00"),
        ("@monthly", "2026-11-27 19:00", "2026-12-01 00:00"),
        ("@yearly", "2026-11-27 19:00", "2027-01-01 00:00"),
        ("@annually", "2026-11-27 19:00", "2027-01-01 00:00"),
        ("  0   3 * *  * ", "2026-11-27 19:00", "2026-11-28 03:00"),
        ("0 0,,12 * * *", "2026-11-27 19:00", "2026-11-28 00:00"),
    ],
)
def test_the_next_time(schedule: str, after: str, coming: str) -> None:
    assert following(schedule, after) == [coming]


@pytest.mark.parametrize(
    ("schedule", "days"),
    [
        # Both named: either will do.
        ("0 0 13 * fri", ["2026-11-06", "2026-11-13", "2026-11-20"]),
        ("0 0 1,15 * sun", ["2026-11-08", "2026-11-15", "2026-11-22"]),
        # One left open: the other decides.
        ("0 0 13 * *", ["2026-11-13", "2026-12-13", "2027-01-13"]),
        ("0 0 ? * fri", ["2026-11-06", "2026-11-13", "2026-11-20"]),
        ("0 0 */1 * fri", ["2026-11-06", "2026-11-13", "2026-11-20"]),
        # A step is no open field, so a Monday counts and every tenth day as well.
        ("0 0 */10 * mon", ["2026-11-02", "2026-11-09", "2026-11-11"]),
    ],
)
def test_days_of_month_and_week(schedule: str, days: list[str]) -> None:
    assert [
        time.removesuffix(" 00:00")
        for time in following(schedule, "2026-11-01 00:00", 3)
    ] == days


@pytest.mark.parametrize(
    ("schedule", "zone", "after", "coming"),
    [
        ("0 3 * * *", BERLIN, "2026-07-01 00:00", ["2026-07-01 01:00"]),
        ("0 3 * * *", BERLIN, "2026-12-01 00:00", ["2026-12-01 02:00"]),
        ("0 0 * * *", KOLKATA, "2026-12-01 00:00", ["2026-12-01 18:30"]),
        # On 29 March the clocks go from 2:00 to 3:00: half past two is not there that day.
        (
            "30 2 * * *",
            BERLIN,
            "2026-03-28 02:00",
            ["2026-03-30 00:30", "2026-03-31 00:30"],
        ),
        # On 25 October they go from 3:00 back to 2:00: half past two is there twice.
        (
            "30 2 * * *",
            BERLIN,
            "2026-10-24 12:00",
            ["2026-10-25 00:30", "2026-10-25 01:30", "2026-10-26 01:30"],
        ),
        ("0 12 * * *", BERLIN, "2026-03-28 12:00", ["2026-03-29 10:00"]),
        # Half an hour only: from 2:00 to 2:30, and back.
        ("15 2 * * *", LORD_HOWE, "2026-10-03 00:00", ["2026-10-04 15:15"]),
        (
            "45 1 * * *",
            LORD_HOWE,
            "2026-04-03 15:00",
            ["2026-04-04 14:45", "2026-04-04 15:15", "2026-04-05 15:15"],
        ),
        # Midnight itself is not there in Beirut on 29 March, and twice in Havana on 1 November.
        ("0 1 29 3 *", ZoneInfo("Asia/Beirut"), "2026-03-28 00:00", ["2026-03-28 22:00"]),
        ("30 0 1 11 *", ZoneInfo("America/Havana"), "2026-10-31 12:00", ["2026-11-01 04:30", "2026-11-01 05:30"]),
    ],
)  # fmt: skip
def test_time_zones_and_clocks_that_change(
    schedule: str, zone: ZoneInfo, after: str, coming: list[str]
) -> None:
    assert following(schedule, after, len(coming), zone) == coming


def test_what_never_comes_has_no_next_time() -> None:
    assert following("0 0 30 2 *", "2026-01-01 00:00") == []


@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [
        ("@every 5m", 300),
        ("@every 1h30m", 5400),
        ("@every 1.5h", 5400),
        ("@every 90s", 90),
        ("@every 100ms", 1),
        ("@every 1500ms", 1),
        ("@every +2m", 120),
    ],
)
def test_a_distance_is_counted_from_the_last_time(schedule: str, seconds: int) -> None:
    read = parse(schedule)
    assert read == Every(timedelta(seconds=seconds))
    base = at("2026-11-27 19:00:07")
    assert read.next(base, UTC, base) == base + timedelta(seconds=seconds)
    later = base + timedelta(seconds=10 * seconds + 0.5)
    assert read.next(later, UTC, base) == base + timedelta(seconds=11 * seconds)


@pytest.mark.parametrize(
    "schedule",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 7",
        "30-20 * * * *",
        "*/0 * * * *",
        "*-5 * * * *",
        "1-2-3 * * * *",
        "*/5/2 * * * *",
        "*/x * * * *",
        "a * * * *",
        "-1 * * * *",
        "٣ * * * *",
        "* * * foo *",
        "@never",
        "@every",
        "@every 5",
        "@every m5",
        "@every 5 m",
        "@every -5m",
        "@every 99999999999h",
        "CRON_TZ=Europe/Berlin",
        "TZ=UTC 0 3 * * *",
        "1," * 300 + "1 * * * *",
    ],
)
def test_what_kubernetes_does_not_understand_is_no_schedule(schedule: str) -> None:
    with pytest.raises(BadSchedule):
        parse(schedule)


@given(st.text(alphabet="0123456789*/-,?@ everymhsJANmon=", max_size=30))
def test_any_text_is_a_schedule_or_is_not(text: str) -> None:
    try:
        read = parse(text)
    except BadSchedule:
        return
    now = at("2026-11-27 19:00")
    coming = read.next(now, BERLIN, now)
    assert coming is None or coming > now


NUMBERS = st.sampled_from(["*", "*/7", "0", "3,17", "5-11", "2/9"])


@settings(deadline=None, max_examples=60)
@given(
    minute=NUMBERS,
    hour=NUMBERS,
    day=st.sampled_from(["*", "1", "28-30", "*/9"]),
    weekday=st.sampled_from(["*", "0", "mon-wed"]),
    start=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)),
)
def test_no_time_is_left_out(
    minute: str, hour: str, day: str, weekday: str, start: datetime
) -> None:
    """Minute by minute, as the slowest reader would find them."""
    read = parse(f"{minute} {hour} {day} * {weekday}")
    assert isinstance(read, Times)
    time = start.replace(second=0, microsecond=0, tzinfo=UTC)
    first = read.next(time, BERLIN, time)
    assert first is not None
    slow = (
        moment
        for minutes in range(1, 3 * 24 * 60)
        if read.matches(moment := time + timedelta(minutes=minutes), BERLIN)
    )
    found = next(slow, None)
    assert found == first or (found is None and first > time + timedelta(days=2))


@pytest.mark.parametrize(
    ("schedule", "last", "zone"),
    [
        ("0 3 * * *", None, UTC),
        ("0 3 * * *", "2026-07-01 03:00", UTC),
        ("0 3 * * *", "2026-07-01 01:00", BERLIN),
        # It was another schedule then: nothing can be told of it.
        ("0 3 * * *", "2026-07-01 17:00", UTC),
        ("*/5 * * * *", "2026-07-01 17:05", UTC),
        ("@every 5m", "2026-07-01 17:03", UTC),
    ],
)
def test_a_run_tells_whose_clock_counts(
    schedule: str, last: str | None, zone: ZoneInfo
) -> None:
    assert zone_of(parse(schedule), at(last) if last else None, BERLIN) is zone


def test_times_go_on_without_a_break() -> None:
    times = following("*/20 * * * *", "2026-03-28 23:00", 12, BERLIN)
    moments = [at(time) for time in times]
    assert all(two - one == timedelta(minutes=20) for one, two in pairwise(moments))
