"""Steps 4 and 5: what breaks is named rightly, and a mended device is well again by itself."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any, Final

from kubernetes.client.exceptions import ApiException

from story import home
from story.inside import Inside
from story.notes import Notes, demand
from story.stage import Stage
from story.witness import Workload

from .parts import device_manifest
from .step import Step


async def crash(stage: Stage, notes: Notes) -> None:
    """The fridge's program ends soon after each start; a good version mends it."""
    inside = await stage.connected()
    healthy = await stage.witness.read(home.FRIDGE)
    container = healthy.spec.template.spec.containers[0].name
    with stage.window(
        "the fridge crashes", "on", of=f"{home.FRIDGE.path}/problem", settle=5
    ):
        await stage.witness.patch(home.FRIDGE, _environment(container, "1"))
        notes.did("the fridge got a program that crashes after 1 s")
        try:
            await _crashing(stage, inside, notes)
        finally:
            await stage.witness.patch(home.FRIDGE, _environment(container, ""))
        notes.did("the fridge got its good program back")
        await inside.until_said(home.FRIDGE, "problem", "off", timeout=90)
    await inside.until_ready(home.FRIDGE, 2)
    await inside.until_said(home.FRIDGE, "status", "running", timeout=5)
    await inside.until_said(home.FRIDGE, "reason", "none", timeout=5)
    ready = await stage.witness.ready_count(home.FRIDGE)
    notes.witness(f"{ready} of 2 ready")
    notes.ha("running, no problem")
    demand(ready == 2, f"the fridge is called well with {ready} of 2 pods ready")


async def _crashing(stage: Stage, inside: Inside, notes: Notes) -> None:
    """The crash loop is named, with a sentence, advice, and a pod that really crashes."""
    await inside.until_said(home.FRIDGE, "reason", "crash_loop", timeout=90)
    await inside.until_said(home.FRIDGE, "problem", "on", timeout=5)
    words = inside.attributes(home.FRIDGE, "problem")
    notes.ha(
        f"{inside.said(home.FRIDGE, 'status')}, crash_loop: {words.get('message')!r} {words.get('advice')!r}"
    )
    waiting = [pod for pod in await stage.witness.pods(home.FRIDGE) if pod.restarts]
    notes.witness(
        f"restarting: {[(pod.name, pod.restarts, pod.waiting) for pod in waiting]}"
    )
    demand(waiting, "Home Assistant sees a crash loop, the witness no restart")
    demand(
        words.get("message") and words.get("advice"),
        f"the crash loop is named without a sentence or advice: {dict(words)}",
    )
    demand(
        words.get("pod") in {pod.name for pod in waiting},
        f"the problem names the pod {words.get('pod')}, not one that crashes",
    )
    await stage.pictures.failing(inside, home.FRIDGE, str(words["advice"]))


def _environment(container: str, crash_after: str) -> dict[str, Any]:
    variable: dict[str, Any] = {"name": "CRASH_AFTER", "value": crash_after}
    if not crash_after:
        variable = {"name": "CRASH_AFTER", "$patch": "delete"}
    containers = [{"name": container, "env": [variable]}]
    return {"spec": {"template": {"spec": {"containers": containers}}}}


async def four_ways_to_fail(stage: Stage, notes: Notes) -> None:
    """A wrong image, a missing ConfigMap, no node that fits, a volume that does not come."""
    inside = await stage.connected()
    cases = {
        "image_not_found": device_manifest(
            "blender", image="192.168.244.1:5000/home/camera:v9.9.9"
        ),
        "config_missing": device_manifest(
            "toaster", container={"envFrom": [{"configMapRef": {"name": "recipes"}}]}
        ),
        "no_matching_node": device_manifest(
            "mixer", pod={"nodeSelector": {"room": "attic"}}
        ),
        "volume_pending": device_manifest(
            "kettle",
            pod={
                "volumes": [
                    {"name": "water", "persistentVolumeClaim": {"claimName": "water"}}
                ]
            },
        ),
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "water", "namespace": "kitchen"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "no-such-class",
            "resources": {"requests": {"storage": "16Mi"}},
        },
    }
    workloads = {
        reason: Workload("Deployment", "kitchen", manifest["metadata"]["name"])
        for reason, manifest in cases.items()
    }
    async with AsyncExitStack() as stack:
        for workload in workloads.values():
            # They are there for this step only, and broken.
            words = ("on", "removed", "unavailable", "unknown")
            stack.enter_context(
                stage.window("broken on purpose", *words, of=workload.path, settle=30)
            )
        stack.push_async_callback(_remove, stage, list(workloads.values()))
        await stage.apply([claim, *cases.values()])
        notes.did(
            f"deployed {sorted(workload.name for workload in workloads.values())}"
        )
        await asyncio.gather(
            *(
                _named(stage, inside, notes, workload, reason)
                for reason, workload in workloads.items()
            )
        )
        await _remove(stage, list(workloads.values()))
        await inside.until_gone(*workloads.values(), timeout=10)


async def _named(
    stage: Stage, inside: Inside, notes: Notes, workload: Workload, reason: str
) -> None:
    """Wait until the reason is named, and compare with what the witness sees of the pod."""
    await inside.until(
        f"{workload.path} is a device", lambda: _is_device(inside, workload), timeout=15
    )
    took = await inside.until_said(workload, "reason", reason, timeout=90)
    await inside.until_said(workload, "problem", "on", timeout=5)
    words = inside.attributes(workload, "problem")
    notes.ha(f"{workload.name}: {reason} after {took:.1f} s, {words.get('message')!r}")
    pods = await stage.witness.pods(workload)
    notes.witness(
        f"{workload.name}: {[pod.waiting or 'not scheduled' for pod in pods]}"
    )
    demand(
        pods and not any(pod.ready for pod in pods),
        f"{workload.path} is called {reason}, but the witness sees {pods}",
    )
    demand(
        words.get("message") and words.get("advice"),
        f"{workload.path}: no sentence or advice",
    )


async def _is_device(inside: Inside, workload: Workload) -> bool:
    return workload.path in await inside.devices()


async def _remove(stage: Stage, workloads: list[Workload]) -> None:
    for workload in workloads:
        try:
            await stage.witness.delete(workload)
        except ApiException as err:
            if err.status != 404:
                raise
    await asyncio.to_thread(
        stage.cluster.kubectl,
        *(
            "delete",
            "pvc",
            "water",
            "-n",
            "kitchen",
            "--ignore-not-found",
            "--wait=false",
        ),
    )


STEPS: Final = (
    Step(4, "A crashing fridge says so, and is well again by itself", crash),
    Step(
        5,
        "Wrong image, missing ConfigMap, no node, no volume: each named",
        four_ways_to_fail,
    ),
)
