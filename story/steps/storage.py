"""Step 15: a volume fills up, and nobody takes the node's disk for a volume."""

import asyncio
from contextlib import suppress
import json
import os
from pathlib import Path
from typing import Any, Final

from story import home
from story.automations import Automations
from story.inside import Inside
from story.notes import Miss, Notes, demand
from story.stage import Stage
from story.witness import Workload
from testbed import faults

from .nodes import node_rights
from .parts import device_manifest
from .step import Step

_FREEZER: Final = Workload("Deployment", "kitchen", "freezer")
_CLAIM: Final = "ice"
_VOLUME: Final = "freezer-ice"
_MEBIBYTES: Final = 8
_NEARLY_FULL: Final = "volume_nearly_full"


async def storage(stage: Stage, notes: Notes) -> None:
    """A freezer with a small disk of its own, and the jazz server's library on the node's."""
    inside = await stage.connected()
    node = stage.cluster.node_names()[0]
    words = ("on", "removed", "unavailable", "unknown")
    folder = await asyncio.to_thread(
        faults.small_volume, stage.cluster, node, _VOLUME, mebibytes=_MEBIBYTES
    )
    with stage.window("the freezer is there", *words, of=_FREEZER.path, settle=30):
        try:
            await stage.apply([_claim(), _freezer()])
            notes.did(f"deployed a freezer with a volume of {_MEBIBYTES} MiB on {node}")
            # What a kubelet could not mount at once it tries again after a while.
            await inside.until_said(_FREEZER, "status", "running", timeout=150)
            async with node_rights(stage, inside), Automations(inside) as made:
                await _is_told(inside, notes, node)
                await _fills(stage, inside, notes, made, node, folder)
        finally:
            await stage.witness.delete(_FREEZER)
            await asyncio.to_thread(
                stage.cluster.kubectl,
                *("delete", "pvc", _CLAIM, "-n", "kitchen", "--timeout=60s"),
            )
            await asyncio.to_thread(
                faults.remove_small_volume, stage.cluster, node, _VOLUME
            )
        await inside.until_gone(_FREEZER)


async def _is_told(inside: Inside, notes: Notes, node: str) -> None:
    await inside.until_said(_FREEZER, f"volume_{_CLAIM}", "bound", timeout=15)
    known = inside.attributes(_FREEZER, f"volume_{_CLAIM}")
    notes.ha(f"the freezer's volume: {dict(known)}")
    wanted = {"capacity": _MEBIBYTES << 20, "kind": "local", "node": node}
    demand(
        {key: known.get(key) for key in wanted} == wanted,
        f"of a local volume on {node} it says {dict(known)}",
    )


async def _fills(
    stage: Stage,
    inside: Inside,
    notes: Notes,
    made: Automations,
    node: str,
    folder: Path,
) -> None:
    """The freezer's volume gets full; the library says that its figure is the node's disk's."""
    library = next(
        unique_id.rpartition("/")[2]
        for unique_id in await inside.entities()
        if home.JAZZ.path in unique_id and unique_id.endswith("_used")
    )
    measured = (
        (_FREEZER, f"volume_{_CLAIM}_used"),
        (home.JAZZ, library),
        (Workload("Node", "", node), "disk"),
    )
    words = ("unavailable", "unknown")
    # Home Assistant itself loads the entry again half a minute after they were enabled.
    with stage.window("figures are asked for", *words, settle=40):
        await inside.enable(measured)

        async def known() -> bool:
            return all(
                (inside.said(workload, key) or "unavailable") not in words
                for workload, key in measured
            )

        took = await inside.until("the nodes tell of their disks", known, timeout=150)
        notes.ha(f"the figures are there after {took:.1f} s")
        await _make(inside, made)
        await asyncio.to_thread(faults.fill, folder)
        notes.did("filled the freezer's volume")
        took = await inside.until(
            "the node has measured the full volume",
            lambda: _measured(stage, node),
            timeout=180,
        )
    notes.witness(f"the kubelet measured the full volume after {took:.1f} s")
    said_by_it = await made.until_ran(_NEARLY_FULL, timeout=120)
    notes.ha(f"the automation of the full volume ran: {said_by_it!r}")
    full = inside.attributes(_FREEZER, f"volume_{_CLAIM}_used")
    said: dict[str, float] = {}
    seen: dict[str, float] = {}

    async def same() -> bool:
        # Others write to the node's disk, too, and the kubelet looks once a minute.
        said.update((key, float(inside.said(one, key) or 0)) for one, key in measured)
        seen[f"volume_{_CLAIM}_used"] = percent(folder)
        seen[library] = percent(await _library(stage))
        seen["disk"] = percent(stage.cluster.node(node).volumes.parent)
        return all(abs(said[key] - value) <= 3 for key, value in seen.items())

    with suppress(Miss):
        await inside.until("both say the same of the disks", same, timeout=90)
    notes.ha(f"how full: {said}")
    notes.witness(f"how full: {seen}")
    for key, value in seen.items():
        demand(
            abs(said[key] - value) <= 3,
            f"{key} is said to be {said[key]} % full, it is {value:.1f} %",
        )
    demand(
        full.get("lies_on") == "volume" and full.get("nearly_full") is True,
        f"a full volume of its own is told as {dict(full)}",
    )
    entity = inside.entity(_FREEZER, f"volume_{_CLAIM}_used")
    await stage.pictures.entity(
        "volume", inside, entity, f"Volume {_CLAIM} used", "100"
    )
    shared = inside.attributes(home.JAZZ, library)
    demand(
        shared.get("lies_on") == "node_disk",
        f"the library is a folder of its node, and is told as {dict(shared)}",
    )


async def _make(inside: Inside, made: Automations) -> None:
    """Have an automation for the freezer's volumes."""
    device = (await inside.devices())[_FREEZER.path]["id"]
    await made.make(
        _NEARLY_FULL,
        {"trigger": "home_cluster.volume_nearly_full", "target": {"device_id": device}},
        says="{{ trigger.device }}: {{ trigger.to_state.state }} %",
    )


async def _measured(stage: Stage, node: str) -> bool:
    """Whether the kubelet, which looks once a minute, has seen that the volume is full."""
    text = await asyncio.to_thread(
        stage.cluster.kubectl,
        *("get", "--raw", f"/api/v1/nodes/{node}/proxy/stats/summary"),
    )
    return any(
        volume.get("pvcRef", {}).get("name") == _CLAIM and not volume["availableBytes"]
        for pod in json.loads(text)["pods"]
        for volume in pod.get("volume", ())
    )


def percent(folder: Path) -> float:
    """How full the file system of a folder is, as `df` counts."""
    found = os.statvfs(folder)
    used = found.f_blocks - found.f_bfree
    return 100 * used / (used + found.f_bavail)


async def _library(stage: Stage) -> Path:
    """The folder of the node under jazz."""
    node = (await stage.witness.pods(home.JAZZ))[0].node
    return stage.cluster.node(node).volumes.parent


def _claim() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": _CLAIM, "namespace": "kitchen"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "",
            "volumeName": _VOLUME,
            "resources": {"requests": {"storage": f"{_MEBIBYTES}Mi"}},
        },
    }


def _freezer() -> dict[str, Any]:
    return device_manifest(
        _FREEZER.name,
        container={"volumeMounts": [{"name": "ice", "mountPath": "/ice"}]},
        pod={
            "volumes": [{"name": "ice", "persistentVolumeClaim": {"claimName": _CLAIM}}]
        },
    )


STEPS: Final = (
    Step(15, "A volume fills up; the node's disk is not taken for a volume", storage),
)
