"""Nodes: what they tell, closing and emptying them, and those that come and go."""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockUser,
    async_fire_time_changed,
)

from custom_components.home_cluster import flailing, node_commands
from custom_components.home_cluster.admin import want_admin
from custom_components.home_cluster.const import DOMAIN
from custom_components.home_cluster.own import OwnPod
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
    UnknownUser,
)
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from tests.integration.api_server import READ_ALL, READ_UID, Rule
from tests.integration.cluster_home import (
    CONTROL,
    States,
    attributes,
    call,
    entity_id,
    entry_for,
    set_up,
    state,
    until,
)
from tests.integration.flow_texts import text
from tests.integration.live_server import LiveServer, now

ATTIC = "node//pi-attic"


@pytest.fixture(autouse=True)
def quick_drains(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once."""
    monkeypatch.setattr(node_commands, "PAUSE", 0.01)


def boot(home: LiveServer, boot_id: str, name: str = "pi-attic") -> None:
    """Have a node say that its machine was started anew."""
    status = home.live["nodes", "", name]["status"]
    info = {**status["nodeInfo"], "bootID": boot_id}
    home.put("nodes", "", name, status={**status, "nodeInfo": info})


def issues(hass: HomeAssistant, key: str) -> list[dict[str, str] | None]:
    """Return the placeholders of the repairs of a kind."""
    return [
        issue.translation_placeholders
        for issue in ir.async_get(hass).issues.values()
        if issue.domain == DOMAIN and issue.translation_key == key
    ]


def evictable(home: LiveServer) -> set[str]:
    """Return the pods on the node that are there now."""
    return {name for (resource, _, name) in home.live if resource == "pods"}


# What a node tells.


async def test_a_node_tells_its_pods_and_what_it_is(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Ended pods take up no place."""
    await set_up(hass, entry_for(home))
    assert state(hass, f"{ATTIC}/pods") == "4"
    home.pod("kitchen", "fridge", phase="Succeeded")
    home.scale("deployments", "kitchen", "fridge", 4)
    await until(hass, lambda: state(hass, f"{ATTIC}/pods") == "5", "two pods more")
    assert state(hass, f"{ATTIC}/version") == "v1.37.2"
    shown = attributes(hass, f"{ATTIC}/version")
    assert (shown["architecture"], shown["operating_system"]) == (
        "arm64",
        "Debian GNU/Linux 13",
    )
    assert "kernel" not in shown


async def test_pods_are_counted_only_where_all_are_seen(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """An entry that follows one namespace knows of the others' pods nothing."""
    await set_up(hass, entry_for(home, mode="namespaces", namespaces=["kitchen"]))
    assert entity_id(hass, f"{ATTIC}/pods") is None
    assert entity_id(hass, f"{ATTIC}/version")


# Starts of a node.


async def test_a_new_boot_id_is_a_power_flicker(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Its time is the last boot's."""
    await set_up(hass, entry_for(home))
    assert state(hass, f"{ATTIC}/flicker") == "unknown"
    assert state(hass, f"{ATTIC}/last_boot") == "unknown"
    home.node("pi-attic", ready="Unknown", ago=30)
    await until(hass, lambda: state(hass, f"{ATTIC}/connected") == "unknown", "lost")
    boot(home, "boot-2")
    await until(hass, lambda: state(hass, f"{ATTIC}/flicker") != "unknown", "flicker")
    shown = attributes(hass, f"{ATTIC}/flicker")
    assert shown["event_type"] == "power_flicker"
    assert shown["unwatched"] is False
    assert 29 <= shown["away_seconds"] <= 35
    assert str(state(hass, f"{ATTIC}/last_boot")).startswith("20")


async def test_a_node_that_was_closed_before_was_started_on_purpose(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Its pods were moved away first."""
    await set_up(hass, entry_for(home))
    await call(hass, "switch.turn_off", f"{ATTIC}/schedulable")
    boot(home, "boot-2")
    await until(hass, lambda: state(hass, f"{ATTIC}/flicker") != "unknown", "flicker")
    shown = attributes(hass, f"{ATTIC}/flicker")
    assert (shown["event_type"], shown["away_seconds"]) == ("planned", None)


async def test_a_start_while_home_assistant_was_off_is_told(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Once; the time comes from Kubernetes' own Event."""
    entry = entry_for(home)
    await set_up(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    boot(home, "boot-2")
    at = now(120)
    home.put(
        "events",
        "default",
        "pi-attic.reboot",
        type="Warning",
        reason="Rebooted",
        message="Node pi-attic has been rebooted, boot id: boot-2",
        involvedObject={"kind": "Node", "name": "pi-attic"},
        lastTimestamp=at,
        firstTimestamp=at,
    )
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await until(hass, lambda: state(hass, f"{ATTIC}/flicker") != "unknown", "flicker")
    told = state(hass, f"{ATTIC}/flicker")
    assert attributes(hass, f"{ATTIC}/flicker")["unwatched"] is True
    assert str(state(hass, f"{ATTIC}/last_boot"))[:19] == at[:19]
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert state(hass, f"{ATTIC}/flicker") == told
    assert str(state(hass, f"{ATTIC}/last_boot"))[:19] == at[:19]


async def test_another_machine_of_the_same_name_was_not_started_anew(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """It is told by its uid."""
    entry = entry_for(home)
    await set_up(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    home.put("nodes", "", "pi-attic", metadata={"uid": "a new SD card"})
    boot(home, "boot-2")
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert state(hass, f"{ATTIC}/flicker") == "unknown"


async def test_what_a_node_says_of_its_start_counts_where_nobody_saw_it(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """And never goes before what was seen; one that was started again since is another."""
    entry = entry_for(home)
    await set_up(hass, entry)
    boots = entry.runtime_data.boots
    seen = entry.runtime_data.nodes["pi-attic"]
    then = ir.dt_util.utcnow() - timedelta(days=3)
    assert not boots.learn("pi-attic", "boot-0", then)
    assert boots.learn("pi-attic", seen.boot_id, then)
    assert boots.at("pi-attic") == then
    assert not boots.learn("pi-attic", seen.boot_id, then + timedelta(seconds=1))
    assert boots.at("nobody") is None


# Nodes that come and go.


@pytest.mark.parametrize(("options", "times"), [({}, 5), ({"node_losses": 2}, 2)])
async def test_a_node_that_is_lost_again_and_again_raises_a_repair(
    hass: HomeAssistant,
    home: LiveServer,
    freezer: FrozenDateTimeFactory,
    options: dict[str, int],
    times: int,
) -> None:
    """As often as the options say; it is withdrawn after a calm hour."""
    await set_up(hass, entry_for(home, **options))
    for count in range(times):
        assert not issues(hass, "flailing_node"), count
        home.node("pi-attic", ready="Unknown", ago=0)
        await until(hass, lambda: state(hass, f"{ATTIC}/connected") != "on", "lost")
        home.node("pi-attic", ago=0)
        await until(hass, lambda: state(hass, f"{ATTIC}/connected") == "on", "back")
    assert issues(hass, "flailing_node") == [
        {"node": "pi-attic", "cluster": "Home", "times": str(times)}
    ]
    home.node("pi-attic", ready="Unknown", ago=0)
    await until(hass, lambda: state(hass, f"{ATTIC}/connected") != "on", "lost again")
    freezer.tick(flailing.WINDOW + timedelta(seconds=1))
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    assert not issues(hass, "flailing_node")


async def test_a_repair_goes_with_its_node(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Or with the entry."""
    entry = entry_for(home, node_losses=1)
    await set_up(hass, entry)
    for name in ("pi-attic", "pi-cellar"):
        home.node(name, ready="Unknown", ago=0)
    await until(hass, lambda: len(issues(hass, "flailing_node")) == 2, "both")
    home.delete("nodes", "", "pi-attic")
    await until(hass, lambda: len(issues(hass, "flailing_node")) == 1, "one is gone")
    await hass.config_entries.async_unload(entry.entry_id)
    assert not issues(hass, "flailing_node")


# Closing a node.


async def test_the_switch_closes_a_node_and_opens_it(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """One patch each; the state is right when the call returns, and stays so."""
    await set_up(hass, entry_for(home))
    assert state(hass, f"{ATTIC}/schedulable") == "on"
    home.hold_events = True
    states = States(hass)
    await call(hass, "switch.turn_off", f"{ATTIC}/schedulable")
    assert state(hass, f"{ATTIC}/schedulable") == "off"
    await call(hass, "switch.turn_off", f"{ATTIC}/schedulable")
    home.release()
    await call(hass, "switch.turn_on", f"{ATTIC}/schedulable")
    assert state(hass, f"{ATTIC}/schedulable") == "on"
    await hass.async_block_till_done()
    assert states.of(f"{ATTIC}/schedulable") == ["off", "on"]
    assert home.patches == [
        ("/api/v1/nodes/pi-attic", {"spec": {"unschedulable": True}}),
        ("/api/v1/nodes/pi-attic", {"spec": {"unschedulable": None}}),
    ]


@pytest.mark.parametrize(
    ("rules", "keys"),
    [
        (CONTROL, {"schedulable", "drain"}),
        ((Rule(("patch",), ("nodes",)),), {"schedulable"}),
        ((Rule(("create",), ("pods/eviction",)),), set()),
        (
            (
                Rule(("patch",), ("nodes",)),
                Rule(("create",), ("pods/eviction",), "kitchen"),
            ),
            {"schedulable"},
        ),
    ],
)
async def test_what_the_account_may_not_do_has_no_entity(
    hass: HomeAssistant, home: LiveServer, rules: tuple[Rule, ...], keys: set[str]
) -> None:
    """Draining needs evictions in every namespace: half a drain is none."""
    home.accounts["person"] = (READ_UID, READ_ALL, *rules)
    await set_up(hass, entry_for(home))
    found = {
        key for key in ("schedulable", "drain") if entity_id(hass, f"{ATTIC}/{key}")
    }
    assert found == keys


async def test_a_policy_that_keeps_nodes_as_they_are_leaves_no_switch(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """The dry run says so."""
    home.refuse["dry"] = (422, "Invalid", "denied by policy")
    await set_up(hass, entry_for(home))
    assert entity_id(hass, f"{ATTIC}/schedulable") is None


@pytest.mark.parametrize(
    ("refusal", "key"),
    [
        ((403, "Forbidden", "no"), "cordon_not_allowed"),
        ((422, "Invalid", "no"), "cordon_refused"),
        ((429, "TooManyRequests", "no"), "cordon_busy"),
    ],
)
async def test_a_refusal_is_told(
    hass: HomeAssistant,
    home: LiveServer,
    refusal: tuple[int, str, str],
    key: str,
) -> None:
    """With the node's name."""
    await set_up(hass, entry_for(home))
    home.refuse["patch"] = refusal
    with pytest.raises(HomeAssistantError) as caught:
        await call(hass, "switch.turn_off", f"{ATTIC}/schedulable")
    assert caught.value.translation_key == key
    words = caught.value.translation_placeholders
    assert words is not None
    assert "pi-attic" in text(f"exceptions.{key}.message").format(**words)


async def test_a_command_while_the_link_is_down_or_the_node_gone_says_so(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Nothing pretends."""
    entry = entry_for(home)
    await set_up(hass, entry)
    commands = entry.runtime_data.node_commands
    with pytest.raises(HomeAssistantError) as caught:
        await commands.cordon("pi-moon")
    assert caught.value.translation_key == "cordon_gone"
    await home.down()
    await until(hass, lambda: not entry.runtime_data.available, "the link is down")
    with pytest.raises(HomeAssistantError) as caught:
        await commands.uncordon("pi-attic")
    assert caught.value.translation_key == "uncordon_link_down"


# Emptying a node.


def move_to_cellar(home: LiveServer) -> None:
    """Have successors started on the other node, as the scheduler would do."""
    make = home.pod

    def elsewhere(*args: Any, **fields: Any) -> dict[str, Any]:
        pod = make(*args, **fields)
        key = ("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
        home.live[key]["spec"]["nodeName"] = "pi-cellar"
        return home.put(*key)

    home.pod = elsewhere  # type: ignore[method-assign]


async def test_the_button_empties_a_node(hass: HomeAssistant, home: LiveServer) -> None:
    """All but the DaemonSet's pod; the switch tells how far it is."""
    entry = entry_for(home)
    await set_up(hass, entry)
    move_to_cellar(home)
    await call(hass, "button.press", f"{ATTIC}/drain")
    assert state(hass, f"{ATTIC}/schedulable") == "off"
    await until(
        hass,
        lambda: attributes(hass, f"{ATTIC}/schedulable").get("drain") == "drained",
        "drained",
    )
    shown = attributes(hass, f"{ATTIC}/schedulable")
    assert (shown["evicted"], shown["remaining"], shown["blocked"]) == (3, 0, [])
    assert len(home.evictions) == 3
    await call(hass, "switch.turn_on", f"{ATTIC}/schedulable")
    assert "drain" not in attributes(hass, f"{ATTIC}/schedulable")


async def test_a_budget_that_never_lets_go_is_named(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """In the switch, in a repair, in the answer; opening the node withdraws it."""
    entry = entry_for(home)
    await set_up(hass, entry)
    home.refuse["eviction"] = (429, "TooManyRequests", "Cannot evict pod")
    home.refuse_details = {
        "causes": [
            {
                "reason": "DisruptionBudget",
                "message": "The disruption budget cold needs 2 healthy pods and has 2 currently",
            }
        ]
    }
    commands = entry.runtime_data.node_commands
    await (await commands.drain("pi-attic", patience=timedelta(seconds=0.05)))
    assert evictable(home), "nobody was deleted"
    machine = commands.drain_of("pi-attic")
    report = node_commands.report_of(machine)
    assert (report["phase"], report["drained"], report["evicted"]) == (
        "blocked",
        False,
        [],
    )
    assert {one["budget"] for one in report["blocked"]} == {"cold"}
    assert len(report["remaining"]) == 3
    assert [one["why"] for one in report["skipped"]] == ["daemon_set"]
    (words,) = issues(hass, "drain_blocked")
    assert words is not None
    assert "the disruption budget cold forbids it" in words["blocked"]
    await hass.async_block_till_done()
    assert attributes(hass, f"{ATTIC}/schedulable")["drain"] == "blocked"
    home.put("nodes", "", "pi-attic", spec={})
    await until(
        hass, lambda: state(hass, f"{ATTIC}/schedulable") == "on", "opened by others"
    )
    assert not issues(hass, "drain_blocked")


@pytest.mark.parametrize(
    ("refusal", "why"),
    [
        ((403, "Forbidden", "not you"), "not_allowed"),
        ((429, "TooManyRequests", "slow down"), "refused"),
        ((500, "InternalError", "two budgets"), "refused"),
    ],
)
async def test_every_refusal_is_told_by_pod(
    hass: HomeAssistant, home: LiveServer, refusal: tuple[int, str, str], why: str
) -> None:
    """With what Kubernetes says."""
    entry = entry_for(home)
    await set_up(hass, entry)
    home.refuse["eviction"] = refusal
    commands = entry.runtime_data.node_commands
    await (await commands.drain("pi-attic", patience=timedelta(seconds=0.02)))
    blocked = node_commands.report_of(commands.drain_of("pi-attic"))["blocked"]
    assert {(one["why"], one["detail"]) for one in blocked} == {(why, refusal[2])}
    (words,) = issues(hass, "drain_blocked")
    assert words is not None
    assert refusal[2] in words["blocked"]


async def test_opening_a_node_ends_its_drain(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """A second drain meanwhile is refused."""
    entry = entry_for(home)
    await set_up(hass, entry)
    home.refuse["eviction"] = (429, "TooManyRequests", "slow down")
    commands = entry.runtime_data.node_commands
    task = await commands.drain("pi-attic")
    with pytest.raises(ServiceValidationError) as caught:
        await commands.drain("pi-attic")
    assert caught.value.translation_key == "already_draining"
    await call(hass, "switch.turn_on", f"{ATTIC}/schedulable")
    await until(hass, task.done, "the drain's end")
    assert task.cancelled()
    assert commands.drain_of("pi-attic") is None


async def test_a_drain_goes_on_after_the_link_was_away(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """It looks again."""
    entry = entry_for(home)
    await set_up(hass, entry)
    move_to_cellar(home)
    home.refuse["eviction"] = (429, "TooManyRequests", "slow down")
    task = await entry.runtime_data.node_commands.drain("pi-attic")
    await home.down()
    await until(hass, lambda: not entry.runtime_data.available, "away")
    del home.refuse["eviction"]
    with patch("custom_components.home_cluster.drain.PAUSE", timedelta(0)):
        await home.up()
        await until(hass, task.done, "the drain's end", 15)
    machine = entry.runtime_data.node_commands.drain_of("pi-attic")
    assert machine.phase == "drained"


async def test_home_assistants_own_node_is_not_drained(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Nor closed."""
    entry = entry_for(home)
    await set_up(hass, entry)
    (own, *_) = home.pods_of("kitchen", "fridge")
    entry.runtime_data.judge.own_pod = OwnPod(own["metadata"]["name"], "kitchen")
    with pytest.raises(ServiceValidationError) as caught:
        await call(hass, "button.press", f"{ATTIC}/drain")
    assert caught.value.translation_key == "drain_own_node"
    assert state(hass, f"{ATTIC}/schedulable") == "on"
    assert home.evictions == []


async def test_only_an_administrator_drains(
    hass: HomeAssistant, home: LiveServer, hass_admin_user: MockUser
) -> None:
    """Home Assistant lets every user press every button."""
    entry = entry_for(home)
    await set_up(hass, entry)
    child = MockUser(name="Toddler").add_to_hass(hass)
    child.mock_policy({"entities": {"all": True}})

    async def press(user_id: str | None) -> None:
        await hass.services.async_call(
            "button",
            "press",
            {"entity_id": entity_id(hass, f"{ATTIC}/drain")},
            blocking=True,
            context=Context(user_id=user_id),
        )

    with pytest.raises(Unauthorized):
        await press(child.id)
    with pytest.raises(UnknownUser):
        await want_admin(hass, Context(user_id="nobody"))
    await want_admin(hass, None)
    assert entry.runtime_data.node_commands.drain_of("pi-attic") is None
    await press(hass_admin_user.id)
    assert entry.runtime_data.node_commands.drain_of("pi-attic") is not None


async def test_a_node_shows_few_entities_at_first(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """All are diagnostic or configuration but whether it is there."""
    await set_up(hass, entry_for(home))
    primary = {
        entity.unique_id.rpartition("/")[2]
        for entity in er.async_get(hass).entities.values()
        if f"/{ATTIC}/" in entity.unique_id
        and not entity.disabled
        and entity.entity_category is None
    }
    assert primary == {"connected"}


# The actions.


async def act(hass: HomeAssistant, action: str, **data: Any) -> Any:
    """Call an action for the node and return its part of the answer."""
    name = entity_id(hass, f"{ATTIC}/connected")
    answer = await hass.services.async_call(
        DOMAIN, action, {"entity_id": name, **data}, blocking=True, return_response=True
    )
    assert isinstance(answer, dict)
    return answer[name or ""]


async def test_the_action_drains_and_answers_what_became_of_each_pod(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Evicted, skipped, and whose scratch data is lost."""
    await set_up(hass, entry_for(home))
    move_to_cellar(home)
    (fridge, *_) = home.pods_of("kitchen", "fridge")
    name = fridge["metadata"]["name"]
    spec = {**fridge["spec"], "volumes": [{"name": "tmp", "emptyDir": {}}]}
    home.put("pods", "kitchen", name, spec=spec)
    report = await act(hass, "drain", timeout="00:01:00")
    assert (report["drained"], report["phase"], report["blocked"]) == (
        True,
        "drained",
        [],
    )
    assert len(report["evicted"]) == 3
    assert report["scratch_data_lost"] == [{"namespace": "kitchen", "pod": name}]
    assert [one["why"] for one in report["skipped"]] == ["daemon_set"]
    assert await act(hass, "uncordon") == {"schedulable": True}
    assert state(hass, f"{ATTIC}/schedulable") == "on"


async def test_who_asks_for_no_answer_is_stopped_when_the_node_is_not_empty(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """So that an automation does not switch off a machine that still works."""
    await set_up(hass, entry_for(home))
    lonely = home.pod("kitchen", "fridge")["metadata"]
    home.put("pods", "kitchen", lonely["name"], metadata={"ownerReferences": []})
    move_to_cellar(home)
    with pytest.raises(HomeAssistantError) as caught:
        await call(hass, "home_cluster.drain", f"{ATTIC}/connected")
    assert caught.value.translation_key == "not_drained"
    assert caught.value.translation_placeholders == {
        "node": "pi-attic",
        "blocked": f"kitchen/{lonely['name']}: nothing would bring it back elsewhere",
    }
    home.refuse["eviction"] = (403, "Forbidden", "not you")
    report = await act(hass, "drain", timeout="00:00:01")
    assert report["drained"] is False


async def test_a_drain_is_for_nodes(hass: HomeAssistant, home: LiveServer) -> None:
    """Not for what runs on them."""
    await set_up(hass, entry_for(home))
    with pytest.raises(ServiceValidationError) as caught:
        await call(hass, "home_cluster.drain", "deployment/kitchen/fridge/status")
    assert caught.value.translation_key == "target_wrong_kind"
