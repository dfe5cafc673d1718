"""Changes in, devices to look at out: a slice at a time, so that the loop is never held for long."""

from asyncio import AbstractEventLoop, sleep
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from .kube.schema import Event, Key, Kind, Ref
from .model.index import Affected, Index

# No turn of the loop is held for longer by making views and writing states.
SLICE: Final = 0.002
# While changes pour in, faster than devices can be looked at, a slice of looking is followed by so much
# of reading: most of what would be looked at now is different a moment later.
PAUSE: Final = 0.1


class Digest:
    """Works through what changed.

    `look` is called for every device that may be different (`force`: that is to be written in any
    case), after all of a change is indexed; `told` with every Event that came or changed; `done` after
    each slice. What fits in one slice is done before `take` returns, unless changes pour in.
    """

    def __init__(
        self,
        loop: AbstractEventLoop,
        index: Index,
        look: Callable[[Ref, bool], None],
        told: Callable[[Ref, Event], None],
        done: Callable[[], None],
    ) -> None:
        """Start with nothing to do."""
        self._loop = loop
        self._index = index
        self._look = look
        self._told = told
        self._done = done
        self._feeds: deque[Iterator[Affected]] = deque()
        self._due: dict[Ref, bool] = {}
        self._scheduled = False
        self._stopped = False
        self._look_from = loop.time()

    def take(self, changes: Mapping[Kind, Iterable[Key]]) -> None:
        """Work through changes of the stores."""
        self._feeds.append(self._index.steps(changes))
        self._begin()

    def mark(self, refs: Iterable[Ref], *, force: bool = False) -> None:
        """Look at these too."""
        for ref in refs:
            self._due[ref] = force or self._due.get(ref, False)
        self._begin()

    def drop(self, ref: Ref) -> None:
        """Do not look at this one; somebody does."""
        self._due.pop(ref, None)

    async def indexed(self) -> None:
        """Return when all changes so far are indexed."""
        while self._feeds and not self._stopped:
            await sleep(0)

    async def settled(self) -> None:
        """Return when there is nothing left to do."""
        while (self._feeds or self._due) and not self._stopped:
            await sleep(0)

    def stop(self) -> None:
        """Look at nothing any more."""
        self._stopped = True
        self._feeds.clear()
        self._due.clear()

    def _begin(self) -> None:
        if not self._scheduled:
            self._work()

    def _work(self) -> None:
        self._scheduled = False
        if self._stopped:
            return
        self._work_slice()
        if self._feeds or self._due:
            self._scheduled = True
            self._loop.call_soon(self._work)
        self._done()

    def _work_slice(self) -> None:
        now = self._loop.time()
        end = now + SLICE
        waits = bool(self._feeds) and now < self._look_from
        while self._feeds:
            affected = next(self._feeds[0], None)
            if affected is None:
                self._feeds.popleft()
                continue
            for ref in affected.workloads:
                self._due.setdefault(ref, False)
            for ref, event in affected.told:
                self._told(ref, event)
            for name in affected.nodes:
                self._due.setdefault(Ref(Kind.NODE, "", name), False)
            if self._loop.time() >= end:
                return
        while self._due and not waits:
            ref = next(iter(self._due))
            self._look(ref, self._due.pop(ref))
            if (now := self._loop.time()) >= end:
                self._look_from = now + PAUSE
                return
