"""What people do with devices: one request each, and errors in plain words."""

import asyncio
from collections.abc import Collection
import time
from typing import NamedTuple, Protocol

from homeassistant.core import Context, callback
from homeassistant.exceptions import HomeAssistantError

from . import restarts
from .const import DOMAIN
from .kube.patches import Bounds
from .kube.schema import Record, Ref
from .model.undoing import Setting, Value
from .model.views import Control, Outcome, WorkloadView
from .remember import RememberedCounts
from .restarts import Restarts
from .rights import (
    ROLLING,
    RUN as RUN_RIGHT,
    SCALABLE,
    SUSPENDABLE,
    Rights,
    patch_right,
    rule_of,
    scale_right,
    scaler_of,
)
from .sentences import (
    RESTART,
    RUN,
    SET_BOUNDS,
    SET_REPLICAS,
    TURN_OFF,
    TURN_ON,
    gone,
    in_words,
    misuse,
    unreachable,
    words_of,
)
from .throttle import COMMANDS, RESTARTS, Throttle


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


class Home(restarts.Home, Protocol):
    """What commands need of the hub."""

    counts: RememberedCounts
    rights: Rights
    answers: Answers

    @property
    def own(self) -> Collection[Ref]:
        """The workloads that run Home Assistant itself."""

    def commanded(self, ref: Ref, setting: Setting, wanted: Value) -> None:
        """Take note of what the cluster has just accepted."""

    def touch(self, ref: Ref) -> None:
        """Write what is different."""


class Commands:
    """The commands of one cluster. All raise `HomeAssistantError` with a translated sentence."""

    def __init__(self, home: Home) -> None:
        """Bind to the hub."""
        self._home = home
        self._locks: dict[Ref, asyncio.Lock] = {}
        self._restarts = Restarts(home)
        self.throttle = Throttle(home.hass, home.entry)

    @callback
    def stop(self) -> None:
        """End what is under way."""
        self._restarts.stop()
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
            raise misuse("not_scalable", device=view.name)
        _want_offered(view, Control.REPLICAS, Control.POWER)
        if count and view.power and view.autoscaler is not None:
            raise misuse("autoscaled", device=view.name)
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
            await self._restarts.begin(view, force=force)

    def _want_restart(self, ref: Ref) -> WorkloadView:
        view = self._view(ref, RESTART)
        if ref.kind not in ROLLING:
            raise misuse("not_restartable", device=view.name)
        _want_offered(view, Control.RESTART)
        if ref in self._restarts.under_way:
            raise misuse("already_restarting", device=view.name)
        if not view.power:
            raise misuse("is_off", device=view.name)
        return view

    async def run(self, ref: Ref, context: Context | None = None) -> str:
        """Have a CronJob run now; returns the name of its Job."""
        async with self._lock(ref):
            view = self._view(ref, RUN)
            if view.runs is None:
                raise misuse("not_runnable", device=view.name)
            _want_offered(view, Control.RUN)
            if view.hints.protected:
                raise misuse("protected_run", device=view.name)
            if view.runs.alone and view.runs.outcome is Outcome.RUNNING:
                raise misuse("already_running", device=view.name)
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
                raise misuse("not_autoscaled", device=view.name)
            _want_offered(view, Control.REPLICAS)
            lowest = (
                view.autoscaler.minimum if bounds.minimum is None else bounds.minimum
            )
            highest = (
                view.autoscaler.maximum if bounds.maximum is None else bounds.maximum
            )
            if lowest > highest:
                raise misuse(
                    "bounds_crossed",
                    device=view.name,
                    minimum=str(lowest),
                    maximum=str(highest),
                )
            await self.throttle.take(ref, view.name, COMMANDS, context)
            with in_words(view, SET_BOUNDS, patch_right(scaler.kind)):
                await self._home.client.bound(scaler, bounds)
            if bounds.minimum is not None:
                self._home.commanded(ref, Setting.MINIMUM, bounds.minimum)
            if bounds.maximum is not None:
                self._home.commanded(ref, Setting.MAXIMUM, bounds.maximum)

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

    def _view(self, ref: Ref, action: str) -> WorkloadView:
        view = self._home.view(ref)
        if view is None:
            raise gone(ref, None, action)
        if not self._home.available:
            raise unreachable(view, action)
        return view

    def _want_stoppable(self, view: WorkloadView, *, force: bool = False) -> None:
        if view.ref in self._home.own:
            raise misuse("runs_home_assistant", device=view.name)
        if view.hints.protected and not force:
            raise misuse("protected", device=view.name)

    def _lock(self, ref: Ref) -> asyncio.Lock:
        return self._locks.setdefault(ref, asyncio.Lock())


def _want_offered(view: WorkloadView, *controls: Control) -> None:
    """The hint `controls` says what is offered; without one everything is."""
    offered = view.hints.controls
    if offered is not None and offered.isdisjoint(controls):
        raise misuse("not_offered", device=view.name)


def _order(resource_version: str) -> int:
    """Return a resource version as the number that it is since Kubernetes 1.35."""
    return int(resource_version) if resource_version.isdecimal() else 0
