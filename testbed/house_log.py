"""Judging Home Assistant's log: nothing of ours may block its loop, warn or fail."""

from dataclasses import dataclass
from pathlib import Path
import re

_START = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ (?P<level>[A-Z]+) \(.*?\) \[(?P<logger>[^\]]*)\] "
)
_OURS = "home_cluster"
# Home Assistant says this of every custom integration at each start.
_USUAL = "We found a custom integration home_cluster which has not been tested by Home Assistant"
# And this of every action that fails, beside giving the error to whoever called it.
_ANSWERED = "Error during service call to home_cluster."


@dataclass(frozen=True, slots=True)
class Complaint:
    """An entry of the log that must not be there."""

    level: str
    logger: str
    text: str


def complaints(path: Path) -> list[Complaint]:
    """All entries that name this integration as a warning or an error, or a blocking call by it."""
    found: list[Complaint] = []
    for level, logger, text in _entries(path):
        if level not in {"WARNING", "ERROR", "CRITICAL"} or any(
            usual in text for usual in (_USUAL, _ANSWERED)
        ):
            continue
        if _OURS in text or _OURS in logger or "Detected blocking call" in text:
            found.append(Complaint(level, logger, text))
    return found


def _entries(path: Path) -> list[tuple[str, str, str]]:
    """Level, logger and whole text, tracebacks included, of each entry."""
    entries: list[tuple[str, str, str]] = []
    if not path.exists():
        return entries
    for line in path.read_text(errors="replace").splitlines():
        if match := _START.match(line):
            entries.append((match["level"], match["logger"], line))
        elif entries:
            level, logger, text = entries[-1]
            entries[-1] = (level, logger, f"{text}\n{line}")
    return entries
