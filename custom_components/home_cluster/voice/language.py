"""What a language must have to be spoken: sentences that are understood, and answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..model.views import Status

# Stand for the names there are.
DEVICE: Final = "<device>"
AREA: Final = "<area>"


class Topic(StrEnum):
    """What a sentence is about."""

    ALL = "all"
    FIRMWARE = "firmware"
    NODE = "node"
    RESTART = "restart"
    WHY = "why"


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """One language.

    `sentences` are templates of hassil in which `<device>` and `<area>` stand for names; in answers
    the names in braces are filled in.
    """

    code: str
    sentences: Mapping[Topic, Sequence[str]]
    status: Mapping[Status, str]
    and_: str
    # About all devices.
    all_well: str
    well: str
    some_off: str
    nothing: str
    problems: str
    problem: str
    others: str
    unclear: str
    hidden: str
    link_down: str
    # About one.
    no_problem: str
    because: str
    on_node: str
    not_heard: str
    which: str
    in_area: str
    unknown: str
    # Nodes.
    runs_on: str
    runs_nowhere: str
    # Restarts.
    restarting: str
    may_not: str
    # Firmware.
    firmware: str
    version: str
    newest: str
    no_firmware: str

    def join(self, parts: Sequence[str]) -> str:
        """Return an enumeration."""
        if len(parts) < 2:
            return "".join(parts)
        return f"{', '.join(parts[:-1])} {self.and_} {parts[-1]}"
