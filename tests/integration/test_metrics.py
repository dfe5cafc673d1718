"""CPU and memory: read while somebody looks, and no more than that."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
from tests.integration.api_server import METRICS, READ_ALL, READ_UID, Rule
from tests.integration.cluster_home import (
    EVERYTHING,
    attributes,
    entity_id,
    entry_for,
    set_up,
    state,
    until,
)
from tests.integration.live_server import LiveServer

FRIDGE = "deployment/kitchen/fridge"
WEATHER = "daemonset/garden/weather"
NODE = "node//pi-attic"


def measured(name: str, namespace: str, cpu: str, memory: str) -> dict[str, Any]:
    """Return the figures of a pod with two containers that use the same."""
    usage = {"usage": {"cpu": cpu, "memory": memory}}
    metadata = {"name": name, "namespace": namespace}
    return {"metadata": metadata, "containers": [usage, usage]}


def measure(home: LiveServer, cpu: str = "100m", memory: str = "32Mi") -> None:
    """Let the metrics server know figures of every pod and node."""
    home.figures = {
        "pods": [
            measured(name, namespace, cpu, memory)
            for resource, namespace, name in home.live
            if resource == "pods"
        ],
        "nodes": [
            {"metadata": {"name": "pi-attic"}, "usage": {"cpu": "1", "memory": "1Gi"}}
        ],
    }


def readings(home: LiveServer) -> list[str]:
    """Return what was asked of the metrics server."""
    return [
        path.removeprefix(f"GET /apis/{METRICS}/v1beta1/")
        for path in home.requests
        if METRICS in path
    ]


type Later = Callable[[float], Any]


@pytest.fixture
def later(hass: HomeAssistant) -> Later:
    """Have everything happen that is due in so many seconds."""

    async def later(seconds: float) -> None:
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
        await hass.async_block_till_done()

    return later


async def enable(hass: HomeAssistant, entry: MockConfigEntry, *paths: str) -> None:
    """Enable sensors that are disabled at first, as a person does; Home Assistant then reloads."""
    for path in paths:
        found = entity_id(hass, path)
        assert found is not None, path
        er.async_get(hass).async_update_entity(found, disabled_by=None)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=31))
    await hass.async_block_till_done()
    await until(hass, lambda: entry.state is ConfigEntryState.LOADED, "reloaded")


async def connected(
    hass: HomeAssistant, home: LiveServer, *paths: str, **options: Any
) -> MockConfigEntry:
    """Return an entry with these sensors enabled."""
    entry = entry_for(home, **options)
    await set_up(hass, entry)
    await enable(hass, entry, *paths)
    return entry


async def test_nobody_looks_so_nothing_is_read(
    hass: HomeAssistant, home: LiveServer, later: Later
) -> None:
    measure(home)
    await set_up(hass, entry_for(home))
    for _ in range(3):
        await later(61)
    assert readings(home) == []


async def test_devices_and_nodes_tell_what_they_use(
    hass: HomeAssistant, home: LiveServer, later: Later
) -> None:
    """All containers of all pods; of a node also the share of what pods may use."""
    measure(home)
    await connected(
        hass,
        home,
        *(f"{FRIDGE}/{key}" for key in ("cpu", "memory")),
        *(f"{NODE}/{key}" for key in ("cpu", "memory")),
    )
    assert state(hass, f"{FRIDGE}/cpu") == "unavailable"
    await later(2)
    await until(hass, lambda: state(hass, f"{FRIDGE}/cpu") == "40.0", "two pods")
    assert attributes(hass, f"{FRIDGE}/cpu")["millicores"] == 400
    assert state(hass, f"{FRIDGE}/memory") == "128.0"
    assert attributes(hass, f"{FRIDGE}/memory")["unit_of_measurement"] == "MiB"
    assert state(hass, f"{NODE}/cpu") == "25.0"
    assert state(hass, f"{NODE}/memory") == "1024.0"
    assert attributes(hass, f"{NODE}/memory")["percent"] == 25
    assert readings(home) == ["namespaces/kitchen/pods", "nodes"]


async def test_devices_of_several_namespaces_are_one_request_an_interval(
    hass: HomeAssistant, home: LiveServer, later: Later
) -> None:
    measure(home)
    await connected(hass, home, f"{FRIDGE}/cpu", f"{WEATHER}/cpu", metrics_interval=30)
    await later(2)
    await until(hass, lambda: state(hass, f"{FRIDGE}/cpu") == "40.0", "read")
    assert readings(home) == ["pods"]
    await later(20)
    assert readings(home) == ["pods"]
    measure(home, cpu="200m")
    await later(31)
    await until(hass, lambda: state(hass, f"{FRIDGE}/cpu") == "80.0", "read again")
    assert readings(home) == ["pods"] * 2


async def test_each_namespace_is_asked_where_only_that_is_allowed(
    hass: HomeAssistant, home: LiveServer, later: Later
) -> None:
    """And what may not be read has no entity."""
    home.accounts["person"] = (
        READ_UID,
        READ_ALL,
        *(
            Rule(("list",), ("pods",), namespace, group=METRICS)
            for namespace in ("kitchen", "garden")
        ),
    )
    measure(home)
    await connected(hass, home, f"{FRIDGE}/cpu", f"{WEATHER}/memory")
    assert entity_id(hass, f"{NODE}/cpu") is None
    await later(2)
    await until(hass, lambda: state(hass, f"{WEATHER}/memory") == "64.0", "read")
    assert readings(home) == ["namespaces/garden/pods", "namespaces/kitchen/pods"]


async def test_a_right_that_comes_brings_its_sensors(
    hass: HomeAssistant, home: LiveServer
) -> None:
    home.accounts["person"] = (READ_UID, READ_ALL)
    entry = entry_for(home)
    await set_up(hass, entry)
    assert entity_id(hass, f"{FRIDGE}/cpu") is None
    home.accounts["person"] = EVERYTHING
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert entity_id(hass, f"{FRIDGE}/cpu") is not None


@pytest.mark.parametrize("status", [404, 503, 500])
async def test_a_metrics_server_that_is_away_is_said_once(
    hass: HomeAssistant,
    home: LiveServer,
    later: Later,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    """The last value is kept for two readings that fail; then none is shown; then it is back."""
    measure(home)
    entry = await connected(hass, home, f"{FRIDGE}/cpu")
    await later(2)
    await until(hass, lambda: state(hass, f"{FRIDGE}/cpu") == "40.0", "read")
    home.figures = {"pods": status}
    for misses in range(1, 6):
        await later(61)
        await until(hass, lambda: not entry.runtime_data.metrics.reading, "answer")
        assert len(readings(home)) == 1 + misses
        shown = "40.0" if misses < 3 else "unavailable"
        assert state(hass, f"{FRIDGE}/cpu") == shown
    assert state(hass, f"{FRIDGE}/status") == "running"
    assert caplog.text.count("does not tell CPU and memory") == 1
    measure(home)
    await later(61)
    await until(hass, lambda: state(hass, f"{FRIDGE}/cpu") == "40.0", "back")
    assert caplog.text.count("are known again") == 1
    assert "Error" not in caplog.text


async def test_garbage_is_shown_of_nobody(
    hass: HomeAssistant, home: LiveServer, later: Later
) -> None:
    """A device of whose pods none makes sense is unavailable, the others are not."""
    measure(home)
    pods = home.figures["pods"]
    assert isinstance(pods, list)
    for item in pods:
        if item["metadata"]["namespace"] == "kitchen":
            item["containers"][0]["usage"]["cpu"] = "NaN"
    await connected(hass, home, f"{FRIDGE}/cpu", f"{WEATHER}/cpu")
    await later(2)
    await until(hass, lambda: state(hass, f"{WEATHER}/cpu") == "20.0", "read")
    assert state(hass, f"{FRIDGE}/cpu") == "unavailable"


async def test_a_device_that_is_off_uses_nothing(
    hass: HomeAssistant, home: LiveServer, later: Later
) -> None:
    home.scale("deployments", "kitchen", "fridge", 0)
    measure(home)
    await connected(hass, home, f"{FRIDGE}/cpu", f"{FRIDGE}/memory")
    await later(2)
    await until(hass, lambda: state(hass, f"{FRIDGE}/cpu") == "0.0", "read")
    assert state(hass, f"{FRIDGE}/memory") == "0.0"


async def test_a_lost_link_is_not_asked(
    hass: HomeAssistant, home: LiveServer, later: Later
) -> None:
    """Nothing is read while the cluster is away, and its end ends the reading."""
    measure(home)
    entry = await connected(hass, home, f"{FRIDGE}/cpu")
    await later(2)
    await until(hass, lambda: state(hass, f"{FRIDGE}/cpu") == "40.0", "read")
    hub = entry.runtime_data
    hub.link.available = False
    await later(61)
    assert len(readings(home)) == 1
    hub.link.available = True
    await later(61)
    await until(hass, lambda: len(readings(home)) == 2, "asked again")
    assert await hass.config_entries.async_unload(entry.entry_id)
    await later(300)
    assert len(readings(home)) == 2


async def test_the_last_who_looks_ends_the_reading(
    hass: HomeAssistant, home: LiveServer, later: Later
) -> None:
    measure(home)
    await connected(hass, home, f"{FRIDGE}/cpu", f"{WEATHER}/cpu")
    await later(2)
    await until(hass, lambda: state(hass, f"{WEATHER}/cpu") == "20.0", "read")
    for path in (f"{FRIDGE}/cpu", f"{WEATHER}/cpu"):
        found = entity_id(hass, path)
        assert found is not None
        er.async_get(hass).async_remove(found)
    await hass.async_block_till_done()
    await later(300)
    assert len(readings(home)) == 1
