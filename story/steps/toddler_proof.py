"""Step 20: what is protected stays on, what is stuck is stopped, what came to nothing is taken back."""

import asyncio
from typing import Any, Final

from story import home
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
    """Force for the broker, a budget overruled, a bad version taken back, a button pressed too often."""
    inside = await stage.connected()
    await stage.apply(home.full_rights(["kitchen"]))
    try:
        # Else the account's new rights are noticed at the next look, within five minutes.
        await inside.reload()
        await _forced(stage, inside, notes)
        await _overruled(stage, inside, notes)
        words = ("on", "removed", "unavailable", "unknown")
        with stage.window("a toaster", *words, of=_TOASTER.path, settle=30):
            toaster = device_manifest(_TOASTER.name)
            toaster["spec"]["progressDeadlineSeconds"] = 10
            await stage.apply([toaster])
            try:
                await inside.until_said(_TOASTER, "status", "running", timeout=60)
                await _wedged(stage, inside, notes)
                await _too_often(stage, inside, notes)
            finally:
                await stage.witness.delete(_TOASTER)
    finally:
        await _back_to_small_rights(stage, inside)


async def _back_to_small_rights(stage: Stage, inside: Inside) -> None:
    """Take the large rights back, and wait until that is believed, so that no later step is in it."""

    async def gone() -> bool:
        return inside.said(home.FRIDGE, "update") is None

    with stage.large_rights_go():
        await _remove(stage, "role,rolebinding", f"{home.ACCOUNT}-full")
        await inside.reload()
        await inside.until("the large rights' controls are gone", gone, timeout=60)


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


async def _wedged(stage: Stage, inside: Inside, notes: Notes) -> None:
    """A version that does not come up is taken back from its repair."""
    good = (await stage.witness.read(_TOASTER)).spec.template.spec.containers[0]
    bad = {"name": good.name, "image": good.image.replace("v1.0.0", "v9.9.9")}
    template = {"spec": {"containers": [bad]}}
    await stage.witness.patch(_TOASTER, {"spec": {"template": template}})
    notes.did(f"the toaster got {bad['image']}, which nobody has")
    issue = await _repair(inside, "wedged_rollout", timeout=120)
    notes.ha(f"a repair: {issue['translation_placeholders']}")
    await _submit(inside, issue["issue_id"])

    async def back() -> bool:
        found = await stage.witness.read(_TOASTER)
        image = found.spec.template.spec.containers[0].image
        return bool(image == good.image and stage.witness.ready_of(found))

    took = await inside.until("the toaster has its old image", back, timeout=45)
    notes.witness(f"{good.image} again after {took:.1f} s")
    await inside.until_said(_TOASTER, "status", "running", timeout=30)


async def _repair(inside: Inside, kind: str, *, timeout: float) -> dict[str, Any]:
    """Wait for a repair of the toaster; it as Home Assistant shows it."""
    issues: list[dict[str, Any]] = []

    async def shown() -> bool:
        issues[:] = [
            one
            for one in await inside.repairs()
            if one["translation_key"] == kind and _TOASTER.path in one["issue_id"]
        ]
        return bool(issues)

    await inside.until(f"a repair {kind} of the toaster", shown, timeout=timeout)
    return issues[0]


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
