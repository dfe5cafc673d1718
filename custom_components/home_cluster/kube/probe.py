"""Asking the API server whether it is ready to be believed."""

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from .client import Client
from .errors import Forbidden, KubeError, NotFound, Unauthorized
from .reflector import PERSISTENT_SECONDS, PERSISTENT_TIMES

PROBE_TIMEOUT: Final = 3.0
CHECK_EVERY: Final = 1.0


class Answer(Enum):
    """What the server says to the question whether it is ready."""

    READY = auto()
    REFUSED = auto()
    UNAUTHORIZED = auto()
    NONE = auto()


class Series:
    """Counts how long something has been repeated; `persists` when often and long enough."""

    def __init__(self) -> None:
        """Nothing has happened yet."""
        self._times = 0
        self._since = self._now = 0.0

    def __call__(self, happened: bool, now: float) -> None:
        """Take note of whether it happened again; what did not ends the series."""
        if not happened:
            self._times = 0
            return
        if not self._times:
            self._since = now
        self._times += 1
        self._now = now

    @property
    def persists(self) -> bool:
        """Whether it happened often, and for long."""
        return (
            self._times >= PERSISTENT_TIMES
            and self._now - self._since >= PERSISTENT_SECONDS
        )


class Probe:
    """What the server answered last: `answer`, with its `error` if it was not a good one.

    `latency` is how long the last good answer took, in seconds; None before the first.
    """

    def __init__(self, client: Client, clock: Callable[[], float]) -> None:
        """Prepare; nothing is asked before `ask`."""
        self.answer = Answer.NONE
        self.error: KubeError | None = None
        self.latency: float | None = None
        self._client = client
        self._clock = clock
        self._asking = asyncio.Lock()
        self._asked_at = clock() - CHECK_EVERY
        self._refused = Series()

    async def ask(self) -> Answer:
        """Ask the server, or return the answer of a moment ago."""
        async with self._asking:
            if self._clock() - self._asked_at >= CHECK_EVERY:
                self.answer = await self._ask()
                self._asked_at = self._clock()
            return self.answer

    async def ready(self) -> bool:
        """Say whether the server is ready."""
        return await self.ask() is Answer.READY

    async def _ask(self) -> Answer:
        began = self._clock()
        self.error = None
        try:
            await self._client.request("GET", "/readyz", timeout=PROBE_TIMEOUT)
        except KubeError as error:
            self.error = error
            self._refused(isinstance(error, Forbidden | NotFound), self._clock())
            if isinstance(error, Unauthorized):
                return Answer.UNAUTHORIZED
            if not isinstance(error, Forbidden | NotFound):
                return Answer.NONE
            # Some clusters let nobody ask; but right after a restart it is refused to everybody.
            return Answer.READY if self._refused.persists else Answer.REFUSED
        self.latency = self._clock() - began
        self._refused(False, self._clock())
        return Answer.READY
