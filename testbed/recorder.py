"""Everything that Home Assistant said of its entities, from the first connection to the last."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
import time
from typing import Any
from urllib.parse import quote

from .house import House
from .house_socket import HouseError, HouseSocket


@dataclass(frozen=True, slots=True)
class Change:
    """One written state. `at` is Home Assistant's own time of it, `seen` ours; None = removed."""

    at: float
    seen: float
    entity: str
    state: str | None
    attributes: Mapping[str, Any] = field(
        repr=False, compare=False, default_factory=dict
    )


@dataclass(frozen=True, slots=True)
class RegistryChange:
    """A device or an entity that was made, changed or removed."""

    seen: float
    registry: str
    action: str
    id: str


@dataclass(slots=True)
class Window:
    """A time in which some words are no lie.

    `allows` holds the states that may be seen, of the entities whose unique ids hold `of`
    (all of them for an empty text). `until` stays open while the window does.
    """

    name: str
    since: float
    allows: frozenset[str]
    of: str = ""
    until: float = float("inf")

    def excuses(self, at: float, unique_id: str, state: str) -> bool:
        """Whether this window explains the state."""
        return (
            self.since <= at <= self.until
            and state in self.allows
            and self.of in unique_id
        )


class Recorder:
    """Follows one Home Assistant through restarts; knows every entity by its unique id.

    Removed entities keep their place in `entities`: what was said of them stays said.
    """

    def __init__(self, house: House) -> None:
        """Record `house` once `begin` has been called."""
        self.house = house
        self.changes: list[Change] = []
        self.registry: list[RegistryChange] = []
        self.windows: list[Window] = []
        self.entities: dict[str, str] = {}
        self.now: dict[str, Change] = {}
        self._news = asyncio.Event()
        self._socket: HouseSocket
        self._reading = self._stale = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self) -> None:
        """Record from now on, and again from each start on as soon as anyone is let in."""
        await self.house.attend(self._attend)

    async def fill_gaps(self, since: float) -> int:
        """Add what Home Assistant wrote into its own history while nobody could listen yet.

        Returns how many changes were added.
        """
        known = {(change.entity, round(change.at, 3)) for change in self.changes}
        begin = datetime.fromtimestamp(since, UTC).isoformat()
        path = f"/api/history/period/{quote(begin)}?skip_initial_state&end_time={quote(datetime.now(UTC).isoformat())}"
        missed: list[Change] = []
        names = sorted(self.entities)
        for start in range(0, len(names), 50):
            chosen = ",".join(names[start : start + 50])
            for states in await self.house.rest(
                "GET", f"{path}&filter_entity_id={chosen}"
            ):
                for state in states:
                    at = _epoch(state["last_updated"])
                    if (state["entity_id"], round(at, 3)) not in known:
                        missed.append(
                            Change(
                                at,
                                at,
                                state["entity_id"],
                                state["state"],
                                state["attributes"],
                            )
                        )
        self.changes = sorted([*self.changes, *missed], key=lambda change: change.at)
        return len(missed)

    def entity_id(self, unique_id: str) -> str | None:
        """The entity with that unique id, if Home Assistant has one."""
        return next(
            (entity for entity, known in self.entities.items() if known == unique_id),
            None,
        )

    def state(self, unique_id: str) -> Change | None:
        """What Home Assistant says now of the entity with that unique id."""
        entity = self.entity_id(unique_id)
        return self.now.get(entity) if entity else None

    async def until(
        self, condition: Callable[[], bool], *, timeout: float, poll: float = 0.25
    ) -> float | None:
        """Wait until `condition` holds, looking at each news; the time it took, None if it never did."""
        start = time.monotonic()
        while not condition():
            left = timeout - (time.monotonic() - start)
            if left <= 0:
                return None
            self._news.clear()
            try:
                async with asyncio.timeout(min(left, poll)):
                    await self._news.wait()
            except TimeoutError:
                continue
        return time.monotonic() - start

    @contextmanager
    def window(
        self, name: str, *allows: str, of: str = "", settle: float = 0.0
    ) -> Iterator[Window]:
        """A time in which the states `allows` are no lie, and `settle` seconds more."""
        opened = Window(name, time.time(), frozenset(allows), of)
        self.windows.append(opened)
        try:
            yield opened
        finally:
            opened.until = time.time() + settle

    async def _attend(self, socket: HouseSocket) -> None:
        await socket.subscribe(
            "subscribe_events", self._on_state, event_type="state_changed"
        )
        for registry in ("device", "entity"):
            await socket.subscribe(
                "subscribe_events",
                partial(self._on_registry, registry),
                event_type=f"{registry}_registry_updated",
            )
        self._socket = socket
        await self._read_registry()
        for state in await socket.call("get_states"):
            self._note(state["entity_id"], state)

    async def _read_registry(self) -> None:
        """Learn all entities; asked again while reading, it reads once more."""
        self._stale = True
        if self._reading:
            return
        self._reading = True
        try:
            while self._stale:
                self._stale = False
                for entry in await self._socket.call("config/entity_registry/list"):
                    self.entities[entry["entity_id"]] = entry["unique_id"]
        finally:
            self._reading = False
        self._news.set()

    async def _reread(self) -> None:
        """Read the registry after a change; if Home Assistant stops now, the next start reads it."""
        with suppress(HouseError):
            await self._read_registry()

    def _on_state(self, event: dict[str, Any]) -> None:
        self._note(
            event["data"]["entity_id"], event["data"]["new_state"], event["time_fired"]
        )

    def _on_registry(self, registry: str, event: dict[str, Any]) -> None:
        data = event["data"]
        self.registry.append(
            RegistryChange(
                time.time(), registry, data["action"], data[f"{registry}_id"]
            )
        )
        if registry == "entity" and data["action"] != "remove":
            task = asyncio.create_task(self._reread())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._news.set()

    def _note(
        self, entity: str, state: Mapping[str, Any] | None, fired: str | None = None
    ) -> None:
        seen = time.time()
        if state is None:
            change = Change(_epoch(fired) if fired else seen, seen, entity, None)
            self.now.pop(entity, None)
        else:
            change = Change(
                _epoch(state["last_updated"]),
                seen,
                entity,
                state["state"],
                state["attributes"],
            )
            self.now[entity] = change
        self.changes.append(change)
        self._news.set()


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
