"""The record as a whole, against what the witness knew: what must not be in it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from testbed.recorder import Change, Window

from .timeline import Timeline

# Only of these is "unknown" a statement; a button, for example, is unknown until it is pressed.
_SPEAKING: Final = frozenset(
    {
        "power",
        "status",
        "problem",
        "reason",
        "replicas",
        "ready",
        "connected",
        "reachable",
    }
)
# The witness's watch and ours are two connections: neither is first every time.
SLACK: Final = 1.5


def judge(
    changes: Sequence[Change],
    entities: Mapping[str, str],
    windows: Sequence[Window],
    timelines: Mapping[str, Timeline],
) -> list[str]:
    """Every lie in the record, one sentence each.

    `entities` gives the unique id (cluster/kind/namespace/name/key) of each entity id; others are
    not judged. Three rules: a power switch says what the workload's spec said at that time; nothing
    is unknown or unavailable but within a window that allows it; nothing is removed but where
    "removed" is allowed; no problem is reported but where "on" is allowed.
    """
    lies: list[str] = []
    for change in changes:
        unique_id = entities.get(change.entity, "")
        parts = unique_id.split("/")
        if len(parts) != 5:
            continue
        path, key = "/".join(parts[1:4]), parts[4]
        state = "removed" if change.state is None else change.state
        excused = any(window.excuses(change.at, unique_id, state) for window in windows)
        if key == "power" and state in {"on", "off"}:
            possible = timelines.get(path, Timeline()).possible(change.at, SLACK)
            if (state == "on") not in possible:
                lies.append(
                    f"{_clock(change.at)} {change.entity} said {state}; the cluster had {_words(possible)}"
                )
        elif excused:
            continue
        elif state in {"unavailable", "removed"} or (
            state == "unknown" and key in _SPEAKING
        ):
            lies.append(
                f"{_clock(change.at)} {change.entity} became {state} without a reason"
            )
        elif key == "problem" and state == "on":
            lies.append(
                f"{_clock(change.at)} {change.entity} reported a problem that there was not: "
                f"{change.attributes.get('message')!r}"
            )
    return lies


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S.%f")[:-3]


def _words(possible: set[bool | None]) -> str:
    names = {True: "on", False: "off", None: "nothing there"}
    return " or ".join(sorted(names[value] for value in possible))
