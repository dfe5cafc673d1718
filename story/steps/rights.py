"""Step 11: what the account may not do is not offered, and what it must see is asked for."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from story import disturb, home
from story.inside import Inside
from story.notes import Notes, demand
from story.stage import Stage

from .step import Step

_READER: Final = "reader"
_HALF_BLIND: Final = "half-blind"
_MISSING: Final = "pods"
_DAY: Final = 24 * 3600
_KITCHEN: Final = tuple(one for one in home.DEVICES if one.namespace == "kitchen")


async def rights(stage: Stage, notes: Notes) -> None:
    """A reader, an account that lacks one rule and ends tomorrow, and the kitchen switched off by its area."""
    await stage.apply(home.readonly_account(_READER))
    await stage.apply(home.half_blind_account(_HALF_BLIND, _MISSING))
    reader, half_blind = stage.inside(_READER), stage.inside(_HALF_BLIND)
    try:
        await asyncio.gather(reader.start(), half_blind.start())
        await stage.connect(reader, "token", _READER)
        await stage.connect(half_blind, "token", _HALF_BLIND, seconds=_DAY)
        await _no_control(stage, reader, notes)
        await _names_the_rule(stage, half_blind, notes)
        await _names_the_end(half_blind, notes)
        await _no_false_repair(stage, reader, notes)
    finally:
        await reader.stop()
        await half_blind.stop()
    await stage.at_rest()
    await _kitchen_off(stage, await stage.connected(), notes)


async def _no_control(stage: Stage, reader: Inside, notes: Notes) -> None:
    """Nothing to press, and nothing to complain about."""
    controls = sorted(
        unique_id.partition("/")[2]
        for unique_id in await reader.entities()
        if unique_id.rpartition("/")[2] in {"power", "replicas", "restart", "run"}
    )
    review = await stage.witness.may(
        (home.ACCOUNT_NAMESPACE, _READER),
        "patch",
        "apps",
        "deployments/scale",
        "kitchen",
    )
    notes.witness(f"may {_READER} patch deployments/scale in kitchen: {review}")
    notes.ha(f"controls of the read-only account: {controls or 'none'}")
    demand(not review, f"the account {_READER} may scale: the step proves nothing")
    demand(not controls, f"a read-only account is offered {controls}")
    await reader.until_said(home.FRIDGE, "status", "running")
    demand(
        not await reader.repairs(), f"a read-only account gets {await reader.repairs()}"
    )


async def _names_the_rule(stage: Stage, half_blind: Inside, notes: Notes) -> None:
    """A repair says which read right is missing, in the words of RBAC."""
    allowed = await stage.witness.may(
        (home.ACCOUNT_NAMESPACE, _HALF_BLIND), "list", "", _MISSING, "kitchen"
    )
    notes.witness(f"may {_HALF_BLIND} list {_MISSING} in kitchen: {allowed}")
    demand(
        not allowed,
        f"the account {_HALF_BLIND} may list {_MISSING}: the step proves nothing",
    )
    issues: list[dict[str, Any]] = []

    async def asked() -> bool:
        issues[:] = await _repairs(half_blind, "missing_rights")
        return bool(issues)

    took = await half_blind.until(
        "a repair asks for the missing right", asked, timeout=60
    )
    words = " ".join(str(issue.get("translation_placeholders")) for issue in issues)
    notes.ha(f"after {took:.1f} s: {words[:400]}")
    demand(
        all(word in words for word in (_MISSING, "list", "watch", "kitchen")),
        f"the repair does not name the rule: {words}",
    )


async def _names_the_end(half_blind: Inside, notes: Notes) -> None:
    """A token that ends tomorrow, and that nobody renews, is to be replaced before."""
    issues = await _repairs(half_blind, "credential_expiring")
    notes.ha(
        f"of a token for a day: {[one['translation_placeholders'] for one in issues]}"
    )
    tomorrow = (datetime.now(UTC) + timedelta(seconds=_DAY)).strftime("%Y-%m-%d")
    demand(
        len(issues) == 1 and tomorrow in issues[0]["translation_placeholders"]["date"],
        f"a token that ends on {tomorrow} is told as {issues}",
    )


async def _repairs(inside: Inside, kind: str) -> list[dict[str, Any]]:
    return [one for one in await inside.repairs() if one["translation_key"] == kind]


async def _no_false_repair(stage: Stage, reader: Inside, notes: Notes) -> None:
    """After a restart the API server answers 403 to valid accounts for a moment."""
    main = await stage.connected()
    with stage.window("API restarts", "unavailable", "unknown", settle=6):
        for _ in range(2):
            fault = disturb.api_away(stage.cluster)
            await fault.begin()
            await fault.end()
        await stage.until_ready()
    # A right that is really missing would have been reported by then.
    await asyncio.sleep(20)
    for inside in (main, reader):
        repairs = await inside.repairs()
        demand(
            not repairs, f"API restarts made {[issue['issue_id'] for issue in repairs]}"
        )
    notes.ha("no repair 20 s after two API restarts")


async def _kitchen_off(stage: Stage, inside: Inside, notes: Notes) -> None:
    """By its area everything goes off that is a comfort, and nothing that the house needs."""
    area = (await inside.devices())[home.BROKER.path]["area_id"]
    before = await stage.witness.pods(home.BROKER)
    await inside.house.service("switch.turn_off", {"area_id": area})
    notes.did("switched off the area kitchen")
    await inside.until_said(home.FRIDGE, "status", "off", timeout=60)
    after = await stage.witness.pods(home.BROKER)
    counts = {one.name: await stage.witness.desired(one) for one in _KITCHEN}
    notes.witness(f"wanted pods in the kitchen: {counts}")
    notes.ha(f"broker {inside.said(home.BROKER, 'status')}, fridge off")
    demand(counts["fridge"] == 0, "the fridge did not go off")
    demand(
        counts["broker"] == 1
        and [pod.uid for pod in after] == [pod.uid for pod in before],
        f"the protected broker was touched: {counts}, {after}",
    )
    demand(
        inside.said(home.BROKER, "power") is None,
        "a protected device has a power switch",
    )
    await inside.switch(home.FRIDGE, on=True)
    await inside.until_said(home.FRIDGE, "status", "running", timeout=60)


STEPS: Final = (
    Step(
        11,
        "What the account may not do is not offered; the kitchen goes off by area",
        rights,
    ),
)
