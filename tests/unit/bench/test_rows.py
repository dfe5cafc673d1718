"""What counts as reached, and how the table and the file tell it."""

import json
from pathlib import Path

import pytest

from bench.rows import REFERENCE_FLOOR, Pace, Row, percentile, rounded, table, write


@pytest.mark.parametrize(
    ("row", "ok"),
    [
        (Row("time", 0.3, "s", 0.3), True),
        (Row("time", 0.301, "s", 0.3), False),
        (Row("rate", 25_000, "1/s", 25_000, least=True), True),
        (Row("rate", 24_999, "1/s", 25_000, least=True), False),
        (Row("without a goal", 1e9, "s"), True),
        (Row("not measured", None, "s", 1), False),
        (Row("not measured", None, "1/s", 1, least=True), False),
    ],
)
def test_a_figure_is_reached_at_its_goal_and_never_when_it_was_not_measured(
    row: Row, ok: bool
) -> None:
    assert row.ok is ok


def test_a_slower_machine_is_given_as_much_more_time_as_it_is_slower() -> None:
    pace = Pace(REFERENCE_FLOOR * 2)
    assert pace.time(0.3) == pytest.approx(0.6)
    assert pace.rate(25_000) == pytest.approx(12_500)


def test_a_faster_machine_is_held_to_the_same_goals() -> None:
    pace = Pace(REFERENCE_FLOOR / 2)
    assert pace.time(0.3) == 0.3
    assert pace.rate(25_000) == 25_000


def test_no_machine_is_given_more_than_twelve_times_its_floor() -> None:
    for floor in (REFERENCE_FLOOR, 0.2, 1.0):
        assert Pace(floor).time(0.3) <= 12 * floor


@pytest.mark.parametrize(("rank", "expected"), [(95, 95), (50, 50), (100, 100), (1, 1)])
def test_percentiles_are_values_that_were_measured(rank: int, expected: int) -> None:
    assert percentile(range(100, 0, -1), rank) == expected


@pytest.mark.parametrize(
    ("value", "shown"), [(0.123456, 0.123), (12.345, 12.3), (29_411.7, 29_412.0)]
)
def test_figures_are_shown_with_the_digits_that_say_something(
    value: float, shown: float
) -> None:
    assert rounded(value) == shown


def test_the_table_shows_what_missed_what_others_reach_and_how() -> None:
    shown = table(
        [
            Row("gap", 7, "ms", 5, "9,143 ms", "the longest of three"),
            Row("events", 30_000, "1/s", 25_000, least=True),
            Row("switch", None, "s", 1),
        ]
    )
    gap, events, switch = shown.splitlines()[1:4]
    assert gap.split() == ["MISSED", "gap", "7", "ms", "≤", "5", "9,143", "ms"]
    assert events.split() == ["ok", "events", "30,000", "1/s", "≥", "25,000"]
    assert switch.split()[:2] == ["MISSED", "switch"]
    assert "not measured" in switch
    assert "gap: the longest of three" in shown


def test_the_file_holds_what_is_promised_of_each_row(tmp_path: Path) -> None:
    file = tmp_path / "new" / "bench.json"
    write(file, [Row("gap", 7.0001, "ms", 5, "9,143 ms"), Row("x", None, "")], {"n": 2})
    content = json.loads(file.read_text())
    assert content["n"] == 2
    gap, unknown = content["rows"]
    assert {
        name: gap[name] for name in ("name", "value", "unit", "goal", "peer", "ok")
    } == {
        "name": "gap",
        "value": 7.0,
        "unit": "ms",
        "goal": 5,
        "peer": "9,143 ms",
        "ok": False,
    }
    assert unknown["value"] is None
