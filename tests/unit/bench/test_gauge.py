"""The gauge tells a busy loop from an idle one, and its clock keeps the loop's order."""

import asyncio
from collections.abc import AsyncIterator
import time

from msgspec import Struct
import pytest

from bench.gauge import FastClock, LoopGauge, memory, peak_memory, reset_peak, size_of


@pytest.fixture
async def gauge() -> AsyncIterator[LoopGauge]:
    loop = asyncio.get_running_loop()
    selector = loop._selector  # type: ignore[attr-defined]
    yield LoopGauge(loop)
    del selector.select


def burn(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


async def test_a_turn_that_computes_is_a_gap(gauge: LoopGauge) -> None:
    await asyncio.sleep(0)
    burn(0.03)
    await asyncio.sleep(0)
    assert gauge.longest >= 0.03
    assert gauge.longest_busy >= 0.03


async def test_a_turn_that_blocks_is_a_gap_although_it_computes_nothing(
    gauge: LoopGauge,
) -> None:
    await asyncio.sleep(0)
    time.sleep(0.05)  # noqa: ASYNC251  (the very fault that is looked for)
    await asyncio.sleep(0)
    assert gauge.longest >= 0.05
    assert gauge.longest_busy < 0.04


async def test_waiting_is_no_gap(gauge: LoopGauge) -> None:
    await asyncio.sleep(0)
    gauge.reset()
    await asyncio.sleep(0.2)
    assert gauge.longest_busy < 0.1


async def test_what_was_before_is_forgotten(gauge: LoopGauge) -> None:
    await asyncio.sleep(0)
    burn(0.1)
    await asyncio.sleep(0)
    gauge.reset()
    await asyncio.sleep(0)
    assert gauge.longest_busy < 0.1


async def test_a_fast_clock_lets_timeouts_come_early_and_in_order(
    gauge: LoopGauge, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    real = time.perf_counter()
    # So that they are put back.
    monkeypatch.setattr(time, "monotonic", time.monotonic)
    monkeypatch.setattr(loop, "time", loop.time)
    clock = FastClock(gauge, loop)
    before = time.monotonic()
    clock.go(100)
    done: list[int] = []
    loop.call_later(20, done.append, 2)
    loop.call_later(10, done.append, 1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(30):
            await asyncio.Event().wait()
    assert done == [1, 2]
    assert time.monotonic() - before >= 30
    assert time.perf_counter() - real < 15
    clock.go(1)
    assert time.monotonic() - before >= 30


def test_the_peak_remembers_memory_that_was_given_back() -> None:
    reset_peak()
    before = memory()
    held = bytearray(64 << 20)
    held[:: 1 << 12] = bytes(len(held) >> 12)
    del held
    assert peak_memory() - before > 48 << 20
    reset_peak()
    assert peak_memory() - memory() < 16 << 20


class Thing(Struct, gc=False):
    """Something that holds something."""

    name: str
    parts: tuple[bytes, ...]


def test_a_size_counts_all_that_is_held_once() -> None:
    shared = bytes(1000)
    things = {"a": Thing("a", (shared,)), "b": Thing("b", (shared, bytes(500)))}
    size = size_of([things])
    assert 1500 < size < 3000
    assert size_of([things, things]) == size
