"""A loop whose clock jumps to the next timer: hours pass in milliseconds, and nothing is left to luck."""

import asyncio
from collections.abc import Coroutine
import selectors
from typing import Any, override


class _Selector(selectors.SelectSelector):
    """Never waits: it moves the clock instead."""

    loop: VirtualLoop
    turns = 0

    @override
    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or timeout == 0:
            self.turns += 1
            assert self.turns < 100_000, "a storm: this never waits"
            return events
        self.turns = 0
        if timeout is None:
            raise AssertionError("everything waits for something that never comes")
        # A little more than asked for, so that no rounding leaves a timer for ever ahead.
        self.loop.now += timeout + 1e-6
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time."""

    def __init__(self) -> None:
        """Begin some time after the machine's start, as a monotonic clock does."""
        self.now = 1_000.0
        self.selector = _Selector()
        self.selector.loop = self
        super().__init__(self.selector)
        self.faults: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _, context: self.faults.append(context))

    @override
    def time(self) -> float:
        return self.now


def run[T](story: Coroutine[Any, Any, T]) -> T:
    """Run a story on virtual time; nothing that it started may be left, nothing may have gone wrong unseen."""
    loop = VirtualLoop()
    try:
        result = loop.run_until_complete(story)
        left = asyncio.all_tasks(loop)
        assert not left, f"tasks are left: {left}"
        assert not loop.faults, loop.faults
        return result
    finally:
        loop.selector.turns = -100_000
        for task in asyncio.all_tasks(loop):
            task.cancel()
        for _ in range(20):
            loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def until(condition: Any, within: float, step: float = 0.1) -> float:
    """Wait until `condition()` holds; returns after how long, fails after `within` seconds."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not condition():
        waited = loop.time() - began
        assert waited < within, f"not within {within} s: {condition}"
        await asyncio.sleep(step)
    return loop.time() - began
