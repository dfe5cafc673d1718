"""Restarts that are under way: each pod goes when its predecessor's successor is ready."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
import logging
from typing import Final, Protocol

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from .kube.client import Client
from .kube.errors import Conflict, KubeError, NotFound, TooManyRequests, Unreachable
from .kube.schema import Pod, Ref
from .model.views import WorkloadView
from .restart import Evict, Phase, Restart, Wait
from .rights import DELETE, EVICT
from .sentences import RESTART, in_words, misuse

_LOGGER = logging.getLogger(__name__)

# How long each pod may take to be replaced.
PATIENCE: Final = timedelta(minutes=10)

type _Replace = Callable[[Pod], Awaitable[None]]


class Home(Protocol):
    """What restarts need of the hub."""

    hass: HomeAssistant
    entry: ConfigEntry
    client: Client

    @property
    def available(self) -> bool:
        """Whether what is shown is what the cluster says now."""

    def view(self, ref: Ref) -> WorkloadView | None:
        """Return a workload that is a device."""

    def pods(self, ref: Ref) -> tuple[Pod, ...]:
        """Return the pods that it has now."""

    def listen_pods(self, ref: Ref, listener: Callable[[], None]) -> Callable[[], None]:
        """Call the listener at every change of the workload or its pods."""


class Restarts:
    """The restarts of one cluster."""

    def __init__(self, home: Home) -> None:
        """Bind to the hub."""
        self._home = home
        self._tasks: dict[Ref, asyncio.Task[None]] = {}

    @property
    def under_way(self) -> Collection[Ref]:
        """The workloads whose pods are being replaced."""
        return self._tasks.keys()

    @callback
    def stop(self) -> None:
        """End what is under way."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    async def begin(self, view: WorkloadView, *, force: bool) -> None:
        """Have the first pod go, and the others after it; with `force` by deletion, budgets or not.

        Raises `HomeAssistantError` if the first may not go, or if there is none.
        """
        ref = view.ref
        machine = Restart(self._home.pods(ref), patience=PATIENCE)
        if not machine.total:
            raise misuse("no_pods", device=view.name)
        if await self._first(view, machine, force=force):
            task = self._home.entry.async_create_background_task(
                self._home.hass,
                self._go_on(view, machine, self._delete if force else self._evict),
                f"home_cluster restart {view.name}",
                eager_start=False,
            )
            self._tasks[ref] = task
            task.add_done_callback(lambda _: self._tasks.pop(ref, None))

    async def _first(
        self, view: WorkloadView, machine: Restart, *, force: bool
    ) -> bool:
        """Have the first pod go that is still there; False if all went by themselves."""
        replace = self._delete if force else self._evict
        pods = self._home.pods(view.ref)
        while isinstance(
            step := machine.step(pods, view.desired, dt_util.utcnow()), Evict
        ):
            with in_words(view, RESTART, DELETE if force else EVICT):
                try:
                    await replace(step.pod)
                except NotFound, Conflict:
                    machine.gone()
                    continue
            machine.evicted(dt_util.utcnow())
            return True
        return False

    async def _go_on(
        self, view: WorkloadView, machine: Restart, replace: _Replace
    ) -> None:
        """Replace the pods after the first, each when its predecessor's successor is ready."""
        ref = view.ref
        changed = asyncio.Event()
        unsubscribe = self._home.listen_pods(ref, changed.set)
        try:
            while True:
                changed.clear()
                now_view = self._home.view(ref)
                desired = now_view.desired if now_view is not None else 0
                step = machine.step(self._home.pods(ref), desired, dt_util.utcnow())
                if step is None:
                    break
                if isinstance(step, Evict) and not self._home.available:
                    await changed.wait()
                elif isinstance(step, Evict):
                    await _next(machine, step.pod, replace)
                else:
                    await _wait(changed, step)
        except KubeError as err:
            _LOGGER.warning("The restart of %s ended early: %s", view.name, err)
            return
        finally:
            unsubscribe()
        if machine.phase is Phase.GIVEN_UP:
            _LOGGER.warning(
                "The restart of %s ended early: a new pod was not ready within %d minutes",
                view.name,
                PATIENCE.total_seconds() // 60,
            )

    async def _evict(self, pod: Pod) -> None:
        await self._home.client.evict(pod.namespace, pod.name, uid=pod.uid)

    async def _delete(self, pod: Pod) -> None:
        await self._home.client.delete_pod(pod.namespace, pod.name, uid=pod.uid)


async def _next(machine: Restart, pod: Pod, replace: _Replace) -> None:
    try:
        await replace(pod)
    except NotFound, Conflict:
        machine.gone()
    except Unreachable, TooManyRequests:
        machine.refused(dt_util.utcnow())
    else:
        machine.evicted(dt_util.utcnow())


async def _wait(changed: asyncio.Event, step: Wait) -> None:
    """Wait until the pods change, or until the moment of the step."""
    try:
        async with asyncio.timeout(
            max(0.0, (step.until - dt_util.utcnow()).total_seconds())
        ):
            await changed.wait()
    except TimeoutError:
        return
