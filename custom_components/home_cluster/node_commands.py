"""What people do with nodes: closing them to new pods, opening them, emptying them."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
import logging
import re
import time
from typing import Any, Final, Protocol, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from .commands import Answer, Answers
from .const import DOMAIN
from .devices import Device, DeviceView
from .drain import Blocked, Drain, Obstacle, Phase
from .kube.client import Client
from .kube.errors import (
    Conflict,
    Forbidden,
    KubeError,
    NotFound,
    TooManyRequests,
    Unauthorized,
)
from .kube.onnode import PodOnNode
from .kube.schema import Kind, Ref
from .model.views import NodeView
from .own import OwnPod
from .parts import Part
from .rights import CORDON as CORDON_RIGHT, rule_of
from .sentences import CAUSES, cause_of, misuse

_LOGGER = logging.getLogger(__name__)

CORDON: Final = "cordon"
UNCORDON: Final = "uncordon"
DRAIN: Final = "drain"

NODE_ACTIONS: Final = (CORDON, UNCORDON, DRAIN)
NODE_CAUSES: Final = tuple(cause for cause in CAUSES if cause != "budget")

# How long a drain may take unless it is told otherwise, and how often, in seconds, it is looked at.
PATIENCE: Final = timedelta(minutes=10)
PAUSE: Final = 2.0

_BUDGET: Final = re.compile(r"disruption budget (\S+)")


def drain_issue_id(entry_id: str, node: str) -> str:
    """Return the id of the repair about a drain that did not come to its end."""
    return f"drain_blocked_{entry_id}_{node}"


class Home(Protocol):
    """What commands need of the hub."""

    hass: HomeAssistant
    entry: ConfigEntry
    client: Client
    answers: Answers

    @property
    def available(self) -> bool:
        """Whether what is shown is what the cluster says now."""

    @property
    def nodes(self) -> Mapping[str, NodeView]:
        """The nodes."""

    @property
    def own_pod(self) -> OwnPod | None:
        """The pod that Home Assistant runs in."""

    def touch(self, ref: Ref) -> None:
        """Write what is different."""

    def wake(self, ref: Ref) -> None:
        """Have the device's entities look at what they show."""


@dataclass(frozen=True, slots=True)
class _Running:
    machine: Drain
    task: asyncio.Task[None]


class NodeCommands(Part):
    """The commands of one cluster's nodes. All raise `HomeAssistantError` with a translated sentence."""

    def __init__(self, home: Home) -> None:
        """Bind to the hub."""
        self._home = home
        self._drains: dict[str, _Running] = {}

    @override
    @callback
    def stop(self) -> None:
        for name in tuple(self._drains):
            self._forget(name)

    @override
    @callback
    def seen(self, device: Device, old: DeviceView | None) -> None:
        """Whoever opens a node ends its drain."""
        view = device.view
        if (
            isinstance(view, NodeView)
            and isinstance(old, NodeView)
            and view.schedulable
            and not old.schedulable
        ):
            self._forget(view.name)

    @override
    @callback
    def gone(self, key: str) -> None:
        self._forget(key.removeprefix("node//"))

    @callback
    def drain_of(self, name: str) -> Drain | None:
        """Return how the drain of a node stands; None if there was none since it was last opened."""
        running = self._drains.get(name)
        return running.machine if running is not None else None

    async def cordon(self, name: str) -> None:
        """Let no new pod onto a node."""
        await self._close(self._node(name, CORDON), CORDON, cordoned=True)

    async def uncordon(self, name: str) -> None:
        """Let pods onto a node again; a drain that is under way ends."""
        view = self._node(name, UNCORDON)
        self._forget(name)
        await self._close(view, UNCORDON, cordoned=False)

    async def drain(
        self, name: str, *, force: bool = False, patience: timedelta = PATIENCE
    ) -> asyncio.Task[None]:
        """Close a node and begin to empty it; the task ends with the drain, `drain_of` tells how.

        Pods are evicted, so disruption budgets hold; `force` also lets those go that nothing brings
        back. A node that runs Home Assistant itself is never drained.
        """
        view = self._node(name, DRAIN)
        running = self._drains.get(name)
        if running is not None and running.machine.phase is Phase.DRAINING:
            raise misuse("already_draining", node=name)
        with self._words(name, DRAIN):
            pods = await self._home.client.pods_on(name)
        own = self._home.own_pod
        if own is not None and any(own.is_(pod) for pod in pods):
            raise misuse("drain_own_node", node=name)
        await self._close(view, DRAIN, cordoned=True)
        self._forget(name)
        machine = Drain(start=dt_util.utcnow(), patience=patience, force=force)
        task = self._home.entry.async_create_background_task(
            self._home.hass,
            self._run(name, machine, pods),
            f"home_cluster drain {name}",
            eager_start=False,
        )
        self._drains[name] = _Running(machine, task)
        self._wake(name)
        return task

    async def _run(self, name: str, machine: Drain, pods: list[PodOnNode]) -> None:
        """Evict, look again, evict what is left, to the end."""
        while (todo := machine.step(pods, dt_util.utcnow())) is not None:
            for pod in todo:
                await self._evict(machine, pod)
                self._wake(name)
            await asyncio.sleep(PAUSE)
            try:
                pods = await self._home.client.pods_on(name)
            except KubeError as err:
                _LOGGER.debug("Could not look at the pods of %s: %s", name, err)
        self._wake(name)
        if machine.phase is Phase.BLOCKED:
            self._report(name, machine)

    async def _evict(self, machine: Drain, pod: PodOnNode) -> None:
        now: Callable[[], datetime] = dt_util.utcnow
        try:
            await self._home.client.evict(pod.namespace, pod.name, uid=pod.uid)
        except NotFound, Conflict:
            return
        except TooManyRequests as err:
            if err.cause != "DisruptionBudget":
                machine.refused(pod, Obstacle.REFUSED, now(), detail=err.message)
                return
            detail = err.detail or err.message
            budget = _BUDGET.search(detail)
            machine.refused(
                pod,
                Obstacle.DISRUPTION_BUDGET,
                now(),
                detail=detail,
                budget=budget[1] if budget else "",
            )
        except (Forbidden, Unauthorized) as err:
            machine.refused(pod, Obstacle.NOT_ALLOWED, now(), detail=err.message)
        except KubeError as err:
            machine.refused(pod, Obstacle.REFUSED, now(), detail=err.message)
        else:
            machine.accepted(pod)

    async def _close(self, view: NodeView, action: str, *, cordoned: bool) -> None:
        if view.schedulable is not cordoned:
            return
        with self._words(view.name, action):
            record = await self._home.client.cordon(view.name, cordoned)
        if self._home.available:
            ref = Ref(Kind.NODE, "", view.name)
            self._home.answers.put(
                ref,
                Answer(
                    int(not cordoned),
                    record.resource_version,
                    view.uid,
                    time.monotonic(),
                ),
            )
            self._home.touch(ref)

    def _node(self, name: str, action: str) -> NodeView:
        view = self._home.nodes.get(name)
        if view is None or not self._home.available:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key=f"{action}_{'gone' if view is None else 'link_down'}",
                translation_placeholders={"node": name},
            )
        return view

    def _report(self, name: str, machine: Drain) -> None:
        ir.async_create_issue(
            self._home.hass,
            DOMAIN,
            drain_issue_id(self._home.entry.entry_id, name),
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key="drain_blocked",
            translation_placeholders={
                "node": name,
                "cluster": self._home.entry.title,
                "blocked": "\n".join(f"- {line}" for line in told(machine.blocked))
                or "-",
            },
        )

    def _forget(self, name: str) -> None:
        """End a node's drain, and forget how it came out."""
        running = self._drains.pop(name, None)
        if running is None:
            return
        running.machine.cancel()
        running.task.cancel()
        ir.async_delete_issue(
            self._home.hass, DOMAIN, drain_issue_id(self._home.entry.entry_id, name)
        )

    def _wake(self, name: str) -> None:
        self._home.wake(Ref(Kind.NODE, "", name))

    @contextmanager
    def _words(self, name: str, action: str) -> Iterator[None]:
        """Turn an error of the cluster into a sentence about the node."""
        try:
            yield
        except KubeError as err:
            cause = cause_of(err)
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key=f"{action}_{'busy' if cause == 'budget' else cause}",
                translation_placeholders={
                    "node": name,
                    "error": err.message,
                    "rule": rule_of(CORDON_RIGHT),
                },
            ) from err


def told(blocked: tuple[Blocked, ...]) -> list[str]:
    """Say of each pod why it is still there."""
    return [_told(one) for one in blocked]


def _told(one: Blocked) -> str:
    pod = f"{one.pod.namespace}/{one.pod.name}"
    match one.why:
        case Obstacle.DISRUPTION_BUDGET:
            return f"{pod}: the disruption budget {one.budget or '?'} forbids it ({one.detail})"
        case Obstacle.UNMANAGED:
            return f"{pod}: nothing would bring it back elsewhere"
        case Obstacle.STOPPING:
            return f"{pod}: was told to stop and is not gone yet"
        case _:
            return f"{pod}: {one.detail}"


def report_of(machine: Drain) -> dict[str, Any]:
    """Return a drain as the action answers it."""
    return {
        "phase": machine.phase.value,
        "drained": machine.phase is Phase.DRAINED,
        "evicted": [_named(pod) for pod in machine.evicted],
        "remaining": [_named(pod) for pod in machine.remaining],
        "blocked": [
            {
                **_named(one.pod),
                "why": one.why.value,
                **({"budget": one.budget} if one.budget else {}),
                **({"detail": one.detail} if one.detail else {}),
            }
            for one in machine.blocked
        ],
        "skipped": [
            {**_named(pod), "why": why.value} for pod, why in machine.skipped.values()
        ],
        "scratch_data_lost": [_named(pod) for pod in machine.scratched],
    }


def _named(pod: PodOnNode) -> dict[str, str]:
    return {"namespace": pod.namespace, "pod": pod.name}
