"""Step 12: fifty Jobs and fifty rollouts leave nothing behind in Home Assistant."""

import asyncio
import json
from pathlib import Path
import secrets
import time
from typing import Any, Final

from story import home
from story.notes import Notes, demand
from story.stage import Stage

from .parts import CHORE, job_manifest
from .step import Step

JOBS: Final = 50
ROLLOUTS: Final = 50
_REGISTRIES: Final = {
    "core.device_registry": ("devices", "deleted_devices"),
    "core.entity_registry": ("entities", "deleted_entities"),
}


async def growth(stage: Stage, notes: Notes) -> None:
    """Jobs owned by a CronJob, unlabelled Jobs, rollouts: the stored registries do not grow."""
    inside = await stage.connected()
    await inside.stop()
    before = stored(inside.house.config)
    notes.ha(f"stored before: {_counts(before)}")
    await inside.start()
    await stage.at_rest()
    try:
        # A pod that a busy machine does not end in time is a problem, until it has ended.
        with stage.window("many rollouts", "on", of=home.DROUGHT.path, settle=5):
            await _toil(stage, notes)
            await inside.until_said(home.DROUGHT, "status", "running", timeout=180)
    finally:
        await _clean(stage)
    await stage.at_rest()
    await inside.stop()
    after = stored(inside.house.config)
    notes.ha(f"stored after: {_counts(after)}")
    for name, ids in after.items():
        new = ids - before[name]
        demand(not new, f"{len(new)} new in {name}: {sorted(new)[:5]}")
    stage.figures.add(
        "registry growth", float(sum(len(after[n] - before[n]) for n in after))
    )
    await inside.start()
    await stage.at_rest()


async def _toil(stage: Stage, notes: Notes) -> None:
    """All the Jobs and all the rollouts, as the witness sees them done."""
    backup = await stage.witness.read(home.BACKUP)
    began = time.monotonic()
    names = [f"chore-{secrets.token_hex(3)}-{number}" for number in range(JOBS)]
    for number, name in enumerate(names):
        manifest = job_manifest(name, backup if number % 2 else None)
        await stage.witness.ask(
            stage.witness.batch.create_namespaced_job, home.BACKUP.namespace, manifest
        )
    for number in range(ROLLOUTS):
        stamp = {"metadata": {"annotations": {"story": f"{names[0]} {number}"}}}
        await stage.witness.patch(home.DROUGHT, {"spec": {"template": stamp}})
        await asyncio.sleep(0.3)
    generation = (await stage.witness.read(home.DROUGHT)).metadata.generation
    finished = await _finish(stage, names)
    notes.witness(
        f"{finished} of {JOBS} Jobs finished, half of them owned by the CronJob, drought at "
        f"generation {generation} after {ROLLOUTS} rollouts, {time.monotonic() - began:.0f} s"
    )
    demand(finished == JOBS, f"only {finished} of {JOBS} Jobs finished")


def stored(config: Path) -> dict[str, set[str]]:
    """The ids in the stored registries, deleted records in sets of their own."""
    found: dict[str, set[str]] = {}
    for file, lists in _REGISTRIES.items():
        data: dict[str, Any] = json.loads((config / ".storage" / file).read_text())[
            "data"
        ]
        for name in lists:
            found[name] = {record["id"] for record in data[name]}
    return found


def _counts(ids: dict[str, set[str]]) -> str:
    return ", ".join(f"{len(some)} {name}" for name, some in ids.items())


async def _finish(stage: Stage, names: list[str]) -> int:
    """Wait until the Jobs are done; how many are. The CronJob keeps only its last ones."""
    deadline = time.monotonic() + 240
    while True:
        listed: Any = await stage.witness.ask(
            stage.witness.batch.list_namespaced_job, home.BACKUP.namespace
        )
        open_jobs = {
            job.metadata.name for job in listed.items if not job.status.succeeded
        }
        done = sum(name not in open_jobs for name in names)
        if done == len(names) or time.monotonic() > deadline:
            return done
        await asyncio.sleep(1)


async def _clean(stage: Stage) -> None:
    await asyncio.to_thread(
        stage.cluster.kubectl,
        *("delete", "jobs", "-n", home.BACKUP.namespace, "--wait=false"),
        *("-l", CHORE),
    )


STEPS: Final = (
    Step(12, "50 Jobs and 50 rollouts: no growth in the registries", growth),
)
