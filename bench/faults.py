"""What a real Home Assistant does when the cluster fails in every way, and how little it asks at rest.

The clock of that Home Assistant, and of the server, goes `SPEED` or `IDLE_SPEED` times as fast: the
integration's own timeouts, back-offs and renewals are the real ones.
"""

import asyncio
from dataclasses import dataclass, field
import time
from typing import Any, Final

from testbed.firehose import Firehose

from .house import BenchHouse, Missing
from .remote import Remote
from .server import Fault

WORKLOADS: Final = 20
SPEED: Final = 20.0
IDLE_SPEED: Final = 30.0
FAULT_SECONDS: Final = 60
"""How long each fault lasts, by the fast clock: longer than a refusal needs to be believed."""

IDLE_MINUTES: Final = 30
"""How long requests are counted, by the fast clock: each watch is renewed three times at least."""

_RECOVERY: Final = 60
FAULTS: Final = tuple(fault for fault in Fault if fault is not Fault.NONE)
AT_START: Final = (Fault.UNAVAILABLE, Fault.EMPTY)
"""The faults that Home Assistant itself is restarted in."""


@dataclass(slots=True)
class Faulty:
    """What was seen; `removed` are ids of entities and devices."""

    entities: int = 0
    removed: set[str] = field(default_factory=set)
    false_switches: int = 0
    faults: int = 0
    requests: dict[str, int] = field(default_factory=dict)
    minutes: float = 0
    watches: int = 0

    @property
    def requests_a_minute(self) -> float:
        """How much is asked of the server at rest."""
        return sum(self.requests.values()) / self.minutes


async def measure(house: BenchHouse, server: Firehose) -> Faulty:
    """Measure a Home Assistant that runs and knows no cluster yet."""
    told = Remote(server)
    found = Faulty()
    await house.connect(server.url, server.ca, server.token)
    before = await _ids(house)
    found.entities = sum(
        state["entity_id"].startswith(("switch.", "sensor.", "binary_sensor."))
        for state in (await house.states()).values()
    )
    await _rest(house, told, found)
    await _hurry(house, told, SPEED)
    await house.probe("begin")
    for fault in FAULTS:
        await house.probe("record")
        await asyncio.to_thread(told, "fault", **{"is": fault})
        await asyncio.sleep(FAULT_SECONDS / SPEED)
        await _heal(house, told)
        found.false_switches += _false(await house.probe("recorded"))
        found.faults += 1
    found.removed |= set((await house.probe("read"))["removed"])
    for fault in AT_START:
        await house.stop()
        await asyncio.to_thread(told, "fault", **{"is": fault})
        await house.start()
        await asyncio.sleep(2)
        await _heal(house, told)
        found.faults += 1
    found.removed |= before - await _ids(house)
    return found


async def _ids(house: BenchHouse) -> set[str]:
    registries = await house.probe("registries")
    return {*registries["entities"], *registries["devices"]}


async def _hurry(house: BenchHouse, told: Remote, speed: float) -> None:
    await asyncio.to_thread(told, "speed", **{"is": speed})
    await house.probe("speed", factor=speed)


async def _heal(house: BenchHouse, told: Remote) -> None:
    """End a fault, and wait until all switches are on again."""
    await asyncio.to_thread(told, "fault", **{"is": Fault.NONE})
    end = time.monotonic() + _RECOVERY
    while wrong := await _wrong(house):
        if time.monotonic() > end:
            raise Missing(
                f"not right again after {_RECOVERY} s: {wrong}, the entry is "
                f"{await house.entry_state()}"
            )
        if await house.entry_state() == "setup_retry":
            # Home Assistant's own patience, which is not what is measured.
            await asyncio.sleep(0.5)
        await asyncio.sleep(0.1)


async def _wrong(house: BenchHouse) -> str:
    states = await house.states()
    # The power switches; nodes have one, too.
    switches = [
        state["state"]
        for name, state in states.items()
        if name.startswith("switch.") and not name.endswith("_takes_new_pods")
    ]
    on = switches.count("on")
    return "" if on == WORKLOADS else f"{on} of {WORKLOADS} switches are on"


def _false(writes: list[dict[str, Any]]) -> int:
    """Count what was said to be off: nothing ever is."""
    return sum(
        write["unique_id"].endswith("/power") and write["state"] == "off"
        for write in writes
    )


async def _rest(house: BenchHouse, told: Remote, found: Faulty) -> None:
    """Count the requests of a connection at rest."""
    await _hurry(house, told, IDLE_SPEED)
    # The watches were opened for as long as they would be at real time: begin anew.
    await house.reload()
    await asyncio.sleep(60 / IDLE_SPEED)
    await asyncio.to_thread(told, "requests")
    began = time.monotonic()
    await asyncio.sleep(IDLE_MINUTES * 60 / IDLE_SPEED)
    found.requests = await asyncio.to_thread(told, "requests")
    found.minutes = (time.monotonic() - began) * IDLE_SPEED / 60
    found.watches = sum(
        not path.endswith("/readyz") and path.startswith("GET ")
        for path in found.requests
    )
