"""Step 3: off makes the pods go, on brings them back, also over a restart of Home Assistant."""

import time
from typing import Final

from story import home
from story.inside import Inside
from story.notes import Notes, demand
from story.stage import Stage
from story.witness import Workload

from .step import Step

_TOGGLES: Final = 10


async def off_and_on(stage: Stage, notes: Notes) -> None:
    """The fridge goes off and on twice; the second time Home Assistant restarts in between."""
    inside = await stage.connected()
    await off(stage, inside, notes, home.FRIDGE)
    await on(stage, inside, notes, home.FRIDGE, 2)
    await off(stage, inside, notes, home.FRIDGE)
    await inside.restart()
    await inside.until_said(home.FRIDGE, "power", "off")
    await inside.until_said(home.FRIDGE, "status", "off")
    notes.ha("after its restart: the fridge is off")
    await on(stage, inside, notes, home.FRIDGE, 2)
    await off(stage, inside, notes, home.JAZZ)
    await on(stage, inside, notes, home.JAZZ, 1)
    await _measure(stage, inside, notes)


async def off(stage: Stage, inside: Inside, notes: Notes, workload: Workload) -> None:
    """Switch off and see that the pods are really gone."""
    seconds = await inside.switch(workload, on=False)
    stage.figures.add("switch call", seconds)
    notes.ha(f"{workload.path} switched off, the call took {seconds:.3f} s")
    await inside.until_said(workload, "power", "off", timeout=5)
    desired = await stage.witness.desired(workload)
    demand(desired == 0, f"{workload.path} is off, but {desired} pods are wanted")

    async def gone() -> bool:
        return not await stage.witness.pods(workload)

    took = await inside.until(f"the pods of {workload.path} are gone", gone, timeout=45)
    notes.witness(f"{workload.path}: no pod left after {took:.1f} s")
    await inside.until_said(workload, "status", "off")
    demand(
        inside.said(workload, "problem") == "off",
        f"{workload.path} was switched off and has a problem",
    )


async def on(
    stage: Stage, inside: Inside, notes: Notes, workload: Workload, count: int
) -> None:
    """Switch on and see that as many pods as before are ready."""
    seconds = await inside.switch(workload, on=True)
    stage.figures.add("switch call", seconds)
    notes.ha(f"{workload.path} switched on, the call took {seconds:.3f} s")
    await inside.until_said(workload, "power", "on", timeout=5)
    desired = await stage.witness.desired(workload)
    demand(
        desired == count,
        f"{workload.path} had {count} pods, after off and on it wants {desired}",
    )
    await inside.until_ready(workload, count)
    await inside.until_said(workload, "status", "running", timeout=5)
    ready = await stage.witness.ready_count(workload)
    notes.witness(f"{workload.path}: {ready} of {desired} ready")
    demand(
        ready == count, f"{workload.path} runs, but {ready} of {count} pods are ready"
    )


async def _measure(stage: Stage, inside: Inside, notes: Notes) -> None:
    """Time the switch, and a change by others until Home Assistant says so; no pod is touched."""
    entity = inside.entity(home.BACKUP, "power")
    for number in range(_TOGGLES):
        for wanted in (False, True):
            seconds = await inside.switch(home.BACKUP, on=wanted)
            stage.figures.add("switch call", seconds)
            await inside.until_said(
                home.BACKUP, "power", "on" if wanted else "off", timeout=5
            )
        for suspended, word in ((True, "off"), (False, "on")):
            sent = time.time()
            await stage.witness.patch(home.BACKUP, {"spec": {"suspend": suspended}})
            await inside.until_said(home.BACKUP, "power", word, timeout=5)
            said = next(
                change.at
                for change in inside.recorder.changes
                if change.entity == entity
                and change.at >= sent
                and change.state == word
            )
            stage.figures.add("request of others to state", said - sent)
            if number == 0:
                notes.witness(f"backup suspended: {suspended}")
                notes.ha(f"backup {word}, {said - sent:.3f} s after the witness asked")
    calls = stage.figures.summary()
    notes.ha(
        f"calls {calls['switch call']}, by others {calls['request of others to state']}"
    )
    demand(
        calls["switch call"]["p95"] <= 1,
        f"the switch calls took {calls['switch call']['p95']} s (p95), more than 1 s",
    )


STEPS: Final = (Step(3, "Off: the pods are gone. On: they are back", off_and_on),)
