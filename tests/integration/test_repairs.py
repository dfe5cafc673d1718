"""Repairs that people can act on: they come when it is so, and go when it is over."""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
import json
from typing import Any
from unittest.mock import AsyncMock, patch

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.home_cluster import repairs
from custom_components.home_cluster.const import DOMAIN
from custom_components.home_cluster.installing import Installer
from custom_components.home_cluster.mending import CREDENTIAL, IN_USE, STUCK_POD, WEDGED
from custom_components.home_cluster.repairs import async_create_fix_flow
from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from tests.integration.api_server import Rule
from tests.integration.cluster_home import (
    EVERYTHING,
    call,
    entry_for,
    set_up,
    state,
    until,
)
from tests.integration.live_server import LiveServer, now

JAZZ = "statefulset/kitchen/jazz"
DELETE = Rule(("delete",), ("pods",))


@pytest.fixture
async def entry(hass: HomeAssistant, home: LiveServer) -> MockConfigEntry:
    """An entry whose account may delete pods."""
    assert await async_setup_component(hass, "repairs", {})
    home.accounts["person"] = (*EVERYTHING, DELETE)
    entry = entry_for(home)
    await set_up(hass, entry)
    return entry


def shown(hass: HomeAssistant, kind: str) -> ir.IssueEntry | None:
    """Return the repair of a kind."""
    return next(
        (
            issue
            for issue in ir.async_get(hass).issues.values()
            if issue.domain == DOMAIN and issue.translation_key == kind
        ),
        None,
    )


async def fix(hass: HomeAssistant, issue: ir.IssueEntry) -> Any:
    """Begin a repair's flow, look at its question, and submit it."""
    manager = repairs_flow_manager(hass)
    assert manager is not None
    form = await manager.async_init(DOMAIN, data={"issue_id": issue.issue_id})
    assert form["type"] is FlowResultType.FORM
    assert form["step_id"] == "confirm"
    assert form["description_placeholders"] == issue.translation_placeholders
    return await manager.async_configure(form["flow_id"], {})


async def lose_the_link(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """Have the server go away, and wait until that is known."""
    await home.down()
    await until(hass, lambda: not entry.runtime_data.available, "the link lost")


# Hardware that another has.


def plug_in(home: LiveServer) -> None:
    """Have a pod of the fridge hold the stick that jazz waits for."""
    stick = {"resources": {"limits": {"squat.ai/zigbee": "1"}}}
    container = {"name": "agent", "image": "registry.home/fridge:v1.0.0", **stick}
    old = home.pods_of("kitchen", "fridge")[0]
    home.delete("pods", "kitchen", old["metadata"]["name"])
    kept = {key: old["metadata"][key] for key in ("labels", "ownerReferences")}
    home.put(
        "pods",
        "kitchen",
        "fridge-abc-stick",
        metadata=kept,
        spec={"containers": [container], "nodeName": "pi-attic"},
        status=old["status"],
    )
    (pod,) = home.pods_of("kitchen", "jazz")
    unscheduled = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/2 nodes are available: 2 Insufficient squat.ai/zigbee.",
        "lastTransitionTime": now(100),
    }
    home.put(
        "pods",
        "kitchen",
        pod["metadata"]["name"],
        metadata={"creationTimestamp": now(100)},
        spec={"containers": [container]},
        status={"phase": "Pending", "conditions": [unscheduled]},
    )


async def test_who_has_the_hardware_can_be_switched_off(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """By name; the repair goes when it is off."""
    plug_in(home)
    issue = await until(hass, lambda: shown(hass, IN_USE), "the repair")
    assert issue.translation_placeholders == {
        "device": "jazz",
        "what": "squat.ai/zigbee",
        "holder": "Fridge",
    }
    result = await fix(hass, issue)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert not home.pods_of("kitchen", "fridge")
    await until(hass, lambda: shown(hass, IN_USE) is None, "its end")


async def test_who_is_off_already_is_left_alone(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """Somebody may have been quicker than who reads the question."""
    plug_in(home)
    issue = await until(hass, lambda: shown(hass, IN_USE), "the repair")
    flow = await async_create_fix_flow(hass, issue.issue_id, {**(issue.data or {})})
    flow.hass = hass
    home.workload("deployments", "kitchen", "fridge", replicas=0)
    await until(
        hass, lambda: state(hass, "deployment/kitchen/fridge/power") == "off", "off"
    )
    over = await flow.async_step_confirm({})  # type: ignore[attr-defined]
    assert (over["type"], over["reason"]) == (FlowResultType.ABORT, "over")


@pytest.mark.parametrize(
    ("away", "reason"), [(True, "not_connected"), (False, "failed")]
)
async def test_who_cannot_be_switched_off_is_said(
    hass: HomeAssistant,
    home: LiveServer,
    entry: MockConfigEntry,
    away: bool,
    reason: str,
) -> None:
    """The repair stays, and so does the holder."""
    plug_in(home)
    issue = await until(hass, lambda: shown(hass, IN_USE), "the repair")
    if away:
        await lose_the_link(hass, home, entry)
    else:
        home.refuse["scale"] = (422, "Invalid", "a policy says no")
    result = await fix(hass, issue)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, reason)
    if not away:
        assert "a policy says no" in result["description_placeholders"]["error"]
    assert shown(hass, IN_USE) is not None
    assert home.pods_of("kitchen", "fridge")


async def test_who_is_protected_is_not_offered_to_be_switched_off(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """The entity says who has it, and no repair comes."""
    home.workload("deployments", "kitchen", "fridge", hints={"protected": "true"})
    plug_in(home)
    reason = f"{JAZZ}/reason"
    await until(hass, lambda: state(hass, reason) == "device_in_use", "the reason")
    assert shown(hass, IN_USE) is None


# A pod that hangs.


def lose_the_node(home: LiveServer, *, ago: float) -> str:
    """Have jazz' node lost and its pod deleted, to be gone so many seconds ago."""
    (pod,) = home.pods_of("kitchen", "jazz")
    name = str(pod["metadata"]["name"])
    home.node("pi-attic", ready="Unknown", ago=ago + 400)
    home.put("pods", "kitchen", name, metadata={"deletionTimestamp": now(ago)})
    return name


async def test_a_pod_that_hangs_on_a_lost_node_can_be_deleted(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """By force, after a warning; then its successor comes and the repair is gone."""
    pod = lose_the_node(home, ago=70)
    issue = await until(hass, lambda: shown(hass, STUCK_POD), "the repair")
    assert issue.translation_placeholders == {
        "device": "jazz",
        "pod": pod,
        "node": "pi-attic",
    }
    result = await fix(hass, issue)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert home.deletions == [(pod, 0)]
    home.node("pi-attic")
    await until(hass, lambda: state(hass, f"{JAZZ}/status") == "running", "jazz")
    assert shown(hass, STUCK_POD) is None


async def test_a_pod_has_a_minute_after_its_time(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """Until then nobody is asked to do anything; then time alone brings the repair."""
    lose_the_node(home, ago=57)
    await until(
        hass, lambda: state(hass, f"{JAZZ}/reason") == "node_lost", "the reason"
    )
    assert shown(hass, STUCK_POD) is None
    await until(hass, lambda: shown(hass, STUCK_POD), "the repair")


async def test_who_may_not_delete_is_not_asked_to(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """A repair that nobody can act on only worries people."""
    entry = entry_for(home)
    await set_up(hass, entry)
    lose_the_node(home, ago=70)
    await until(
        hass, lambda: state(hass, f"{JAZZ}/reason") == "node_lost", "the reason"
    )
    assert shown(hass, STUCK_POD) is None


async def test_only_the_pod_that_was_meant_is_deleted(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """It may have gone while the question was read."""
    pod = lose_the_node(home, ago=70)
    issue = await until(hass, lambda: shown(hass, STUCK_POD), "the repair")
    manager = repairs_flow_manager(hass)
    assert manager is not None
    form = await manager.async_init(DOMAIN, data={"issue_id": issue.issue_id})
    home.delete("pods", "kitchen", pod)
    await until(hass, lambda: shown(hass, STUCK_POD) is None, "its end")
    result = await manager.async_configure(form["flow_id"], {})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "over")
    assert home.deletions == []


async def test_another_pod_of_the_name_is_left_alone(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """The server compares the uid."""
    pod = lose_the_node(home, ago=70)
    issue = await until(hass, lambda: shown(hass, STUCK_POD), "the repair")
    home.hold_events = True
    home.put("pods", "kitchen", pod, metadata={"uid": "another"})
    result = await fix(hass, issue)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "over")
    assert home.deletions == []


@pytest.mark.parametrize("away", [True, False])
async def test_what_cannot_be_done_is_said(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry, away: bool
) -> None:
    """The repair stays."""
    lose_the_node(home, ago=70)
    issue = await until(hass, lambda: shown(hass, STUCK_POD), "the repair")
    if away:
        await lose_the_link(hass, home, entry)
    else:
        home.refuse["delete"] = (422, "Invalid", "a policy says no")
    result = await fix(hass, issue)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == ("not_connected" if away else "failed")
    assert shown(hass, STUCK_POD) is not None


async def test_repairs_go_with_their_device_and_their_entry(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """Nothing is left behind."""
    lose_the_node(home, ago=70)
    await until(hass, lambda: shown(hass, STUCK_POD), "the repair")
    await hass.config_entries.async_unload(entry.entry_id)
    assert shown(hass, STUCK_POD) is None
    await hass.config_entries.async_setup(entry.entry_id)
    await until(hass, lambda: shown(hass, STUCK_POD), "the repair")
    entry.runtime_data.remove(JAZZ)
    assert shown(hass, STUCK_POD) is None


# A rollout that came to nothing.


def wedge(home: LiveServer) -> None:
    """Have the fridge's new version not come up, and its controller give up."""
    for pod in home.pods_of("kitchen", "fridge"):
        home.crash("kitchen", pod["metadata"]["name"])
    fridge = home.live["deployments", "kitchen", "fridge"]
    given_up = {
        "type": "Progressing",
        "status": "False",
        "reason": "ProgressDeadlineExceeded",
        "lastTransitionTime": now(30),
    }
    status = {**fridge["status"], "conditions": [given_up]}
    home.put("deployments", "kitchen", "fridge", status=status)


@pytest.fixture
def rollback(
    entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AsyncMock]:
    """Going back to an earlier version, which has tests of its own."""
    firmware = entry.runtime_data.firmware
    monkeypatch.setattr(Installer, "may_roll_back", lambda *_: True)
    with patch.object(type(firmware), "rollback", new=AsyncMock()) as going_back:
        yield going_back


async def test_a_wedged_rollout_can_be_rolled_back(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry, rollback: AsyncMock
) -> None:
    """Said with what is wrong; gone when the rollout goes on."""
    wedge(home)
    issue = await until(hass, lambda: shown(hass, WEDGED), "the repair")
    words = issue.translation_placeholders or {}
    assert (words["device"], words["image"]) == (
        "Fridge",
        "registry.home/fridge:v1.0.0",
    )
    assert "crash" in words["why"]
    assert (await fix(hass, issue))["type"] is FlowResultType.CREATE_ENTRY
    rollback.assert_awaited_once()
    home.put(
        "deployments",
        "kitchen",
        "fridge",
        status={
            **home.live["deployments", "kitchen", "fridge"]["status"],
            "conditions": [],
        },
    )
    await until(hass, lambda: shown(hass, WEDGED) is None, "its end")


async def test_what_speaks_against_a_rollback_is_said(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry, rollback: AsyncMock
) -> None:
    """In its own words."""
    wedge(home)
    issue = await until(hass, lambda: shown(hass, WEDGED), "the repair")
    rollback.side_effect = HomeAssistantError("there is nothing before it")
    result = await fix(hass, issue)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "failed")
    assert "nothing before it" in result["description_placeholders"]["error"]


async def test_without_a_connection_nothing_is_rolled_back(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry, rollback: AsyncMock
) -> None:
    """Said at once, and the repair stays."""
    wedge(home)
    issue = await until(hass, lambda: shown(hass, WEDGED), "the repair")
    await lose_the_link(hass, home, entry)
    result = await fix(hass, issue)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "not_connected")
    rollback.assert_not_awaited()
    assert shown(hass, WEDGED) is not None


async def test_a_rollback_that_fails_later_is_told_to_the_log(
    hass: HomeAssistant,
    home: LiveServer,
    entry: MockConfigEntry,
    rollback: AsyncMock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody waits for minutes in a form."""
    monkeypatch.setattr(repairs, "AT_ONCE", 0.01)
    over = asyncio.Event()

    async def fail(*_: object) -> None:
        await over.wait()
        raise HomeAssistantError("it does not come up either")

    rollback.side_effect = fail
    wedge(home)
    issue = await until(hass, lambda: shown(hass, WEDGED), "the repair")
    assert (await fix(hass, issue))["type"] is FlowResultType.CREATE_ENTRY
    over.set()
    await until(hass, lambda: "it does not come up either" in caplog.text, "the line")


async def test_without_a_way_back_there_is_no_repair(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """The account may not read what it was before."""
    wedge(home)
    await until(
        hass, lambda: state(hass, "deployment/kitchen/fridge/problem") == "on", "it"
    )
    assert shown(hass, WEDGED) is None


# A credential that ends.


def token(ends: datetime) -> str:
    """Return a token that says when it ends."""
    parts = ({"alg": "RS256"}, {"exp": int(ends.timestamp())})
    encoded = [urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join([*(part.rstrip("=") for part in encoded), "c2lnbmF0dXJl"])


async def set_up_with_token(
    hass: HomeAssistant, home: LiveServer, days: float, **data: Any
) -> MockConfigEntry:
    """Set up an entry whose token ends in so many days."""
    assert await async_setup_component(hass, "repairs", {})
    entry = entry_for(home)
    word = token(datetime.now(UTC) + timedelta(days=days))
    home.accounts[word] = EVERYTHING
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(
        entry, data={**entry.data, "token": word, **data}
    )
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


@pytest.mark.parametrize(("days", "told"), [(13, True), (15, False)])
async def test_a_token_that_ends_soon_is_told_in_time(
    hass: HomeAssistant, home: LiveServer, days: int, told: bool
) -> None:
    """Two weeks before; the sensor says when in any case."""
    await set_up_with_token(hass, home, days)
    ends = state(hass, "cluster//cluster/credential_expires")
    assert ends is not None
    left = datetime.fromisoformat(ends) - datetime.now(UTC)
    assert left.days in (days - 1, days)
    assert (shown(hass, CREDENTIAL) is not None) is told


async def test_time_alone_brings_it(
    hass: HomeAssistant, home: LiveServer, freezer: FrozenDateTimeFactory
) -> None:
    """Looked at every hour."""
    await set_up_with_token(hass, home, 14.02)
    assert shown(hass, CREDENTIAL) is None
    freezer.tick(timedelta(minutes=61))
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    assert shown(hass, CREDENTIAL) is not None


async def test_the_flow_leads_to_where_it_is_replaced(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """The repair stays until there is a credential that lasts."""
    entry = await set_up_with_token(hass, home, 3)
    issue = shown(hass, CREDENTIAL)
    assert issue is not None
    result = await fix(hass, issue)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "goes_on")
    _, flow_id = result["next_flow"]
    flow = hass.config_entries.flow.async_get(flow_id)
    assert flow["context"]["entry_id"] == entry.entry_id
    assert shown(hass, CREDENTIAL) is not None
    lasting = token(datetime.now(UTC) + timedelta(days=300))
    home.accounts[lasting] = EVERYTHING
    hass.config_entries.async_update_entry(entry, data={**entry.data, "token": lasting})
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert shown(hass, CREDENTIAL) is None


async def test_the_flow_of_an_entry_that_is_gone_leads_nowhere(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Its question may have stayed open."""
    entry = await set_up_with_token(hass, home, 3)
    issue = shown(hass, CREDENTIAL)
    assert issue is not None
    flow = await async_create_fix_flow(hass, issue.issue_id, {**(issue.data or {})})
    flow.hass = hass
    await hass.config_entries.async_remove(entry.entry_id)
    over = await flow.async_step_confirm({})  # type: ignore[attr-defined]
    assert (over["type"], over["reason"]) == (FlowResultType.ABORT, "over")


async def test_a_credential_that_others_renew_is_never_a_repair(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """As that of Home Assistant's own pod, which lasts an hour at a time."""
    from custom_components.home_cluster.mending import is_kept_by_hand  # noqa: PLC0415

    assert is_kept_by_hand({"method": "token"})
    assert is_kept_by_hand({"method": "kubeconfig", "static": {}})
    assert not is_kept_by_hand({"method": "in_cluster"})
    assert not is_kept_by_hand({"method": "kubeconfig", "kubeconfig": "/k3s.yaml"})


async def test_without_an_end_there_is_no_sensor(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """A token that does not say when it ends."""
    await set_up(hass, entry_for(home))
    assert state(hass, "cluster//cluster/credential_expires") is None


# Odds and ends.


async def test_a_repair_that_is_over_says_so(hass: HomeAssistant) -> None:
    """Somebody may have had its question open all along."""
    flow = await async_create_fix_flow(hass, "gone", None)
    flow.hass = hass
    flow.context = {"issue_id": "gone"}
    assert (await flow.async_step_confirm())["type"] is FlowResultType.FORM  # type: ignore[attr-defined]
    assert (await flow.async_step_confirm({}))["reason"] == "over"  # type: ignore[attr-defined]


async def test_force_restarts_by_deletion(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """Where a disruption budget would never let the pod go."""
    from tests.integration.test_actions import act, device_id  # noqa: PLC0415

    home.refuse["eviction"] = (429, "TooManyRequests", "budget")
    (pod,) = (one["metadata"]["name"] for one in home.pods_of("kitchen", "jazz"))
    with pytest.raises(Exception, match="jazz"):
        await call(hass, "button.press", f"{JAZZ}/restart")
    await act(hass, "restart", device_id=device_id(hass, entry, JAZZ), force=True)
    assert home.deletions == [(pod, None)]
