"""Step 14: a node is closed, emptied as far as budgets allow, opened, and loses its power."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import time
from typing import Any, Final

from story import disturb, home
from story.inside import Inside
from story.notes import Notes, demand
from story.stage import Stage
from story.witness import Workload

from .step import Step

_BUDGET: Final = "the-music-plays-on"
_PATIENCE: Final = 8


async def nodes(stage: Stage, notes: Notes) -> None:
    """The node under the jazz server, whose budget never lets it go."""
    inside = await stage.connected()
    node = (await stage.witness.pods(home.JAZZ))[0].node
    notes.witness(f"jazz runs on {node}")
    async with node_rights(stage, inside):
        machine = Workload("Node", "", node)
        await _close(stage, inside, notes, machine)
        await _drain(stage, inside, notes, machine)
        await _open(stage, inside, notes, machine)
        await stage.at_rest()
        await _flicker(stage, inside, notes, machine)
        await stage.pictures.device("node", inside, machine, "Takes new pods")


@asynccontextmanager
async def node_rights(stage: Stage, inside: Inside) -> AsyncIterator[None]:
    """A time in which the account may do with nodes what the documentation offers."""
    words = ("unavailable", "unknown", "removed")
    rights = home.node_rights()
    await stage.apply(rights)
    with stage.window("the rights on nodes come", *words, settle=5):
        await inside.reload()
    try:
        yield
    finally:
        for item in rights:
            await asyncio.to_thread(
                stage.cluster.kubectl,
                *("delete", item["kind"], item["metadata"]["name"]),
            )
        # A right counts as lost after three looks.
        with stage.window("the rights on nodes go", *words, settle=40):
            await inside.reload()


async def _unschedulable(stage: Stage, node: str) -> bool:
    found: Any = await stage.witness.patiently(stage.witness.core.read_node, node)
    return bool(found.spec.unschedulable)


async def _close(stage: Stage, inside: Inside, notes: Notes, node: Workload) -> None:
    await inside.until_said(node, "schedulable", "on", timeout=30)
    start = time.monotonic()
    await inside.house.service(
        "switch.turn_off", {"entity_id": inside.entity(node, "schedulable")}
    )
    seconds = time.monotonic() - start
    await inside.until_said(node, "schedulable", "off", timeout=2)
    notes.ha(f"{node.name} was closed, the call took {seconds:.3f} s")
    demand(
        await _unschedulable(stage, node.name),
        f"{node.name} is called closed, but takes new pods",
    )


async def _drain(stage: Stage, inside: Inside, notes: Notes, node: Workload) -> None:
    """The answer names what went, what stays and what blocks; nothing is forced."""
    await stage.apply([_budget()])
    before = {pod.uid for pod in await stage.witness.pods(home.JAZZ)}
    with stage.window(f"{node.name} is emptied", "on", of="/problem", settle=20):
        answer = await inside.house.call(
            "call_service",
            domain="home_cluster",
            service="drain",
            service_data={"timeout": {"seconds": _PATIENCE}},
            target={"entity_id": inside.entity(node, "connected")},
            return_response=True,
        )
        report = answer["response"][inside.entity(node, "connected")]
        notes.ha(
            f"{report['phase']}: evicted {_names(report['evicted'])}, blocked {report['blocked']}, "
            f"skipped {_names(report['skipped'])}"
        )
        blocked = {one["pod"]: one.get("budget") for one in report["blocked"]}
        demand(
            blocked.get("jazz-0") == _BUDGET,
            f"the drain does not name the budget {_BUDGET}: {report}",
        )
        demand(
            not report["drained"] and report["phase"] == "blocked",
            f"a node with a pod left is called {report['phase']}",
        )
        repairs = [issue["issue_id"] for issue in await inside.repairs()]
        demand(
            any(one.startswith("drain_blocked_") for one in repairs),
            f"no repair tells of the drain: {repairs}",
        )
        left = await evictable(stage, node.name)
        notes.witness(f"left on {node.name}: {sorted(left)}")
        demand(
            left == {f"media/{name}" for name in blocked},
            f"Home Assistant names {sorted(blocked)}, the witness sees {sorted(left)}",
        )
        after = {pod.uid for pod in await stage.witness.pods(home.JAZZ)}
        demand(after == before, "the budget was not respected")
        await stage.at_rest()


async def _open(stage: Stage, inside: Inside, notes: Notes, node: Workload) -> None:
    await asyncio.to_thread(
        stage.cluster.kubectl, "delete", "pdb", _BUDGET, "-n", "media"
    )
    await inside.house.service(
        "home_cluster.uncordon", {"entity_id": inside.entity(node, "connected")}
    )
    await inside.until_said(node, "schedulable", "on", timeout=2)
    demand(
        not await _unschedulable(stage, node.name),
        f"{node.name} is called open, but takes no pods",
    )
    repairs = [issue["issue_id"] for issue in await inside.repairs()]
    demand(
        not any(one.startswith("drain_blocked_") for one in repairs),
        "the repair of the drain stays although the node is open",
    )
    notes.ha(f"{node.name} is open, the repair is gone")


async def _flicker(stage: Stage, inside: Inside, notes: Notes, node: Workload) -> None:
    """The power goes and comes: a new boot id, told once."""
    since = time.time()
    before = inside.said(node, "flicker")
    # Its pods start anew.
    with stage.window(f"power of {node.name}", "unknown", "on", settle=45):
        await disturb.power_off(stage.cluster, node.name)
        notes.did(f"{node.name} has no power for a moment")
        await disturb.power_on(stage.cluster)

        async def told() -> bool:
            return inside.said(node, "flicker") not in (before, "unavailable")

        took = await inside.until(f"a start of {node.name} is told", told, timeout=30)
        change = inside.change(node.path, "flicker")
        kind = change.attributes.get("event_type") if change else None
        notes.ha(f"{kind} told {took:.1f} s after the node was back")
        demand(kind == "power_flicker", f"a power cut was called {kind}")
        boot = inside.said(node, "last_boot") or ""
        notes.ha(f"last boot {boot}")
        demand(
            boot >= time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since)),
            f"the last boot is said to be {boot}, before the power went",
        )
        await stage.at_rest(timeout=120)


async def evictable(stage: Stage, node: str) -> set[str]:
    """The pods on a node that belong elsewhere just as well, as the witness sees them."""
    listed: Any = await stage.witness.patiently(
        stage.witness.core.list_pod_for_all_namespaces
    )
    return {
        f"{pod.metadata.namespace}/{pod.metadata.name}"
        for pod in listed.items
        if pod.spec.node_name == node
        and not any(
            owner.kind in ("DaemonSet", "Node")
            for owner in pod.metadata.owner_references or ()
        )
    }


def _budget() -> dict[str, Any]:
    """A budget that never lets the jazz server's only pod go."""
    labels = {"app.kubernetes.io/name": home.JAZZ.name}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": _BUDGET, "namespace": "media"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": labels}},
    }


def _names(pods: list[dict[str, str]]) -> list[str]:
    return [f"{pod['namespace']}/{pod['pod']}" for pod in pods]


STEPS: Final = (
    Step(14, "A node is closed, emptied, opened, and loses its power", nodes),
)
