"""One cluster, followed: a reflector for each collection, and the link to the API server.

The link is up when every collection that the account may read is complete and followed. One stream
that breaks proves nothing: the link is lost when the server does not answer, or when a collection
cannot be read again for a few seconds.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from enum import StrEnum
import logging
from random import random as random_number
import time
from typing import Any, Final

from .access import Access
from .client import Client
from .errors import KubeError, Unauthorized
from .gone import Gone
from .probe import Answer, Probe, Series
from .reflector import Phase, Reflector
from .running import START_AGAIN, CreateTask, Running
from .schema import Key, Kind, Record, Ref

_LOGGER = logging.getLogger(__name__)

GRACE: Final = 3.0
"""How long a collection may be without a stream before the link counts as lost."""

PROBE_DELAY_SOON: Final = 1.6
PROBE_DELAY_LATER: Final = 22.0
LATER: Final = 300.0
"""While the link is lost the server is probed: often at first, after LATER seconds seldom; up to a quarter is added."""

REVIEW_EVERY: Final = 300.0


class LinkState(StrEnum):
    """How we stand with the API server."""

    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    UNAUTHORIZED = "unauthorized"


def _create_task(coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    return asyncio.create_task(coroutine, name=name)


class Cluster:
    """Follows the collections of `kinds`: in the namespaces named, or (None) in the whole cluster.

    `on_change` tells the changed keys of each kind, `on_link` every change of `link`: both at the end
    of the turn of the loop in which it happened, changes first. `review` is asked every five minutes
    what the account may do, and `on_access` told.
    """

    def __init__(
        self,
        client: Client,
        *,
        kinds: Mapping[Kind, tuple[str, ...] | None],
        on_change: Callable[[Mapping[Kind, set[Key]]], None],
        on_link: Callable[[LinkState], None],
        review: Callable[[], Awaitable[Access]] | None = None,
        on_access: Callable[[Access], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = random_number,
        create_task: CreateTask = _create_task,
    ) -> None:
        """Prepare; nothing is asked before `start`."""
        self.link = LinkState.CONNECTING
        self.version = ""
        self.error: KubeError | None = None
        self._client = client
        self._on_change = on_change
        self._on_link = on_link
        self._review = review
        self._on_access = on_access
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._create_task = create_task
        self._gone = Gone(client)
        self._probe = Probe(client, clock)
        self._stores: dict[Kind, dict[Key, Record]] = {kind: {} for kind in kinds}
        self._reflectors = [
            self._reflector(kind, namespace)
            for kind, namespaces in kinds.items()
            for namespace in ((None,) if namespaces is None else namespaces)
        ]
        self._running = Running(self._reflectors, clock=clock, create_task=create_task)
        self._supervisor: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._settled = asyncio.Event()
        self._changes: dict[Kind, set[Key]] = {}
        self._told = self.link
        self._flushing = False
        self._unauthorized = Series()
        self._doubt_since: float | None = None
        self._lost_at: float | None = None
        self._review_at = 0.0

    def _reflector(self, kind: Kind, namespace: str | None) -> Reflector:
        return Reflector(
            self._client,
            kind,
            namespace,
            on_change=self._changed,
            on_phase=self._judge,
            ready=self._probe.ready,
            store=self._stores[kind],
            clock=self._clock,
            sleep=self._sleep,
            random=self._random,
        )

    # What is known

    def store(self, kind: Kind) -> Mapping[Key, Record]:
        """Return the objects of a kind as last known; empty for a kind that is not followed."""
        return self._stores.get(kind, {})

    def read_at(self, ref: Ref) -> float:
        """Return when the last complete read of an object's collection was asked for, by the clock."""
        return max(
            (
                reflector.read_at
                for reflector in self._reflectors
                if reflector.kind is ref.kind
                and reflector.namespace in (None, ref.namespace)
            ),
            default=float("-inf"),
        )

    @property
    def since_read(self) -> float | None:
        """How many seconds ago a collection was last read as a whole; None if none was."""
        last = max((one.read_at for one in self._reflectors), default=float("-inf"))
        return None if last == float("-inf") else max(0.0, self._clock() - last)

    @property
    def latency(self) -> float | None:
        """How long the server took to say that it is ready, in seconds; None before it did."""
        return self._probe.latency

    @property
    def synced(self) -> bool:
        """Whether every collection that may be read is complete and followed."""
        return all(reflector.phase is Phase.SYNCED for reflector in self._required)

    @property
    def denied(self) -> frozenset[tuple[Kind, str | None]]:
        """The collections that the account may not read, with their namespace."""
        return self._where(Phase.DENIED)

    @property
    def absent(self) -> frozenset[tuple[Kind, str | None]]:
        """The collections that the server does not know."""
        return self._where(Phase.ABSENT)

    def _where(self, phase: Phase) -> frozenset[tuple[Kind, str | None]]:
        return frozenset(
            (r.kind, r.namespace) for r in self._reflectors if r.phase is phase
        )

    @property
    def _required(self) -> list[Reflector]:
        return [
            r for r in self._reflectors if r.phase not in (Phase.DENIED, Phase.ABSENT)
        ]

    # Life

    async def start(self) -> None:
        """Begin to follow; returns at once."""
        self._review_at = self._clock() + self._review_pause()
        self._supervisor = self._create_task(self._supervise(), "home_cluster link")

    async def stop(self) -> None:
        """End everything: no task and no connection is left."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
            self._supervisor = None
        await self._running.stop()
        self._changes = {}
        self._told = self.link

    async def wait_synced(self, timeout: float) -> bool:
        """Wait until the link is up or the credentials are refused; return whether it is up."""
        try:
            async with asyncio.timeout(timeout):
                await self._settled.wait()
        except TimeoutError:
            return False
        if self.link is LinkState.UP and not self.version:
            await self._read_version()
        return self.link is LinkState.UP

    async def confirm_absent(self, ref: Ref) -> bool:
        """Say whether an object is certainly gone: not there, while its collection can be read.

        Where nothing may be asked (the role went with its namespace) a DELETED event is enough.
        """
        return await self._gone.confirm(ref)

    # Telling

    def _changed(self, kind: Kind, keys: set[Key], replaced: bool) -> None:
        self._gone.note(kind, keys, self._stores[kind], replaced)
        if (waiting := self._changes.get(kind)) is None:
            self._changes[kind] = keys
        else:
            waiting |= keys
        self._tell()

    def _tell(self) -> None:
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._changes:
            changes, self._changes = self._changes, {}
            self._on_change(changes)
        if self._told is not self.link:
            self._told = self.link
            self._on_link(self.link)
        if self._told in (LinkState.UP, LinkState.UNAUTHORIZED):
            self._settled.set()
        else:
            self._settled.clear()

    # The link

    def _judge(self) -> None:
        """Take note of a reflector's new phase."""
        if not self._failing():
            self._doubt_since = None
        elif self._doubt_since is None:
            self._doubt_since = self._clock()
        if self.synced:
            self._found()
        elif self._doubt_since is not None:
            self._woken.set()

    def _failing(self) -> list[KubeError]:
        return [r.error for r in self._required if r.phase is Phase.BACKOFF and r.error]

    def _found(self) -> None:
        if self.link is LinkState.UP:
            return
        if self._lost_at is not None:
            _LOGGER.info(
                "The cluster is back after %.0f s", self._clock() - self._lost_at
            )
        self._lost_at = self.error = None
        self.link = LinkState.UP
        self._woken.set()
        self._tell()

    def _lose(self, state: LinkState, error: KubeError) -> None:
        if self._lost_at is None:
            self._lost_at = self._clock()
            _LOGGER.info("Lost the connection to the cluster: %s", _said(error))
        self.error = error
        if self.link is not state:
            self.link = state
            self._tell()

    async def _supervise(self) -> None:
        self._running.start()
        known_version = False
        while True:
            await self._wait()
            if self.link is LinkState.UP and not known_version:
                known_version = await self._read_version()
            if self._doubt_since is not None:
                await self._check()
            if self._clock() >= self._review_at:
                await self._look_round()
            known_version &= self.link is LinkState.UP
            self._running.start_crashed()

    async def _wait(self) -> None:
        """Wait until there is something to do."""
        until = self._review_at
        if self._doubt_since is not None:
            grace = self._doubt_since + GRACE
            until = min(
                until,
                grace if self.link is LinkState.UP else self._clock() + START_AGAIN,
            )
        try:
            async with asyncio.timeout(max(0.0, until - self._clock())):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()

    async def _check(self) -> None:
        """Find out whether failing collections mean that the link is lost."""
        answer = await self._probe.ask()
        errors = self._failing()
        if not errors or self._doubt_since is None:
            return
        if answer is Answer.NONE or answer is Answer.UNAUTHORIZED:
            await self._wait_until_ready()
            return
        refused = all(isinstance(error, Unauthorized) for error in errors)
        self._unauthorized(refused, self._clock())
        if refused and self._is_unauthorized():
            self._lose(LinkState.UNAUTHORIZED, errors[0])
        elif self._clock() - self._doubt_since >= GRACE:
            self._lose(LinkState.DOWN, errors[0])

    def _is_unauthorized(self) -> bool:
        """Whether a refusal counts: at once for whoever waits for the first connection, else if it persists."""
        first = self.link is LinkState.CONNECTING or self.link is LinkState.UNAUTHORIZED
        return first or self._unauthorized.persists

    async def _wait_until_ready(self) -> None:
        """Let go of everything, and begin anew as soon as the server is ready."""
        began = self._clock()
        hold = True
        while self._probe.answer is not Answer.READY:
            now = self._clock()
            refused = self._probe.answer is Answer.UNAUTHORIZED
            self._unauthorized(refused, now)
            unauthorized = refused and self._is_unauthorized()
            self._lose(
                LinkState.UNAUTHORIZED if unauthorized else LinkState.DOWN,
                self._probe.error or KubeError("not ready"),
            )
            if hold:
                await self._running.stop()
                hold = False
            soon = now - began < LATER and not unauthorized
            delay = PROBE_DELAY_SOON if soon else PROBE_DELAY_LATER
            await self._sleep(delay * (1 + self._random() / 4))
            await self._probe.ask()
        self._doubt_since = None
        self._running.start()

    # Asking the server

    async def _read_version(self) -> bool:
        try:
            self.version = await self._client.version()
        except KubeError as error:
            _LOGGER.debug("No version: %s", _said(error))
            return False
        return True

    def _review_pause(self) -> float:
        return REVIEW_EVERY * (1 + (self._random() - 0.5) / 10)

    async def _look_round(self) -> None:
        """Ask what the account may do now; open watches outlive rights."""
        self._review_at = self._clock() + self._review_pause()
        await self._probe.ask()
        if self._review is None:
            return
        try:
            access = await self._review()
        except Unauthorized:
            if await self._probe.ask() is Answer.UNAUTHORIZED:
                await self._wait_until_ready()
            return
        except KubeError as error:
            _LOGGER.debug("No review of rights: %s", _said(error))
            return
        for reflector in self._reflectors:
            readable = all(
                access.allows(verb, reflector.kind, namespace=reflector.namespace)
                for verb in ("list", "watch")
            )
            if readable is (reflector.phase is Phase.DENIED):
                await self._running.restart(reflector)
        if self._on_access is not None:
            self._on_access(access)


def _said(error: KubeError) -> str:
    return error.message or type(error).__name__
