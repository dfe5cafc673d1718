"""What a step saw, and when: the detail of the report."""

from dataclasses import dataclass, field
import time
from typing import Any


class Miss(Exception):
    """Something did not come out as it must; the sentence says what was seen instead."""


@dataclass(slots=True)
class Notes:
    """The notes of one step, in order, in seconds since its beginning."""

    began: float = field(default_factory=time.monotonic)
    lines: list[dict[str, Any]] = field(default_factory=list)

    def ha(self, saw: str) -> None:
        """Note what Home Assistant said."""
        self._note("home assistant", saw)

    def witness(self, saw: str) -> None:
        """Note what the witness saw."""
        self._note("witness", saw)

    def did(self, what: str) -> None:
        """Note what the story did."""
        self._note("story", what)

    def _note(self, who: str, text: str) -> None:
        self.lines.append(
            {"at": round(time.monotonic() - self.began, 2), "who": who, "saw": text}
        )


def demand(condition: object, otherwise: str) -> None:
    """Raise a Miss with the sentence unless the condition holds."""
    if not condition:
        raise Miss(otherwise)
