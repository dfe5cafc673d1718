"""A loaded integration: 300 workloads with 300 and then 10,000 pods, in a real Home Assistant, over TLS."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
import time
from typing import Any, Final

from testbed.firehose import UID, Firehose, workload_of

from . import peers
from .house import BenchHouse, Missing
from .remote import Remote
from .rows import Pace

WORKLOADS: Final = 300
FEW: Final = 300
MANY: Final = 10_000
RUNS: Final = 3
STORM: Final = 10_000
STEPS: Final = 100
"""Changes of one pod, told one by one."""

PAUSE: Final = 0.03

type Measured = dict[str, float]


@dataclass(slots=True)
class Loaded:
    """What was measured; times in seconds, memory in bytes, one value a run."""

    floors: list[float] = field(default_factory=list)
    set_up: dict[int, list[float]] = field(default_factory=dict)
    follows: dict[int, list[Measured]] = field(default_factory=dict)
    events: list[float] = field(default_factory=list)
    store: float = 0
    delays: list[float] = field(default_factory=list)
    writes: int = 0
    strangers: set[str] = field(default_factory=set)
    false_switches: int = 0
    switches: int = 0

    @property
    def pace(self) -> Pace:
        """How fast this machine was meanwhile."""
        return Pace(median(self.floors))

    def middle(self, pods: int, what: str) -> float:
        """Return the median of what was measured while a crowd of pods was read."""
        return median(follow[what] for follow in self.follows[pods])


async def measure(house: BenchHouse, server: Firehose) -> Loaded:
    """Measure a Home Assistant that runs and knows no cluster yet, with a server of `FEW` pods."""
    told = Remote(server)
    found = Loaded()
    await _enable_all(house)
    if not await house.probe("rest", patience=90):
        raise Missing("Home Assistant did not come to rest after its start")
    for pods in (FEW, MANY):
        for run in range(RUNS):
            if house.entry_id:
                await house.probe("unload")
            if run == 0:
                await asyncio.to_thread(told, "world", pods=pods)
            if pods == MANY:
                floor = await asyncio.to_thread(peers.measure, "floor", server)
                found.floors.append(floor["seconds"])
            await house.probe("begin", memory=True)
            if house.entry_id:
                await house.probe("set_up")
            else:
                await house.connect(server.url, server.ca, server.token)
            seen = await house.probe("read")
            found.set_up.setdefault(pods, []).append(seen["set_ups"][0])
            found.follows.setdefault(pods, []).append(complete(seen, pods))
    store = await house.probe("store")
    if store["pods"] != MANY:
        raise Missing(f"the store holds {store['pods']} of {MANY} pods")
    found.store = store["bytes"] / MANY
    await one_pod(house, told, found)
    await storm(house, told, found)
    await _reload(house, found)
    return found


def complete(seen: dict[str, Any], pods: int) -> Measured:
    """Return the one following of so many pods in what the probe read; raises `Missing`."""
    follows: Sequence[Measured] = seen["follows"]
    if len(follows) != 1 or not follows[0]["synced"]:
        raise Missing(f"{pods} pods were read {len(follows)} times: {follows}")
    return follows[0]


async def _enable_all(house: BenchHouse) -> None:
    """Have everything about the first device enabled, so that every change of its pods shows."""
    namespace, name = workload_of(0, WORKLOADS)
    device = f"{UID}/deployment/{namespace}/{name}"
    keys = ("restarts", "node", "started", "image", "desired")
    sensors = [("sensor", f"{device}/{key}") for key in keys]
    await house.probe("enable", entities=sensors)


async def one_pod(house: BenchHouse, told: Remote, found: Loaded) -> None:
    """Change one pod again and again; see how soon, and what, Home Assistant writes."""
    namespace, name = workload_of(0, WORKLOADS)
    device = f"{UID}/deployment/{namespace}/{name}"
    if not await house.probe("rest", patience=90):
        raise Missing("Home Assistant did not come to rest after a set-up")
    await house.probe("record")
    made = []
    for _ in range(STEPS):
        made.append((await asyncio.to_thread(told, "change", count=1, first=0))["time"])
        await asyncio.sleep(PAUSE)
    await asyncio.sleep(1)
    writes = await house.probe("recorded")
    found.writes = len(writes)
    found.strangers = {
        write["unique_id"]
        for write in writes
        if not write["unique_id"].startswith(f"{device}/")
    }
    shown = [
        write["time"]
        for write in writes
        if write["unique_id"] == f"{device}/restarts" and write["state"] is not None
    ]
    if len(shown) != len(made):
        raise Missing(
            f"{len(made)} changes of a pod showed {len(shown)} times as its restarts"
        )
    found.delays = [after - before for before, after in zip(made, shown, strict=True)]


async def storm(house: BenchHouse, told: Remote, found: Loaded) -> None:
    """Change all pods as fast as can be sent; see when the store holds the last change."""
    for _ in range(RUNS):
        await house.probe("begin")
        change = await asyncio.to_thread(told, "change", count=STORM, first=0)
        reached = await house.probe(
            "reached", key=change["key"], version=change["version"], timeout=60.0
        )
        if reached is None:
            raise Missing(f"the last of {STORM} changes did not come")
        found.events.append(STORM / (reached - change["time"]))


async def _reload(house: BenchHouse, found: Loaded) -> None:
    """Reload; all switches are on, so that none may ever be off."""
    states = await house.states()
    found.switches = sum(
        name.startswith("switch.") and state["state"] == "on"
        for name, state in states.items()
    )
    await house.probe("record")
    began = time.monotonic()
    await house.reload()
    while not all(
        state["state"] == "on"
        for name, state in (await house.states()).items()
        if name.startswith("switch.")
    ):
        if time.monotonic() - began > 30:
            raise Missing("the switches are not on again after a reload")
        await asyncio.sleep(0.2)
    writes = await house.probe("recorded")
    found.false_switches = sum(
        write["unique_id"].endswith("/power") and write["state"] == "off"
        for write in writes
    )
