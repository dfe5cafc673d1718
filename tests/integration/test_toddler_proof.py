"""What is protected stays on, whoever switches whatever off; what may not be read harms nothing else."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.components.homeassistant.exposed_entities import (
    async_expose_entity,
    async_should_expose,
)
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    floor_registry as fr,
    label_registry as lr,
)
from homeassistant.setup import async_setup_component
from tests.integration.api_server import FOLLOWED, READ_UID, Rule
from tests.integration.cluster_home import (
    CONTROL,
    call,
    enable,
    entity_id,
    entry_for,
    set_up,
    state,
    until,
)
from tests.integration.live_server import LiveServer
from tests.integration.test_actions import FRIDGE, JAZZ, device_id, replicas


@pytest.fixture
async def entry(hass: HomeAssistant, home: LiveServer) -> MockConfigEntry:
    """A protected fridge and an ordinary jazz server in one kitchen, on one floor, under one label."""
    assert await async_setup_component(hass, "homeassistant", {})
    home.workload(
        "deployments", "kitchen", "fridge", replicas=2, hints={"protected": "true"}
    )
    enable(hass, "number", f"{FRIDGE}/replicas")
    entry = entry_for(home)
    await set_up(hass, entry)
    floor = fr.async_get(hass).async_create("Ground floor")
    label = lr.async_get(hass).async_create("Pods")
    area = ar.async_get(hass).async_get_or_create("Kitchen")
    ar.async_get(hass).async_update(area.id, floor_id=floor.floor_id)
    for key in (FRIDGE, JAZZ):
        dr.async_get(hass).async_update_device(
            device_id(hass, entry, key), area_id=area.id, labels={label.label_id}
        )
    return entry


@pytest.mark.parametrize(
    "target",
    [
        {"entity_id": "all"},
        {"area_id": "kitchen"},
        {"floor_id": "ground_floor"},
        {"label_id": "pods"},
        {"device_id": "<both>"},
    ],
    ids=lambda target: next(iter(target)),
)
async def test_no_target_switches_off_what_is_protected(
    hass: HomeAssistant,
    home: LiveServer,
    entry: MockConfigEntry,
    target: dict[str, Any],
) -> None:
    """Its neighbour goes off."""
    if "device_id" in target:
        target = {"device_id": [device_id(hass, entry, key) for key in (FRIDGE, JAZZ)]}
    await hass.services.async_call("switch", "turn_off", target, blocking=True)
    assert (replicas(home), replicas(home, "jazz")) == (2, 0)
    assert entity_id(hass, f"{FRIDGE}/power") is None


@pytest.mark.parametrize("target", ["entity_id", "area_id"])
async def test_no_number_stops_what_is_protected(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry, target: str
) -> None:
    """One pod at least; by area a setting is not meant at all."""
    where = {
        "entity_id": str(entity_id(hass, f"{FRIDGE}/replicas")),
        "area_id": "kitchen",
    }
    try:
        await hass.services.async_call(
            "number", "set_value", {target: where[target], "value": 0}, blocking=True
        )
    except HomeAssistantError:
        assert target == "entity_id"
    assert replicas(home) == 2


async def test_who_protects_a_device_takes_it_from_the_assistant(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """Exposure is decided when an entity is first seen; a hint that comes later takes the entity itself."""
    power = entity_id(hass, f"{JAZZ}/power")
    assert power is not None
    async_expose_entity(hass, "conversation", power, True)
    home.workload(
        "statefulsets", "kitchen", "jazz", replicas=1, hints={"protected": "true"}
    )
    await until(hass, lambda: entity_id(hass, f"{JAZZ}/power") is None, "its end")
    assert hass.states.get(power) is None
    for key in ("replicas", "restart"):
        other = entity_id(hass, f"{JAZZ}/{key}")
        assert other is not None
        assert not async_should_expose(hass, "conversation", other)
    await hass.services.async_call(
        "homeassistant", "turn_off", {"entity_id": power}, blocking=True
    )
    assert replicas(home, "jazz") == 1


@pytest.mark.parametrize("kind", [*sorted(set(FOLLOWED) - {"deployments"}), "nodes"])
async def test_a_kind_that_may_not_be_read_harms_no_other(
    hass: HomeAssistant, home: LiveServer, kind: str
) -> None:
    """The fridge is there, and is switched; without pods its workload's own status counts."""
    kinds = tuple(one for one in (*FOLLOWED, "nodes", "namespaces") if one != kind)
    home.accounts["person"] = (
        READ_UID,
        Rule(("get", "list", "watch"), kinds),
        *CONTROL,
    )
    await set_up(hass, entry_for(home))
    assert state(hass, f"{FRIDGE}/status") == "running"
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    assert replicas(home) == 0
    assert state(hass, f"{FRIDGE}/power") == "off"
