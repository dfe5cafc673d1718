"""Step 17: the backup tells when it runs next; run now makes exactly its own Job."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
import json
from typing import Any, Final

from story import home
from story.inside import Inside
from story.notes import Notes, demand
from story.stage import Stage
from story.witness import Workload

from .load import large_rights
from .parts import CAMERA_IMAGE, job_manifest
from .step import Step

_SWEEPER: Final = Workload("CronJob", "media", "sweeper")


async def schedules(stage: Stage, notes: Notes) -> None:
    """The next run, a run by hand, a run that fails."""
    inside = await stage.connected()
    _next_run(inside, notes)
    words = ("removed", "unavailable", "unknown", "on")
    with stage.window("the sweeper is there", *words, of=_SWEEPER.path, settle=5):
        await stage.apply([_sweeper()])
        try:
            async with large_rights(stage, inside):
                await _until_result(inside, "none", timeout=20)
                await _run(stage, inside, notes)
                await _fail(stage, inside, notes)
        finally:
            await stage.witness.delete(_SWEEPER)


def _next_run(inside: Inside, notes: Notes) -> None:
    """The backup runs every five minutes."""
    said = datetime.fromisoformat(inside.said(home.BACKUP, "next_run") or "")
    now = datetime.now(UTC)
    notes.ha(f"the backup runs next at {said:%H:%M:%S}, it is {now:%H:%M:%S}")
    demand(
        said.minute % 5 == 0
        and said.second == 0
        and timedelta(0) <= said - now <= timedelta(minutes=5),
        f"the backup runs every five minutes, its next run is said to be at {said}",
    )


async def _until_result(
    inside: Inside, result: str, *, timeout: float
) -> Mapping[str, Any]:
    """Wait until the last run came out so; returns what is told of it. Raises Miss."""

    async def came_out() -> bool:
        return inside.attributes(_SWEEPER, "last_run").get("result") == result

    await inside.until(f"the last run is told as {result}", came_out, timeout=timeout)
    return inside.attributes(_SWEEPER, "last_run")


async def _run(stage: Stage, inside: Inside, notes: Notes) -> None:
    async def offered() -> bool:
        return inside.change(_SWEEPER.path, "run") is not None

    await inside.until("run now is offered", offered, timeout=30)
    button = inside.entity(_SWEEPER, "run")
    devices = set(await inside.devices())
    await inside.house.service("button.press", {"entity_id": button})
    words = await _until_result(inside, "succeeded", timeout=60)
    notes.ha(f"run now: succeeded, Job {words['job']}, {words['seconds']} s")
    jobs: Any = await asyncio.to_thread(_jobs, stage)
    (job,) = jobs
    template = _sweeper()["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    notes.witness(
        f"Job {job['metadata']['name']} of {job['metadata']['ownerReferences'][0]['name']}, "
        f"{job['metadata']['annotations']}"
    )
    demand(
        job["metadata"]["name"] == words["job"]
        and job["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"]
        == "manual"
        and container["image"] == template["containers"][0]["image"],
        f"the Job is not the sweeper's own: {job}",
    )
    demand(
        set(await inside.devices()) == devices, "the run of a CronJob became a device"
    )


async def _fail(stage: Stage, inside: Inside, notes: Notes) -> None:
    """The next run ends with exit code 3."""
    template = _sweeper("3")["spec"]["jobTemplate"]
    await stage.witness.patch(_SWEEPER, {"spec": {"jobTemplate": template}})
    demand(
        inside.said(_SWEEPER, "problem") == "off",
        "the sweeper has a problem before anything failed",
    )
    await inside.house.service(
        "home_cluster.run_job", {"entity_id": inside.entity(_SWEEPER, "power")}
    )
    await _until_result(inside, "failed", timeout=60)
    await inside.until_said(_SWEEPER, "reason", "job_failed", timeout=10)
    words = inside.attributes(_SWEEPER, "problem")
    notes.ha(f"{words.get('message')!r}")
    demand(
        words.get("exit_code") == 3,
        f"the program ended with 3, Home Assistant says {words.get('exit_code')}",
    )
    await stage.pictures.device("schedule", inside, _SWEEPER, "Run now", "Last run")


def _jobs(stage: Stage) -> list[dict[str, Any]]:
    text = stage.cluster.kubectl("get", "jobs", "-n", "media", "-o", "json")
    return [
        job
        for job in json.loads(text)["items"]
        if job["metadata"]["name"].startswith("sweeper-")
    ]


def _sweeper(code: str = "0") -> dict[str, Any]:
    spec = job_manifest("sweeper")["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    container["image"] = CAMERA_IMAGE
    container["env"] = [
        {"name": "EXIT_AFTER", "value": "1"},
        {"name": "EXIT_CODE", "value": code},
    ]
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {
            "name": _SWEEPER.name,
            "namespace": _SWEEPER.namespace,
            "labels": {"home-cluster.github.io/device": "true"},
        },
        "spec": {
            "schedule": "0 4 1 1 *",
            "jobTemplate": {"spec": {"backoffLimit": 0, **spec}},
        },
    }


STEPS: Final = (
    Step(17, "Schedules: the next run, run now, a run that fails", schedules),
)
