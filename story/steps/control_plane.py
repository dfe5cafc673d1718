"""Step 8: the API server and etcd restart, and etcd goes back to a snapshot."""

import asyncio
from contextlib import suppress
import time
from typing import Final

from story import disturb, home
from story.inside import Inside
from story.notes import Notes, demand
from story.stage import Stage
from testbed.house_socket import HouseError

from .step import Step

# Unavailable at most this long after the API server refuses.
UNAVAILABLE: Final = 5.0

# Right again at most this long after /readyz is 200.
RIGHT_AGAIN: Final = 6.0


async def restarts(stage: Stage, notes: Notes) -> None:
    """Each fault alone, then in the middle of an off, a rollout and a start of Home Assistant."""
    inside = await stage.connected()
    before = await inside.registry_ids()
    await _alone(stage, inside, notes)
    await _during_an_off(stage, inside, notes)
    await _during_a_rollout(stage, inside, notes)
    await _during_a_start(stage, inside, notes)
    after = await inside.registry_ids()
    demand(before == after, "the registries changed over the restarts")
    notes.ha(
        f"{len(after[0])} devices and {len(after[1])} entities, the same as before"
    )
    repairs = await inside.repairs()
    demand(
        not repairs,
        f"restarts made repairs: {[issue['issue_id'] for issue in repairs]}",
    )


async def _alone(stage: Stage, inside: Inside, notes: Notes) -> None:
    await _fault(stage, inside, notes, disturb.api_away(stage.cluster))
    await _fault(stage, inside, notes, disturb.etcd_away(stage.cluster))
    snapshot = await disturb.snapshot(stage.cluster)
    notes.did("a snapshot of etcd is taken")
    await stage.witness.scale(home.DROUGHT, 0)
    await inside.until_said(home.DROUGHT, "power", "off", timeout=10)
    notes.witness("drought scaled to 0, after the snapshot")
    await _fault(stage, inside, notes, disturb.rewound(stage.cluster, snapshot))
    desired = await stage.witness.desired(home.DROUGHT)
    notes.witness(f"after the restore drought wants {desired}")
    notes.ha(f"drought is {inside.said(home.DROUGHT, 'power')}")
    demand(desired == 1, f"the snapshot had drought on, now it wants {desired}")
    await stage.at_rest()


async def _during_an_off(stage: Stage, inside: Inside, notes: Notes) -> None:
    """The API server dies at the moment of an off, and once more while the pods stop."""

    async def off() -> None:
        # The call may fail with a sentence; what counts is what is said afterwards.
        with suppress(HouseError):
            await inside.switch(home.FRIDGE, on=False)

    pressed = asyncio.create_task(off())
    await _fault(stage, inside, notes, disturb.api_away(stage.cluster))
    await pressed
    await _same_as_witness(stage, inside, notes)
    await inside.switch(home.FRIDGE, on=True)
    await inside.until_ready(home.FRIDGE, 2)
    await off()
    await _fault(stage, inside, notes, disturb.api_away(stage.cluster))
    await _same_as_witness(stage, inside, notes)
    demand(inside.said(home.FRIDGE, "power") == "off", "the off was lost in the fault")
    await inside.until_said(home.FRIDGE, "status", "off", timeout=60)
    await inside.switch(home.FRIDGE, on=True)
    await inside.until_ready(home.FRIDGE, 2)
    await stage.at_rest()


async def _same_as_witness(stage: Stage, inside: Inside, notes: Notes) -> None:
    desired = await stage.witness.desired(home.FRIDGE)
    notes.witness(f"the fridge, switched off around the fault, wants {desired}")
    await inside.until_said(
        home.FRIDGE, "power", "on" if desired else "off", timeout=RIGHT_AGAIN
    )
    notes.ha(f"the fridge is {inside.said(home.FRIDGE, 'power')}")


async def _during_a_rollout(stage: Stage, inside: Inside, notes: Notes) -> None:
    stamp = {"metadata": {"annotations": {"story": str(time.time())}}}
    await stage.witness.patch(home.FRIDGE, {"spec": {"template": stamp}})
    notes.did("a rollout of the fridge begins")
    await _fault(stage, inside, notes, disturb.etcd_away(stage.cluster))
    await inside.until_said(home.FRIDGE, "status", "running", timeout=90)
    notes.witness(
        f"the fridge has {await stage.witness.ready_count(home.FRIDGE)} of 2 ready"
    )
    await stage.at_rest()


async def _during_a_start(stage: Stage, inside: Inside, notes: Notes) -> None:
    """Home Assistant starts while there is no API server, and finds it later."""
    await inside.stop()
    fault = disturb.api_away(stage.cluster)
    with stage.window(
        "start without an API server", "unavailable", "unknown", settle=5
    ):
        await fault.begin()
        try:
            await inside.start()
            devices = await inside.devices()
            notes.ha(
                f"started without the API server: {len(devices)} devices are known"
            )
            for workload in home.DEVICES:
                demand(
                    workload.path in devices, f"{workload.path} is no device any more"
                )
                said = inside.said(workload, "status")
                demand(
                    said == "unavailable",
                    f"without the API server {workload.path} is {said}",
                )
        finally:
            await fault.end()
        # The entry is tried again by Home Assistant's own clock, not by ours.
        differences, took = await stage.until_agreed(timeout=90)
        demand(
            not differences,
            f"not right {took:.0f} s after the API was back: {differences}",
        )
    notes.ha(f"right {took:.1f} s after the API server was back")
    await stage.at_rest()


async def _fault(
    stage: Stage, inside: Inside, notes: Notes, fault: disturb.Fault
) -> None:
    """Do it, see that nothing is claimed meanwhile, and all right again soon after /readyz."""
    since = time.time()
    with stage.window(fault.name, "unavailable", "unknown", settle=RIGHT_AGAIN):
        await fault.begin()
        try:
            await inside.until(f"{fault.name}: /readyz fails", stage.away, timeout=15)
            if fault.silent:
                silent = await inside.until_said(
                    home.WEATHER, "status", "unavailable", timeout=UNAVAILABLE
                )
                notes.ha(
                    f"{fault.name}: unavailable {silent:.1f} s after the API was away"
                )
        finally:
            ending = asyncio.ensure_future(fault.end())
        ready_at = await stage.until_ready()
        differences, took = await stage.until_agreed(
            timeout=RIGHT_AGAIN + 20, since=ready_at
        )
        await ending
    words = inside.words_since(since, home.WEATHER, "status")
    notes.witness(
        f"{fault.name}: /readyz is 200 again {ready_at - since:.1f} s after the beginning"
    )
    notes.ha(
        f"{fault.name}: weather said {' → '.join(words)}; all right {took:.1f} s after /readyz"
    )
    demand(not differences, f"{fault.name}: {'; '.join(differences)}")
    demand(
        took <= RIGHT_AGAIN,
        f"{fault.name}: right only {took:.1f} s after /readyz was 200",
    )
    stage.figures.add("readyz to right", took)


STEPS: Final = (Step(8, "The API server and etcd restart, etcd is restored", restarts),)
