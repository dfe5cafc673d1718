"""Steps 1 and 2: a cluster is connected, and its devices are what their hints say."""

import asyncio
from typing import Any, Final

from story import home
from story.inside import Inside
from story.notes import Notes, demand
from story.stage import Stage
from story.witness import Workload

from .step import Step

_PREFIX: Final = "home-cluster.github.io/"
_SHOWN: Final = (home.FRIDGE, home.JAZZ, home.WEATHER, home.BACKUP)


async def connect(stage: Stage, notes: Notes) -> None:
    """A fresh Home Assistant by kubeconfig, another by token and CA: both see the same home."""
    other = stage.inside("kubeconfig")
    await asyncio.gather(stage.main.start(), other.start())
    expected = {workload.path for workload in home.DEVICES}
    notes.did("two fresh Home Assistants are running")
    namespace: Any = await stage.witness.ask(
        stage.witness.core.read_namespace, "kube-system"
    )
    try:
        for inside, method in ((stage.main, "token"), (other, "kubeconfig")):
            title = await stage.connect(inside, method)
            notes.ha(f"by {method}: entry {title!r}, cluster {inside.uid}")
            demand(
                inside.uid == namespace.metadata.uid,
                f"the cluster is {namespace.metadata.uid}, Home Assistant took it for {inside.uid}",
            )
            await inside.until(
                f"the devices {sorted(expected)} are there, by {method}",
                lambda inside=inside: _has(inside, expected),
            )
        notes.witness(f"kube-system has the uid {namespace.metadata.uid}")
        first = set(await stage.main.entities())
        second = set(await other.entities())
        demand(
            first == second,
            f"by token and by kubeconfig the entities differ: {sorted(first ^ second)}",
        )
        notes.ha(f"{len(first)} entities, the same both ways")
    finally:
        await other.stop()


async def _has(inside: Inside, paths: set[str]) -> bool:
    return paths <= set(await inside.devices())


async def devices_by_hints(stage: Stage, notes: Notes) -> None:
    """Names, areas and icons are those that the objects carry, as the witness reads them."""
    inside = await stage.connected()
    devices = await inside.devices()
    for workload in _SHOWN:
        hints = await _hints(stage, workload)
        device = devices.get(workload.path)
        demand(device, f"{workload.path} is no device")
        assert device is not None
        said = {
            "name": device["name"],
            "area": device["area"],
            "icon": await _icon(inside, workload),
        }
        expected = {key: hints[key] for key in said}
        notes.witness(f"{workload.path} asks for {expected}")
        notes.ha(f"{workload.path} is {said}")
        # Home Assistant takes an area that there is, whatever the case of its letters.
        same = said | {"area": str(said["area"]).casefold()} == expected | {
            "area": expected["area"].casefold()
        }
        demand(same, f"{workload.path}: asked for {expected}, got {said}")
    await stage.pictures.devices(inside)
    count = await stage.witness.desired(home.FRIDGE)
    said_count = inside.attributes(home.FRIDGE, "status").get("desired")
    notes.ha(f"the fridge has {said_count} replicas")
    demand(
        said_count == count == 2,
        f"the fridge has {count} replicas, Home Assistant says {said_count}",
    )


async def _hints(stage: Stage, workload: Workload) -> dict[str, Any]:
    annotations = (await stage.witness.read(workload)).metadata.annotations
    return {
        key.removeprefix(_PREFIX): value
        for key, value in annotations.items()
        if key.startswith(_PREFIX)
    }


async def _icon(inside: Inside, workload: Workload) -> str | None:
    """The icon of the entity that stands for the device: its switch, or its status without one."""
    for key in ("power", "status"):
        if inside.said(workload, key) is not None:
            icon = inside.attributes(workload, key).get("icon")
            return None if icon is None else str(icon)
    return None


STEPS: Final = (
    Step(1, "Connect by kubeconfig, and by token and CA", connect, at_rest=False),
    Step(
        2,
        "Devices appear with the names, areas and icons of their hints",
        devices_by_hints,
    ),
)
