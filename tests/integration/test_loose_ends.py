"""What happens seldom: answers that fail in the middle of something."""

import asyncio
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.home_cluster.kube.errors import KubeError, Unreachable
from custom_components.home_cluster.kube.schema import Kind, Ref
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
from tests.integration.api_server import READ_UID, reader_of
from tests.integration.cluster_home import (
    call,
    device,
    entity_id,
    entry_for,
    set_up,
    state,
    until,
)
from tests.integration.live_server import LiveServer

FRIDGE = "deployment/kitchen/fridge"


async def test_an_absence_that_cannot_be_confirmed_is_asked_again(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """The device waits, and goes when the answer comes."""
    entry = entry_for(home)
    await set_up(hass, entry)
    asked: list[Ref] = []

    async def fail(ref: Ref) -> bool:
        asked.append(ref)
        raise Unreachable("not now")

    hub = entry.runtime_data
    with patch.object(hub.cluster, "confirm_absent", fail):
        home.delete("deployments", "kitchen", "fridge")
        await until(hass, lambda: asked, "the question")
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=2))
        await until(hass, lambda: len(asked) == 2, "the second question")
        assert device(hass, entry, FRIDGE) is not None
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=10))
    await until(hass, lambda: device(hass, entry, FRIDGE) is None, "the device's end")


async def test_who_comes_back_while_being_asked_about_stays(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Deleted and made again at once: the answer of before does not count."""
    entry = entry_for(home)
    await set_up(hass, entry)
    hub = entry.runtime_data
    before = device(hass, entry, FRIDGE)
    answer = asyncio.Event()

    async def slowly(ref: Ref) -> bool:
        await answer.wait()
        return True

    with patch.object(hub.cluster, "confirm_absent", slowly):
        home.delete("deployments", "kitchen", "fridge")
        fridge = Ref(Kind.DEPLOYMENT, "kitchen", "fridge")
        await until(
            hass, lambda: fridge in hub._removal._absences._missing, "the question"
        )
        home.workload("deployments", "kitchen", "fridge", replicas=2)
        await until(
            hass, lambda: fridge not in hub._removal._absences._missing, "its return"
        )
        answer.set()
        await asyncio.sleep(0.02)
    assert (
        device(hass, entry, FRIDGE) == before or state(hass, f"{FRIDGE}/power") == "on"
    )


async def test_a_cluster_that_cannot_say_who_it_is_loses_nothing(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """The link is back, but the question for the uid fails: shown, but nothing is removed."""
    entry = entry_for(home)
    await set_up(hass, entry)
    hub = entry.runtime_data
    await home.down()
    await until(hass, lambda: not hub.available, "the loss", 12)
    home.delete("statefulsets", "kitchen", "jazz")
    with patch.object(hub.client, "cluster_uid", side_effect=Unreachable("no")):
        await home.up()
        await until(hass, lambda: hub.available, "the link", 12)
        await until(hass, lambda: state(hass, f"{FRIDGE}/power") == "on", "the fridge")
        await asyncio.sleep(0.1)
        assert device(hass, entry, "statefulset/kitchen/jazz") is not None
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=400))
    await until(
        hass,
        lambda: device(hass, entry, "statefulset/kitchen/jazz") is None,
        "the end of jazz",
    )


async def test_a_restart_pauses_while_the_cluster_is_away(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """And goes on when it is back; an entry that is unloaded ends it."""
    entry = entry_for(home)
    await set_up(hass, entry)
    hub = entry.runtime_data
    home.pods_follow = False
    await call(hass, "button.press", f"{FRIDGE}/restart")
    await home.down()
    await until(hass, lambda: not hub.available, "the loss", 12)
    home.pod("kitchen", "fridge")
    await home.up()
    await until(hass, lambda: len(home.evictions) == 2, "the second eviction", 12)
    await hass.config_entries.async_unload(entry.entry_id)
    assert not hub.commands._restarts.under_way


async def test_a_restart_without_success_gives_up_with_a_line(
    hass: HomeAssistant, home: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    """No successor became ready."""
    await set_up(hass, entry_for(home))
    home.pods_follow = False
    with patch(
        "custom_components.home_cluster.restarts.PATIENCE", timedelta(seconds=0.1)
    ):
        await call(hass, "button.press", f"{FRIDGE}/restart")
        await until(hass, lambda: "ended early" in caplog.text, "the line")
    assert len(home.evictions) == 1


async def test_a_repair_names_namespaces_and_does_without_the_accounts_name(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """The server is too old to tell it, or does not want to."""
    home.accounts["person"] = (READ_UID, reader_of("kitchen"))
    entry = entry_for(home, mode="namespaces", namespaces=["kitchen", "garden"])
    with patch(
        "custom_components.home_cluster.oversight.account_name",
        side_effect=KubeError("no"),
    ):
        await set_up(hass, entry)
        hub = entry.runtime_data
        for _ in range(3):
            async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=9))
            await asyncio.wait([hub._oversight._task])
            await hass.async_block_till_done()
        issues = ir.async_get(hass).issues
        await until(hass, lambda: issues, "the repair")
    (issue,) = issues.values()
    assert issue.translation_placeholders is not None
    assert "`deployments` (garden)" in issue.translation_placeholders["missing"]
    assert "`nodes`" in issue.translation_placeholders["missing"]
    assert "namespace: garden" in issue.translation_placeholders["yaml"]


async def test_nothing_is_settled_while_the_cluster_is_away(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """A denial then may come of its start."""
    entry = entry_for(home)
    await set_up(hass, entry)
    hub = entry.runtime_data
    access = await hub._oversight.review()
    await home.down()
    await until(hass, lambda: not hub.available, "the loss", 12)
    with patch.object(hub.rights, "take") as take:
        hub._oversight.take(access)
        hub._oversight.soon()
        await asyncio.wait([hub._oversight._task])
    assert not take.called


async def test_what_is_known_can_be_asked_of_the_hub(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Workloads and nodes by their places."""
    entry = entry_for(home)
    await set_up(hass, entry)
    hub = entry.runtime_data
    assert set(hub.nodes) == {"pi-attic", "pi-cellar"}
    assert {ref.name for ref in hub.workloads} == {
        "fridge",
        "jazz",
        "weather",
        "backup",
    }
    gone = Ref(Kind.DEPLOYMENT, "kitchen", "toaster")
    assert hub.pods(gone) == ()
    with pytest.raises(Exception, match="does not exist in the cluster"):
        await hub.restart(gone)


async def test_a_node_that_is_gone_goes_and_one_that_comes_comes(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """As workloads do."""
    entry = entry_for(home)
    await set_up(hass, entry)
    home.node("mini-pc")
    await until(
        hass, lambda: state(hass, "node//mini-pc/connected") == "on", "the mini PC"
    )
    home.delete("nodes", "", "pi-cellar")
    await until(hass, lambda: device(hass, entry, "node//pi-cellar") is None, "its end")


async def test_a_new_version_of_the_cluster_is_shown(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """After an upgrade."""
    entry = entry_for(home)
    await set_up(hass, entry)
    hub = entry.runtime_data
    hub.cluster.version = "v1.38.0"
    home.scale("deployments", "kitchen", "fridge", 3)
    await until(
        hass,
        lambda: state(hass, "cluster//cluster/version") == "v1.38.0",
        "the version",
    )
    cluster = device(hass, entry, "cluster//cluster")
    assert cluster is not None
    assert cluster.sw_version == "v1.38.0"


async def test_an_entity_that_does_not_fit_any_more_goes_with_its_entry(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Protected from now on: the switch goes, and comes back as itself."""
    await set_up(hass, entry_for(home))
    switch = entity_id(hass, f"{FRIDGE}/power")
    spec: dict[str, Any] = home.live["deployments", "kitchen", "fridge"]["metadata"]
    hints = dict(spec["annotations"])
    protected = {**hints, "home-cluster.github.io/protected": "true"}
    home.put("deployments", "kitchen", "fridge", metadata={"annotations": protected})
    await until(
        hass, lambda: entity_id(hass, f"{FRIDGE}/power") is None, "the switch's end"
    )
    home.put("deployments", "kitchen", "fridge", metadata={"annotations": hints})
    await until(hass, lambda: state(hass, f"{FRIDGE}/power") == "on", "the switch")
    assert entity_id(hass, f"{FRIDGE}/power") == switch
