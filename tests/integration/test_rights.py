"""What the account may not do has no entity; what it may not read becomes a repair."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.home_cluster.kube.client import Client
from custom_components.home_cluster.kube.errors import Unreachable
from custom_components.home_cluster.kube.schema import Ref
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.util import dt as dt_util
from tests.integration.api_server import FOLLOWED, READ_UID, Rule, reader_of
from tests.integration.cluster_home import (
    CONTROL,
    EVERYTHING,
    READ_ONLY,
    device,
    entity_id,
    entry_for,
    set_up,
    state,
    until,
)
from tests.integration.live_server import LiveServer

FRIDGE = "deployment/kitchen/fridge"


async def look_again(hass: HomeAssistant, times: int = 1) -> None:
    """Let the eight seconds between two looks pass, so many times."""
    for _ in range(times):
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=9))
        hub = hass.config_entries.async_entries("home_cluster")[0].runtime_data
        await hass.async_block_till_done(wait_background_tasks=False)
        task = hub._oversight._task
        if task is not None and not task.done():
            await asyncio.wait([task])
        await hass.async_block_till_done()


async def review(hass: HomeAssistant) -> None:
    """Do what the cluster's five-minute review does."""
    hub = hass.config_entries.async_entries("home_cluster")[0].runtime_data
    hub._oversight.take(await hub._oversight.review())
    await hass.async_block_till_done()
    await asyncio.wait([hub._oversight._task])
    await hass.async_block_till_done()


def repairs(hass: HomeAssistant) -> list[ir.IssueEntry]:
    """Return the repairs that are shown."""
    return [issue for issue in ir.async_get(hass).issues.values() if issue.active]


async def test_a_reader_has_no_controls_and_no_repair(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Reading is all it was given, and all that is offered."""
    home.accounts["person"] = READ_ONLY
    await set_up(hass, entry_for(home))
    await look_again(hass, 4)
    domains = {entity.domain for entity in er.async_get(hass).entities.values()}
    assert domains == {"sensor", "binary_sensor", "event"}
    assert not repairs(hass)
    assert state(hass, f"{FRIDGE}/status") == "running"


async def test_a_control_comes_with_the_right_and_goes_when_it_is_surely_lost(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Gained at the next look; lost only after three denials."""
    home.accounts["person"] = READ_ONLY
    await set_up(hass, entry_for(home))
    await look_again(hass, 3)
    home.accounts["person"] = EVERYTHING
    await review(hass)
    await until(hass, lambda: state(hass, f"{FRIDGE}/power") == "on", "the switch")
    await until(
        hass,
        lambda: state(hass, "cronjob/garden/backup/power") == "on",
        "the cron job's",
    )
    home.accounts["person"] = (*READ_ONLY, CONTROL[1])
    await review(hass)
    assert entity_id(hass, f"{FRIDGE}/power")
    await look_again(hass)
    assert entity_id(hass, f"{FRIDGE}/power")
    await look_again(hass)
    await until(
        hass, lambda: entity_id(hass, f"{FRIDGE}/power") is None, "the switch's end"
    )
    assert entity_id(hass, f"{FRIDGE}/replicas") is None
    assert entity_id(hass, f"{FRIDGE}/restart")


async def test_false_denials_after_a_restart_remove_nothing(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Two looks in a row say no, the third says yes."""
    await set_up(hass, entry_for(home))
    await look_again(hass, 2)
    home.accounts["person"] = (READ_UID,)
    await review(hass)
    await look_again(hass)
    home.accounts["person"] = EVERYTHING
    await look_again(hass)
    assert entity_id(hass, f"{FRIDGE}/power")
    assert state(hass, f"{FRIDGE}/power") == "on"
    assert not repairs(hass)


async def test_rights_lost_while_home_assistant_was_off_remove_controls_when_sure(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """The registry still knows them; three looks, then they go."""
    entry = entry_for(home)
    await set_up(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    home.accounts["person"] = READ_ONLY
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entity_id(hass, f"{FRIDGE}/power")
    await look_again(hass, 3)
    assert entity_id(hass, f"{FRIDGE}/power") is None
    assert entity_id(hass, f"{FRIDGE}/status")


async def test_a_missing_read_right_becomes_a_repair_that_names_the_rule(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Only when it persists; with YAML that mends it; gone when it is given."""
    without = tuple(name for name in FOLLOWED if name != "events")
    home.accounts["person"] = (
        READ_UID,
        Rule(("get", "list", "watch"), (*without, "nodes", "namespaces")),
        *CONTROL,
    )
    entry = entry_for(home)
    await set_up(hass, entry)
    assert not repairs(hass)
    await look_again(hass, 3)
    (issue,) = repairs(hass)
    assert issue.translation_key == "missing_rights"
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["missing"] == "`events`"
    assert "- events" in issue.translation_placeholders["yaml"] or (
        "[events]" in issue.translation_placeholders["yaml"]
    )
    assert state(hass, f"{FRIDGE}/power") == "on"
    home.accounts["person"] = EVERYTHING
    await review(hass)
    await until(hass, lambda: not repairs(hass), "the repair's end")
    await until(
        hass, lambda: "Event" in entry.runtime_data.rights.scope.kinds, "events"
    )


async def test_what_may_not_be_read_any_more_is_unavailable_not_removed(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """A right to read that is lost while everything runs."""
    entry = entry_for(home)
    await set_up(hass, entry)
    without = tuple(name for name in FOLLOWED if name != "statefulsets")
    home.accounts["person"] = (
        READ_UID,
        Rule(("get", "list", "watch"), (*without, "nodes", "namespaces")),
        *CONTROL,
    )
    await review(hass)
    await look_again(hass, 2)
    jazz = "statefulset/kitchen/jazz"
    await until(
        hass, lambda: state(hass, f"{jazz}/status") == "unavailable", "unavailable"
    )
    assert device(hass, entry, jazz) is not None
    assert state(hass, f"{FRIDGE}/status") == "running"
    assert len(repairs(hass)) == 1


async def test_an_account_of_namespaces_sees_those(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """The smallest account: two Roles, nodes, and nothing of the rest of the cluster."""
    home.accounts["person"] = (
        READ_UID,
        reader_of("kitchen"),
        Rule(("patch",), ("deployments/scale",), "kitchen"),
        Rule(("get", "list", "watch"), ("nodes",)),
    )
    entry = entry_for(home, mode="namespaces", namespaces=["kitchen"])
    await set_up(hass, entry)
    await look_again(hass, 3)
    assert state(hass, f"{FRIDGE}/power") == "on"
    assert entity_id(hass, "statefulset/kitchen/jazz/power") is None
    assert device(hass, entry, "daemonset/garden/weather") is None
    assert not repairs(hass)


async def test_rights_of_single_namespaces_count_where_all_is_read(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Cluster-wide reading, and one kitchen in which something may be done."""
    home.accounts["person"] = (
        *READ_ONLY,
        Rule(("patch",), ("deployments/scale",), "kitchen"),
    )
    home.workload("deployments", "garden", "gnome", replicas=1)
    await set_up(hass, entry_for(home))
    await until(
        hass, lambda: state(hass, f"{FRIDGE}/power") == "on", "the kitchen's switch"
    )
    assert entity_id(hass, "deployment/garden/gnome/power") is None


async def test_a_look_that_fails_denies_nothing(
    hass: HomeAssistant,
    home: LiveServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is done again."""
    home.accounts["person"] = READ_ONLY
    await set_up(hass, entry_for(home))
    hub = hass.config_entries.async_entries("home_cluster")[0].runtime_data
    looks: list[Any] = []

    async def fail() -> Any:
        looks.append(None)
        raise Unreachable("gone")

    with monkeypatch.context() as patched:
        patched.setattr(hub._oversight, "review", fail)
        await look_again(hass, 2)
    assert len(looks) == 2
    assert hub.rights.doubtful
    await look_again(hass, 3)
    assert not hub.rights.doubtful


async def test_a_trial_that_fails_is_done_again(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """The dry run met an error of the server's: neither allowed nor denied."""
    home.refuse["dry"] = (500, "InternalError", "etcd")
    await set_up(hass, entry_for(home))
    assert entity_id(hass, "cronjob/garden/backup/power") is None
    home.refuse.clear()
    await look_again(hass)
    await until(
        hass, lambda: state(hass, "cronjob/garden/backup/power") == "on", "the switch"
    )


def _schedule(home: LiveServer, name: str) -> None:
    labels = {"home-cluster.github.io/device": "true"}
    home.workload("cronjobs", "kitchen", name, labels=labels, schedule="0 3 * * *")


async def test_what_comes_while_a_trial_is_under_way_is_tried_after_it(
    hass: HomeAssistant, home: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial knows only of the devices that were there when it began."""
    await set_up(hass, entry_for(home))
    hub = hass.config_entries.async_entries("home_cluster")[0].runtime_data
    await look_again(hass, 3)
    assert not hub.rights.doubtful
    begun, go_on = asyncio.Event(), asyncio.Event()
    tried = hub.client.dry_run

    async def slow(ref: Ref, patch: Mapping[str, Any]) -> bool:
        begun.set()
        await go_on.wait()
        return await tried(ref, patch)

    monkeypatch.setattr(hub.client, "dry_run", slow)
    _schedule(home, "first")
    await asyncio.wait_for(begun.wait(), 10)
    _schedule(home, "second")
    await until(
        hass,
        lambda: state(hass, "cronjob/kitchen/second/status") == "idle",
        "the second device",
    )
    go_on.set()
    for name in ("first", "second"):
        await until(
            hass,
            lambda path=f"cronjob/kitchen/{name}/power": state(hass, path) == "on",
            f"the switch of {name}",
        )


async def test_controls_that_are_being_tried_are_not_taken_for_lost(
    hass: HomeAssistant, home: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a start, one device's trial is over while another's goes on."""
    _schedule(home, "slow")
    entry = entry_for(home)
    await set_up(hass, entry)
    await look_again(hass, 3)
    removed: list[str] = []
    hass.bus.async_listen(
        er.EVENT_ENTITY_REGISTRY_UPDATED,
        callback(
            lambda event: (
                event.data["action"] == "remove"
                and removed.append(event.data["entity_id"])
            )
        ),
    )
    await hass.config_entries.async_unload(entry.entry_id)
    go_on = asyncio.Event()
    tried = Client.dry_run

    async def slow(client: Client, ref: Ref, patch: Mapping[str, Any]) -> bool:
        if ref.name == "slow":
            await go_on.wait()
        return await tried(client, ref, patch)

    monkeypatch.setattr(Client, "dry_run", slow)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    entry.runtime_data.rights.doubtful = False
    entry.runtime_data._rights_changed()
    go_on.set()
    await look_again(hass, 3)
    assert removed == []
    assert state(hass, "cronjob/kitchen/slow/power") == "on"
