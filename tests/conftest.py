"""What all tests share."""

from collections.abc import Iterator
from itertools import islice
from traceback import walk_stack
from unittest.mock import patch

import pytest


@pytest.fixture(scope="session", autouse=True)
def short_origins() -> Iterator[None]:
    """Have asyncio's debug mode note where a task or callback was made, and not the whole way there.

    It looks up the lines of every frame of the stack, for each of them: a fifth of the time.
    """
    with patch("traceback.walk_stack", lambda frame: islice(walk_stack(frame), 2)):
        yield
