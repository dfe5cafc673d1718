"""Workloads, nodes and the cluster become devices, and go only when they are surely gone."""

from typing import Any

import pytest

from custom_components.home_cluster import async_remove_config_entry_device, judge
from custom_components.home_cluster.model.situation import Situation
from custom_components.home_cluster.model.view import workload_view
from custom_components.home_cluster.model.views import WorkloadView
from homeassistant.components.sensor import SensorStateClass
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
)
from tests.integration.api_server import UID
from tests.integration.cluster_home import (
    EVERYTHING,
    UPDATE,
    States,
    attributes,
    device,
    enable,
    entity_id,
    entry_for,
    set_up,
    state,
    until,
)
from tests.integration.live_server import PREFIX, LiveServer, pod_status

FRIDGE = "deployment/kitchen/fridge"


async def test_each_workload_node_and_the_cluster_is_a_device(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """The registry shows what the hints say, below the cluster."""
    entry = entry_for(home)
    await set_up(hass, entry)
    assert entry.state is ConfigEntryState.LOADED
    cluster = device(hass, entry, "cluster//cluster")
    fridge = device(hass, entry, FRIDGE)
    node = device(hass, entry, "node//pi-attic")
    assert cluster is not None
    assert fridge is not None
    assert node is not None
    assert cluster.entry_type is dr.DeviceEntryType.SERVICE
    assert cluster.sw_version == "v1.37.2"
    area = ar.async_get(hass).async_get_area_by_name("Kitchen")
    assert area is not None
    assert (
        fridge.name,
        fridge.area_id,
        fridge.manufacturer,
        fridge.model,
        fridge.sw_version,
        fridge.configuration_url,
        fridge.entry_type,
        fridge.via_device_id,
    ) == (
        "Fridge",
        area.id,
        "Frost & Sons",
        "fridge",
        "v1.0.0",
        "http://fridge.local/",
        dr.DeviceEntryType.SERVICE,
        cluster.id,
    )
    assert (node.entry_type, node.via_device_id, node.hw_version) == (
        None,
        cluster.id,
        "arm64",
    )
    keys = {
        identifier.removeprefix(f"{UID}/")
        for entry in dr.async_entries_for_config_entry(
            dr.async_get(hass), entry.entry_id
        )
        for _, identifier in entry.identifiers
    }
    assert keys == {
        "cluster//cluster",
        "cronjob/garden/backup",
        "daemonset/garden/weather",
        FRIDGE,
        "node//pi-attic",
        "node//pi-cellar",
        "statefulset/kitchen/jazz",
    }


async def test_unique_ids_are_a_contract(hass: HomeAssistant, home: LiveServer) -> None:
    """A changed key would cost every user the entity's history."""
    entry = entry_for(home)
    home.accounts["person"] = (*EVERYTHING, UPDATE)
    await set_up(hass, entry)
    ids: dict[str, set[str]] = {}
    for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id):
        key, _, last = entity.unique_id.removeprefix(f"{UID}/").rpartition("/")
        ids.setdefault(key, set()).add(f"{entity.domain}.{last}")
    has_pods = {
        "binary_sensor.problem",
        "button.restart",
        "event.event",
        "number.watchdog",
        "sensor.cpu",
        "sensor.desired",
        "sensor.image",
        "sensor.memory",
        "sensor.node",
        "sensor.ready",
        "sensor.reason",
        "sensor.restarts",
        "sensor.started",
        "sensor.status",
        "switch.power",
    }
    node = {
        "binary_sensor.connected",
        "binary_sensor.disk_pressure",
        "binary_sensor.memory_pressure",
        "binary_sensor.pid_pressure",
        "sensor.cpu",
        "sensor.memory",
        "button.drain",
        "event.flicker",
        "sensor.last_boot",
        "sensor.pods",
        "sensor.version",
        "switch.schedulable",
    }
    assert ids == {
        "cluster//cluster": {
            "binary_sensor.reachable",
            "sensor.latency",
            "sensor.problems",
            "sensor.version",
        },
        "cronjob/garden/backup": has_pods
        - {"button.restart", "number.watchdog", "sensor.desired", "sensor.ready"}
        | {
            "button.run",
            "sensor.last_result",
            "sensor.last_run",
            "sensor.next_run",
        },
        "daemonset/garden/weather": has_pods | {"update.update"},
        FRIDGE: has_pods | {"number.replicas", "update.update"},
        "node//pi-attic": node,
        "node//pi-cellar": node,
        "statefulset/kitchen/jazz": has_pods | {"number.replicas", "update.update"},
    }


ALWAYS = {"power", "status", "problem", "reason", "event"}


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (FRIDGE, ALWAYS | {"restart", "update"}),
        ("statefulset/kitchen/jazz", ALWAYS | {"restart", "update"}),
        ("daemonset/garden/weather", ALWAYS | {"restart", "update"}),
        ("cronjob/garden/backup", ALWAYS | {"run", "last_run", "next_run"}),
    ],
)
async def test_a_device_shows_few_entities_at_first(
    hass: HomeAssistant, home: LiveServer, path: str, shown: set[str]
) -> None:
    """All that a person looks for, to an account that may do everything; the others wait, disabled."""
    home.accounts["person"] = (*EVERYTHING, UPDATE)
    await set_up(hass, entry_for(home))
    assert {
        entity.unique_id.rpartition("/")[2]
        for entity in er.async_get(hass).entities.values()
        if f"/{path}/" in entity.unique_id and not entity.disabled
    } == shown


async def test_the_status_tells_how_many_pods_there_are(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Of a schedule it does not: its pods come and go."""
    await set_up(hass, entry_for(home))
    shown = attributes(hass, f"{FRIDGE}/status")
    assert (shown["ready"], shown["desired"]) == (2, 2)
    assert "ready" not in attributes(hass, "cronjob/garden/backup/status")


async def test_the_power_switch_bears_the_devices_name(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """So that "turn off the fridge" is understood."""
    await set_up(hass, entry_for(home))
    shown = attributes(hass, f"{FRIDGE}/power")
    assert (shown["friendly_name"], shown["icon"]) == ("Fridge", "mdi:fridge")


async def test_disabled_sensors_tell_what_they_are_for(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Once enabled by the user."""
    entry = entry_for(home)
    await set_up(hass, entry)
    registry = er.async_get(hass)
    for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
        registry.async_update_entity(entity.entity_id, disabled_by=None)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert state(hass, f"{FRIDGE}/ready") == "2"
    assert state(hass, f"{FRIDGE}/desired") == "2"
    assert state(hass, f"{FRIDGE}/replicas") == "2"
    assert state(hass, f"{FRIDGE}/restarts") == "0"
    assert state(hass, f"{FRIDGE}/node") == "pi-attic"
    assert state(hass, f"{FRIDGE}/image") == "registry.home/fridge:v1.0.0"
    assert str(state(hass, f"{FRIDGE}/started")).startswith("20")
    assert state(hass, "cluster//cluster/latency") in ("unknown", None) or float(
        str(state(hass, "cluster//cluster/latency"))
    )


async def test_restarts_are_those_of_the_pods_that_there_are(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """A pod that is replaced takes its share along: Home Assistant would warn of a total that becomes less."""
    enable(hass, "sensor", f"{FRIDGE}/restarts")
    await set_up(hass, entry_for(home))
    first, second = (
        one["metadata"]["name"] for one in home.pods_of("kitchen", "fridge")
    )
    for name, count in ((first, 19), (second, 1)):
        home.put("pods", "kitchen", name, status=pod_status(restarts=count))
    await until(hass, lambda: state(hass, f"{FRIDGE}/restarts") == "20", "twenty")
    home.put("pods", "kitchen", second, status=pod_status(restarts=0))
    await until(hass, lambda: state(hass, f"{FRIDGE}/restarts") == "19", "one less")
    shown = attributes(hass, f"{FRIDGE}/restarts")
    assert shown["state_class"] == SensorStateClass.MEASUREMENT


async def test_a_workload_that_comes_becomes_a_device_at_once(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Without a reload."""
    entry = entry_for(home)
    await set_up(hass, entry)
    home.workload("deployments", "garden", "sprinkler", replicas=1)
    await until(
        hass,
        lambda: state(hass, "deployment/garden/sprinkler/power") == "on",
        "sprinkler",
    )
    await until(
        hass,
        lambda: state(hass, "deployment/garden/sprinkler/status") == "running",
        "running",
    )


async def test_a_deleted_workload_goes_and_comes_back_as_itself(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """The same device, the same entities, nothing grown."""
    entry = entry_for(home)
    await set_up(hass, entry)
    before = device(hass, entry, FRIDGE)
    switch = entity_id(hass, f"{FRIDGE}/power")
    assert before is not None
    dr.async_get(hass).async_update_device(before.id, name_by_user="The cold one")
    home.delete("deployments", "kitchen", "fridge")
    await until(
        hass, lambda: device(hass, entry, FRIDGE) is None, "the device's end", 2
    )
    assert switch is not None
    assert hass.states.get(switch) is None
    home.workload("deployments", "kitchen", "fridge", replicas=2)
    await until(
        hass, lambda: state(hass, f"{FRIDGE}/power") == "on", "the device again"
    )
    after = device(hass, entry, FRIDGE)
    assert after is not None
    assert (after.id, after.name_by_user) == (before.id, "The cold one")
    assert entity_id(hass, f"{FRIDGE}/power") == switch
    cluster = device(hass, entry, "cluster//cluster")
    assert cluster is not None
    assert after.via_device_id == cluster.id


async def test_an_empty_list_removes_nothing(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Deployments vanish from the lists, but each can still be had by its name."""
    entry = entry_for(home)
    await set_up(hass, entry)
    states = States(hass)
    hidden = home.live["deployments", "kitchen", "fridge"]
    home._send("DELETED", "deployments", hidden)
    await until(
        hass, lambda: state(hass, f"{FRIDGE}/power") == "unavailable", "unavailable"
    )
    assert device(hass, entry, FRIDGE) is not None
    home.put("deployments", "kitchen", "fridge")
    await until(hass, lambda: state(hass, f"{FRIDGE}/power") == "on", "on again")
    assert states.of(f"{FRIDGE}/power") == ["unavailable", "on"]


async def test_a_label_taken_away_removes_the_device(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """What is there but not chosen is no device."""
    entry = entry_for(home, mode="labelled")
    await set_up(hass, entry)
    assert device(hass, entry, FRIDGE) is not None
    home.put(
        "deployments",
        "kitchen",
        "fridge",
        metadata={"labels": {f"{PREFIX}device": "false"}},
    )
    await until(hass, lambda: device(hass, entry, FRIDGE) is None, "the device's end")


async def test_what_was_deleted_while_away_is_removed_at_start(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Once the cluster confirmed it."""
    entry = entry_for(home)
    await set_up(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    home.delete("deployments", "kitchen", "fridge")
    await hass.config_entries.async_setup(entry.entry_id)
    await until(hass, lambda: device(hass, entry, FRIDGE) is None, "the device's end")
    assert device(hass, entry, "statefulset/kitchen/jazz") is not None


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({"mode": "namespaces", "namespaces": ["garden"]}, {"weather", "backup"}),
        ({"mode": "labelled"}, {"fridge", "weather", "backup"}),
        (
            {
                "mode": "namespaces",
                "namespaces": ["garden", "kitchen", "attic", "cellar"],
            },
            {"fridge", "jazz", "weather", "backup"},
        ),
    ],
)
async def test_the_choice_decides_what_is_a_device(
    hass: HomeAssistant, home: LiveServer, options: dict[str, Any], left: set[str]
) -> None:
    """Also after it was changed: what is not chosen any more goes."""
    jazz = home.live["statefulsets", "kitchen", "jazz"]
    jazz["metadata"]["labels"] = {}
    entry = entry_for(home)
    await set_up(hass, entry)
    hass.config_entries.async_update_entry(entry, options={"namespaces": [], **options})
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()

    def names() -> set[str]:
        return {
            identifier.rpartition("/")[2]
            for found in dr.async_entries_for_config_entry(
                dr.async_get(hass), entry.entry_id
            )
            for _, identifier in found.identifiers
            if "/node/" not in identifier and "/cluster/" not in identifier
        }

    await until(hass, lambda: names() == left, f"{left}")


async def test_jobs_and_rollouts_leave_nothing_in_the_registries(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """A cron job's runs, jobs nobody labelled, pods of new templates."""
    entry = entry_for(home)
    await set_up(hass, entry)
    devices, entities = dr.async_get(hass), er.async_get(hass)

    def sizes() -> tuple[int, ...]:
        return (
            len(devices._devices),
            len(devices._deleted_devices),
            len(entities.entities),
            len(entities.deleted_entities),
        )

    before = sizes()
    for number in range(10):
        owner = [{"kind": "CronJob", "name": "backup", "controller": True, "uid": "x"}]
        metadata = {"ownerReferences": owner} if number % 2 else {}
        home.put(
            "jobs", "garden", f"backup-{number}", spec={}, status={}, metadata=metadata
        )
        home.workload(
            "deployments", "kitchen", "fridge", replicas=2, image=f"fridge:v{number}"
        )
        for pod in home.pods_of("kitchen", "fridge"):
            home.delete("pods", "kitchen", pod["metadata"]["name"])
        home.reconcile("deployments", "kitchen", "fridge")
        await hass.async_block_till_done()
        home.delete("jobs", "garden", f"backup-{number}")

    def version() -> str | None:
        fridge = device(hass, entry, FRIDGE)
        return fridge.sw_version if fridge else None

    await until(hass, lambda: version() == "v9", "the last version")
    assert sizes() == before


async def test_two_workloads_may_have_the_same_name(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """In different namespaces, or of different kinds."""
    home.workload(
        "deployments", "garden", "fridge", replicas=1, hints={"name": "Fridge"}
    )
    home.workload(
        "statefulsets", "kitchen", "fridge", replicas=1, hints={"name": "Fridge"}
    )
    entry = entry_for(home)
    await set_up(hass, entry)
    switches = {
        entity_id(hass, f"{key}/power")
        for key in (FRIDGE, "deployment/garden/fridge", "statefulset/kitchen/fridge")
    }
    assert len(switches) == 3
    assert None not in switches


async def test_a_hint_that_changes_is_shown_and_a_bad_one_is_said_once(
    hass: HomeAssistant, home: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Hints are untrusted; a bad address would be refused by the registry."""
    entry = entry_for(home)
    await set_up(hass, entry)
    for name in ("Icebox", "Icebox 2"):
        home.put(
            "deployments",
            "kitchen",
            "fridge",
            metadata={
                "annotations": {
                    f"{PREFIX}name": name,
                    f"{PREFIX}url": "javascript:alert(1)",
                }
            },
        )
        await until(
            hass,
            lambda name=name: getattr(device(hass, entry, FRIDGE), "name", "") == name,
            name,
        )
    fridge = device(hass, entry, FRIDGE)
    assert fridge is not None
    assert fridge.configuration_url is None
    assert sum("is ignored: url" in record.message for record in caplog.records) == 1


async def test_the_area_counts_only_where_a_label_chose(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Each new text creates an area: nobody's chart may fill the house with rooms."""
    home.workload(
        "deployments",
        "garden",
        "gnome",
        replicas=1,
        labels={},
        hints={"area": "Atlantis"},
    )
    await set_up(hass, entry_for(home))
    assert ar.async_get(hass).async_get_area_by_name("Atlantis") is None


async def test_a_user_may_remove_only_what_is_gone(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Asked by Home Assistant before its delete button works."""
    entry = entry_for(home)
    await set_up(hass, entry)
    registry = dr.async_get(hass)
    fridge = device(hass, entry, FRIDGE)
    assert fridge is not None
    assert not await async_remove_config_entry_device(hass, entry, fridge)
    cluster = device(hass, entry, "cluster//cluster")
    assert cluster is not None
    assert not await async_remove_config_entry_device(hass, entry, cluster)
    gone = registry.async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={("home_cluster", f"{UID}/deployment/kitchen/toaster")},
    )
    assert await async_remove_config_entry_device(hass, entry, gone)
    strange = registry.async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={("home_cluster", "another/cluster")},
    )
    assert await async_remove_config_entry_device(hass, entry, strange)
    await home.down()
    assert not await async_remove_config_entry_device(hass, entry, gone)


async def test_removing_the_entry_leaves_nothing(
    hass: HomeAssistant, home: LiveServer, hass_storage: dict[str, Any]
) -> None:
    """No file, no device, no open stream."""
    entry = entry_for(home)
    await set_up(hass, entry)
    await entry.runtime_data.counts.keep(next(iter(entry.runtime_data.workloads)), 3)
    assert f"home_cluster.{entry.entry_id}" in hass_storage
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert f"home_cluster.{entry.entry_id}" not in hass_storage
    assert not dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    await until(hass, lambda: not home.watchers, "the end of all streams")


async def test_a_hundred_events_of_a_pod_are_a_hundred_writes_at_most(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """And all of its own device."""
    await set_up(hass, entry_for(home))
    states = States(hass)
    pod = home.pods_of("kitchen", "fridge")[0]["metadata"]["name"]
    for number in range(100):
        status = home.live["pods", "kitchen", pod]["status"]
        status["containerStatuses"][0]["restartCount"] = number
        home.put("pods", "kitchen", pod, status=status)
        await hass.async_block_till_done()
    home.node("pi-attic", MemoryPressure="True")
    await until(
        hass, lambda: state(hass, "node//pi-attic/memory_pressure") == "on", "pressure"
    )
    writes = [seen for seen in states.seen if "pi_attic" not in seen[0]]
    assert len(writes) <= 100
    assert all("fridge" in entity for entity, _ in writes)


async def test_a_crash_is_a_problem_with_a_sentence(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Status, reason, problem, its words, and the cluster's list; all clears by itself."""
    await set_up(hass, entry_for(home))
    pods = [pod["metadata"]["name"] for pod in home.pods_of("kitchen", "fridge")]
    for pod in pods:
        home.crash("kitchen", pod)
    await until(
        hass, lambda: state(hass, f"{FRIDGE}/status") == "failing", "the last pod"
    )
    assert state(hass, f"{FRIDGE}/problem") == "on"
    assert state(hass, f"{FRIDGE}/reason") == "crash_loop"
    words = attributes(hass, f"{FRIDGE}/problem")
    assert words["pod"] in pods
    assert words["container"] == "agent"
    assert words["exit_code"] == 3
    assert words["message"]
    assert words["advice"]
    assert state(hass, "cluster//cluster/problems") == "1"
    assert attributes(hass, "cluster//cluster/problems")["workloads"] == ["Fridge"]
    for pod in pods:
        home.delete("pods", "kitchen", pod)
    home.reconcile("deployments", "kitchen", "fridge")
    await until(
        hass, lambda: state(hass, f"{FRIDGE}/problem") == "off", "the problem's end"
    )
    await until(hass, lambda: state(hass, "cluster//cluster/problems") == "0", "none")
    assert "message" not in attributes(hass, f"{FRIDGE}/problem")


async def test_a_device_that_cannot_be_judged_does_not_stop_the_others(
    hass: HomeAssistant,
    home: LiveServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is unavailable until it can be; the log says why, once."""
    await set_up(hass, entry_for(home))
    with monkeypatch.context() as broken:

        def fail_for_the_fridge(situation: Situation) -> WorkloadView:
            if situation.ref.name == "fridge":
                raise RuntimeError("a bug")
            return workload_view(situation)

        broken.setattr(judge, "workload_view", fail_for_the_fridge)
        home.scale("deployments", "kitchen", "fridge", 3)
        home.scale("statefulsets", "kitchen", "jazz", 2)
        await until(
            hass, lambda: state(hass, f"{FRIDGE}/power") == "unavailable", "unavailable"
        )
        await until(
            hass,
            lambda: attributes(hass, "statefulset/kitchen/jazz/status")["ready"] == 2,
            "jazz",
        )
    home.scale("deployments", "kitchen", "fridge", 2)
    await until(hass, lambda: state(hass, f"{FRIDGE}/power") == "on", "on")
    assert (
        sum("Unexpected error about" in record.message for record in caplog.records)
        == 1
    )
