"""Step 20: what is protected stays on, what is stuck is stopped, and what hangs can be mended."""

import asyncio
from typing import Any, Final

from story import disturb, home
from story.inside import Inside
from story.notes import Notes, demand
from story.stage import Stage
from story.witness import Workload

from .actions import refused
from .parts import device_manifest
from .step import Step

_TOASTER: Final = Workload("Deployment", "kitchen", "toaster")
_LIMIT: Final = 30


async def toddler_proof(stage: Stage, notes: Notes) -> None:
    """Force for the broker, a budget overruled, a button pressed too often, a pod that hangs."""
    inside = await stage.connected()
    await stage.apply(home.full_rights())
    try:
        # Else the account's new rights are noticed at the next look, within five minutes.
        with stage.window("reload", "unavailable", "unknown", settle=5):
            path = f"/api/config/config_entries/entry/{inside.entry_id}/reload"
            await inside.house.rest("POST", path)
            await inside.until("the entry is loaded", inside.loaded, timeout=30)
        await _forced(stage, inside, notes)
        await _overruled(stage, inside, notes)
        words = ("on", "removed", "unavailable", "unknown")
        with stage.window("a toaster", *words, of=_TOASTER.path, settle=30):
            await stage.apply([device_manifest(_TOASTER.name)])
            try:
                await inside.until_said(_TOASTER, "status", "running", timeout=60)
                await _too_often(stage, inside, notes)
                await _hanging(stage, inside, notes)
            finally:
                await stage.witness.delete(_TOASTER)
    finally:
        await _remove(stage, "role,rolebinding", f"{home.ACCOUNT}-full")


async def _forced(stage: Stage, inside: Inside, notes: Notes) -> None:
    """The broker is stopped by nothing but force, and is there again after."""
    target = {"entity_id": inside.entity(home.BROKER, "status")}
    sentence = await refused(inside, "home_cluster.scale", target, replicas=0)
    wanted = await stage.witness.desired(home.BROKER)
    notes.ha(f"the broker to 0: {sentence!r}")
    notes.witness(f"the broker wants {wanted}")
    demand(
        "protected" in sentence and wanted == 1,
        f"the protected broker wants {wanted}: {sentence!r}",
    )
    await inside.house.service("home_cluster.scale", target, replicas=0, force=True)
    wanted = await stage.witness.desired(home.BROKER)
    notes.witness(f"with force it wants {wanted}")
    demand(wanted == 0, f"with force the broker still wants {wanted}")
    await inside.house.service("home_cluster.scale", target, replicas=1)
    await inside.until_said(home.BROKER, "status", "running", timeout=60)


async def _overruled(stage: Stage, inside: Inside, notes: Notes) -> None:
    """A budget that lets no pod go holds the button, and not the force."""
    selector = {"matchLabels": {"app.kubernetes.io/name": "broker"}}
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "broker", "namespace": "kitchen"},
        "spec": {"minAvailable": 1, "selector": selector},
    }
    before = {pod.uid for pod in await stage.witness.pods(home.BROKER)}
    target = {"entity_id": inside.entity(home.BROKER, "status")}
    await stage.apply([budget])
    try:
        button = {"entity_id": inside.entity(home.BROKER, "restart")}
        sentence = await refused(inside, "button.press", button)
        notes.ha(f"restart under a budget: {sentence!r}")
        demand("budget" in sentence, f"a budget that forbids it: {sentence!r}")
        await inside.house.service("home_cluster.restart", target, force=True)

        async def replaced() -> bool:
            now = await stage.witness.pods(home.BROKER)
            return any(pod.ready for pod in now) and not before & {
                pod.uid for pod in now
            }

        took = await inside.until("another broker is ready", replaced, timeout=60)
        notes.witness(f"by force another broker was ready after {took:.1f} s")
    finally:
        await _remove(stage, "pdb", "broker")


async def _too_often(stage: Stage, inside: Inside, notes: Notes) -> None:
    """What presses again and again is stopped, and named."""
    target = {"entity_id": inside.entity(_TOASTER, "status")}
    sentence, sent = "", 0
    while not sentence and sent <= 2 * _LIMIT:
        count = 2 - sent % 2
        sentence = await refused(inside, "home_cluster.scale", target, replicas=count)
        sent += not sentence
    notes.ha(f"after {sent} commands: {sentence!r}")
    issues = [one for one in await inside.repairs() if "too_often" in one["issue_id"]]
    who = [str(one["translation_placeholders"].get("who")) for one in issues]
    notes.ha(f"the repair names {who}")
    demand(
        _LIMIT <= sent <= _LIMIT + 5, f"{sent} commands were let through: {sentence!r}"
    )
    demand(who and "Home" in who[0], f"the repair does not name who did it: {issues}")


async def _hanging(stage: Stage, inside: Inside, notes: Notes) -> None:
    """A pod whose node is gone hangs; the repair deletes it, and only then."""
    pods = await stage.witness.pods(_TOASTER)
    hanging = pods[0]
    with stage.window(f"{hanging.node} is lost", "on", "unknown", settle=20):
        async with disturb.wifi_down(stage.cluster, hanging.node):
            await asyncio.to_thread(
                stage.cluster.kubectl,
                *("delete", "pod", hanging.name, "-n", "kitchen"),
                *("--grace-period=1", "--wait=false"),
            )
            notes.did(f"{hanging.node} lost its Wi-Fi, and {hanging.name} was deleted")
            issues: list[dict[str, Any]] = []

            async def asked() -> bool:
                issues[:] = [
                    one
                    for one in await inside.repairs()
                    if one["translation_key"] == "stuck_pod"
                    and _TOASTER.name in one["issue_id"]
                ]
                return bool(issues)

            took = await inside.until("a repair for the pod", asked, timeout=120)
            there = {pod.name for pod in await stage.witness.pods(_TOASTER)}
            notes.ha(f"a repair after {took:.1f} s")
            notes.witness(f"{hanging.name} hangs: {hanging.name in there}")
            demand(hanging.name in there, f"{hanging.name} does not hang: {there}")
            await _submit(inside, issues[0]["issue_id"])

            async def gone() -> bool:
                left = {pod.uid for pod in await stage.witness.pods(_TOASTER)}
                return hanging.uid not in left and not await asked()

            took = await inside.until("pod and repair are gone", gone, timeout=20)
            notes.witness(f"{hanging.name} is gone {took:.1f} s after the repair")
        await stage.at_rest()


async def _submit(inside: Inside, issue_id: str) -> None:
    """Go through a repair as a person does."""
    path = "/api/repairs/issues/fix"
    body = {"handler": "home_cluster", "issue_id": issue_id}
    form = await inside.house.rest("POST", path, body)
    result = await inside.house.rest("POST", f"{path}/{form['flow_id']}", {})
    demand(result["type"] == "create_entry", f"the repair ended with {result}")


async def _remove(stage: Stage, kinds: str, name: str) -> None:
    for namespace in home.NAMESPACES:
        await asyncio.to_thread(
            stage.cluster.kubectl,
            *("delete", kinds, name, "-n", namespace),
            *("--ignore-not-found", "--wait=false"),
        )


STEPS: Final = (
    Step(
        20,
        "Protected, limited, mended: what nobody can break by playing",
        toddler_proof,
    ),
)
