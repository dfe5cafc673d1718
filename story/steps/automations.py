"""Steps 21 and 22: automations hear of what happens, and a device that does not do its work is restarted."""

from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any, Final

from kubernetes.client.exceptions import ApiException

from story.automations import Automations, holds
from story.inside import Inside
from story.notes import Notes, demand
from story.stage import Stage
from story.witness import Workload

from .parts import device_manifest
from .step import Step

_OVEN: Final = Workload("Deployment", "kitchen", "oven")
_GRILL: Final = Workload("Deployment", "kitchen", "grill")
_PREFIX: Final = "home-cluster.github.io/"
_DOOR: Final = "binary_sensor.grill_door"
_PASSING: Final = ("removed", "unavailable", "unknown", "on")


async def automations(stage: Stage, notes: Notes) -> None:
    """An oven crashes and is mended; each is told once, and automations run by area, device and entity."""
    inside = await stage.connected()
    made = Automations(inside)
    async with AsyncExitStack() as stack:
        stack.enter_context(
            stage.window("the oven", *_PASSING, of=_OVEN.path, settle=9)
        )
        stack.push_async_callback(_delete, stage, _OVEN)
        stack.push_async_callback(made.remove)
        device = await _deploy(stage, inside, _OVEN)
        by_device = {"device_id": device["id"]}
        await made.make(
            "oven_failed",
            {
                "trigger": "home_cluster.failed",
                "target": {"area_id": device["area_id"]},
            },
            says="{{ trigger.device }}: {{ trigger.message }}",
        )
        await made.make(
            "oven_recovered",
            {"trigger": "home_cluster.recovered", "target": by_device},
        )
        await _conditions(inside, notes, by_device, healthy=True)
        await _crashes(stage, inside, notes, made)
        await _conditions(inside, notes, by_device, healthy=False)
        await _is_mended(stage, inside, notes, made)


async def _crashes(
    stage: Stage, inside: Inside, notes: Notes, made: Automations
) -> None:
    await stage.witness.patch(_OVEN, _environment({"CRASH_AFTER": "1"}))
    notes.did("the oven got a program that crashes after 1 s")
    words = await _until_told(inside, _OVEN, "crashed", timeout=60)
    notes.ha(f"crashed: {words.get('message')!r}")
    # One crash is none yet; the next may be long in coming on a busy machine.
    await inside.until_said(_OVEN, "status", "failing", "degraded", timeout=90)
    said = await made.until_ran("oven_failed")
    notes.ha(f"the automation of the kitchen ran: {said!r}")
    pods = await stage.witness.pods(_OVEN)
    notes.witness(f"restarts: {[(pod.name, pod.restarts) for pod in pods]}")
    crashing = [pod.name for pod in pods if pod.restarts or pod.waiting]
    demand(
        words.get("pod") in crashing,
        f"a crash of {words.get('pod')} was told, the witness sees {crashing}",
    )
    demand("oven" in said and "oven-" in said, f"the automation was told {said!r}")


async def _is_mended(
    stage: Stage, inside: Inside, notes: Notes, made: Automations
) -> None:
    await stage.witness.patch(_OVEN, _environment({}))
    notes.did("the oven got its good program back")
    await made.until_ran("oven_recovered", timeout=60)
    told = _told(inside, _OVEN)
    notes.ha(f"recovered; told in order: {told}")
    rollouts = [one for one in told if one.startswith("rollout")]
    demand(
        told.count("failed") == told.count("recovered") == 1
        and rollouts.count("rollout_started") == 2
        and rollouts[-1] == "rollout_finished",
        f"two rollouts, a failure and a recovery were told as {told}",
    )
    await _is_restarted(stage, inside, notes, made)


async def _is_restarted(
    stage: Stage, inside: Inside, notes: Notes, made: Automations
) -> None:
    power = {"entity_id": inside.entity(_OVEN, "power")}
    await made.make(
        "oven_restarted", {"trigger": "home_cluster.restarted", "target": power}
    )
    await stage.pictures.automation(inside, "oven_restarted", "Device restarted")

    async def alone() -> bool:
        return len(await stage.witness.pods(_OVEN)) == 1

    await inside.until("the crashing pod is gone", alone, timeout=30)
    before = {pod.uid for pod in await stage.witness.pods(_OVEN)}
    await inside.house.service(
        "button.press", {"entity_id": inside.entity(_OVEN, "restart")}
    )
    await made.until_ran("oven_restarted", timeout=60)
    pods = await stage.witness.pods(_OVEN)
    after = {pod.uid for pod in pods if pod.ready and not pod.ending}
    notes.ha("the automation of the restart ran")
    notes.witness(f"{len(before)} pod before the restart, {len(after)} new one")
    demand(after and not after & before, "a restart was told, the pods are the same")


async def _conditions(
    inside: Inside, notes: Notes, target: dict[str, Any], *, healthy: bool
) -> None:
    found = await holds(inside, "is_healthy", target)
    nodes = [
        node["id"]
        for path, node in (await inside.devices()).items()
        if path.startswith("node/")
    ]
    ready = await holds(inside, "node_ready", {"device_id": nodes}, behavior="all")
    notes.ha(f"healthy: {found}, all {len(nodes)} nodes ready: {ready}")
    demand(found is healthy, f"the condition is_healthy says {found}")
    demand(ready, "the condition node_ready does not pass")


async def serving(stage: Stage, notes: Notes) -> None:
    """Ready pods, but the door sensor is away: degraded after two minutes, restarted a minute later."""
    inside = await stage.connected()
    async with AsyncExitStack() as stack:
        # A new entity comes with a reload of the entry, which Home Assistant does by itself.
        stack.enter_context(
            stage.window("a reload", "unavailable", "unknown", "removed", settle=5)
        )
        stack.enter_context(
            stage.window("the grill", *_PASSING, of=_GRILL.path, settle=9)
        )
        stack.push_async_callback(_delete, stage, _GRILL)
        await _says(inside, "off")
        await _deploy(stage, inside, _GRILL, serves=_DOOR)
        await _enable_watchdog(inside)
        await _says(inside, "unavailable")
        notes.did(f"{_DOOR} became unavailable")
        took = await inside.until_said(_GRILL, "status", "degraded", timeout=150)
        words = inside.attributes(_GRILL, "problem")
        notes.ha(
            f"{inside.said(_GRILL, 'reason')} after {took:.0f} s: {words.get('message')!r}"
        )
        pods = await stage.witness.pods(_GRILL)
        notes.witness(f"pods: {[(pod.name, pod.ready) for pod in pods]}")
        demand(all(pod.ready for pod in pods), "the grill's pods are not ready at all")
        demand(
            inside.said(_GRILL, "reason") == "served_entities_unavailable"
            and _DOOR in str(words.get("message")),
            f"the missing door is told as {dict(words)}",
        )
        await _until_told(inside, _GRILL, "watchdog_restarted", timeout=90)
        before = {pod.uid for pod in pods}

        async def restarted() -> bool:
            return any(
                pod.ready and pod.uid not in before
                for pod in await stage.witness.pods(_GRILL)
            )

        await inside.until("the witness sees a new pod", restarted, timeout=60)
        notes.ha("the watchdog restarted it")
        await _says(inside, "off")
        await inside.until_said(_GRILL, "status", "running", timeout=30)
    await stage.at_rest()


async def _enable_watchdog(inside: Inside) -> None:
    """Enable it as a person does, and set it to one minute."""
    entities = await inside.entities()
    entity = entities[f"{inside.uid}/{_GRILL.path}/watchdog"]["entity_id"]
    await inside.house.call(
        "config/entity_registry/update", entity_id=entity, disabled_by=None
    )

    async def there() -> bool:
        return inside.said(_GRILL, "watchdog") == "0"

    await inside.until("the grill has a watchdog", there, timeout=60)
    await inside.house.service("number.set_value", {"entity_id": entity}, value=1)
    await inside.until_said(_GRILL, "watchdog", "1", timeout=5)


async def _says(inside: Inside, state: str) -> None:
    """Have the door sensor, which another integration would have, say something."""
    await inside.house.rest("POST", f"/api/states/{_DOOR}", {"state": state})


async def _deploy(
    stage: Stage, inside: Inside, workload: Workload, **hints: str
) -> dict[str, Any]:
    """Deploy a device in the kitchen and wait until it runs; returns its entry in the registry."""
    manifest = device_manifest(workload.name)
    manifest["metadata"]["annotations"] = {
        f"{_PREFIX}{key}": text for key, text in {"area": "Kitchen", **hints}.items()
    }
    await stage.apply([manifest])
    await inside.until_said(workload, "status", "running", timeout=60)
    device = (await inside.devices())[workload.path]
    # One of that name that was there before, in no area, would be there again as it was.
    demand(
        device["area"] == "Kitchen",
        f"{workload.path} is in the area {device['area']}, its hint says Kitchen",
    )
    return device


async def _delete(stage: Stage, workload: Workload) -> None:
    with suppress(ApiException):
        await stage.witness.delete(workload)


def _told(inside: Inside, workload: Workload) -> list[str]:
    """Return the kinds of what the device's event entity told, in order."""
    entity, last, kinds = inside.entity(workload, "event"), None, []
    for change in inside.recorder.changes:
        if change.entity == entity and change.state not in (
            None,
            "unavailable",
            "unknown",
            last,
        ):
            last = change.state
            kinds.append(str(change.attributes.get("event_type")))
    return kinds


async def _until_told(
    inside: Inside, workload: Workload, what: str, *, timeout: float
) -> dict[str, Any]:
    """Wait until the device's event entity tells of something; returns its words."""
    entity = inside.entity(workload, "event")

    def found() -> Sequence[Any]:
        return [
            change
            for change in inside.recorder.changes
            if change.entity == entity and change.attributes.get("event_type") == what
        ]

    took = await inside.recorder.until(lambda: bool(found()), timeout=timeout)
    demand(
        took is not None,
        f"{workload.path} did not tell of {what} in {timeout:.0f} s but of {_told(inside, workload)}",
    )
    return dict(found()[0].attributes)


def _environment(wanted: dict[str, str]) -> dict[str, Any]:
    variables: list[dict[str, Any]] = [
        {"name": name, "value": value} for name, value in wanted.items()
    ] or [{"name": "CRASH_AFTER", "$patch": "delete"}]
    containers = [{"name": "agent", "env": variables}]
    return {"spec": {"template": {"spec": {"containers": containers}}}}


STEPS: Final = (
    Step(21, "What happens is told once, and automations run", automations),
    Step(22, "Ready is not enough: degraded, and restarted by its watchdog", serving),
)
