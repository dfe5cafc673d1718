"""Step 6: a new version rolls out; the device stays the same one."""

import time
from typing import Final

from story import home
from story.automations import Automations
from story.inside import Inside
from story.notes import Notes, demand
from story.stage import Stage

from .step import Step

_ON_THE_WAY: Final = ("updating", "running")


async def rollout(stage: Stage, notes: Notes) -> None:
    """The fridge's image changes: updating, then running; the conditions of both hold when they must."""
    inside = await stage.connected()
    async with Automations(inside) as made:
        await _make(inside, made)
        await _new_image(stage, inside, notes)
        for word in _ON_THE_WAY:
            await made.until_ran(f"fridge_is_{word}")
        notes.ha(f"the conditions held: {', '.join(_ON_THE_WAY)}")


async def _make(inside: Inside, made: Automations) -> None:
    """One automation for each word, which runs if the condition says the same as the status."""
    device = (await inside.devices())[home.FRIDGE.path]["id"]
    for word in _ON_THE_WAY:
        await made.make(
            f"fridge_is_{word}",
            {
                "trigger": "state",
                "entity_id": inside.entity(home.FRIDGE, "status"),
                "to": word,
            },
            when=[
                {
                    "condition": f"home_cluster.is_{word}",
                    "target": {"device_id": device},
                }
            ],
        )


async def _new_image(stage: Stage, inside: Inside, notes: Notes) -> None:
    device = (await inside.devices())[home.FRIDGE.path]["id"]
    before = await inside.registry_ids()
    found = await stage.witness.read(home.FRIDGE)
    container = found.spec.template.spec.containers[0]
    name, _, old = container.image.rpartition(":")
    new = "v1.1.0" if old == "v1.0.0" else "v1.0.0"
    since = time.time()
    await stage.witness.patch(
        home.FRIDGE,
        {
            "spec": {
                "template": {
                    "spec": {
                        "containers": [
                            {"name": container.name, "image": f"{name}:{new}"}
                        ]
                    }
                }
            }
        },
    )
    notes.did(f"the fridge's image goes from {old} to {new}")
    took = await inside.until_said(home.FRIDGE, "status", "updating", timeout=10)
    notes.ha(f"updating after {took:.2f} s")
    took = await inside.until_said(home.FRIDGE, "status", "running", timeout=90)
    said = inside.words_since(since, home.FRIDGE, "status")
    notes.ha(f"running after {took:.1f} s: {' → '.join(said)}")
    pods = [pod for pod in await stage.witness.pods(home.FRIDGE) if not pod.ending]
    notes.witness(
        f"pods: {[(pod.name, pod.image.rpartition(':')[2], pod.ready) for pod in pods]}"
    )
    demand(
        len(pods) == 2 and all(pod.ready and pod.image.endswith(new) for pod in pods),
        f"Home Assistant says running, the witness sees {pods}",
    )
    demand(
        said[-2:] == ["updating", "running"] and "failing" not in said,
        f"the rollout was told as {' → '.join(said)}",
    )
    power = [
        word for word in inside.words_since(since, home.FRIDGE, "power") if word != "on"
    ]
    demand(not power, f"during the rollout the power switch said {power}")
    demand(
        (await inside.devices())[home.FRIDGE.path]["id"] == device,
        "the fridge became another device",
    )
    after = await inside.registry_ids()
    demand(
        after == before, f"the registries grew from {_count(before)} to {_count(after)}"
    )
    notes.ha(f"the same device, {_count(after)}")


def _count(ids: tuple[object, object]) -> str:
    devices, entities = ids
    return f"{len(devices)} devices and {len(entities)} entities"  # type: ignore[arg-type]


STEPS: Final = (Step(6, "A rollout: updating, then running, the same device", rollout),)
