"""Measurements become rows that miss where they should."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from bench.enabled import Enabled
from bench.faults import Faulty
from bench.figures import (
    not_measured,
    of_enabled,
    of_faults,
    of_loaded,
    of_logs,
    of_real,
)
from bench.loaded import FEW, MANY, Loaded
from bench.real import Real
from bench.rows import REFERENCE_FLOOR, Pace, Row

FOLLOW = {"seconds": 0.25, "peak": 8 << 20, "gap": 0.004, "busy_gap": 0.003, "kept": 0}
LOADED = Loaded(
    floors=[REFERENCE_FLOOR],
    set_up={FEW: [0.8], MANY: [0.9, 1.5, 0.8]},
    follows={FEW: [FOLLOW] * 3, MANY: [FOLLOW] * 3},
    events=[30_000, 26_000, 27_000],
    store=900,
    delays=[0.003] * 100,
    writes=100,
    switches=300,
)
PEER = {"seconds": 9.3, "gap": 9.1, "peak": 1e9, "kept": 1e9, "events": 2004}
OTHERS = {FEW: {"kubernetes.aio": PEER, "kr8s": PEER}, MANY: {"kubernetes.aio": PEER}}
PACE = Pace(REFERENCE_FLOOR)


def missed(rows: Iterable[Row]) -> list[str]:
    return [row.name for row in rows if not row.ok]


def test_a_good_run_reaches_every_goal() -> None:
    assert missed(of_loaded(LOADED, OTHERS)) == []
    faulty = Faulty(faults=8, requests={"GET /readyz": 6}, minutes=30, watches=11)
    assert missed(of_faults(faulty)) == []
    assert missed(of_real(Real(calls=[0.1], delays=[0.01]), PACE)) == []
    assert of_logs([]).ok


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ({"set_up": {FEW: [1.1], MANY: [0.9]}}, "set-up of the entry"),
        ({"follows": {FEW: [FOLLOW], MANY: [FOLLOW | {"seconds": 0.31}]}}, "followed"),
        ({"follows": {FEW: [FOLLOW], MANY: [FOLLOW | {"peak": 11 << 20}]}}, "peak"),
        ({"follows": {FEW: [FOLLOW], MANY: [FOLLOW | {"gap": 0.006}]}}, "loop gap"),
        ({"events": [24_000, 24_500, 30_000]}, "watch events"),
        ({"store": 1100}, "retained memory"),
        ({"delays": [0.003] * 94 + [0.021] * 6}, "cluster event"),
        ({"writes": 101}, "state writes"),
        ({"strangers": {"another/device/key"}}, "of other devices"),
        ({"false_switches": 1}, "false off or on at reload"),
    ],
)
def test_one_bad_figure_of_a_loaded_house_is_the_one_that_misses(
    what: dict[str, object], name: str
) -> None:
    (found,) = missed(of_loaded(replace(LOADED, **what), OTHERS))
    assert name in found


ENABLED = Enabled(entities=5_900, shown=[1.4], loaded=LOADED)


def test_a_good_run_with_every_entity_reaches_every_goal() -> None:
    assert missed(of_enabled(ENABLED, PACE)) == []


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ({"set_up": {MANY: [1.1]}}, "set-up of the entry"),
        ({"follows": {MANY: [FOLLOW | {"gap": 0.006}]}}, "loop gap"),
        ({"delays": [0.021] * 100}, "cluster event"),
        ({"writes": 101}, "state writes"),
        ({"events": [24_000]}, "watch events"),
    ],
)
def test_one_bad_figure_with_every_entity_is_the_one_that_misses(
    what: dict[str, object], name: str
) -> None:
    (found,) = missed(
        of_enabled(replace(ENABLED, loaded=replace(LOADED, **what)), PACE)
    )
    assert name in found


def test_one_slow_event_in_a_hundred_is_forgiven_six_are_not() -> None:
    once = replace(LOADED, delays=[0.003] * 99 + [0.5])
    assert missed(of_loaded(once, OTHERS)) == []


@pytest.mark.parametrize(
    ("seen", "name"),
    [
        (Faulty(removed={"sensor.x"}, minutes=1), "entities removed"),
        (Faulty(false_switches=1, minutes=1), "false off or on"),
        (Faulty(requests={"GET /": 3}, minutes=1, watches=11), "requests, idle"),
    ],
)
def test_a_lie_under_a_fault_misses(seen: Faulty, name: str) -> None:
    (found,) = missed(of_faults(seen))
    assert name in found


@pytest.mark.parametrize(
    ("seen", "name"),
    [
        (Real(calls=[1.2] * 20, delays=[0.0]), "switch call returns"),
        (Real(calls=[0.1], delays=[0.0], grown={"record"}), "registry growth"),
        (Real(calls=[0.1], delays=[0.0], false_switches=1), "false off or on"),
    ],
)
def test_a_bad_figure_of_the_real_cluster_misses(seen: Real, name: str) -> None:
    (found,) = missed(of_real(seen, PACE))
    assert name in found


def test_what_cannot_be_measured_misses_and_says_why() -> None:
    row = not_measured("The real cluster.", "there is no cgroup")
    assert not row.ok
    assert row.name == "The real cluster"
    assert "there is no cgroup" in row.note


def test_one_complaint_in_a_log_misses() -> None:
    assert not of_logs(["Detected blocking call to open"]).ok
