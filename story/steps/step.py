"""A step of the story."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from story.notes import Notes
from story.stage import Stage

type Act = Callable[[Stage, Notes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Step:
    """One numbered step.

    `at_rest` says whether it begins with the whole home connected and well; `act` raises Miss, or
    anything else, when something does not come out as it must.
    """

    number: int
    name: str
    act: Act
    at_rest: bool = True
