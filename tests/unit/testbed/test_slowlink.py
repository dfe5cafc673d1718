"""The slow cable's queue, on a clock of its own."""

from testbed.slowlink import Delay


class Clock:
    """A clock that stands until it is set."""

    now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def test_every_frame_waits_its_time_and_keeps_its_place() -> None:
    """Late, but in order."""
    clock = Clock()
    delay = Delay(0.3, 0, clock)
    assert delay.pause() is None
    delay.put(b"first")
    clock.now += 0.2
    delay.put(b"second")
    assert delay.due() == []
    assert round(delay.pause() or 0, 6) == 0.1
    clock.now += 0.1
    assert delay.due() == [b"first"]
    clock.now += 5
    assert delay.pause() == 0
    assert delay.due() == [b"second"]


def test_the_unlucky_are_lost() -> None:
    """A fifth of them, as dice fall."""
    dice = iter([0.1, 0.2, 0.5, 0.19, 0.9])
    delay = Delay(0, 0.2, Clock(), lambda: next(dice))
    for frame in (b"a", b"b", b"c", b"d", b"e"):
        delay.put(frame)
    assert delay.due() == [b"b", b"c", b"e"]
