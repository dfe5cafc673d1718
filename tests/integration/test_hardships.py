"""What happens seldom, in the worst order: nothing is lost, removed or made up."""

import asyncio
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.home_cluster import async_remove_config_entry_device
from custom_components.home_cluster.const import DOMAIN
from custom_components.home_cluster.diagnostics import (
    async_get_config_entry_diagnostics,
)
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from tests.integration.api_server import Rule, reader_of
from tests.integration.cluster_home import (
    CONTROL,
    EVERYTHING,
    READ_ONLY,
    States,
    call,
    complaints,
    desired,
    device,
    enable,
    entity_id,
    entry_for,
    set_up,
    state,
    until,
)
from tests.integration.live_server import PREFIX, LiveServer, home as small_home
from tests.integration.pki import Authority

FRIDGE = "deployment/kitchen/fridge"


def removals(hass: HomeAssistant) -> list[str]:
    """Return the list in which each entity that leaves the registry will be found."""
    gone: list[str] = []

    @callback
    def note(event: Event[Any]) -> None:
        if event.data["action"] == "remove":
            gone.append(event.data["entity_id"])

    hass.bus.async_listen(er.EVENT_ENTITY_REGISTRY_UPDATED, note)
    return gone


async def test_platforms_that_load_slowly_lose_no_entity(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Rights may be sure before there is any entity to hold against them."""
    home.accounts["person"] = (Rule(("*",), ("*",)),)
    entry = entry_for(home)
    await set_up(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    gone = removals(hass)
    forward = hass.config_entries.async_forward_entry_setups

    async def late(*args: Any) -> None:
        await asyncio.sleep(0.3)
        await forward(*args)

    with patch.object(hass.config_entries, "async_forward_entry_setups", late):
        await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
    assert gone == []
    assert state(hass, f"{FRIDGE}/power") == "on"


async def test_an_outage_with_many_tries_has_one_lookout(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Home Assistant tries again and again; each try must not leave another one looking."""
    await home.down()
    entry = entry_for(home)
    await set_up(hass, entry)
    for _ in range(4):
        await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert sum("look out" in name for name in names) == 1


async def test_a_lookout_knows_the_entrys_new_address(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Whoever looked for the old one is relieved."""
    await home.down()
    entry = entry_for(home)
    right = dict(entry.data)
    wrong = MockConfigEntry(
        domain=DOMAIN,
        unique_id=entry.unique_id,
        data={**right, "url": "https://127.0.0.1:1"},
        options=dict(entry.options),
    )
    with patch("custom_components.home_cluster.lookout.LOOK_EVERY", 0.05):
        await set_up(hass, wrong)
        hass.config_entries.async_update_entry(wrong, data=right)
        await hass.config_entries.async_reload(wrong.entry_id)
        assert wrong.state is ConfigEntryState.SETUP_RETRY
        await home.up()
        await until(hass, lambda: wrong.state is ConfigEntryState.LOADED, "loaded")


async def test_an_answer_does_not_outlive_a_store_restored_from_a_backup(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Versions start over from lower ones; what a complete read says is so."""
    await set_up(hass, entry_for(home))
    before = home.snapshot()
    home.hold_events = True
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    assert state(hass, f"{FRIDGE}/power") == "off"
    home.restore(before)
    home.hold_events = False
    await until(hass, lambda: state(hass, f"{FRIDGE}/power") == "on", "on", 6)


async def test_an_answer_outlives_a_broken_stream(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """The events are late, the stream breaks: off stays off."""
    await set_up(hass, entry_for(home))
    states = States(hass)
    home.hold_events = True
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    home.cut()
    await until(hass, lambda: state(hass, f"{FRIDGE}/status") == "off", "off", 6)
    assert "on" not in states.of(f"{FRIDGE}/power")


async def test_a_button_whose_right_is_replaced_by_another_stays(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Evictions are not allowed any more, but the rollout is: the dry run comes first."""
    entry = entry_for(home)
    await set_up(hass, entry)
    gone = removals(hass)
    home.accounts["person"] = (
        *READ_ONLY,
        CONTROL[0],
        Rule(("patch",), ("deployments", "statefulsets")),
    )
    hub = entry.runtime_data
    for _ in range(4):
        hub._oversight.take(await hub._oversight.review())
        await hass.async_block_till_done()
        if hub._oversight._task is not None:
            await asyncio.wait([hub._oversight._task])
    await hass.async_block_till_done()
    assert entity_id(hass, f"{FRIDGE}/restart")
    assert entity_id(hass, f"{FRIDGE}/restart") not in gone


async def test_a_namespace_that_vanishes_from_a_list_stays_the_systems(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """One wrong list makes no devices of the cluster's plumbing."""
    home.put(
        "namespaces", "", "plumbing", metadata={"labels": {f"{PREFIX}system": "true"}}
    )
    home.workload("deployments", "plumbing", "pipe", replicas=1, labels={})
    entry = entry_for(home)
    await set_up(hass, entry)
    home._send("DELETED", "namespaces", home.live["namespaces", "", "plumbing"])
    await asyncio.sleep(0.1)
    home.scale("deployments", "plumbing", "pipe", 2)
    home.scale("deployments", "kitchen", "fridge", 3)
    await until(hass, lambda: desired(hass, FRIDGE) == 3, "3")
    assert device(hass, entry, "deployment/plumbing/pipe") is None


@pytest.mark.parametrize("more", [[], ["attic", "cellar", "shed"]])
async def test_a_choice_of_namespaces_is_kept_however_many_they_are(
    hass: HomeAssistant, home: LiveServer, more: list[str]
) -> None:
    """A label brings nothing in from elsewhere, be there a watch for all or for each."""
    entry = entry_for(home, mode="namespaces", namespaces=["garden", *more])
    await set_up(hass, entry)
    assert device(hass, entry, "daemonset/garden/weather")
    assert device(hass, entry, FRIDGE) is None


async def test_a_kubeconfig_file_with_a_token_needs_no_package(
    hass: HomeAssistant, home: LiveServer, tmp_path: Path
) -> None:
    """75 MB are fetched only for what reads plugins and logins."""
    path = tmp_path / "config"
    (tmp_path / "ca.crt").write_text(home.authority)
    path.write_text(
        f"""
apiVersion: v1
kind: Config
current-context: home
clusters: [{{name: c, cluster: {{server: "{home.url}", certificate-authority: ca.crt}}}}]
users: [{{name: u, user: {{token: person}}}}]
contexts: [{{name: home, context: {{cluster: c, user: u}}}}]
"""
    )
    entry = entry_for(home)
    entry = MockConfigEntry(
        domain=DOMAIN,
        unique_id=entry.unique_id,
        data={"method": "kubeconfig", "kubeconfig": str(path), "context": "home"},
        options=dict(entry.options),
    )
    with patch("custom_components.home_cluster.async_process_requirements") as process:
        await set_up(hass, entry)
    assert entry.state is ConfigEntryState.LOADED
    process.assert_not_called()


async def test_diagnostics_are_there_when_the_cluster_is_not(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """That is when somebody wants them."""
    await home.down()
    entry = entry_for(home)
    await set_up(hass, entry)
    told = await async_get_config_entry_diagnostics(hass, entry)
    assert told["entry"]["data"]["token"] == "**REDACTED**"


async def test_a_token_refused_by_mistake_at_the_start_heals_by_itself(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """While an API server starts its authenticators may be late; nobody need do anything."""
    home.accounts.clear()
    entry = entry_for(home)
    with patch("custom_components.home_cluster.lookout.LOOK_LATER", 0.05):
        await set_up(hass, entry)
        assert entry.state is ConfigEntryState.SETUP_ERROR
        assert hass.config_entries.flow.async_progress_by_handler(DOMAIN)
        home.accounts["person"] = EVERYTHING
        await until(hass, lambda: entry.state is ConfigEntryState.LOADED, "loaded")
    assert state(hass, f"{FRIDGE}/power") == "on"
    assert not hass.config_entries.flow.async_progress_by_handler(DOMAIN)


async def test_a_token_that_is_good_again_withdraws_the_question_for_another(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Refused for a while, then not: no card is left."""
    entry = entry_for(home)
    await set_up(hass, entry)
    home.accounts.clear()
    flows = hass.config_entries.flow
    with patch("custom_components.home_cluster.kube.probe.PERSISTENT_SECONDS", 0.5):
        await home.down()
        await home.up()
        await until(hass, lambda: flows.async_progress_by_handler(DOMAIN), "a flow", 30)
    home.accounts["person"] = EVERYTHING
    with patch("custom_components.home_cluster.kube.cluster.PROBE_DELAY_LATER", 0.1):
        await until(
            hass, lambda: state(hass, f"{FRIDGE}/power") == "on", "the fridge", 60
        )
    assert not flows.async_progress_by_handler(DOMAIN)


async def test_protected_takes_the_switch_away_and_gives_it_back(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """At run time; with it goes its exposure to voice."""
    enable(hass, "number", f"{FRIDGE}/replicas")
    await set_up(hass, entry_for(home))
    switch = entity_id(hass, f"{FRIDGE}/power")
    assert switch
    home.put(
        "deployments",
        "kitchen",
        "fridge",
        metadata={"annotations": {f"{PREFIX}protected": "true"}},
    )
    await until(hass, lambda: entity_id(hass, f"{FRIDGE}/power") is None, "the end")
    assert hass.states.get(switch) is None
    number = entity_id(hass, f"{FRIDGE}/replicas")
    assert number
    shown = hass.states.get(number)
    assert shown
    assert shown.attributes["min"] == 1
    home.put(
        "deployments",
        "kitchen",
        "fridge",
        metadata={"annotations": {}},
    )
    await until(hass, lambda: state(hass, f"{FRIDGE}/power") == "on", "the switch")
    assert entity_id(hass, f"{FRIDGE}/power") == switch


async def test_an_autoscaler_comes_and_goes(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """While one decides the count, there is no number."""
    await set_up(hass, entry_for(home))
    number = entity_id(hass, f"{FRIDGE}/replicas")
    home.autoscaler("kitchen", "fridge", 2, 5)
    await until(
        hass, lambda: entity_id(hass, f"{FRIDGE}/replicas") is None, "no number"
    )
    home.delete("horizontalpodautoscalers", "kitchen", "fridge")
    await until(hass, lambda: entity_id(hass, f"{FRIDGE}/replicas"), "the number")
    assert entity_id(hass, f"{FRIDGE}/replicas") == number


async def test_a_label_that_flaps_leaves_neither_orphans_nor_complaints(
    hass: HomeAssistant, home: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    """In and out of the choice, faster than entities can be added."""
    entry = entry_for(home)
    await set_up(hass, entry)
    for turn in range(30):
        for word in ("false", "true"):
            home.put(
                "deployments",
                "kitchen",
                "fridge",
                metadata={"labels": {f"{PREFIX}device": word}},
            )
            for _ in range(turn % 7):
                await asyncio.sleep(0)
            await asyncio.sleep(0.001 * (turn % 5))
    await until(hass, lambda: state(hass, f"{FRIDGE}/power") == "on", "on")
    await hass.async_block_till_done()
    assert state(hass, f"{FRIDGE}/status") == "running"
    assert state(hass, f"{FRIDGE}/problem") == "off"
    home.put(
        "deployments",
        "kitchen",
        "fridge",
        metadata={"labels": {f"{PREFIX}device": "false"}},
    )
    await until(hass, lambda: device(hass, entry, FRIDGE) is None, "the end")
    await hass.async_block_till_done()
    left = [
        entity.unique_id
        for entity in er.async_get(hass).entities.values()
        if FRIDGE in entity.unique_id
    ]
    assert left == []
    assert complaints(caplog) == []


async def test_namespaces_that_were_named_and_are_no_more_take_their_devices_along(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Of an account that may not read everything; in the mode "all"."""
    reader = tuple(
        Rule(("get", "list", "watch"), READ_ONLY[1].resources, namespace=name)
        for name in ("kitchen", "garden")
    )
    home.accounts["person"] = (READ_ONLY[0], *reader)
    entry = entry_for(home, namespaces=["kitchen", "garden"])
    await set_up(hass, entry)
    weather = device(hass, entry, "daemonset/garden/weather")
    assert weather
    assert device(hass, entry, FRIDGE)
    hass.config_entries.async_update_entry(
        entry, options={"mode": "all", "namespaces": ["kitchen"]}
    )
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert await async_remove_config_entry_device(hass, entry, weather)


async def test_odd_names_are_devices_too(
    hass: HomeAssistant, home: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    """As long as Kubernetes allows, with dots, without containers."""
    longest = "x" * 63
    for name in (longest, "y" * 253, "a.b-c", "0"):
        home.workload("deployments", "kitchen", name, replicas=1)
    home.put(
        "deployments",
        "kitchen",
        "hollow",
        spec={"replicas": 1, "template": {"spec": {}}},
        status={},
    )
    entry = entry_for(home)
    await set_up(hass, entry)
    for name in (longest, "y" * 253, "a.b-c", "0", "hollow"):
        assert state(hass, f"deployment/kitchen/{name}/power") == "on", name
        assert state(hass, f"deployment/kitchen/{name}/problem") is not None, name
    assert complaints(caplog) == []


async def test_thirty_containers_are_one_device(
    hass: HomeAssistant, home: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Those that begin before it and beside it included; its firmware is that of its first container."""
    enable(hass, "sensor", f"{FRIDGE}/image")
    containers = [
        {"name": f"part-{number}", "image": f"registry.home/part:v1.0.{number}"}
        for number in range(30)
    ]
    beside = {"name": "beside", "image": "x:1", "restartPolicy": "Always"}
    before = {"name": "before", "image": "x:2"}
    pod = {"initContainers": [before, beside], "containers": containers}
    home.workload(
        "deployments", "kitchen", "fridge", replicas=2, template={"spec": pod}
    )
    for one in home.pods_of("kitchen", "fridge"):
        home.put("pods", "kitchen", one["metadata"]["name"], spec=pod)
    await set_up(hass, entry_for(home))
    await until(hass, lambda: state(hass, f"{FRIDGE}/status") == "running", "it runs")
    image = "registry.home/part:v1.0.0"
    await until(hass, lambda: state(hass, f"{FRIDGE}/image") == image, "its image")
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    assert not home.pods_of("kitchen", "fridge")
    assert complaints(caplog) == []


async def test_the_same_name_in_two_namespaces_is_two_devices(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """What is meant for one does nothing to the other."""
    home.workload("deployments", "garden", "fridge", replicas=3)
    await set_up(hass, entry_for(home))
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    there = "deployment/garden/fridge"
    await until(hass, lambda: state(hass, f"{FRIDGE}/power") == "off", "off")
    assert (state(hass, f"{there}/power"), state(hass, f"{there}/status")) == (
        "on",
        "running",
    )
    assert home.live["deployments", "garden", "fridge"]["spec"]["replicas"] == 3
    await call(hass, "switch.turn_off", f"{there}/power")
    await call(hass, "switch.turn_on", f"{FRIDGE}/power")
    assert home.live["deployments", "garden", "fridge"]["spec"]["replicas"] == 0
    assert home.live["deployments", "kitchen", "fridge"]["spec"]["replicas"] == 2


async def test_unloading_leaves_nothing_running(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """No task, no stream, no listener, no timer."""
    entry = entry_for(home)
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()

    def listeners() -> dict[str, int]:
        return {str(k): v for k, v in hass.bus.async_listeners().items()}

    before = listeners()
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
    await until(hass, lambda: not home.watchers, "the end of all streams")
    assert listeners() == before
    assert [
        task.get_name()
        for task in asyncio.all_tasks()
        if "home_cluster" in task.get_name() and not task.done()
    ] == []


async def test_two_clusters_live_side_by_side(
    hass: HomeAssistant,
    home: LiveServer,
    authority: Authority,
    tmp_path: Path,
    hass_storage: dict[str, Any],
) -> None:
    """The same names in both; what is done to one is not done to the other."""
    other = small_home(authority.server_context(tmp_path))
    other.authority, other.uid = authority.pem, "other-uid"
    other.live["namespaces", "", "kube-system"]["metadata"]["uid"] = "other-uid"
    other.accounts["person"] = EVERYTHING
    async with other.serving():
        first = entry_for(home)
        second = MockConfigEntry(
            domain=DOMAIN,
            title="Cabin",
            unique_id="other-uid",
            data=dict(entry_for(other).data),
            options=dict(first.options),
        )
        await set_up(hass, first)
        await set_up(hass, second)
        assert second.state is ConfigEntryState.LOADED
        await call(hass, "switch.turn_off", f"{FRIDGE}/power")
        assert home.live["deployments", "kitchen", "fridge"]["spec"]["replicas"] == 0
        assert other.live["deployments", "kitchen", "fridge"]["spec"]["replicas"] == 2
        await hass.config_entries.async_remove(first.entry_id)
        await hass.async_block_till_done()
        assert f"{DOMAIN}.{first.entry_id}" not in hass_storage
        assert first.entry_id not in {
            e.config_entry_id for e in er.async_get(hass).entities.values()
        }
        twin = hass.states.async_entity_ids("switch")
        assert len(twin) == 4 + 2, "of four workloads and two nodes"
        assert dr.async_entries_for_config_entry(dr.async_get(hass), second.entry_id)
        await hass.config_entries.async_unload(second.entry_id)


async def test_a_deleted_namespace_takes_its_devices_and_its_rights_along(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """The role may go before the workload: a DELETED event is enough where nothing may be asked."""
    home.accounts["person"] = (*READ_ONLY[:1], reader_of("kitchen"))
    entry = entry_for(home, mode="namespaces", namespaces=["kitchen"])
    await set_up(hass, entry)
    assert device(hass, entry, FRIDGE)
    with patch("custom_components.home_cluster.kube.gone.MANY", 0):
        home.delete("statefulsets", "kitchen", "jazz")
        await until(
            hass,
            lambda: device(hass, entry, "statefulset/kitchen/jazz") is None,
            "the end of jazz",
        )
        home.accounts["person"] = READ_ONLY[:1]
        home.delete("deployments", "kitchen", "fridge")
        await until(hass, lambda: device(hass, entry, FRIDGE) is None, "the end", 3)


async def test_slow_admission_does_not_hold_up_the_start(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """A webhook that times out delays the controls that it is about, nothing else."""
    go_on = asyncio.Event()
    home.before_answer = go_on.wait
    entry = entry_for(home)
    with patch("custom_components.home_cluster.oversight.TRIAL_PATIENCE", 0.1):
        await set_up(hass, entry)
    assert entry.state is ConfigEntryState.LOADED
    assert state(hass, f"{FRIDGE}/power") == "on"
    go_on.set()
    await until(
        hass, lambda: state(hass, "cronjob/garden/backup/power") == "on", "the switch"
    )


async def test_a_reload_without_the_cluster_removes_and_invents_nothing(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Unavailable until it is there again, then as it is."""
    entry = entry_for(home)
    await set_up(hass, entry)
    gone = removals(hass)
    states = States(hass)
    await home.down()
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert state(hass, f"{FRIDGE}/power") == "unavailable"
    await home.up()
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert state(hass, f"{FRIDGE}/power") == "on"
    assert set(states.of(f"{FRIDGE}/power")) == {"unavailable", "on"}
    assert gone == []


async def test_what_is_chosen_again_comes_back_as_itself(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """The same ids, and the count that it had."""
    entry = entry_for(home)
    await set_up(hass, entry)
    fridge = device(hass, entry, FRIDGE)
    switch = entity_id(hass, f"{FRIDGE}/power")
    assert fridge
    for options, there in (
        ({"mode": "namespaces", "namespaces": ["garden"]}, False),
        ({"mode": "all", "namespaces": []}, True),
    ):
        hass.config_entries.async_update_entry(entry, options=options)
        await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done()
        assert (device(hass, entry, FRIDGE) is not None) is there
    after = device(hass, entry, FRIDGE)
    assert after
    assert (after.id, entity_id(hass, f"{FRIDGE}/power")) == (fridge.id, switch)


async def test_a_job_is_a_device_only_when_labelled_and_nobodys(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Its switch suspends it."""
    owner = [{"kind": "CronJob", "name": "backup", "controller": True, "uid": "x"}]
    yes = {"labels": {f"{PREFIX}device": "true"}}
    home.put("jobs", "garden", "plain", spec={}, status={})
    home.put("jobs", "garden", "chosen", spec={}, status={}, metadata=yes)
    home.put(
        "jobs",
        "garden",
        "owned",
        spec={},
        status={},
        metadata={**yes, "ownerReferences": owner},
    )
    entry = entry_for(home)
    await set_up(hass, entry)
    assert device(hass, entry, "job/garden/plain") is None
    assert device(hass, entry, "job/garden/owned") is None
    assert state(hass, "job/garden/chosen/power") == "on"
    await call(hass, "switch.turn_off", "job/garden/chosen/power")
    assert home.live["jobs", "garden", "chosen"]["spec"]["suspend"] is True
    assert state(hass, "job/garden/chosen/power") == "off"


async def test_a_restart_without_pods_says_so(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Nothing to evict is not done in silence."""
    entry = entry_for(home)
    await set_up(hass, entry)
    home.pods_follow = False
    for pod in home.pods_of("kitchen", "fridge"):
        home.delete("pods", "kitchen", pod["metadata"]["name"])
    (ref,) = (ref for ref in entry.runtime_data.workloads if ref.name == "fridge")
    await until(hass, lambda: not entry.runtime_data.pods(ref), "no pod")
    with pytest.raises(ServiceValidationError) as error:
        await call(hass, "button.press", f"{FRIDGE}/restart")
    assert error.value.translation_key == "no_pods"


async def test_a_pod_that_is_just_gone_is_not_the_devices_end(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """The first pod of a restart went by itself; the next is taken."""
    await set_up(hass, entry_for(home))
    home.hold_events = True
    first = home.pods_of("kitchen", "fridge")[-1]["metadata"]["name"]
    home.delete("pods", "kitchen", first)
    await call(hass, "button.press", f"{FRIDGE}/restart")
    assert home.evictions
