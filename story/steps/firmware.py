"""New firmware: found in the registry, installed, undone when it does not run, rolled back."""

import time
from typing import Final

from story import home
from story.automations import Automations
from story.inside import Inside
from story.notes import Notes, demand
from story.stage import Stage
from testbed.house_socket import HouseError

from .step import Step

_NEWEST: Final = "v1.2.0"
_NOWHERE: Final = "v9.9.9"


async def firmware(stage: Stage, notes: Notes) -> None:
    """The fridge gets the newest version its hint allows; one that does not exist is taken back."""
    inside = await stage.connected()
    async with Automations(inside) as made:
        old = await _is_installed(stage, inside, notes)
        await _make(inside, made)
        await _is_taken_back(stage, inside, notes, made)
        await _is_rolled_back(stage, inside, notes, made, old)


async def _make(inside: Inside, made: Automations) -> None:
    """One automation for an update that fails, one for an update that is there."""
    device = (await inside.devices())[home.FRIDGE.path]["id"]
    for trigger in ("update_failed", "update_available"):
        await made.make(
            f"fridge_{trigger}",
            {"trigger": f"home_cluster.{trigger}", "target": {"device_id": device}},
            says="{{ trigger.device }}: {{ trigger.reason }}",
        )


async def _is_installed(stage: Stage, inside: Inside, notes: Notes) -> str:
    """Install what is offered; returns the version that there was before."""
    await _allow(stage, inside)
    await inside.until_said(home.FRIDGE, "update", "unknown", "on", "off", timeout=30)
    old = await _image(stage)
    entity = {"entity_id": inside.entity(home.FRIDGE, "update")}
    await inside.house.service("homeassistant.update_entity", entity)
    await inside.until_said(home.FRIDGE, "update", "on", timeout=5)
    said = inside.attributes(home.FRIDGE, "update")
    notes.ha(
        f"{said['installed_version']} is installed, {said['latest_version']} there"
    )
    demand(
        (said["installed_version"], said["latest_version"]) == (old, _NEWEST),
        f"{old} is installed and {_NEWEST} the newest 1.x, but Home Assistant says {dict(said)}",
    )

    await stage.pictures.entity(
        "firmware", inside, entity["entity_id"], "Installed version", _NEWEST
    )

    since = time.time()
    await inside.house.service("update.install", entity)
    took = time.time() - since
    shown = _percentages(inside, since)
    notes.ha(f"installed {_NEWEST} in {took:.1f} s, told {shown}")
    await _runs(stage, notes, _NEWEST, "after the update")
    await inside.until_said(home.FRIDGE, "update", "off", timeout=5)
    demand(
        len(set(shown)) >= 2 and shown == sorted(shown),
        f"the progress was told as {shown}",
    )
    return old


async def _is_taken_back(
    stage: Stage, inside: Inside, notes: Notes, made: Automations
) -> None:
    entity = {"entity_id": inside.entity(home.FRIDGE, "update")}
    since = time.time()
    with stage.window(
        "a version that is nowhere", "on", of=f"{home.FRIDGE.path}/problem", settle=5
    ):
        try:
            await inside.house.service("home_cluster.set_image", entity, image=_NOWHERE)
        except HouseError as error:
            sentence = str(error)
        else:
            sentence = "installed"
    took = time.time() - since
    notes.ha(f"{_NOWHERE} after {took:.1f} s: {sentence}")
    demand(
        "image_not_found" in sentence and "went back" in sentence,
        f"a version that is nowhere: {sentence}",
    )
    said = await made.until_ran("fridge_update_failed", timeout=60)
    notes.ha(f"the automation of the failed update ran: {said!r}")
    await _runs(stage, notes, _NEWEST, "after the failed update")


async def _is_rolled_back(
    stage: Stage, inside: Inside, notes: Notes, made: Automations, old: str
) -> None:
    entity = {"entity_id": inside.entity(home.FRIDGE, "update")}
    await inside.house.service("home_cluster.rollback", entity)
    await _runs(stage, notes, old, "after the rollback")
    await inside.until_said(home.FRIDGE, "update", "on", timeout=5)
    await made.until_ran("fridge_update_available")
    notes.ha("the automation of the new version ran")


async def _allow(stage: Stage, inside: Inside) -> None:
    """Give the account the right to change images in the kitchen, and have it looked at at once."""
    await stage.apply(home.full_rights(["kitchen"]))
    await inside.reload()


def _percentages(inside: Inside, since: float) -> list[int]:
    """What was told of the progress since a time."""
    entity = inside.entity(home.FRIDGE, "update")
    return [
        int(change.attributes.get("update_percentage") or 0)
        for change in inside.recorder.changes
        if change.entity == entity
        and change.at >= since
        and change.attributes.get("in_progress")
    ]


async def _image(stage: Stage) -> str:
    """The version that the fridge asks for, as the witness sees it."""
    found = await stage.witness.read(home.FRIDGE)
    return str(found.spec.template.spec.containers[0].image).rpartition(":")[2]


async def _runs(stage: Stage, notes: Notes, version: str, when: str) -> None:
    """Demand that the fridge asks for the version, and both its pods run it."""
    asked = await _image(stage)
    pods = [pod for pod in await stage.witness.pods(home.FRIDGE) if not pod.ending]
    images = [(pod.image.rpartition(":")[2], pod.ready) for pod in pods]
    notes.witness(f"{when} it asks for {asked}, pods: {images}")
    demand(asked == version, f"{when} the fridge asks for {asked}, not {version}")
    demand(
        images == [(version, True)] * 2,
        f"{when} {version} should run twice, the witness sees {images}",
    )


STEPS: Final = (
    Step(13, "New firmware: found, installed, undone when bad, rolled back", firmware),
)
