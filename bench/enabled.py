"""Every entity of 300 devices enabled, with 10,000 pods: the figures of who wants to see everything."""

from dataclasses import dataclass, field
from typing import Final

from testbed.firehose import Firehose

from .house import BenchHouse, Missing
from .loaded import MANY, RUNS, Loaded, complete, one_pod, storm
from .remote import Remote

_PATIENCE: Final = 60.0


@dataclass(slots=True)
class Enabled:
    """What was measured: how many entities there were, and how many seconds passed until all were shown."""

    entities: int = 0
    shown: list[float] = field(default_factory=list)
    loaded: Loaded = field(default_factory=Loaded)


async def measure(house: BenchHouse, server: Firehose) -> Enabled:
    """Measure a Home Assistant that runs and knows no cluster yet, with a server of `MANY` pods."""
    found = Enabled()
    told = Remote(server)
    await house.connect(server.url, server.ca, server.token)
    await _rest(house)
    entities = [
        (entity["entity_id"].partition(".")[0], entity["unique_id"])
        for entity in await house.call("config/entity_registry/list")
        if entity["platform"] == "home_cluster"
    ]
    found.entities = len(entities)
    # Enabled in an entry that is there, Home Assistant would reload it in between.
    await house.forget()
    await house.probe("enable", entities=entities)
    await house.connect(server.url, server.ca, server.token)
    for _ in range(RUNS):
        await _rest(house)
        await house.probe("unload")
        await house.probe("begin")
        await house.probe("set_up")
        shown = await house.probe("shown", count=found.entities, timeout=_PATIENCE)
        if shown is None:
            raise Missing(f"not all of {found.entities} entities are shown")
        found.shown.append(shown)
        seen = await house.probe("read")
        found.loaded.set_up.setdefault(MANY, []).append(seen["set_ups"][0])
        found.loaded.follows.setdefault(MANY, []).append(complete(seen, MANY))
    await one_pod(house, told, found.loaded)
    await storm(house, told, found.loaded)
    return found


async def _rest(house: BenchHouse) -> None:
    if not await house.probe("rest", patience=90):
        raise Missing("Home Assistant did not come to rest")
