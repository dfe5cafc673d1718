"""The tasks in which reflectors run."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
import logging
from typing import Any, Final

from .errors import KubeError
from .reflector import Reflector
from .resources import path

_LOGGER = logging.getLogger(__name__)

START_AGAIN: Final = 30.0

BETWEEN_STARTS: Final = 0.005
"""Seconds between the beginnings of two collections: all TLS handshakes at once would hold the loop."""

type CreateTask = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]


class Running:
    """Runs each of the reflectors in a task of its own, and again START_AGAIN seconds after one crashed."""

    def __init__(
        self,
        reflectors: Sequence[Reflector],
        *,
        clock: Callable[[], float],
        create_task: CreateTask,
    ) -> None:
        """Prepare; nothing runs before `start`."""
        self._reflectors = reflectors
        self._clock = clock
        self._create_task = create_task
        self._tasks: dict[Reflector, asyncio.Task[None]] = {}
        self._crashed: dict[Reflector, float] = {}

    def start(self) -> None:
        """Have all of them read anew."""
        # All of them first: else the first to be read would find the others as they were long ago.
        for reflector in self._reflectors:
            reflector.renew()
        for number, reflector in enumerate(self._reflectors):
            self._start(reflector, number * BETWEEN_STARTS)

    async def stop(self) -> None:
        """End them all: no task is left."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def restart(self, reflector: Reflector) -> None:
        """Have one of them read anew."""
        task = self._tasks.pop(reflector)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self._start(reflector)

    def start_crashed(self) -> None:
        """Begin anew with those that crashed long enough ago."""
        for reflector, when in list(self._crashed.items()):
            if reflector not in self._tasks:
                del self._crashed[reflector]
            elif self._clock() >= when:
                self._start(reflector)

    def _start(self, reflector: Reflector, delay: float = 0) -> None:
        name = f"home_cluster {path(reflector.kind, reflector.namespace)}"
        task = self._create_task(reflector.run(delay), name)
        task.add_done_callback(self._ended)
        self._tasks[reflector] = task
        self._crashed.pop(reflector, None)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Never let a collection stand still unnoticed."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        _LOGGER.error("Unexpected error in %s", task.get_name(), exc_info=error)
        for reflector, other in self._tasks.items():
            if other is task:
                self._crashed[reflector] = self._clock() + START_AGAIN
                reflector.give_up(KubeError("an unexpected error, see the log"))
