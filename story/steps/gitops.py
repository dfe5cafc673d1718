"""Step 18: Flux switches the fridge on again; a repair names it and the change that makes peace."""

import asyncio
from typing import Any, Final

import yaml

from story import home
from story.notes import Notes, demand
from story.stage import Stage

from .step import Step

_LABELS: Final = {
    "kustomize.toolkit.fluxcd.io/name": "kitchen",
    "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
}


async def peace(stage: Stage, notes: Notes) -> None:
    """What Flux does is done by its own kind of request, under its name."""
    inside = await stage.connected()
    entity = inside.entity(home.CAMERA, "power")
    await _apply_as_flux(stage)
    notes.did("the camera is Flux' from now on")
    with stage.window(
        "Flux undoes a switch", "on", of=f"{home.CAMERA.path}/problem", settle=5
    ):
        try:
            await inside.house.service("switch.turn_off", {"entity_id": entity})
            await inside.until_said(home.CAMERA, "power", "off", timeout=5)
            await _apply_as_flux(stage)
            notes.did("Flux applies its manifest again")
            await inside.until_said(home.CAMERA, "power", "on", timeout=10)
            desired = await stage.witness.desired(home.CAMERA)
            notes.witness(f"{desired} pod wanted again")

            async def told() -> bool:
                return bool(await _repairs(inside))

            await inside.until("a repair says who it was", told, timeout=15)
            (issue,) = await _repairs(inside)
            words = issue["translation_placeholders"]
            notes.ha(
                f"{issue['translation_key']}: {words['owner']}, {words['change']!r}"
            )
            demand(
                issue["translation_key"] == "undone_by_flux_kustomization"
                and words["owner"] == "flux-system/kitchen"
                and "-  replicas: 1" in words["change"],
                f"the repair says {issue['translation_key']} {words}",
            )
            await inside.until_said(
                home.CAMERA, "reason", "undone_by_owner", timeout=60
            )
            notes.ha(str(inside.attributes(home.CAMERA, "problem").get("message")))
            title = f"{words['device']}: Flux undoes what is set here"
            await stage.pictures.repair("undone", inside, title, "replicas: 1")
        finally:
            await _restore(stage)
        await _peace(stage, inside, notes, entity)


async def _peace(stage: Stage, inside: Any, notes: Notes, entity: str) -> None:
    """With the line left out of the manifest, the switch holds."""
    await inside.house.service("switch.turn_off", {"entity_id": entity})
    await _apply_as_flux(stage, replicas=False)
    await asyncio.sleep(2)
    desired = await stage.witness.desired(home.CAMERA)
    notes.witness(f"with the line left out Flux leaves {desired} pods")
    demand(desired == 0, f"the line was left out, and {desired} pods are wanted")
    await inside.house.service("switch.turn_on", {"entity_id": entity})
    await _restore(stage)
    # A new start knows nothing of what was undone before.
    await inside.restart()
    await inside.until_said(home.CAMERA, "status", "running", timeout=60)
    await inside.until_said(home.CAMERA, "problem", "off", timeout=5)


async def _repairs(inside: Any) -> list[dict[str, Any]]:
    return [
        issue
        for issue in await inside.repairs()
        if issue["translation_key"].startswith("undone_by")
    ]


def _manifest(*, labels: bool = True, replicas: bool = True) -> dict[str, Any]:
    (camera,) = (
        one
        for one in home.manifests()
        if (one["kind"], one["metadata"]["name"]) == ("Deployment", "camera")
    )
    if labels:
        camera["metadata"]["labels"] |= _LABELS
    if not replicas:
        del camera["spec"]["replicas"]
    return camera


async def _apply_as_flux(stage: Stage, *, replicas: bool = True) -> None:
    """Apply as kustomize-controller does: on the server, by its name, with force."""
    await asyncio.to_thread(
        stage.cluster.kubectl,
        *("apply", "--server-side", "--force-conflicts"),
        *("--field-manager", "kustomize-controller", "-f", "-"),
        text=yaml.safe_dump(_manifest(replicas=replicas)),
    )


async def _restore(stage: Stage) -> None:
    """Take the camera from Flux, and let it run."""
    for name in _LABELS:
        await asyncio.to_thread(
            stage.cluster.kubectl,
            *("label", "-n", "garden", "deployment/camera", f"{name}-"),
        )
    await stage.witness.scale(home.CAMERA, 1)


STEPS: Final = (
    Step(
        18, "GitOps: who undoes a switch is named, with the change that ends it", peace
    ),
)
