"""The cluster goes away and comes back: nothing is removed, nothing is made up."""

import asyncio
from datetime import timedelta
import logging
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
    flush_store,
)

from custom_components.home_cluster.const import DOMAIN
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.requirements import RequirementsNotFound
from homeassistant.util import dt as dt_util
from tests.integration.cluster_home import (
    EVERYTHING,
    States,
    desired,
    device,
    entity_id,
    entry_for,
    set_up,
    state,
    until,
)
from tests.integration.live_server import LiveServer

FRIDGE = "deployment/kitchen/fridge"
REACHABLE = "cluster//cluster/reachable"


async def test_a_lost_link_makes_all_unavailable_and_a_found_one_right_at_once(
    hass: HomeAssistant, home: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    """What changed in between is shown in the first state after it; nothing false is written."""
    entry = entry_for(home)
    await set_up(hass, entry)
    devices = len(dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id))
    states = States(hass)
    await home.down()
    await until(hass, lambda: state(hass, REACHABLE) == "off", "the loss", 6)
    for path in (
        "power",
        "status",
        "problem",
        "reason",
        "restart",
    ):
        assert state(hass, f"{FRIDGE}/{path}") == "unavailable", path
    assert state(hass, "node//pi-attic/connected") == "unavailable"
    home.scale("deployments", "kitchen", "fridge", 0)
    home.delete("statefulsets", "kitchen", "jazz")
    await home.up()
    await until(hass, lambda: state(hass, REACHABLE) == "on", "the link", 8)
    await until(hass, lambda: state(hass, f"{FRIDGE}/status") == "off", "the fridge")
    assert states.of(f"{FRIDGE}/power") == ["unavailable", "off"]
    assert states.of("node//pi-attic/connected") == ["unavailable", "on"]
    await until(
        hass,
        lambda: device(hass, entry, "statefulset/kitchen/jazz") is None,
        "the end of jazz",
    )
    left = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert len(left) == devices - 1
    lines = [
        record
        for record in caplog.records
        if record.name.startswith("custom_components")
    ]
    assert sum("Lost the connection" in record.message for record in lines) == 1
    assert sum("is back after" in record.message for record in lines) == 1


async def test_a_reload_writes_nothing_false(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Unavailable, then as it is."""
    entry = entry_for(home)
    await set_up(hass, entry)
    states = States(hass)
    for _ in range(3):
        await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done()
    for key in (FRIDGE, "statefulset/kitchen/jazz", "cronjob/garden/backup"):
        assert "off" not in states.of(f"{key}/power"), key
        assert states.of(f"{key}/power")[-1] == "on"


async def test_a_start_without_the_cluster_keeps_all_and_ends_when_it_is_there(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Devices are known and unavailable; Home Assistant need not try again by itself."""
    entry = entry_for(home)
    await set_up(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    await home.down()
    with (
        patch("custom_components.home_cluster.lookout.LOOK_EVERY", 0.05),
        patch("homeassistant.config_entries.ConfigEntry._async_setup_again"),
    ):
        assert not await hass.config_entries.async_setup(entry.entry_id)
        assert entry.state is ConfigEntryState.SETUP_RETRY
        assert entry.error_reason_translation_key == "not_ready"
        assert device(hass, entry, FRIDGE) is not None
        assert entity_id(hass, f"{FRIDGE}/power") is not None
        await asyncio.sleep(0.2)
        await home.up()
        await until(hass, lambda: entry.state is ConfigEntryState.LOADED, "the set-up")
    await until(hass, lambda: state(hass, f"{FRIDGE}/power") == "on", "the fridge")


async def test_nobody_looks_out_for_an_entry_that_is_gone(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Disabled or removed by the user while its cluster is away."""
    await home.down()
    entry = entry_for(home)
    with patch("custom_components.home_cluster.lookout.LOOK_EVERY", 0.01):
        await set_up(hass, entry)
        await hass.config_entries.async_remove(entry.entry_id)
        await home.up()
        await asyncio.sleep(0.1)
    assert not home.requests


async def test_a_cluster_that_does_not_tell_its_state_is_waited_for(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """It answers, but its streams stay silent."""
    entry = entry_for(home)
    with (
        patch("custom_components.home_cluster.hub.SYNC_TIMEOUT", 0.05),
        patch("custom_components.home_cluster.kube.running.Running.start"),
    ):
        await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "not_synced"


async def test_a_refused_token_asks_for_a_new_one(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """At set-up."""
    home.accounts.clear()
    entry = entry_for(home)
    await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert [flow["context"]["source"] for flow in flows] == [SOURCE_REAUTH]


async def test_a_token_refused_later_asks_for_a_new_one(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """While everything runs; all is unavailable until then, and right after it."""
    entry = entry_for(home)
    await set_up(hass, entry)
    home.accounts.clear()
    with patch("custom_components.home_cluster.kube.probe.PERSISTENT_SECONDS", 0.5):
        await home.down()
        await home.up()
        flows = hass.config_entries.flow
        await until(hass, lambda: flows.async_progress_by_handler(DOMAIN), "a flow", 30)
    assert state(hass, f"{FRIDGE}/power") == "unavailable"
    home.accounts["person"] = EVERYTHING
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert state(hass, f"{FRIDGE}/power") == "on"


async def test_another_cluster_at_the_address_is_not_taken_for_ours(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Rebuilt while away: no device is removed, none is shown wrong; the user is told."""
    entry = entry_for(home)
    await set_up(hass, entry)
    states = States(hass)
    await home.down()
    await until(hass, lambda: state(hass, REACHABLE) == "off", "the loss", 6)
    home.uid = "another"
    for key in [
        key for key in home.live if key[0] in ("deployments", "statefulsets", "pods")
    ]:
        del home.live[key]
    await home.up()
    await until(
        hass, lambda: entry.state is ConfigEntryState.SETUP_ERROR, "the error", 10
    )
    assert entry.error_reason_translation_key == "other_cluster"
    assert device(hass, entry, FRIDGE) is not None
    assert set(states.of(f"{FRIDGE}/power")) == {"unavailable"}


async def test_credentials_that_cannot_be_used_are_named(hass: HomeAssistant) -> None:
    """A kubeconfig file that is not there (any more)."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        unique_id="x",
        data={
            "method": "kubeconfig",
            "kubeconfig": "/nowhere/config",
            "context": "home",
        },
    )
    with patch("custom_components.home_cluster.async_process_requirements") as process:
        await set_up(hass, entry)
    process.assert_not_called()
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "credentials_failed"


async def test_a_package_that_cannot_be_installed_is_named(hass: HomeAssistant) -> None:
    """Without internet the entry alone waits; only what runs a plugin needs it."""
    config = """
current-context: home
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: login}}}]
contexts: [{name: home, context: {cluster: c, user: u}}]
"""
    entry = MockConfigEntry(
        domain=DOMAIN,
        unique_id="x",
        data={"method": "kubeconfig", "kubeconfig": config, "context": "home"},
    )
    with patch(
        "custom_components.home_cluster.async_process_requirements",
        side_effect=RequirementsNotFound(DOMAIN, ["kubernetes"]),
    ) as process:
        await set_up(hass, entry)
    assert process.call_args.args[2] == ["kubernetes>=36,<38"]
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "package_missing"


async def test_a_node_away_for_a_moment_is_unknown_and_later_off(
    hass: HomeAssistant, home: LiveServer, freezer: FrozenDateTimeFactory
) -> None:
    """The timer writes it although no object changes; back is back at once."""
    await set_up(hass, entry_for(home))
    states = States(hass)
    home.node("pi-attic", ready="Unknown", ago=0)
    connected = "node//pi-attic/connected"
    await until(hass, lambda: state(hass, connected) == "unknown", "unknown")
    assert state(hass, "node//pi-attic/memory_pressure") == "unknown"
    await until(
        hass, lambda: state(hass, f"{FRIDGE}/status") == "unknown", "the fridge"
    )
    assert state(hass, f"{FRIDGE}/problem") == "unknown"
    freezer.tick(timedelta(seconds=61))
    async_fire_time_changed(hass, dt_util.utcnow())
    await until(hass, lambda: state(hass, connected) == "off", "off")
    await until(
        hass, lambda: state(hass, f"{FRIDGE}/reason") == "node_lost", "the reason"
    )
    home.node("pi-attic", ago=0)
    await until(hass, lambda: state(hass, connected) == "on", "on")
    assert states.of(connected) == ["unknown", "off", "on"]


async def test_stopping_home_assistant_leaves_the_cluster_quietly(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """No stream stays open, nothing is called unavailable on the way out."""
    await set_up(hass, entry_for(home))
    states = States(hass)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await until(hass, lambda: not home.watchers, "the end of all streams")
    assert states.seen == []


async def test_a_count_learnt_is_saved_when_the_entry_is_unloaded(
    hass: HomeAssistant, home: LiveServer, hass_storage: dict[str, dict[str, object]]
) -> None:
    """It need not wait for its timer."""
    entry = entry_for(home)
    await set_up(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    data = hass_storage[f"home_cluster.{entry.entry_id}"]["data"]
    assert data == {FRIDGE: 2}
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    home.workload("deployments", "kitchen", "fridge", replicas=4)
    await until(hass, lambda: desired(hass, FRIDGE) == 4, "4")
    await flush_store(entry.runtime_data.counts._store)
    assert hass_storage[f"home_cluster.{entry.entry_id}"]["data"] == {FRIDGE: 4}


async def test_no_call_blocks_the_loop_and_no_line_warns(
    hass: HomeAssistant, home: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    """From set-up to unload, with everything switched once."""
    entry = entry_for(home)
    await set_up(hass, entry)
    home.workload("deployments", "garden", "sprinkler", replicas=1)
    await until(
        hass, lambda: state(hass, "deployment/garden/sprinkler/power") == "on", "it"
    )
    await hass.config_entries.async_unload(entry.entry_id)
    loud = [
        record
        for record in caplog.records
        if record.levelno >= logging.WARNING
        and (
            "home_cluster" in record.name or "Detected blocking" in record.getMessage()
        )
    ]
    assert not loud
