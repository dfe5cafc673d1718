"""Random stories: a cluster lives, faults of all kinds happen, then it is quiet.

Checked all along: what is told adds up to what is known; what is known was the truth at some time,
never a mixture of times; while the link is up, that time is not long ago; the server is not molested.
Checked at the end: everything is known, and nothing is left open.
"""

import asyncio
from collections.abc import Mapping
from random import Random

from custom_components.home_cluster.kube.cluster import LinkState
from custom_components.home_cluster.kube.schema import Key, Kind

from .faulty import faults
from .follow import EVENTUALLY, House, inhabited, known, rates, told
from .model_server import EXPIRED, TOO_LARGE, ModelServer, status_of
from .virtual import until

KINDS: dict[Kind, tuple[str, ...] | None] = {
    Kind.POD: None,
    Kind.NODE: None,
    Kind.DEPLOYMENT: ("attic", "cellar"),
}
STALE: float = 81.0
FAULTS = faults()
NAMES = "abcdefgh"

type Versions = frozenset[tuple[Key, tuple[str, str]]]


class History:
    """What has been the truth, and until when."""

    def __init__(self, server: ModelServer) -> None:
        """Remember from now on."""
        self.server = server
        self.until: dict[tuple[Kind, str], dict[Versions, float]] = {}
        self.present: dict[tuple[Kind, str], Versions] = {}
        self.places = [
            (kind, namespace)
            for kind, namespaces in KINDS.items()
            for namespace in (namespaces or ("",))
        ]
        server.changed = self.note
        for kind in KINDS:
            self.note(kind)

    def note(self, kind: Kind) -> None:
        """Take note of a change."""
        now = self.server.clock()
        for place in self.places:
            if place[0] is kind:
                if place in self.present:
                    self.until.setdefault(place, {})[self.present[place]] = now
                self.present[place] = frozenset(told(self.server, *place).items())

    def age(
        self, place: tuple[Kind, str], store: Mapping[Key, tuple[str, str]]
    ) -> float:
        """Return for how long this has not been the truth any more; fails if it never was."""
        kind, namespace = place
        have = frozenset(
            (key, item)
            for key, item in store.items()
            if namespace in ("", key.namespace)
        )
        if have == self.present[place] or not have:
            return 0
        assert have in self.until.get(place, {}), f"{kind} was never so: {sorted(have)}"
        return self.server.clock() - self.until[place][have]

    def right(self, place: tuple[Kind, str], house: House) -> bool:
        """Say whether exactly the present is known."""
        kind, namespace = place
        store = known(house.cluster.store(kind)).items()
        return self.present[place] == frozenset(
            (key, item) for key, item in store if namespace in ("", key.namespace)
        )


def live(server: ModelServer, random: Random) -> None:
    """Let something happen."""
    kind = random.choice(list(KINDS))
    namespace = (
        "" if kind is Kind.NODE else random.choice(("attic", "cellar", "garden"))
    )
    name = random.choice(NAMES)
    there = Key(namespace, name) in server.state(kind)
    if there and random.random() < 0.4:
        server.delete(kind, namespace, name)
        if random.random() < 0.3:
            server.put(kind, namespace, name)
    else:
        server.put(
            kind,
            namespace,
            name,
            status={"phase": random.choice(("Running", "Failed"))},
        )


async def disturb(house: House, random: Random) -> None:
    """Let something go wrong."""
    server = house.server
    match random.randrange(14):
        case 0 | 1 | 2 | 3 | 4:
            name = random.choice(list(FAULTS))
            server.faults += [
                FAULTS[name]() for _ in range(random.choice((1, 1, 2, 5)))
            ]
            server.disconnect(clean=random.random() < 0.5)
        case 5:
            server.compact()
            server.disconnect(clean=random.random() < 0.5)
        case 6 | 7:
            await server.restart(
                random.choice((0.5, 3, 20)),
                clean=random.random() < 0.5,
                settling=random.choice((0.03, 2)),
            )
        case 8:
            server.silent = True
            await asyncio.sleep(random.choice((1, 10, 100)))
            server.disconnect()
            server.silent = False
        case 9:
            kind = random.choice(list(KINDS))
            where = random.choice((server.denied, server.missing))
            where.add(kind)
            server.disconnect(clean=True)
            await asyncio.sleep(random.choice((1, 10, 60)))
            where.clear()
        case 10:
            server.unauthorized = True
            server.disconnect()
            await asyncio.sleep(random.choice((1, 30)))
            server.unauthorized = False
        case 11:
            server.watch_list = random.choice(
                (
                    True,
                    False,
                    None,
                    EXPIRED,
                    TOO_LARGE,
                    status_of(500, "InternalError", ""),
                )
            )
            server.disconnect(clean=random.random() < 0.5)
        case 12:
            server.refusing = True
            backup = server.snapshot()
            for _ in range(random.randrange(4)):
                live(server, random)
            await asyncio.sleep(1)
            server.restore(backup)
            # Versions are used again, but for other things.
            server.version += random.choice((0, 5))
            server.refusing = False
        case 13:
            server.unready = True
            server.disconnect()
            await asyncio.sleep(random.choice((1, 20)))
            server.unready = False


async def story(seed: int) -> House:
    """Live through one random story."""
    random = Random(seed)
    house = House(KINDS, seed=seed)
    server = house.server
    for _ in range(random.randrange(30)):
        live(server, random)
    history = History(server)

    def check() -> None:
        for kind, namespace in history.places:
            age = history.age((kind, namespace), known(house.cluster.store(kind)))
            denied = (kind, namespace or None) in house.cluster.denied
            # A refusal is not believed before it lasts, nor a restored store seen before it is read.
            if house.cluster.link is LinkState.UP and not denied:
                assert age <= STALE, (
                    f"{kind} is out of date by {age} s although the link is up"
                )

    def checked(changes: Mapping[Kind, set[Key]]) -> None:
        house.on_change(changes)
        check()

    house.cluster._on_change = checked
    async with inhabited(house):
        for _ in range(random.randrange(3, 9)):
            for _ in range(random.randrange(12)):
                live(server, random)
                await asyncio.sleep(random.choice((0, 0, 0.01, 0.3, 3)))
            if random.random() < 0.75:
                await disturb(house, random)
            else:
                await asyncio.sleep(random.choice((5, 40, 320)))
            check()
        server.faults.clear()
        server.watch_list = True
        live(server, random)
        # A kind that was refused for long is asked for every five minutes only.
        patience = 340 if house.cluster.denied or house.cluster.absent else EVENTUALLY
        await until(
            lambda: (
                house.up
                and not house.cluster.denied
                and not house.cluster.absent
                and all(history.right(place, house) for place in history.places)
            ),
            patience + 40,
            step=0.5,
        )
    assert max(rates(server.requests).values()) <= 10, rates(server.requests)
    assert server.at_once <= 1
    return house
