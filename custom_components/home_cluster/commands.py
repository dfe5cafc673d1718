"""What people do with devices: one request each, and errors in plain words."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
import logging
import time
from typing import Final, NamedTuple, Protocol

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .kube.client import Bounds, Client
from .kube.errors import (
    Conflict,
    Forbidden,
    KubeError,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unreachable,
)
from .kube.schema import Pod, Record, Ref
from .model.undoing import Setting, Value
from .model.views import Control, Outcome, WorkloadView
from .remember import RememberedCounts
from .restart import Evict, Phase, Restart, Wait
from .rights import (
    DELETE,
    EVICT,
    ROLLING,
    RUN as RUN_RIGHT,
    SCALABLE,
    SUSPENDABLE,
    Right,
    Rights,
    patch_right,
    rule_of,
    scale_right,
    scaler_of,
)
from .throttle import COMMANDS, RESTARTS, Throttle

_LOGGER = logging.getLogger(__name__)

TURN_ON: Final = "turn_on"
TURN_OFF: Final = "turn_off"
SET_REPLICAS: Final = "set_replicas"
RESTART: Final = "restart"
ASK: Final = "ask"
RUN: Final = "run"
SET_BOUNDS: Final = "set_bounds"
INSTALL: Final = "install"
ROLL_BACK: Final = "roll_back"

ACTIONS: Final = (
    TURN_ON,
    TURN_OFF,
    SET_REPLICAS,
    RESTART,
    ASK,
    RUN,
    SET_BOUNDS,
    INSTALL,
    ROLL_BACK,
)

# Which words an error becomes, the first that fits.
_CAUSES: Final = (
    (Unreachable, "unreachable"),
    (Unauthorized, "signed_out"),
    (Forbidden, "not_allowed"),
    (NotFound, "gone"),
    (Conflict, "conflict"),
    (TooManyRequests, "busy"),
    (KubeError, "refused"),
)
CAUSES: Final = ("link_down", "budget", *(cause for _, cause in _CAUSES))

# How long each pod may take to be replaced.
PATIENCE: Final = timedelta(minutes=10)


type _Replace = Callable[[Pod], Awaitable[None]]


class Answer(NamedTuple):
    """What the API server said a workload's count is, when, and the version it said so of."""

    replicas: int
    resource_version: str
    uid: str
    at: float


class Answers:
    """The answers that watches have not caught up with: an older event must not undo them."""

    def __init__(self) -> None:
        """Start without any."""
        self._answers: dict[Ref, Answer] = {}

    def put(self, ref: Ref, answer: Answer) -> None:
        """Keep an answer until the watch tells the same or something later."""
        self._answers[ref] = answer

    def drop(self, ref: Ref) -> None:
        """Forget an answer."""
        self._answers.pop(ref, None)

    def clear(self) -> None:
        """Forget all: what is read after an outage is newer."""
        self._answers.clear()

    def newer_than(self, ref: Ref, record: Record, read_at: float) -> int | None:
        """Return the count that was answered, if that is later than what the record tells.

        `read_at` is when the last complete read of the record's collection was asked for: what is
        read after an answer is newer, also from a store that was restored and counts its versions
        from lower ones.
        """
        answer = self._answers.get(ref)
        if answer is None:
            return None
        if (
            record.uid != answer.uid
            or read_at > answer.at
            or _order(record.resource_version) >= _order(answer.resource_version)
        ):
            del self._answers[ref]
            return None
        return answer.replicas


class Home(Protocol):
    """What commands need of the hub."""

    hass: HomeAssistant
    entry: ConfigEntry
    client: Client
    counts: RememberedCounts
    rights: Rights
    answers: Answers
    available: bool

    @property
    def own(self) -> Collection[Ref]:
        """The workloads that run Home Assistant itself."""

    def view(self, ref: Ref) -> WorkloadView | None:
        """Return a workload that is a device."""

    def pods(self, ref: Ref) -> tuple[Pod, ...]:
        """Return the pods that it has now."""

    def commanded(self, ref: Ref, setting: Setting, wanted: Value) -> None:
        """Take note of what the cluster has just accepted."""

    def touch(self, ref: Ref) -> None:
        """Write what is different."""

    def listen_pods(self, ref: Ref, listener: Callable[[], None]) -> Callable[[], None]:
        """Call the listener at every change of the workload or its pods."""


class Commands:
    """The commands of one cluster. All raise `HomeAssistantError` with a translated sentence."""

    def __init__(self, home: Home) -> None:
        """Bind to the hub."""
        self._home = home
        self._locks: dict[Ref, asyncio.Lock] = {}
        self._restarts: dict[Ref, asyncio.Task[None]] = {}
        self.throttle = Throttle(home.hass, home.entry)

    @callback
    def stop(self) -> None:
        """End what is under way."""
        for task in self._restarts.values():
            task.cancel()
        self._restarts.clear()
        self.throttle.stop()

    async def power(
        self,
        ref: Ref,
        on: bool,
        *,
        force: bool = False,
        context: Context | None = None,
    ) -> None:
        """Switch on with the count there was, or off, remembering it first; what is protected by `force`."""
        async with self._lock(ref):
            view = self.want_power(ref, on, force=force)
            action = TURN_ON if on else TURN_OFF
            if view.power == on:
                return
            await self.throttle.take(ref, view.name, COMMANDS, context)
            if ref.kind in SCALABLE:
                await self._scale(view, self._home.counts.get(ref) if on else 0, action)
                return
            with in_words(view, action, patch_right(ref.kind)):
                if ref.kind in SUSPENDABLE:
                    record = await self._home.client.suspend(ref, not on)
                else:
                    record = await self._home.client.select_nodes(ref, on)
            self._answered(view, int(on), record.resource_version)
            if ref.kind in SUSPENDABLE:
                self._home.commanded(ref, Setting.SUSPEND, not on)
            else:
                self._home.commanded(ref, Setting.NODES, on)

    def want_power(self, ref: Ref, on: bool, *, force: bool = False) -> WorkloadView:
        """Return the workload; raise if it may not be switched so."""
        view = self._view(ref, TURN_ON if on else TURN_OFF)
        _want_offered(view, Control.POWER, Control.REPLICAS)
        if not on:
            self._want_stoppable(view, force=force)
        return view

    async def set_replicas(
        self,
        ref: Ref,
        count: int,
        *,
        force: bool = False,
        context: Context | None = None,
    ) -> None:
        """Set how many pods there should be; none of a protected device only with `force`."""
        async with self._lock(ref):
            view = self.want_replicas(ref, count, force=force)
            await self.throttle.take(ref, view.name, COMMANDS, context)
            await self._scale(view, count, SET_REPLICAS)

    def want_replicas(
        self, ref: Ref, count: int, *, force: bool = False
    ) -> WorkloadView:
        """Return the workload; raise if it may not have so many pods."""
        view = self._view(ref, SET_REPLICAS)
        if ref.kind not in SCALABLE:
            raise _misuse("not_scalable", view)
        _want_offered(view, Control.REPLICAS, Control.POWER)
        if count and view.power and view.autoscaler is not None:
            raise _misuse("autoscaled", view)
        if not count:
            self._want_stoppable(view, force=force)
        return view

    def want_right(self, view: WorkloadView) -> None:
        """Raise if the account may not change how many pods the workload has."""
        if self._home.rights.may(view, Control.POWER):
            return
        kind = view.ref.kind
        right = scale_right(kind) if kind in SCALABLE else patch_right(kind)
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="right_missing",
            translation_placeholders={
                **words_of(view.ref, view),
                "rule": rule_of(right),
            },
        )

    async def restart(
        self, ref: Ref, *, force: bool = False, context: Context | None = None
    ) -> None:
        """Replace the pods one at a time; with `force` by deletion, disruption budgets or not.

        Returns when the first is on its way; the others follow as their successors become ready.
        """
        async with self._lock(ref):
            view = self._want_restart(ref)
            await self.throttle.take(ref, view.name, RESTARTS, context)
            if not force and not self._home.rights.may_evict(ref.namespace):
                with in_words(view, RESTART, patch_right(ref.kind)):
                    await self._home.client.restart_rollout(ref)
                return
            await self._begin_restart(view, self._delete if force else self._evict)

    def _want_restart(self, ref: Ref) -> WorkloadView:
        view = self._view(ref, RESTART)
        if ref.kind not in ROLLING:
            raise _misuse("not_restartable", view)
        _want_offered(view, Control.RESTART)
        if ref in self._restarts:
            raise _misuse("already_restarting", view)
        if not view.power:
            raise _misuse("is_off", view)
        return view

    async def _begin_restart(self, view: WorkloadView, replace: _Replace) -> None:
        ref = view.ref
        machine = Restart(self._home.pods(ref), patience=PATIENCE)
        if not machine.total:
            raise _misuse("no_pods", view)
        if await self._evict_first(view, machine, replace):
            task = self._home.entry.async_create_background_task(
                self._home.hass,
                self._go_on(view, machine, replace),
                f"home_cluster restart {view.name}",
                eager_start=False,
            )
            self._restarts[ref] = task
            task.add_done_callback(lambda _: self._restarts.pop(ref, None))

    async def run(self, ref: Ref, context: Context | None = None) -> str:
        """Have a CronJob run now; returns the name of its Job."""
        async with self._lock(ref):
            view = self._view(ref, RUN)
            if view.runs is None:
                raise _misuse("not_runnable", view)
            _want_offered(view, Control.RUN)
            if view.hints.protected:
                raise _misuse("protected_run", view)
            if view.runs.alone and view.runs.outcome is Outcome.RUNNING:
                raise _misuse("already_running", view)
            await self.throttle.take(ref, view.name, COMMANDS, context)
            with in_words(view, RUN, RUN_RIGHT):
                job = await self._home.client.run_job(ref)
            return job.name

    async def bound(
        self, ref: Ref, bounds: Bounds, context: Context | None = None
    ) -> None:
        """Set the limits within which an autoscaler sets a workload's count."""
        async with self._lock(ref):
            view = self._view(ref, SET_BOUNDS)
            if view.autoscaler is None or (scaler := scaler_of(view)) is None:
                raise _misuse("not_autoscaled", view)
            _want_offered(view, Control.REPLICAS)
            lowest = (
                view.autoscaler.minimum if bounds.minimum is None else bounds.minimum
            )
            highest = (
                view.autoscaler.maximum if bounds.maximum is None else bounds.maximum
            )
            if lowest > highest:
                raise ServiceValidationError(
                    translation_domain=DOMAIN,
                    translation_key="bounds_crossed",
                    translation_placeholders={
                        "device": view.name,
                        "minimum": str(lowest),
                        "maximum": str(highest),
                    },
                )
            await self.throttle.take(ref, view.name, COMMANDS, context)
            with in_words(view, SET_BOUNDS, patch_right(scaler.kind)):
                await self._home.client.bound(scaler, bounds)
            if bounds.minimum is not None:
                self._home.commanded(ref, Setting.MINIMUM, bounds.minimum)
            if bounds.maximum is not None:
                self._home.commanded(ref, Setting.MAXIMUM, bounds.maximum)

    async def _evict_first(
        self, view: WorkloadView, machine: Restart, replace: _Replace
    ) -> bool:
        """Have the first pod go that is still there; False if all went by themselves."""
        pods = self._home.pods(view.ref)
        while isinstance(
            step := machine.step(pods, view.desired, dt_util.utcnow()), Evict
        ):
            with in_words(view, RESTART, DELETE if replace == self._delete else EVICT):
                try:
                    await replace(step.pod)
                except NotFound, Conflict:
                    machine.gone()
                    continue
            machine.evicted(dt_util.utcnow())
            return True
        return False

    async def _scale(self, view: WorkloadView, count: int, action: str) -> None:
        if count == 0 and view.desired > 0:
            # On disk first: a power cut between the two must not lose it.
            await self._home.counts.keep(view.ref, view.desired)
        with in_words(view, action, scale_right(view.ref.kind)):
            answer = await self._home.client.scale(view.ref, count)
        self._answered(view, answer.replicas, answer.resource_version)
        # Who only switches on is content with any count.
        wanted = True if action == TURN_ON else count
        self._home.commanded(view.ref, Setting.REPLICAS, wanted)

    def _answered(self, view: WorkloadView, count: int, resource_version: str) -> None:
        if self._home.available:
            self._home.answers.put(
                view.ref,
                Answer(count, resource_version, view.uid, time.monotonic()),
            )
            self._home.touch(view.ref)

    async def _evict(self, pod: Pod) -> None:
        await self._home.client.evict(pod.namespace, pod.name, uid=pod.uid)

    async def _delete(self, pod: Pod) -> None:
        await self._home.client.delete_pod(pod.namespace, pod.name, uid=pod.uid)

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
                    await _replace_next(machine, step.pod, replace)
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

    def _view(self, ref: Ref, action: str) -> WorkloadView:
        view = self._home.view(ref)
        if view is None:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key=f"{action}_gone",
                translation_placeholders=words_of(ref, view),
            )
        if not self._home.available:
            raise unreachable(view, action)
        return view

    def _want_stoppable(self, view: WorkloadView, *, force: bool = False) -> None:
        if view.ref in self._home.own:
            raise _misuse("runs_home_assistant", view)
        if view.hints.protected and not force:
            raise _misuse("protected", view)

    def _lock(self, ref: Ref) -> asyncio.Lock:
        return self._locks.setdefault(ref, asyncio.Lock())


def unreachable(view: WorkloadView, action: str) -> HomeAssistantError:
    """Return the error that the cluster cannot be reached now."""
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=f"{action}_link_down",
        translation_placeholders=words_of(view.ref, view),
    )


@contextmanager
def in_words(
    view: WorkloadView, action: str, right: Right | None = None
) -> Iterator[None]:
    """Turn an error of the cluster into a sentence about the device.

    `action` is one of `ACTIONS`; `right` is what the account needs for it.
    """
    try:
        yield
    except KubeError as err:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key=f"{action}_{cause_of(err)}",
            translation_placeholders={
                **words_of(view.ref, view),
                "error": err.message,
                "rule": rule_of(right) if right is not None else "–",
            },
        ) from err


def _want_offered(view: WorkloadView, *controls: Control) -> None:
    """The hint `controls` says what is offered; without one everything is."""
    offered = view.hints.controls
    if offered is not None and offered.isdisjoint(controls):
        raise _misuse("not_offered", view)


def _misuse(key: str, view: WorkloadView) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders={"device": view.name},
    )


async def _replace_next(machine: Restart, pod: Pod, replace: _Replace) -> None:
    try:
        await replace(pod)
    except NotFound, Conflict:
        machine.gone()
    except Unreachable, TooManyRequests:
        machine.refused(dt_util.utcnow())
    else:
        machine.evicted(dt_util.utcnow())


def cause_of(err: KubeError) -> str:
    """Return which of `CAUSES` an error is."""
    if isinstance(err, TooManyRequests) and err.cause == "DisruptionBudget":
        return "budget"
    return next(cause for kind, cause in _CAUSES if isinstance(err, kind))


def words_of(ref: Ref, view: WorkloadView | None) -> dict[str, str]:
    """Return the words that every sentence about a device may use."""
    return {
        "device": view.name if view is not None else ref.name,
        "namespace": ref.namespace,
    }


def _order(resource_version: str) -> int:
    """Return a resource version as the number that it is since Kubernetes 1.35."""
    return int(resource_version) if resource_version.isdecimal() else 0


async def _wait(changed: asyncio.Event, step: Wait) -> None:
    """Wait until the pods change, or until the moment of the step."""
    try:
        async with asyncio.timeout(
            max(0.0, (step.until - dt_util.utcnow()).total_seconds())
        ):
            await changed.wait()
    except TimeoutError:
        return
