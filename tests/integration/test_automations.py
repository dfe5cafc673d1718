"""Triggers and conditions of automations, by entity, device, area, floor and label."""

from collections.abc import Mapping
from datetime import timedelta
import json
from pathlib import Path
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
import yaml

from custom_components.home_cluster.condition import CONDITIONS
from custom_components.home_cluster.const import DOMAIN
from custom_components.home_cluster.trigger import TRIGGERS
from homeassistant.components.websocket_api.automation import (
    async_get_conditions_for_target,
    async_get_triggers_for_target,
)
from homeassistant.core import Context, HomeAssistant, State, callback
from homeassistant.helpers import (
    area_registry as ar,
    condition as condition_helper,
    config_validation as cv,
    device_registry as dr,
    entity_registry as er,
    floor_registry as fr,
    label_registry as lr,
    trigger as trigger_helper,
)
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from tests.integration.api_server import UID
from tests.integration.cluster_home import (
    call,
    complaints,
    device,
    entity_id,
    entry_for,
    set_up,
    state,
    until,
)
from tests.integration.live_server import LiveServer, now, pod_status

HERE = Path(__file__).parents[2] / "custom_components" / "home_cluster"
FRIDGE = "deployment/kitchen/fridge"
JAZZ = "statefulset/kitchen/jazz"
ATTIC = "node//pi-attic"
TARGETS = ("entity", "switch", "device", "area", "floor", "label")


class House:
    """A Home Assistant with automations; `ran` holds what each run was told."""

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry) -> None:
        """Record the runs."""
        self.hass = hass
        self.entry = entry
        self.ran: list[dict[str, Any]] = []
        hass.bus.async_listen(
            "test_ran", callback(lambda event: self.ran.append(event.data))
        )

    def target(self, kind: str, key: str = FRIDGE, entity: str = "status") -> Any:
        """Return a target of a kind that means the device of a key."""
        entry = device(self.hass, self.entry, key)
        assert entry is not None
        if kind == "entity":
            return {"entity_id": entity_id(self.hass, f"{key}/{entity}")}
        if kind == "switch":
            other = "power" if key == FRIDGE else "disk_pressure"
            return {"entity_id": entity_id(self.hass, f"{key}/{other}")}
        if kind == "device":
            return {"device_id": entry.id}
        if kind == "label":
            label = lr.async_get(self.hass).async_create("Precious")
            dr.async_get(self.hass).async_update_device(
                entry.id, labels={label.label_id}
            )
            return {"label_id": label.label_id}
        area = ar.async_get(self.hass).async_get_or_create("Pantry")
        dr.async_get(self.hass).async_update_device(entry.id, area_id=area.id)
        if kind == "area":
            return {"area_id": area.id}
        floor = fr.async_get(self.hass).async_create("Ground floor")
        ar.async_get(self.hass).async_update(area.id, floor_id=floor.floor_id)
        return {"floor_id": floor.floor_id}

    async def automate(self, key: str, target: Any, **options: Any) -> None:
        """Have an automation with one trigger."""
        trigger = {"trigger": f"{DOMAIN}.{key}", "target": target}
        if options:
            trigger["options"] = options
        words = ("entity_id", "device", "device_id", "message", "reason")
        told = {word: f"{{{{ trigger.{word} | default('') }}}}" for word in words}
        automation = {
            "alias": key,
            "triggers": [trigger],
            "actions": [{"event": "test_ran", "event_data": told}],
        }
        assert await async_setup_component(
            self.hass, "automation", {"automation": [automation]}
        )
        await self.hass.async_block_till_done()
        assert self.hass.states.get(f"automation.{key}") is not None

    async def holds(self, key: str, target: Any, **options: Any) -> bool | None:
        """Return whether a condition passes."""
        config = {"condition": f"{DOMAIN}.{key}", "target": target, "options": options}
        checked = await condition_helper.async_validate_condition_config(
            self.hass, cv.CONDITION_SCHEMA(config)
        )
        checker = await condition_helper.async_from_config(self.hass, checked)
        try:
            return checker.async_check()
        finally:
            checker.async_unload()


@pytest.fixture
async def house(hass: HomeAssistant, home: LiveServer) -> House:
    """A connected Home Assistant."""
    entry = entry_for(home)
    await set_up(hass, entry)
    return House(hass, entry)


def break_down(home: LiveServer) -> None:
    """Have both of the fridge's pods crash in a loop."""
    for pod in home.pods_of("kitchen", "fridge"):
        home.crash("kitchen", pod["metadata"]["name"], ago=20)


def mend(home: LiveServer) -> None:
    """Have both run again, for longer than a problem is held."""
    for pod in home.pods_of("kitchen", "fridge"):
        home.put("pods", "kitchen", pod["metadata"]["name"], status=pod_status(ago=100))


@pytest.mark.parametrize("kind", TARGETS)
async def test_a_failed_device_runs_an_automation_by_any_target(
    house: House, home: LiveServer, kind: str
) -> None:
    """The run is told what is wrong."""
    await house.automate("failed", house.target(kind))
    break_down(home)
    await until(house.hass, lambda: house.ran, "the run")
    (told,) = house.ran
    fridge = device(house.hass, house.entry, FRIDGE)
    assert fridge is not None
    assert told["entity_id"] == entity_id(house.hass, f"{FRIDGE}/status")
    assert (told["device"], told["device_id"]) == ("Fridge", fridge.id)
    assert told["reason"] == "crash_loop"
    assert "crashes again and again" in told["message"]


@pytest.mark.parametrize("kind", TARGETS)
async def test_a_recovered_device_runs_an_automation(
    house: House, home: LiveServer, kind: str
) -> None:
    """When it works again."""
    break_down(home)
    path = f"{FRIDGE}/status"
    await until(house.hass, lambda: state(house.hass, path) == "failing", "failing")
    await house.automate("recovered", house.target(kind))
    mend(home)
    await until(house.hass, lambda: house.ran, "the run")
    assert len(house.ran) == 1


async def test_another_devices_trouble_runs_nothing(
    house: House, home: LiveServer
) -> None:
    """Neither another device's nor a problem of another integration in the same area."""
    target = house.target("area", JAZZ)
    await house.automate("failed", target)
    other = er.async_get(house.hass).async_get_or_create(
        "sensor", "demo", "status", suggested_object_id="status"
    )
    er.async_get(house.hass).async_update_entity(
        other.entity_id, area_id=target["area_id"]
    )
    house.hass.states.async_set(other.entity_id, "running")
    house.hass.states.async_set(other.entity_id, "failing")
    break_down(home)
    path = f"{FRIDGE}/status"
    await until(house.hass, lambda: state(house.hass, path) == "failing", "failing")
    await house.hass.async_block_till_done()
    assert house.ran == []


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize(
    ("key", "states"), [("node_lost", "on off"), ("node_back", "off on")]
)
async def test_a_node_that_goes_and_comes(
    house: House, home: LiveServer, kind: str, key: str, states: str
) -> None:
    """A node's state is unknown while it may only flicker."""
    entity = entity_id(house.hass, f"{ATTIC}/connected")
    assert entity is not None
    first, last = states.split()
    set_state(house, entity, first)
    await house.automate(key, house.target(kind, ATTIC, "connected"))
    set_state(house, entity, "unknown")
    await house.hass.async_block_till_done()
    assert house.ran == []
    set_state(house, entity, last)
    await house.hass.async_block_till_done()
    assert [one["entity_id"] for one in house.ran] == [entity]
    assert house.ran[0]["device"] == ""


def set_state(
    house: House, entity: str, value: str, attributes: Mapping[str, Any] | None = None
) -> None:
    """Have an entity say something, whatever the cluster does."""
    house.hass.states.async_set(entity, value, attributes, context=Context())


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize(
    ("key", "what"), [("restarted", "restarted"), ("update_failed", "rollout_failed")]
)
async def test_what_an_event_entity_tells_runs_an_automation(
    house: House, kind: str, key: str, what: str
) -> None:
    """Another happening does not, nor the end of an outage."""
    entity = entity_id(house.hass, f"{FRIDGE}/event")
    assert entity is not None
    await house.automate(key, house.target(kind, entity="event"))
    told = {"event_type": what}
    set_state(house, entity, "2026-11-24T03:00:00.000+00:00", told)
    set_state(house, entity, "unavailable")
    set_state(house, entity, "2026-11-24T03:00:00.000+00:00", told)
    set_state(house, entity, "2026-11-24T03:00:01.000+00:00", {"event_type": "scaled"})
    await house.hass.async_block_till_done()
    assert [one["entity_id"] for one in house.ran] == [entity]


async def test_a_restart_by_the_button_is_seen_by_its_trigger(
    house: House, home: LiveServer
) -> None:
    """From the press to the run."""
    for pod in home.pods_of("kitchen", "jazz"):
        name, since = pod["metadata"]["name"], {"startedAt": now(100)}
        home.put("pods", "kitchen", name, status=pod_status(state={"running": since}))
    await house.automate("restarted", house.target("device", JAZZ))
    await call(house.hass, "button.press", f"{JAZZ}/restart")
    await until(house.hass, lambda: house.ran, "the run")
    assert house.ran[0]["device"] == "jazz"


def an_entity(house: House, domain: str, key: str) -> str:
    """Return an entity of the fridge as other platforms make it: diagnostic, so not primary."""
    fridge = device(house.hass, house.entry, FRIDGE)
    assert fridge is not None
    registry = er.async_get(house.hass)
    if found := registry.async_get_entity_id(domain, DOMAIN, f"{UID}/{FRIDGE}/{key}"):
        return found
    return registry.async_get_or_create(
        domain,
        DOMAIN,
        f"{UID}/{FRIDGE}/{key}",
        config_entry=house.entry,
        device_id=fridge.id,
        entity_category=er.EntityCategory.DIAGNOSTIC,
    ).entity_id


@pytest.mark.parametrize("kind", TARGETS)
async def test_a_new_image_runs_an_automation(house: House, kind: str) -> None:
    """Also one that was found while nobody knew."""
    entity = an_entity(house, "update", "update")
    set_state(house, entity, "off")
    await house.automate("update_available", house.target(kind, entity="update"))
    set_state(house, entity, "unavailable")
    set_state(house, entity, "on")
    set_state(house, entity, "unavailable")
    set_state(house, entity, "on")
    await house.hass.async_block_till_done()
    assert [one["entity_id"] for one in house.ran] == [entity]


@pytest.mark.parametrize("kind", [one for one in TARGETS if one != "switch"])
async def test_a_volume_that_fills_runs_an_automation(house: House, kind: str) -> None:
    """Once, when it passes the threshold."""
    entity = an_entity(house, "sensor", "volume_milk_used")
    other = an_entity(house, "sensor", "volume_milk")
    for one in (entity, other):
        set_state(house, one, "50")
    await house.automate(
        "volume_nearly_full",
        house.target(kind, entity="volume_milk_used"),
        threshold=80,
    )
    for full in ("79.9", "unknown", "80", "95", "100"):
        set_state(house, entity, full)
        set_state(house, other, full)
    await house.hass.async_block_till_done()
    assert [one["entity_id"] for one in house.ran] == [entity]


async def test_ninety_per_cent_is_nearly_full(house: House) -> None:
    """Unless another threshold is given; more than all is refused."""
    entity = an_entity(house, "sensor", "volume_milk_used")
    set_state(house, entity, "50")
    await house.automate("volume_nearly_full", {"entity_id": entity})
    for full in ("89", "91"):
        set_state(house, entity, full)
        await house.hass.async_block_till_done()
    assert len(house.ran) == 1
    config = {"target": {"entity_id": entity}, "options": {"threshold": 101}}
    with pytest.raises(Exception, match="100"):
        await TRIGGERS["volume_nearly_full"].async_validate_config(house.hass, config)


async def test_a_problem_that_comes_during_an_outage_is_not_missed(
    house: House, home: LiveServer
) -> None:
    """And one that was there before is not told again."""
    path = f"{FRIDGE}/status"
    await house.automate("failed", house.target("device"))
    await home.down()
    await until(
        house.hass, lambda: state(house.hass, path) == "unavailable", "the loss"
    )
    break_down(home)
    await home.up()
    await until(house.hass, lambda: len(house.ran) == 1, "the run")
    await home.down()
    await until(
        house.hass, lambda: state(house.hass, path) == "unavailable", "the loss"
    )
    await home.up()
    await until(house.hass, lambda: state(house.hass, path) == "failing", "the link")
    await house.hass.async_block_till_done()
    assert len(house.ran) == 1


async def test_what_was_mended_during_a_reload_is_told_with_its_name(
    house: House, home: LiveServer
) -> None:
    """Its first state after that is said before the entry is set up."""
    break_down(home)
    path = f"{FRIDGE}/status"
    await until(house.hass, lambda: state(house.hass, path) == "failing", "failing")
    await house.automate("recovered", house.target("device"))
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    mend(home)
    await house.hass.config_entries.async_setup(house.entry.entry_id)
    await until(house.hass, lambda: house.ran, "the run")
    assert house.ran[0]["device"] == "Fridge"
    assert house.ran[0]["device_id"]


@pytest.mark.parametrize(
    ("key", "said", "runs"),
    [
        ("failed", "running unknown starting failing", 1),
        ("failed", "failing starting failing", 0),
        ("failed", "failing degraded", 0),
        ("failed", "off failing", 1),
        ("failed", "starting failing", 1),
        ("failed", "unavailable failing", 0),
        ("recovered", "failing starting running", 1),
        ("recovered", "degraded unavailable running", 1),
        ("recovered", "failing off starting running", 0),
        ("recovered", "starting running", 0),
        ("recovered", "running updating running", 0),
    ],
)
async def test_what_is_a_turn_and_what_is_none(
    house: House, key: str, said: str, runs: int
) -> None:
    """On the way between two statuses a device is what it was."""
    entity = entity_id(house.hass, f"{FRIDGE}/status")
    assert entity is not None
    first, *rest = said.split()
    set_state(house, entity, first)
    await house.hass.async_block_till_done()
    await house.automate(key, house.target("device"))
    for one in rest:
        set_state(house, entity, one)
        await house.hass.async_block_till_done()
    assert len(house.ran) == runs


async def test_a_problem_that_lasts_is_told_although_the_link_flickers(
    house: House,
) -> None:
    """It is waited for anew after the outage, and told once."""
    entity = entity_id(house.hass, f"{FRIDGE}/status")
    assert entity is not None
    lasts = {"for": {"milliseconds": 100}}
    await house.automate("failed", house.target("device"), **lasts)
    for said in ("failing", "starting", "failing", "unavailable", "failing"):
        set_state(house, entity, said)
    await until(house.hass, lambda: len(house.ran) == 1, "the run")
    for said in ("unavailable", "failing", "running", "failing"):
        set_state(house, entity, said)
    await until(house.hass, lambda: len(house.ran) == 2, "the next run")
    await house.hass.async_block_till_done()
    assert len(house.ran) == 2


async def test_a_problem_that_passes_soon_enough_runs_nothing(house: House) -> None:
    """Neither by recovering nor by being out of sight."""
    entity = entity_id(house.hass, f"{FRIDGE}/status")
    assert entity is not None
    await house.automate("failed", house.target("device"), **{"for": {"hours": 1}})
    for said in ("failing", "running", "failing", "unavailable"):
        set_state(house, entity, said)
    async_fire_time_changed(house.hass, dt_util.utcnow() + timedelta(hours=2))
    await house.hass.async_block_till_done()
    assert house.ran == []


async def test_an_automation_that_is_switched_off_hears_nothing(
    house: House, home: LiveServer
) -> None:
    """Its trigger lets go of the devices."""
    await house.automate("failed", house.target("device"))
    await house.hass.services.async_call(
        "automation", "turn_off", {"entity_id": "automation.failed"}, blocking=True
    )
    break_down(home)
    path = f"{FRIDGE}/status"
    await until(house.hass, lambda: state(house.hass, path) == "failing", "failing")
    assert house.ran == []


async def test_a_device_that_goes_is_forgotten(house: House, home: LiveServer) -> None:
    """Its trigger is still there, and nothing runs."""
    await house.automate("failed", house.target("area"))
    home.delete("deployments", "kitchen", "fridge")
    await until(
        house.hass, lambda: state(house.hass, f"{FRIDGE}/status") is None, "the end"
    )
    assert house.ran == []


@pytest.mark.parametrize("kind", TARGETS)
async def test_the_conditions_by_any_target(
    house: House, home: LiveServer, kind: str
) -> None:
    """A device that runs, one that fails, and a node that is there."""
    target = house.target(kind)
    assert await house.holds("is_running", target)
    assert await house.holds("is_healthy", target)
    assert not await house.holds("is_updating", target)
    break_down(home)
    path = f"{FRIDGE}/status"
    await until(house.hass, lambda: state(house.hass, path) == "failing", "failing")
    assert not await house.holds("is_running", target)
    assert not await house.holds("is_healthy", target)


@pytest.mark.parametrize("kind", TARGETS)
async def test_a_node_is_ready_by_any_target(
    house: House, home: LiveServer, kind: str
) -> None:
    """Until it is lost; while it may only flicker, nobody knows."""
    target = house.target(kind, ATTIC, "connected")
    assert await house.holds("node_ready", target)
    home.node("pi-attic", ready="Unknown", ago=5)
    path = f"{ATTIC}/connected"
    await until(house.hass, lambda: state(house.hass, path) == "unknown", "a flicker")
    assert not await house.holds("node_ready", target)


@pytest.mark.parametrize(
    ("said", "running", "healthy", "updating"),
    [
        ("running", True, True, False),
        ("degraded", True, False, False),
        ("failing", False, False, False),
        ("updating", False, True, True),
        ("off", False, True, False),
        ("idle", False, True, False),
        ("unknown", False, False, False),
        ("unavailable", False, False, False),
    ],
)
async def test_what_each_status_means_to_the_conditions(
    house: House, said: str, running: bool, healthy: bool, updating: bool
) -> None:
    """What nobody knows is not so, for one device as for all of them."""
    entity = entity_id(house.hass, f"{FRIDGE}/status")
    assert entity is not None
    set_state(house, entity, said)
    target = house.target("device")
    for behavior in ("any", "all"):
        found = [
            await house.holds(key, target, behavior=behavior)
            for key in ("is_running", "is_healthy", "is_updating")
        ]
        assert found == [running, healthy, updating]


async def test_a_condition_about_nothing_does_not_pass(house: House) -> None:
    """An area without any device, by whatever behaviour."""
    empty = ar.async_get(house.hass).async_get_or_create("Empty").id
    for behavior in ("any", "all"):
        assert not await house.holds(
            "is_healthy", {"area_id": empty}, behavior=behavior
        )


async def test_home_assistant_shows_them_all_without_a_complaint(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Its own loaders read the descriptions, and offer them for a device."""
    await async_setup_component(house.hass, "automation", {})
    caplog.clear()
    triggers = await trigger_helper.async_get_all_descriptions(house.hass)
    conditions = await condition_helper.async_get_all_descriptions(house.hass)
    for found, keys in ((triggers, TRIGGERS), (conditions, CONDITIONS)):
        ours = {
            key.removeprefix(f"{DOMAIN}.")
            for key, description in found.items()
            if key.startswith(f"{DOMAIN}.") and description
        }
        assert ours == set(keys)
    assert complaints(caplog) == []


@pytest.mark.parametrize("kind", ["device", "area", "floor", "label"])
async def test_the_editor_offers_those_that_fit(house: House, kind: str) -> None:
    """Of a device those of devices, of a node those of nodes."""
    await async_setup_component(house.hass, "automation", {})
    target = house.target(kind)
    found = await async_get_triggers_for_target(house.hass, target, False)
    found |= await async_get_conditions_for_target(house.hass, target, False)
    ours = {one.removeprefix(f"{DOMAIN}.") for one in found if DOMAIN in one}
    of_devices = {"failed", "recovered", "restarted", "update_failed"}
    of_devices |= {"is_running", "is_healthy", "is_updating"}
    assert of_devices <= ours
    assert not {"node_lost", "node_back", "node_ready"} & ours


async def test_the_editor_offers_those_of_nodes_for_a_node(house: House) -> None:
    """And none that only devices have."""
    await async_setup_component(house.hass, "automation", {})
    target = house.target("device", ATTIC)
    found = await async_get_triggers_for_target(house.hass, target, False)
    found |= await async_get_conditions_for_target(house.hass, target, False)
    ours = {one.removeprefix(f"{DOMAIN}.") for one in found if DOMAIN in one}
    assert {"node_lost", "node_back", "node_ready"} <= ours
    assert not {"failed", "is_running", "update_available"} & ours


@pytest.mark.parametrize(
    ("what", "keys"), [("triggers", TRIGGERS), ("conditions", CONDITIONS)]
)
def test_each_has_a_name_a_description_its_fields_and_an_icon(
    what: str, keys: Mapping[str, Any]
) -> None:
    """In en.json and icons.json."""
    words = json.loads((HERE / "translations" / "en.json").read_text())[what]
    icons = json.loads((HERE / "icons.json").read_text())[what]
    described = {
        key: value
        for key, value in yaml.safe_load((HERE / f"{what}.yaml").read_text()).items()
        if not key.startswith(".")
    }
    assert set(words) == set(icons) == set(described) == set(keys)
    for key, text in words.items():
        assert text["name"]
        assert text["description"]
        fields = described[key].get("fields", {})
        assert set(text.get("fields", {})) == set(fields)
        assert all(field["name"] for field in text.get("fields", {}).values())
        assert icons[key][what.removesuffix("s")].startswith("mdi:")


def test_words_of_a_state_that_is_no_number() -> None:
    """A volume whose use is not known is neither above nor below."""
    trigger = TRIGGERS["volume_nearly_full"]
    assert trigger._sort(None, State("sensor.x", "unknown")) is None
