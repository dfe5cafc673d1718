"""How long a loop was busy, how much memory a process has: used inside Home Assistant and the peers alike.

It imports nothing of ours, since the probe carries it into Home Assistant's own process.
"""

import asyncio
from collections.abc import Callable, Iterable
import ctypes
from enum import Enum
import gc
from pathlib import Path
import sys
import time
from typing import Any, Final

_STATUS: Final = Path("/proc/self/status")
_CLEAR_REFS: Final = Path("/proc/self/clear_refs")
_RESET_PEAK: Final = "5"


class LoopGauge:
    """Times how long an event loop does not look at its sockets and timers.

    `longest` is by the clock, `longest_busy` by the processor time that this thread got meanwhile: what
    the first has more is other processes' doing. Both in seconds, since `reset`.
    `speed` divides how long the loop sleeps, for a process whose clock was made faster.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to time a loop that waits by a selector."""
        self.speed = 1.0
        self._woken: float | None = None
        self._busy = 0.0
        self.reset()
        selector: Any = loop._selector  # type: ignore[attr-defined]  # noqa: SLF001
        self._select: Callable[[float | None], Any] = selector.select
        selector.select = self._timed

    def reset(self) -> None:
        """Forget the longest."""
        self.longest = self.longest_busy = 0.0

    def _timed(self, timeout: float | None = None) -> Any:
        now, busy = time.perf_counter(), time.thread_time()
        if self._woken is not None:
            self.longest = max(self.longest, now - self._woken)
            self.longest_busy = max(self.longest_busy, busy - self._busy)
        if timeout and self.speed != 1:
            timeout /= self.speed
        events = self._select(timeout)
        self._woken, self._busy = time.perf_counter(), time.thread_time()
        return events


class FastClock:
    """Makes `time.monotonic` and a loop's time go faster from now on, without a jump."""

    def __init__(self, gauge: LoopGauge, loop: asyncio.AbstractEventLoop) -> None:
        """Stand in for the monotonic clock; it still goes as fast as ever."""
        self._gauge = gauge
        self._real = time.monotonic
        self._since = self._then = self._real()
        time.monotonic = self.now
        # Home Assistant's loop does not ask `time` anew each time.
        loop.time = self.now  # type: ignore[method-assign]

    def now(self) -> float:
        """Return the time."""
        return self._then + (self._real() - self._since) * self._gauge.speed

    def go(self, speed: float) -> None:
        """Go `speed` times as fast as real time."""
        self._then, self._since = self.now(), self._real()
        self._gauge.speed = speed


def memory() -> int:
    """Return what this process has in memory now, in bytes."""
    return _status("VmRSS:")


def peak_memory() -> int:
    """Return the most that it had since `reset_peak`, in bytes."""
    return _status("VmHWM:")


def reset_peak() -> None:
    """Measure the peak from now on."""
    _CLEAR_REFS.write_text(_RESET_PEAK)


def tidy() -> None:
    """Give back what is free, so that what is left is in use."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def size_of(roots: Iterable[Any]) -> int:
    """Return the bytes of objects and all that they hold, everything counted once.

    Looks into containers and msgspec's structs.
    """
    seen: set[int] = set()
    waiting = list(roots)
    total = 0
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, type | Enum):
            continue
        seen.add(id(thing))
        total += sys.getsizeof(thing)
        if isinstance(thing, dict):
            waiting += thing.keys()
            waiting += thing.values()
        elif isinstance(thing, tuple | list | set | frozenset):
            waiting += thing
        elif fields := getattr(thing, "__struct_fields__", None):
            waiting += [getattr(thing, name) for name in fields]
    return total


def _status(name: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise OSError(f"{_STATUS} does not tell {name}")
