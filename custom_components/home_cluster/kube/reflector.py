"""One collection of objects, followed: read once as a whole, then by its watch.

The store is never partly new: a complete read replaces it in one step, and until then, and through
every outage, it stays as it was. After a broken connection a complete read comes first, since the
server may have been restored from a backup; after an ordinary end the watch is resumed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
import logging
from random import random as random_number
import time
from typing import Final, NoReturn, Protocol

from .answers import error_of
from .errors import (
    Expired,
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unreachable,
    Unreadable,
)
from .resources import UNMARKED, path
from .schema import Key, Kind, Record
from .wire import (
    Bookmark,
    Broken,
    Line,
    Lines,
    Page,
    Status,
    Unwanted,
    decode_event,
    decode_item,
    decode_page,
)

_LOGGER = logging.getLogger(__name__)

PAGE: Final = 250
SLICE: Final = 0.002
"""How long the loop may be held by decoding, in seconds."""

SILENCE_AT_START: Final = 30.0
SILENCE: Final = 75.0
"""Bookmarks come every 60 s, and the server keeps events for at least 75 s."""

WATCH_SECONDS: Final = (300, 600)
SHORT: Final = 1.0
STEADY: Final = 10.0
"""A stream shorter than SHORT is answered by backing off; one longer than STEADY ends a series of failures."""

FIRST_DELAY: Final = 0.8
LONGEST_DELAY_SOON: Final = 2.0
LONGEST_DELAY_LATER: Final = 15.0
LATER: Final = 300.0
"""Delays double from the first to the longest, which grows after LATER seconds of failures; up to as much again is added."""

LONGEST_RETRY_AFTER: Final = 300.0
TOLERATED_THROTTLING: Final = 4.0
PERSISTENT_TIMES: Final = 3
PERSISTENT_SECONDS: Final = 15.0
"""After a restart the server refuses valid accounts for a moment: only repeated refusals count."""

ASK_AGAIN: Final = 300.0
LIST_FOR: Final = 3600.0
"""How long a server that cannot begin a watch with all objects is asked for lists instead."""

READ_AGAIN: Final = 6 * 3600.0
"""A store restored from a backup can use resource versions twice, which no watch shows."""


class Phase(StrEnum):
    """How a reflector's store relates to the cluster."""

    CONNECTING = "connecting"  # not read yet
    SYNCED = "synced"  # complete and followed
    BACKOFF = "backoff"  # as it was before the failure
    DENIED = "denied"  # as it was before the account lost the right
    ABSENT = "absent"  # empty: the server does not know the kind


class Stream(Protocol):
    """The body of an answer that goes on; `silence` is how long it may be still, in seconds."""

    silence: float

    async def read(self) -> bytes:
        """Return what has come, b"" at the proper end; raises `Unreachable` when cut or silent."""


class Api(Protocol):
    """What a reflector asks of the client."""

    async def request(
        self, method: str, path: str, *, params: Mapping[str, str | int] | None = None
    ) -> bytes:
        """Return the body of a good answer."""

    def stream(
        self,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        silence: float = SILENCE,
    ) -> AbstractAsyncContextManager[Stream]:
        """Open an answer that goes on; `silence` is also how long its beginning may take."""


class Reflector:
    """Follows one kind in one namespace, or in the whole cluster.

    `on_change` tells the keys that changed, never more often than once a slice; `replaced` says that
    they come from a complete read. `on_phase` tells every change of `phase`. `ready` asks the server
    whether it is ready to be believed when it refuses.
    `read_at` is when the complete read that the store is of was asked for.
    `store` may be shared between reflectors of the same kind with a namespace each.
    """

    def __init__(
        self,
        client: Api,
        kind: Kind,
        namespace: str | None = None,
        *,
        on_change: Callable[[Kind, set[Key], bool], None],
        on_phase: Callable[[], None],
        ready: Callable[[], Awaitable[bool]],
        store: dict[Key, Record] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = random_number,
    ) -> None:
        """Prepare; nothing is asked before `run`."""
        self.kind = kind
        self.namespace = namespace
        self.store: dict[Key, Record] = {} if store is None else store
        self.phase = Phase.CONNECTING
        self.error: KubeError | None = None
        self.read_at = float("-inf")
        self._asked_at = clock()
        self._client = client
        self._path = path(kind, namespace)
        self._on_change = on_change
        self._on_phase = on_phase
        self._ready = ready
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._version = ""
        self._replaced_at = -READ_AGAIN
        self._list_until = clock()
        self._heard_at = -READ_AGAIN
        self._whole = False
        self._not_before = clock()
        self._slice_end = 0.0
        self._said: set[Key] = set()
        self._forget_failures()

    def _forget_failures(self) -> None:
        self._attempts = 0
        self._failing_since: float | None = None
        self._unfinished = 0
        self._expired = 0
        self._silent = 0
        self._refused_times = 0
        self._refused_since = 0.0

    async def run(self, delay: float = 0) -> NoReturn:
        """Follow the collection until cancelled, beginning with a complete read in `delay` seconds."""
        self.renew()
        # What the server asked to wait is kept even if somebody starts us anew.
        await self._pause(max(delay, self._not_before - self._clock()))
        while True:
            began = self._clock()
            try:
                await self._follow()
            except KubeError as error:
                delay = await self._failed(error, self._clock() - began)
            else:
                delay = self._ended(self._clock() - began)
            await self._pause(delay)

    def renew(self) -> None:
        """Count as not read yet, and forget all failures."""
        self._version = ""
        self._forget_failures()
        if self.phase in (Phase.SYNCED, Phase.BACKOFF):
            self._enter(Phase.CONNECTING)

    def give_up(self, error: KubeError) -> None:
        """Take note that `run` has ended by itself."""
        self._enter(Phase.BACKOFF, error)

    async def _pause(self, delay: float) -> None:
        if delay > 0:
            await self._sleep(delay)

    def _enter(self, phase: Phase, error: KubeError | None = None) -> None:
        changed = phase is not self.phase
        self.phase, self.error = phase, error
        if changed or error is not None:
            self._on_phase()

    # One round: a complete read if there is nothing to go on from, then the watch.

    async def _follow(self) -> None:
        self._events = 0
        self._opened = False
        if self._clock() - self._replaced_at >= READ_AGAIN:
            self._version = ""
        self._asked_at = self._clock()
        if self._version:
            await self._watch({"resourceVersion": self._version}, None)
        elif self._clock() >= self._list_until:
            await self._watch(
                {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"},
                {},
            )
        else:
            await self._list()
            await self._watch({"resourceVersion": self._version}, None)

    async def _list(self) -> None:
        """Read the collection page by page; what one snapshot says, or nothing."""
        fresh: dict[Key, Record] = {}
        version = ""
        params: dict[str, str | int] = {} if self._whole else {"limit": PAGE}
        while True:
            try:
                raw = await self._client.request("GET", self._path, params=params)
            except Expired:
                # The server forgot the snapshot in between: next time all in one piece.
                self._whole = "continue" in params
                raise
            page: Page = decode_page(raw)
            self._slice_end = self._clock() + SLICE
            for item in page.objects:
                self._collect("ADDED", decode_item(self.kind, item), fresh)
                if self._clock() >= self._slice_end:
                    await self._yield()
            version = version or page.resource_version
            if not page.token:
                break
            params["continue"] = page.token
        if not version:
            raise Unreadable("a list without a resource version")
        self._replace(fresh, version)

    async def _watch(
        self, start: Mapping[str, str], fresh: dict[Key, Record] | None
    ) -> None:
        """Read a watch to its end; into `fresh` until the server says that it is complete."""
        shortest, longest = WATCH_SECONDS
        seconds = int(shortest + (longest - shortest) * self._random())
        params = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
            **start,
        }
        # Without bookmarks a quiet collection is like a dead connection, which the system has to notice.
        silence = seconds + SILENCE_AT_START if self.kind in UNMARKED else SILENCE
        lines = Lines()
        async with self._client.stream(
            self._path, params=params, silence=SILENCE_AT_START
        ) as stream:
            self._opened = True
            asked = line_at = self._clock()
            while True:
                # Only whole lines count: what drips without ever ending one is silent too.
                limit = silence if fresh is None else SILENCE_AT_START
                stream.silence = max(0.0, limit - (asked - line_at))
                if not (data := await stream.read()):
                    break
                now = self._clock()
                if now - asked > SLICE:
                    self._slice_end = now + SLICE
                if any(complete := lines.feed(data)):
                    fresh = await self._take(complete, fresh)
                    line_at = self._heard_at = self._clock()
                asked = self._clock()
        if lines.pending:
            raise Unreachable("the stream ended within a line", reason="cut")
        if fresh is not None:
            raise Unreachable(
                "the stream ended before it was complete", reason="unfinished"
            )

    async def _take(
        self, lines: list[Line], fresh: dict[Key, Record] | None
    ) -> dict[Key, Record] | None:
        """Apply lines; returns what `fresh` is after them."""
        changed: set[Key] = set()
        try:
            for line in lines:
                if not line:
                    continue
                event, item = decode_event(self.kind, line)
                if isinstance(item, Bookmark):
                    self._events += 1
                    if fresh is None:
                        self._version = item.resource_version or self._version
                    elif item.initial_end:
                        self._replace(fresh, item.resource_version)
                        fresh = None
                elif isinstance(item, Status):
                    raise error_of(item)
                elif fresh is not None:
                    # Told in the order of their names: no version of them is one to go on from.
                    self._collect(event, item, fresh)
                else:
                    self._events += 1
                    self._apply(event, item, changed)
                if self._clock() >= self._slice_end:
                    if changed:
                        self._on_change(self.kind, changed, False)
                        changed = set()
                    await self._yield()
        finally:
            if changed:
                self._on_change(self.kind, changed, False)
        return fresh

    async def _yield(self) -> None:
        await self._sleep(0)
        self._slice_end = self._clock() + SLICE

    # The store

    def _collect(
        self, event: str, item: Record | Unwanted | Broken, fresh: dict[Key, Record]
    ) -> None:
        """Take an object of a complete read."""
        key = item.key
        old = self.store.get(key)
        if event == "DELETED" or isinstance(item, Unwanted):
            fresh.pop(key, None)
        elif isinstance(item, Broken):
            self._say_broken(item)
            if old is not None:
                fresh[key] = old
        else:
            fresh[key] = old if old == item else item

    def _apply(
        self, event: str, item: Record | Unwanted | Broken, changed: set[Key]
    ) -> None:
        """Take a change; one that is told twice or late changes nothing."""
        key = item.key
        old = self.store.get(key)
        if isinstance(item, Broken) and event != "DELETED":
            self._say_broken(item)
        elif isinstance(item, Broken | Unwanted):
            if old is not None:
                del self.store[key]
                changed.add(key)
        elif event == "DELETED":
            if old is not None and old.uid == item.uid:
                del self.store[key]
                changed.add(key)
        elif (
            _ahead(item, self._version) >= 0
            if old is None
            else _ahead(item, old.resource_version) > 0
        ):
            self.store[key] = item
            changed.add(key)
        self._version = item.resource_version or self._version

    def _replace(self, fresh: dict[Key, Record], version: str) -> None:
        """End a complete read."""
        # First, for whoever hears of the change and asks how old it may be.
        self.read_at = self._asked_at
        self._swap(fresh)
        self._version = version
        self._replaced_at = self._clock()
        self._events += 1
        self._unfinished = self._expired = self._silent = self._refused_times = 0
        self._whole = False
        self._enter(Phase.SYNCED)

    def _swap(self, fresh: dict[Key, Record]) -> None:
        """Make the store what `fresh` is, in one step; objects that are the same are the same in both."""
        store, namespace = self.store, self.namespace
        gone = {
            key
            for key in store.keys() - fresh.keys()
            if namespace in (None, key.namespace)
        }
        for key in gone:
            del store[key]
        known = store.get
        changed = {key for key, item in fresh.items() if known(key) is not item}
        store.update(fresh)
        changed |= gone
        if changed:
            self._on_change(self.kind, changed, True)

    def _say_broken(self, item: Broken) -> None:
        if item.key not in self._said and len(self._said) < 100:
            self._said.add(item.key)
            _LOGGER.warning(
                "Cannot read %s %s/%s, which is left as it was: %s",
                self.kind,
                *item.key,
                item.why,
            )

    # What an end of a round means

    def _ended(self, lasted: float) -> float:
        """Return how long to wait after an ordinary end."""
        if self._events:
            self._heard_at = self._clock()
            self._silent = 0
            if lasted >= STEADY:
                self._attempts = 0
                self._failing_since = None
        else:
            # A version from the future gives silence: twice is once too often.
            self._silent += 1
            if self._silent >= 2:
                self._version = ""
        return self._backoff() if lasted < SHORT else 0

    async def _failed(self, error: KubeError, lasted: float) -> float:
        """Return how long to wait after a failure."""
        _LOGGER.debug("Watching %s: %s %s", self._path, type(error).__name__, error)
        reading = not self._version
        if self._events and lasted >= STEADY:
            self._attempts = 0
            self._failing_since = None
        if isinstance(error, Forbidden | NotFound):
            return await self._refused(error)
        if isinstance(error, Expired):
            self._version = ""
            self._expired += 1
            if self._expired == 1:
                return self._backoff() if lasted < SHORT else 0
        elif isinstance(error, TooManyRequests):
            return self._throttled(error)
        elif (
            reading and self._clock() >= self._list_until and self._cannot_begin(error)
        ):
            self._list_until = self._clock() + LIST_FOR
            if isinstance(error, Invalid):
                return 0
        return self._lost(error)

    def _cannot_begin(self, error: KubeError) -> bool:
        """Say whether the server seems unable to begin a watch with all objects."""
        if isinstance(error, Invalid):
            return True
        if not self._opened or isinstance(error, Unauthorized):
            return False
        # Within a stream: storage without progress notices, or a server that ignores the wish.
        if error.status in (0, 500) or error.reason == "silent":
            return True
        self._unfinished += error.reason == "unfinished"
        return self._unfinished >= 2

    def _lost(self, error: KubeError) -> float:
        self._version = ""
        self._refused_times = 0
        if self.phase not in (Phase.DENIED, Phase.ABSENT):
            self._enter(Phase.BACKOFF, error)
        return self._backoff(error.retry_after)

    def _throttled(self, error: TooManyRequests) -> float:
        """Wait as long as asked; what was followed until now counts as lost only if that is long."""
        delay = self._backoff(error.retry_after)
        if (
            self.phase is Phase.SYNCED
            and self._clock() + delay - self._heard_at <= TOLERATED_THROTTLING
        ):
            return delay
        self._attempts -= 1
        return max(delay, self._lost(error))

    async def _refused(self, error: Forbidden | NotFound) -> float:
        """Believe a refusal only if it is repeated while the server says that it is ready."""
        self._version = ""
        if not await self._ready():
            self._refused_times = 0
            return self._lost(error)
        if self.phase in (Phase.DENIED, Phase.ABSENT):
            return self._ask_again()
        now = self._clock()
        if not self._refused_times:
            self._refused_since = now
        self._refused_times += 1
        if (
            self._refused_times < PERSISTENT_TIMES
            or now - self._refused_since < PERSISTENT_SECONDS
        ):
            return self._backoff(error.retry_after)
        if isinstance(error, NotFound):
            self._swap({})
            self._enter(Phase.ABSENT, error)
        else:
            self._enter(Phase.DENIED, error)
        return self._ask_again()

    def _ask_again(self) -> float:
        return ASK_AGAIN * (1 + self._random() / 10)

    def _backoff(self, retry_after: float | None = None) -> float:
        """Return the next delay, not shorter than what the server asked for."""
        now = self._clock()
        if self._failing_since is None:
            self._failing_since = now
        longest = (
            LONGEST_DELAY_SOON
            if now - self._failing_since < LATER
            else LONGEST_DELAY_LATER
        )
        delay = min(FIRST_DELAY * 2.0 ** min(self._attempts, 10), longest) * (
            1 + self._random()
        )
        self._attempts += 1
        if retry_after:
            delay = max(
                delay, min(retry_after, LONGEST_RETRY_AFTER) * (1 + self._random() / 10)
            )
            self._not_before = now + delay
        return delay


def _ahead(item: Record, version: str) -> int:
    """Compare an object's version; one that is no number is ahead, unless it is the same."""
    try:
        return int(item.resource_version) - int(version)
    except ValueError:
        return item.resource_version != version
