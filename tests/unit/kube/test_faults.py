"""Every fault, once and again and again: what is known becomes right again, and the server is not molested."""

import asyncio
from collections.abc import AsyncIterator
import time
from typing import Any

import pytest

from custom_components.home_cluster.kube.cluster import LinkState
from custom_components.home_cluster.kube.schema import Kind

from .faulty import faults
from .follow import EVENTUALLY, House, inhabited, names, rates
from .model_server import Fault, watch_fault
from .virtual import VirtualLoop, run, until

KINDS = {Kind.POD: None, Kind.NODE: None}
FAULTS = faults()


def furnished() -> House:
    """Return a house with things in it."""
    house = House(KINDS)
    for number in range(300):
        house.server.put(Kind.POD, "attic", f"pod-{number:03d}")
    house.server.put(Kind.NODE, "", "pi-attic")
    return house


def of_pods(fault: Fault) -> Fault:
    """Let a fault hit the pods only."""
    fits = fault.fits

    def only(request: Any) -> bool:
        return request.path.endswith("/pods") and fits(request)

    fault.fits = only  # type: ignore[method-assign]
    return fault


async def change(house: House) -> None:
    """Let things come, change and go."""
    house.server.put(Kind.POD, "attic", "new")
    house.server.put(Kind.POD, "attic", "pod-001", status={"phase": "Failed"})
    if "pod-002" in {key.name for key in house.server.state(Kind.POD)}:
        house.server.delete(Kind.POD, "attic", "pod-002")
    await asyncio.sleep(0.5)


@pytest.mark.parametrize("watch_list", [True, False], ids=["watch list", "list"])
@pytest.mark.parametrize("times", [1, 8], ids=["once", "again and again"])
@pytest.mark.parametrize("name", FAULTS)
def test_whatever_happens_it_becomes_right_again(
    name: str, times: int, watch_list: bool
) -> None:
    async def story() -> None:
        house = furnished()
        house.server.watch_list = watch_list
        async with inhabited(house):
            assert await house.cluster.wait_synced(5)
            await asyncio.sleep(20)
            house.server.faults += [of_pods(FAULTS[name]()) for _ in range(times)]
            house.server.disconnect(clean=times == 1)
            await change(house)
            house.server.put(Kind.NODE, "", "pi-cellar")
            # The other kind is not harmed, unless the link as a whole was in doubt.
            await until(
                lambda: "pi-cellar" in names(house.cluster.store(Kind.NODE)),
                6 if times == 1 else 60,
            )
            await asyncio.sleep(40 * times)
            house.server.faults.clear()
            await change(house)
            await until(lambda: house.same() and house.up, EVENTUALLY)
            assert max(rates(house.server.requests).values()) <= 10
            assert house.server.at_once == 1

    run(story())


@pytest.mark.parametrize("name", FAULTS)
def test_whatever_happens_at_first_it_becomes_right(name: str) -> None:
    async def story() -> None:
        house = furnished()
        house.server.faults += [of_pods(FAULTS[name]()) for _ in range(2)]
        shown: list[int] = []
        follow = house.on_change

        def watchful(changes: Any) -> None:
            follow(changes)
            if Kind.POD in changes:
                shown.append(len(house.cluster.store(Kind.POD)))

        house.cluster._on_change = watchful
        async with inhabited(house):
            await until(lambda: house.same() and house.up, 2 * EVENTUALLY)
            assert shown[0] == 300, "a part of the beginning was shown"
            assert max(rates(house.server.requests).values()) <= 10

    run(story())


def test_one_bookmark_and_an_end_is_not_answered_by_a_storm() -> None:
    async def story() -> None:
        house = furnished()
        bookmark = house.server.bookmark(Kind.POD, initial_end=True)

        async def one(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            yield bookmark

        house.server.faults += [watch_fault("one bookmark", one) for _ in range(5000)]
        async with inhabited(house):
            await asyncio.sleep(600)
            assert max(rates(house.server.requests).values()) <= 10
            assert len(house.server.requests) <= 2 * 600

    run(story())


def test_the_loop_may_be_suspended_for_ten_minutes() -> None:
    async def story() -> None:
        house = furnished()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        async with inhabited(house):
            await house.cluster.wait_synced(5)
            await asyncio.sleep(100)
            loop.now += 600
            house.server.disconnect()
            house.server.start_cache()
            await change(house)
            await until(lambda: house.same() and house.up, 10)

    run(story())


@pytest.mark.parametrize("jump", [86_400, -86_400])
def test_the_time_of_day_schedules_nothing(
    jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        house = furnished()
        async with inhabited(house):
            await house.cluster.wait_synced(5)
            now = time.time()
            monkeypatch.setattr(time, "time", lambda: now + jump)
            count = len(house.server.requests)
            await asyncio.sleep(290)
            assert len(house.server.requests) == count
            house.server.disconnect()
            await change(house)
            await until(house.same, 5)
            assert [state for _, state in house.links] == [LinkState.UP]

    run(story())


def test_a_store_restored_from_a_backup_is_seen_at_once() -> None:
    async def story() -> None:
        house = furnished()
        backup = house.server.snapshot()
        await change(house)
        async with inhabited(house):
            await house.cluster.wait_synced(5)
            house.server.refusing = True
            house.server.disconnect()
            await asyncio.sleep(20)
            house.server.restore(backup)
            for name in ("a", "b", "c", "d"):
                house.server.put(Kind.POD, "attic", name)
            house.server.refusing = False
            await until(lambda: house.same() and house.up, 6)

    run(story())
