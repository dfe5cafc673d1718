"""Six hundred random stories on a virtual clock; a failing one is named by its seed."""

import pytest

from .fuzz import story
from .virtual import run

STORIES = 600
TOGETHER = 30


@pytest.mark.parametrize("first", range(0, STORIES, TOGETHER))
def test_random_stories_end_well(first: int) -> None:
    for seed in range(first, first + TOGETHER):
        try:
            run(story(seed))
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise


def test_the_stories_are_not_dull() -> None:
    """The same faults happen for every maker of this promise: links are lost and found, faults taken."""
    houses = [run(story(seed)) for seed in range(40)]
    assert sum(len(house.links) for house in houses) > 120
    assert len({name for house in houses for name in house.server.taken}) > 25
