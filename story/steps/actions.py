"""Step 19: the actions tell what the witness sees, without secrets, and carry out a plan or nothing of it."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from story import home
from story.inside import Inside
from story.notes import Notes, demand
from story.stage import Stage
from story.witness import PodSeen, Workload
from testbed.house_socket import HouseError

from .step import Step

_SECRET: Final = "story-hunter2"


async def actions(stage: Stage, notes: Notes) -> None:
    """A crashing fridge is read and described; a power plan switches two devices at once."""
    inside = await stage.connected()
    healthy = await stage.witness.read(home.FRIDGE)
    container = healthy.spec.template.spec.containers[0].name
    with stage.window(
        "the fridge crashes", "on", of=f"{home.FRIDGE.path}/problem", settle=5
    ):
        await stage.witness.patch(home.FRIDGE, _program(container, crashing=True))
        notes.did("the fridge got a program that writes a password and crashes")
        try:
            await inside.until_said(home.FRIDGE, "reason", "crash_loop", timeout=90)
            await _read(stage, inside, notes)
            await _described(stage, inside, notes)
        finally:
            await stage.witness.patch(home.FRIDGE, _program(container, crashing=False))
        await inside.until_said(home.FRIDGE, "status", "running", timeout=90)
        await inside.until_said(home.FRIDGE, "problem", "off", timeout=30)
    await _planned(stage, inside, notes)


async def ask(inside: Inside, action: str, workload: Workload, **data: Any) -> Any:
    """Call one of our actions on a device and return its part of the answer."""
    entity = inside.entity(workload, "status")
    answer = await inside.house.call(
        "call_service",
        domain="home_cluster",
        service=action,
        service_data=data,
        target={"entity_id": entity},
        return_response=True,
    )
    return answer["response"][entity]


async def refused(inside: Inside, service: str, target: Any, **data: Any) -> str:
    """Call an action that must be refused; its sentence, "" if it was not."""
    try:
        await inside.house.service(service, target, **data)
    except HouseError as err:
        return str(err)
    return ""


async def _read(stage: Stage, inside: Inside, notes: Notes) -> None:
    """The run before the crash, as the witness reads it, less the password."""
    theirs: dict[str, str] = {}

    async def kept() -> bool:
        # The older runs of a crash loop are removed by and by.
        for pod in await stage.witness.pods(home.FRIDGE):
            if pod.waiting == "CrashLoopBackOff":
                theirs[pod.name] = await asyncio.to_thread(
                    stage.cluster.kubectl,
                    *("logs", pod.name, "-n", "kitchen", "--previous", "--tail=20"),
                    check=False,
                )
        return any(_SECRET in log for log in theirs.values())

    await inside.until("the witness reads a run that crashed", kept, timeout=45)
    pod, log = next(one for one in theirs.items() if _SECRET in one[1])
    told = await ask(inside, "get_logs", home.FRIDGE, previous=True, tail=20, pod=pod)
    notes.ha(f"{pod}, before its last restart: {told['log'].splitlines()[-1:]}")
    notes.witness(f"{pod}, the same: {log.splitlines()[-1:]}")
    demand("password=" in told["log"], f"not the log of the program: {told['log']!r}")
    demand(_SECRET not in told["log"], f"the log tells the password: {told['log']!r}")
    target = {"entity_id": [inside.entity(home.FRIDGE, "status")]}
    data = {"previous": True, "tail": 5, "pod": pod}
    action = {"action": "home_cluster.get_logs", "target": target, "data": data}
    await stage.pictures.action(inside, action, "***")


async def _described(stage: Stage, inside: Inside, notes: Notes) -> None:
    """The pods that the witness sees, the crash, and what to do."""
    told = await ask(inside, "describe", home.FRIDGE)
    seen: list[PodSeen] = await stage.witness.pods(home.FRIDGE)
    events = (await ask(inside, "get_events", home.FRIDGE))["events"]
    notes.ha(
        f"{told['status']}, {told['reason']}, {len(told['pods'])} pods, {len(events)} events, {told['advice']!r}"
    )
    notes.witness(f"pods: {sorted(pod.name for pod in seen)}")
    demand(told["reason"] == "crash_loop" and told["advice"], f"described as {told}")
    demand(
        {pod["name"] for pod in told["pods"]} & {pod.name for pod in seen},
        f"described pods {told['pods']}, the witness sees {seen}",
    )
    demand(
        any(event["reason"] == "BackOff" for event in events),
        f"no word of the back-off among {[event['reason'] for event in events]}",
    )
    demand(_SECRET not in str((told, events)), "the description tells the password")


async def _planned(stage: Stage, inside: Inside, notes: Notes) -> None:
    """A plan with a protected device is refused as a whole; a good one is carried out and taken back."""
    lines: list[dict[str, Any]] = [
        {"entity_id": inside.entity(home.FRIDGE, "status"), "power": False},
        {"entity_id": inside.entity(home.DROUGHT, "status"), "replicas": 2},
    ]
    broker = {"entity_id": inside.entity(home.BROKER, "status"), "power": False}
    plan = "home_cluster.apply_power_plan"
    sentence = await refused(inside, plan, None, devices=[*lines, broker])
    wanted = await _wanted(stage)
    notes.ha(f"a plan that stops the broker: {sentence!r}")
    notes.witness(f"wanted after that: {wanted}")
    demand(
        "protected" in sentence and wanted == {"fridge": 2, "drought": 1, "broker": 1},
        f"a plan that is not possible changed something: {wanted}, {sentence!r}",
    )
    await inside.house.service(plan, devices=lines)
    wanted = await _wanted(stage)
    notes.witness(f"wanted after the plan: {wanted}")
    demand(
        wanted == {"fridge": 0, "drought": 2, "broker": 1},
        f"the plan came out as {wanted}",
    )
    back = [{**lines[0], "power": True}, {**lines[1], "replicas": 1}]
    await inside.house.service(plan, devices=back)
    wanted = await _wanted(stage)
    notes.witness(f"wanted after the plan back: {wanted}")
    demand(
        wanted == {"fridge": 2, "drought": 1, "broker": 1},
        f"the remembered count was lost: {wanted}",
    )
    await inside.until_said(home.FRIDGE, "status", "running", timeout=60)


async def _wanted(stage: Stage) -> Mapping[str, int]:
    return {
        one.name: await stage.witness.desired(one)
        for one in (home.FRIDGE, home.DROUGHT, home.BROKER)
    }


def _program(container: str, *, crashing: bool) -> dict[str, Any]:
    name = f"Fridge password={_SECRET}" if crashing else "Fridge"
    crash: dict[str, Any] = {"name": "CRASH_AFTER", "value": "1"}
    if not crashing:
        crash = {"name": "CRASH_AFTER", "$patch": "delete"}
    variables = [{"name": "DEVICE_NAME", "value": name}, crash]
    containers = [{"name": container, "env": variables}]
    return {"spec": {"template": {"spec": {"containers": containers}}}}


STEPS: Final = (
    Step(19, "Logs, facts and events by action; a power plan, whole or not", actions),
)
