"""What the cluster wanted, and when: the witness's memory of every switch."""

from bisect import bisect_right
from dataclasses import dataclass, field


@dataclass(slots=True)
class Timeline:
    """Whether a workload was on, piece by piece; None while it does not exist.

    `blind` holds the times in which the witness itself saw nothing: within one, the value before
    it and the value after it are both possible, and no other.
    """

    values: list[tuple[float, bool | None]] = field(default_factory=list)
    blind: list[tuple[float, float]] = field(default_factory=list)

    def note(self, at: float, value: bool | None) -> None:
        """From `at` on the value is this one."""
        if not self.values or self.values[-1][1] is not value:
            self.values.append((at, value))

    def at(self, when: float) -> bool | None:
        """The value at that time; before the first note it did not exist."""
        place = bisect_right(self.values, when, key=lambda noted: noted[0])
        return self.values[place - 1][1] if place else None

    def possible(self, when: float, slack: float) -> set[bool | None]:
        """All values that it had within `slack` seconds of a time, or may have had unseen."""
        found = {self.at(when - slack), self.at(when + slack)}
        found |= {value for at, value in self.values if abs(at - when) <= slack}
        for since, until in self.blind:
            if since - slack <= when <= until + slack:
                found |= {self.at(since - slack), self.at(until + slack)}
        return found
