"""Step 16: a busy camera gets a second pod and loses it again; Home Assistant shows why."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from story import home
from story.inside import Inside
from story.notes import Notes, demand
from story.stage import Stage
from testbed.house_flow import walk

from .step import Step

_NEEDED: Final = frozenset({"horizontalpodautoscalers", "jobs"})
_BURN: Final = 30
_QUICK: Final = {
    "stabilizationWindowSeconds": 0,
    "policies": [{"type": "Pods", "value": 4, "periodSeconds": 5}],
}
# The camera asks for a hundredth of a core and may use three tenths.
_SCALER: Final[dict[str, Any]] = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "camera", "namespace": "garden"},
    "spec": {
        "scaleTargetRef": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": "camera",
        },
        "minReplicas": 1,
        "maxReplicas": 2,
        "metrics": [
            {
                "type": "Resource",
                "resource": {
                    "name": "cpu",
                    "target": {"type": "Utilization", "averageUtilization": 800},
                },
            }
        ],
        "behavior": {"scaleUp": _QUICK, "scaleDown": _QUICK},
    },
}


@asynccontextmanager
async def large_rights(
    stage: Stage, inside: Inside, *, interval: int = 60
) -> AsyncIterator[None]:
    """A time in which the account may set limits and make Jobs, and figures come often; seen at once."""
    rights = home.full_rights()
    for one in rights:
        # Nothing else: with the others come controls that the witness does not watch.
        if "rules" in one:
            one["rules"] = [
                rule for rule in one["rules"] if _NEEDED.intersection(rule["resources"])
            ]
    await stage.apply(rights)
    await look_anew(stage, inside, interval)
    try:
        yield
    finally:
        with stage.large_rights_go():
            await asyncio.to_thread(_take_back, stage, rights)
            await look_anew(stage, inside, 60)


async def look_anew(stage: Stage, inside: Inside, interval: int) -> None:
    """Have the entry loaded again, which looks at rights and options."""
    options = {
        "mode": "namespaces",
        "namespaces": list(home.NAMESPACES),
        "metrics_interval": interval,
    }
    with stage.window("the options change", "unavailable", "unknown", settle=3):
        result = await walk(
            inside.house,
            {"init": options},
            start={"handler": inside.entry_id},
            options=True,
        )
        demand(
            result["type"] == "create_entry",
            f"the options were not taken: {result.get('errors')}",
        )
        await inside.reload()
        await inside.until_said(home.FRIDGE, "status", "running", timeout=30)


def _take_back(stage: Stage, objects: list[dict[str, Any]]) -> None:
    for one in objects:
        place = one["metadata"]["namespace"]
        name = f"{one['kind'].lower()}/{one['metadata']['name']}"
        stage.cluster.kubectl("delete", "-n", place, name, "--ignore-not-found")


async def load(stage: Stage, notes: Notes) -> None:
    """The camera's CPU rises, the autoscaler adds a pod; it cools down, the pod goes."""
    inside = await stage.connected()
    entities = await inside.entities()
    sensor = entities[f"{inside.uid}/{home.CAMERA.path}/cpu"]["entity_id"]
    # Home Assistant itself loads the entry again half a minute after a sensor was enabled. With the
    # autoscaler the numbers of the camera change.
    with (
        stage.window("a sensor is enabled", "unavailable", "unknown", settle=3),
        stage.window("an autoscaler", "removed", of=home.CAMERA.path, settle=3),
    ):
        await inside.house.call(
            "config/entity_registry/update", entity_id=sensor, disabled_by=None
        )
        await stage.apply([_SCALER])
        try:
            async with large_rights(stage, inside, interval=15):
                await _out_and_back(stage, inside, notes)
                await _limit(stage, inside, notes)
        finally:
            await asyncio.to_thread(
                stage.cluster.kubectl,
                *("delete", "-n", "garden", "hpa/camera", "--ignore-not-found"),
            )
            await stage.witness.scale(home.CAMERA, 1)
            await inside.house.call(
                "config/entity_registry/update", entity_id=sensor, disabled_by="user"
            )


async def _out_and_back(stage: Stage, inside: Inside, notes: Notes) -> None:
    await inside.until_said(home.CAMERA, "hpa_max", "2", timeout=30)

    async def measured() -> bool:
        return _number(inside.said(home.CAMERA, "cpu")) is not None

    await inside.until("the camera's CPU is known", measured, timeout=60)
    notes.ha(f"at rest: {inside.said(home.CAMERA, 'cpu')} % of a core, one pod")
    (pod,) = await stage.witness.pods(home.CAMERA)
    proxy = f"/api/v1/namespaces/garden/pods/{pod.name}:8080/proxy"
    burn = f"{proxy}/burn?seconds={_BURN}&cores=1"
    await asyncio.to_thread(stage.cluster.api.request, "POST", burn, b"{}")
    notes.did(f"the camera's pod keeps a core busy for {_BURN} s")
    took = await inside.until_said(home.CAMERA, "hpa_current", "2", timeout=60)
    ready = await inside.until_ready(home.CAMERA, 2)
    seen = len(await stage.witness.pods(home.CAMERA))
    notes.witness(f"{seen} pods")
    notes.ha(
        f"two replicas after {took:.0f} s, both ready {ready:.0f} s later, at "
        f"{inside.said(home.CAMERA, 'cpu')} % of a core"
    )
    demand(seen == 2, f"Home Assistant says two, the witness sees {seen} pods")

    async def busy() -> bool:
        return (_number(inside.said(home.CAMERA, "cpu")) or 0) > 10

    await inside.until("the camera's CPU is high", busy, timeout=30)
    notes.ha(f"busy: {inside.said(home.CAMERA, 'cpu')} % of a core")
    await stage.pictures.device(
        "autoscaler", inside, home.CAMERA, "Autoscaled replicas"
    )
    took = await inside.until_said(home.CAMERA, "hpa_current", "1", timeout=90)
    desired = await stage.witness.desired(home.CAMERA)
    notes.witness(f"{desired} pod wanted")
    notes.ha(f"one replica again after {took:.0f} s more")
    demand(desired == 1, f"Home Assistant says one, the witness reads {desired}")


async def _limit(stage: Stage, inside: Inside, notes: Notes) -> None:
    """The autoscaler's limit is set from Home Assistant."""
    await inside.house.service(
        "number.set_value",
        {"entity_id": inside.entity(home.CAMERA, "hpa_max")},
        value=3,
    )
    await inside.until_said(home.CAMERA, "hpa_max", "3", timeout=5)
    most = await asyncio.to_thread(
        stage.cluster.kubectl,
        *("get", "-n", "garden", "hpa/camera", "-o", "jsonpath={.spec.maxReplicas}"),
    )
    notes.witness(f"maxReplicas is {most}")
    demand(most == "3", f"set to 3 from Home Assistant, the witness reads {most}")


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


STEPS: Final = (Step(16, "Load: a busy device is scaled out and back", load),)
