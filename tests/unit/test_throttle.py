"""How many commands a device takes, and when it takes more."""

import pytest

from custom_components.home_cluster.throttle import COMMANDS, RESTARTS, Bucket, Limit


@pytest.mark.parametrize("limit", [COMMANDS, RESTARTS])
def test_takes_so_many_at_once_and_no_more(limit: Limit) -> None:
    """Then it says how long to wait."""
    bucket = Bucket(limit, 0)
    assert [bucket.take(0) for _ in range(limit.times)] == [0] * limit.times
    assert bucket.take(0) == pytest.approx(limit.seconds / limit.times)


def test_comes_back_with_time_but_never_beyond_full() -> None:
    """One every fifteen seconds."""
    bucket = Bucket(Limit(4, 60), 0)
    for _ in range(4):
        bucket.take(0)
    assert bucket.take(10) == pytest.approx(5)
    assert bucket.take(15) == 0
    assert bucket.wait(15) > 0
    assert [bucket.take(1e6) for _ in range(5)] == [0, 0, 0, 0, pytest.approx(15)]


def test_a_clock_that_went_back_gives_nothing() -> None:
    """Nor takes anything."""
    bucket = Bucket(Limit(2, 60), 100)
    assert bucket.take(100) == 0
    assert bucket.take(0) == 0
    assert bucket.take(0) > 0
