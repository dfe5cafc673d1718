"""Figures that the story takes by the way."""

from collections import defaultdict
from math import ceil


class Figures:
    """Measured seconds by name."""

    def __init__(self) -> None:
        """Start with nothing measured."""
        self.samples: defaultdict[str, list[float]] = defaultdict(list)

    def add(self, name: str, seconds: float) -> None:
        """Keep one measurement."""
        self.samples[name].append(seconds)

    def summary(self) -> dict[str, dict[str, float]]:
        """Number, median, 95th percentile and maximum of each, in seconds."""
        return {
            name: {
                "samples": len(values),
                "median": round(percentile(values, 50), 4),
                "p95": round(percentile(values, 95), 4),
                "max": round(max(values), 4),
            }
            for name, values in self.samples.items()
        }


def percentile(values: list[float], rank: float) -> float:
    """The nearest-rank percentile of at least one value."""
    return sorted(values)[max(0, ceil(len(values) * rank / 100) - 1)]
