"""Step 9: the power of the whole house goes, but Home Assistant's."""

import asyncio
import time
from typing import Final

from story import disturb, home
from story.notes import Notes, demand
from story.stage import Stage

from .step import Step

RIGHT_AGAIN: Final = 30.0


async def power_cut(stage: Stage, notes: Notes) -> None:
    """Every machine of the cluster dies at once and comes back; Home Assistant runs on."""
    inside = await stage.connected()
    before = await inside.registry_ids()
    repairs_before = await inside.repairs()
    since = time.time()
    # The pods really start anew: that some are not ready, or in back-off, is then the truth.
    with stage.window("power cut", "unavailable", "unknown", "on", settle=45):
        await disturb.power_off(stage.cluster)
        notes.did("all machines are without power")
        took = await inside.until_said(home.WEATHER, "status", "unavailable", timeout=5)
        notes.ha(f"unavailable {took:.1f} s after the cut")
        demand(not await stage.witness.ready(), "the power is cut, but the API answers")
        coming = asyncio.ensure_future(disturb.power_on(stage.cluster))
        ready_at = await stage.until_ready()
        differences, took = await stage.until_agreed(
            timeout=RIGHT_AGAIN + 10, since=ready_at
        )
        notes.ha(f"all devices are right {took:.1f} s after the API was ready")
        notes.witness(f"the API was ready {ready_at - since:.1f} s after the cut")
        demand(not differences, f"after the power cut: {'; '.join(differences)}")
        demand(took <= RIGHT_AGAIN, f"right only {took:.1f} s after the API was ready")
        stage.figures.add("power cut: readyz to right", took)
        await coming
        await stage.at_rest(timeout=120)
    demand(
        await inside.registry_ids() == before,
        "the registries changed over the power cut",
    )
    repairs = await inside.repairs()
    demand(
        repairs == repairs_before,
        f"repairs: {[issue['issue_id'] for issue in repairs]}",
    )
    notes.ha("the same devices and entities, no repair")


STEPS: Final = (
    Step(9, "A power cut of the whole house, Home Assistant runs on", power_cut),
)
