"""Step 10: a workload that comes becomes a device at once, and goes as fast."""

from contextlib import suppress
import time
from typing import Final

from kubernetes.client.exceptions import ApiException

from story.inside import Inside
from story.notes import Notes, demand
from story.stage import Stage
from story.witness import Workload

from .parts import device_manifest
from .step import Step

AT_ONCE: Final = 1.0
_JUICER: Final = Workload("Deployment", "kitchen", "juicer")


async def coming_and_going(stage: Stage, notes: Notes) -> None:
    """A juicer is deployed and deleted; the times are those of the events that Home Assistant sent."""
    inside = await stage.connected()
    words = ("removed", "unavailable", "unknown", "on")
    with stage.window("the juicer", *words, of=_JUICER.path, settle=10):
        try:
            await _comes(stage, inside, notes)
            await _goes(stage, inside, notes)
        finally:
            with suppress(ApiException):  # it is gone already if all went well
                await stage.witness.delete(_JUICER)


async def _comes(stage: Stage, inside: Inside, notes: Notes) -> None:
    created = await stage.witness.create_deployment(
        _JUICER.namespace, device_manifest(_JUICER.name)
    )
    await inside.until_said(_JUICER, "power", "on", timeout=10)
    entity = inside.entity(_JUICER, "power")
    appeared = next(
        change.seen for change in inside.recorder.changes if change.entity == entity
    )
    notes.witness("the juicer is deployed")
    notes.ha(f"{entity} is there {appeared - created:.3f} s later")
    demand(
        _JUICER.path in await inside.devices(),
        "the juicer has entities but is no device",
    )
    stage.figures.add("workload to device", max(0.0, appeared - created))
    demand(
        appeared - created <= AT_ONCE, f"a device only after {appeared - created:.2f} s"
    )


async def _goes(stage: Stage, inside: Inside, notes: Notes) -> None:
    entity = inside.entity(_JUICER, "power")
    began = time.time()
    deleted = await stage.witness.delete(_JUICER)

    def ends() -> list[float]:
        return [
            change.seen
            for change in inside.recorder.changes
            if change.entity == entity and change.state is None and change.at >= began
        ]

    took = await inside.recorder.until(lambda: bool(ends()), timeout=10)
    demand(took is not None, "the deleted juicer was still there after 10 s")
    gone = ends()[0] - deleted
    notes.witness("the juicer is deleted")
    notes.ha(f"{entity} is gone {gone:.3f} s later")
    stage.figures.add("deletion to gone", max(0.0, gone))
    demand(gone <= AT_ONCE, f"gone only after {gone:.2f} s")
    demand(
        _JUICER.path not in await inside.devices(),
        "the entities are gone, the device is not",
    )


STEPS: Final = (
    Step(
        10,
        "A workload comes and goes: its device appears and goes at once",
        coming_and_going,
    ),
)
