"""Which figures are promised, and what others reach: measurements become rows."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final

from .enabled import Enabled
from .faults import IDLE_MINUTES, IDLE_SPEED, Faulty
from .loaded import FEW, MANY, RUNS, STORM, WORKLOADS, Loaded
from .real import JOBS, ROLLOUTS, Real
from .rows import Pace, Row, percentile, rounded

_MIB: Final = 2**20
_LITERATURE: Final = "tibuntu 1.8.1 (literature)"
_TIME: Final = 0.3

type Others = Mapping[int, Mapping[str, Mapping[str, float]]]
"""What others need, by the number of pods, their name, and what was measured."""


def of_loaded(seen: Loaded, others: Others) -> list[Row]:
    """The rows of 300 and 10,000 pods."""
    pace = seen.pace

    def elsewhere(what: str, unit: str, scale: float = 1, pods: int = MANY) -> str:
        return ", ".join(
            f"{name} {rounded(found[what] * scale):,g} {unit}"
            for name, found in others[pods].items()
        )

    slow = (
        f" A machine {pace.slowness:.1f} times as slow as the reference: times judged accordingly."
        if pace.slowness > 1
        else ""
    )
    runs = f"Median of {RUNS} readings"
    return [
        Row(
            "floor: 10,000 pods read and discarded",
            pace.floor,
            "s",
            note=f"Nothing but a TLS socket; median of {RUNS}, before each of our readings.",
        ),
        Row(
            f"{MANY:,} pods in {WORKLOADS} workloads followed",
            seen.middle(MANY, "seconds"),
            "s",
            pace.time(_TIME),
            elsewhere("seconds", "s"),
            f"{runs}, from the first request to all collections complete.{slow}",
        ),
        Row(
            f"{MANY:,} pods: peak extra memory",
            seen.middle(MANY, "peak") / _MIB,
            "MiB",
            10,
            elsewhere("peak", "MiB", 1 / _MIB),
            f"{runs}; the process's peak over what it had.",
        ),
        Row(
            f"{MANY:,} pods: longest loop gap",
            min(follow["gap"] for follow in seen.follows[MANY]) * 1000,
            "ms",
            pace.time(5),
            elsewhere("gap", "ms", 1000),
            f"The longest of a reading, least of {RUNS}: other programs' turns are no gap of ours; "
            f"{seen.middle(MANY, 'busy_gap') * 1000:.2g} ms of processor time.",
        ),
        Row(
            f"{FEW} pods in {WORKLOADS} workloads followed",
            seen.middle(FEW, "seconds"),
            "s",
            pace.time(_TIME),
            elsewhere("seconds", "s", pods=FEW),
            runs + ".",
        ),
        Row(
            "watch events a second",
            median(seen.events),
            "1/s",
            pace.rate(25_000),
            elsewhere("events", "1/s", pods=FEW),
            f"{STORM:,} changes of {MANY:,} pods, told at once, until the store holds the last; "
            f"median of {RUNS}.",
            least=True,
        ),
        Row(
            "retained memory a pod",
            seen.store,
            "B",
            1024,
            elsewhere("kept", "B", 1 / MANY),
            "All objects of the store and of the index of whose they are.",
        ),
        Row(
            "cluster event → Home Assistant's state, p95",
            percentile(seen.delays, 95) * 1000,
            "ms",
            pace.time(20),
            f"6.7 ms at most ({_LITERATURE}), 30 s in the mean (pollers, literature)",
            f"With {MANY:,} pods, at rest after the set-up; median {median(seen.delays) * 1000:.2g} ms, at most "
            f"{max(seen.delays) * 1000:.2g} ms.",
        ),
        Row(
            f"state writes for {len(seen.delays)} events of one pod",
            seen.writes,
            "",
            len(seen.delays),
            f"12,600 ({_LITERATURE})",
            "All sensors of its device enabled, each event one that shows.",
        ),
        Row("of them, of other devices", len(seen.strangers), "", 0),
        Row(
            f"set-up of the entry, {WORKLOADS} workloads, {FEW} pods",
            seen.set_up[FEW][0],
            "s",
            pace.time(1),
            note="The first: all devices and entities are new; the code is compiled.",
        ),
        Row(
            f"set-up of the entry, {WORKLOADS} workloads, {MANY:,} pods",
            median(seen.set_up[MANY]),
            "s",
            pace.time(1),
            note=f"Median of {RUNS}; Home Assistant knows the devices.",
        ),
        Row(
            "false off or on at reload",
            seen.false_switches,
            "",
            0,
            f"20 of 20 ({_LITERATURE})",
            f"Of {seen.switches} switches.",
        ),
    ]


def of_enabled(seen: Enabled, pace: Pace) -> list[Row]:
    """The rows of a house that shows every entity."""
    loaded = seen.loaded
    every = "every entity enabled"
    return [
        Row(
            f"{every}: set-up of the entry, {MANY:,} pods",
            median(loaded.set_up[MANY]),
            "s",
            pace.time(1),
            note=f"Median of {RUNS}; what is disabled by default comes a moment later: all {seen.entities:,} "
            f"entities were shown after {median(seen.shown):.2g} s.",
        ),
        Row(
            f"{every}: longest loop gap",
            min(follow["gap"] for follow in loaded.follows[MANY]) * 1000,
            "ms",
            pace.time(5),
            note=f"The longest while {MANY:,} pods are followed, least of {RUNS}.",
        ),
        Row(
            f"{every}: cluster event → Home Assistant's state, p95",
            percentile(loaded.delays, 95) * 1000,
            "ms",
            pace.time(20),
            note=f"Median {median(loaded.delays) * 1000:.2g} ms.",
        ),
        Row(
            f"{every}: state writes for {len(loaded.delays)} events of one pod",
            loaded.writes,
            "",
            len(loaded.delays),
            note=f"{len(loaded.strangers)} of other devices.",
        ),
        Row(
            f"{every}: watch events a second",
            median(loaded.events),
            "1/s",
            pace.rate(25_000),
            note=f"{STORM:,} changes of {MANY:,} pods; median of {RUNS}.",
            least=True,
        ),
    ]


def of_faults(seen: Faulty) -> list[Row]:
    """The rows of a failing cluster, and of one at rest."""
    return [
        Row(
            "entities removed by 503, 401, 403, empty, cut answers, restarts",
            len(seen.removed),
            "",
            0,
            f"118 of 127 ({_LITERATURE})",
            f"{seen.faults} faults, two of them while Home Assistant starts; {seen.entities} entities.",
        ),
        Row("false off or on in all these faults", seen.false_switches, "", 0),
        Row(
            "requests, idle",
            seen.requests_a_minute,
            "1/min",
            2,
            f"15 per poll ({_LITERATURE})",
            f"{IDLE_MINUTES} minutes of a clock {IDLE_SPEED:.0f} times as fast, for us and the server; "
            f"{seen.watches} cluster-wide watches, rights checks counted.",
        ),
    ]


def of_real(seen: Real, pace: Pace) -> list[Row]:
    """The rows of the real cluster."""
    return [
        Row(
            "switch call returns, p95",
            percentile(seen.calls, 95),
            "s",
            pace.time(1),
            f"5.1 s off, 15.0 s on ({_LITERATURE})",
            f"Kubernetes {seen.version}, {len(seen.calls)} calls, median {median(seen.calls):.2g} s.",
        ),
        Row(
            "change answered by the real API server → state, p95",
            percentile(seen.delays, 95) * 1000,
            "ms",
            goal=pace.time(20),
            note=f"{len(seen.delays)} changes by the administrator, median "
            f"{median(seen.delays) * 1000:.2g} ms.",
        ),
        Row(
            f"registry growth after {JOBS} Jobs and {ROLLOUTS} rollouts",
            len(seen.grown),
            "",
            0,
            f"+50 a 50 pods ({_LITERATURE})",
            "Records of entities and devices, those of deleted ones included.",
        ),
        Row(
            "false off or on at reload, real cluster",
            seen.false_switches,
            "",
            0,
            note=f"Of {seen.switches} switches.",
        ),
    ]


def not_measured(what: str, why: str) -> Row:
    """The row for a part that could not be measured, which is a miss."""
    return Row(what.rstrip("."), None, "", 0, note=why)


def of_logs(complaints: Sequence[str]) -> Row:
    """The row of what Home Assistant had against us."""
    return Row(
        "blocking calls, warnings and errors of ours in these runs",
        len(complaints),
        "",
        0,
        note="; ".join(text.splitlines()[0][:200] for text in complaints[:3]),
    )
