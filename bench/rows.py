"""The rows of the table: what was measured, what it should be, what others reach."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
import json
from math import ceil
from pathlib import Path
from typing import Any, Final

REFERENCE_FLOOR: Final = 0.06
"""Seconds in which two quiet cores of the reference read and discard 10,000 pods."""


@dataclass(frozen=True, slots=True)
class Row:
    """A figure; None is one that could not be measured, which misses its goal. `goal` is the most (`least`: the least) it may be, None where there is none.

    `peer` says what others reach, and where that is known from; `note` how it came about.
    """

    name: str
    value: float | None
    unit: str
    goal: float | None = None
    peer: str = ""
    note: str = ""
    least: bool = False

    @property
    def ok(self) -> bool:
        """Whether the goal is reached."""
        if self.goal is None:
            return True
        if self.value is None:
            return False
        return self.value >= self.goal if self.least else self.value <= self.goal

    def as_json(self) -> dict[str, Any]:
        """Return the row as it is written to a file."""
        value = None if self.value is None else rounded(self.value)
        return {**asdict(self), "value": value, "ok": self.ok}


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast this machine is, by its `floor`: seconds to read and discard 10,000 pods, in this run."""

    floor: float

    @property
    def slowness(self) -> float:
        """How many times slower than the reference; 1 for a faster machine."""
        return max(1.0, self.floor / REFERENCE_FLOOR)

    def time(self, goal: float) -> float:
        """Return what a time may be here."""
        return goal * self.slowness

    def rate(self, goal: float) -> float:
        """Return what a number a second may be here."""
        return goal / self.slowness


def rounded(value: float) -> float:
    """Return three digits that say something."""
    return float(f"{value:.3g}") if abs(value) < 1000 else float(round(value))


def percentile(values: Iterable[float], rank: float) -> float:
    """Return the nearest-rank percentile of at least one value."""
    ranked = sorted(values)
    return ranked[max(0, ceil(len(ranked) * rank / 100) - 1)]


def table(rows: Iterable[Row]) -> str:
    """Return the rows for people."""
    cells = [("", "figure", "value", "goal", "elsewhere")]
    cells += [
        (
            "ok" if row.ok else "MISSED",
            row.name,
            _value(row),
            _goal(row),
            row.peer,
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    lines = [
        "  ".join(
            [
                line[0].ljust(widths[0]),
                line[1].ljust(widths[1]),
                line[2].rjust(widths[2]),
                line[3].rjust(widths[3]),
                line[4],
            ]
        ).rstrip()
        for line in cells
    ]
    notes = [f"  {row.name}: {row.note}" for row in rows if row.note]
    return "\n".join([*lines, "", "How:", *notes] if notes else lines)


def write(file: Path, rows: Iterable[Row], about: dict[str, Any]) -> None:
    """Write rows, and what they were measured with, as JSON."""
    content = {"rows": [row.as_json() for row in rows], **about}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _value(row: Row) -> str:
    if row.value is None:
        return "not measured"
    return f"{rounded(row.value):,g} {row.unit}".strip()


def _goal(row: Row) -> str:
    if row.goal is None:
        return "–"
    return f"{'≥' if row.least else '≤'} {rounded(row.goal):,g}"
