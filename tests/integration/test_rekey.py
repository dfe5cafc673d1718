"""The same home on a new cluster."""

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.home_cluster.const import DOMAIN
from custom_components.home_cluster.rekey import rekey
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er

OLD = "11111111-1111-1111-1111-111111111111"
NEW = "22222222-2222-2222-2222-222222222222"
FRIDGE = "deployment/kitchen/fridge"


@pytest.fixture
def entry(hass: HomeAssistant) -> MockConfigEntry:
    """Return an entry whose devices a person has named and placed."""
    entry = MockConfigEntry(domain=DOMAIN, unique_id=OLD)
    entry.add_to_hass(hass)
    devices, entities = dr.async_get(hass), er.async_get(hass)
    for key in ("cluster//cluster", "node//pi-attic", FRIDGE):
        device = devices.async_get_or_create(
            config_entry_id=entry.entry_id,
            identifiers={(DOMAIN, f"{OLD}/{key}")},
            name=key,
        )
        for name in ("problem", "reason"):
            entities.async_get_or_create(
                "sensor",
                DOMAIN,
                f"{OLD}/{key}/{name}",
                config_entry=entry,
                device_id=device.id,
            )
    return entry


def identifiers(hass: HomeAssistant, entry: MockConfigEntry) -> set[tuple[str, str]]:
    """Return what the entry's devices are known by."""
    return {
        identifier
        for device in dr.async_entries_for_config_entry(
            dr.async_get(hass), entry.entry_id
        )
        for identifier in device.identifiers
    }


def test_devices_and_entities_keep_their_ids_and_what_people_gave_them(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    devices, entities = dr.async_get(hass), er.async_get(hass)
    fridge = devices.async_get_device_by_identifier(
        (DOMAIN, f"{OLD}/{FRIDGE}"), entry.entry_id
    )
    assert fridge is not None
    devices.async_update_device(fridge.id, name_by_user="The fridge", labels={"cold"})
    entity_id = entities.async_get_entity_id(
        "sensor", DOMAIN, f"{OLD}/{FRIDGE}/problem"
    )
    assert entity_id is not None
    entities.async_update_entity(entity_id, name="Trouble", icon="mdi:fridge")
    before = {each.entity_id for each in entities.entities.values()}

    rekey(hass, entry, NEW)

    assert identifiers(hass, entry) == {
        (DOMAIN, f"{NEW}/{key}")
        for key in ("cluster//cluster", "node//pi-attic", FRIDGE)
    }
    moved = devices.async_get(fridge.id)
    assert moved is not None
    assert moved.identifiers == {(DOMAIN, f"{NEW}/{FRIDGE}")}
    assert moved.name_by_user == "The fridge"
    assert moved.labels == {"cold"}
    entity = entities.async_get(entity_id)
    assert entity is not None
    assert entity.unique_id == f"{NEW}/{FRIDGE}/problem"
    assert entity.name == "Trouble"
    assert entity.icon == "mdi:fridge"
    assert entity.device_id == fridge.id
    assert {each.entity_id for each in entities.entities.values()} == before


def test_what_was_interrupted_is_finished_the_second_time(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    devices = dr.async_get(hass)
    fridge = devices.async_get_device_by_identifier(
        (DOMAIN, f"{OLD}/{FRIDGE}"), entry.entry_id
    )
    assert fridge is not None
    devices.async_update_device(
        fridge.id, new_identifiers={(DOMAIN, f"{NEW}/{FRIDGE}")}
    )
    rekey(hass, entry, NEW)
    rekey(hass, entry, NEW)
    assert all(key.startswith(f"{NEW}/") for _, key in identifiers(hass, entry))
    unique_ids = {
        each.unique_id
        for each in er.async_entries_for_config_entry(
            er.async_get(hass), entry.entry_id
        )
    }
    assert len(unique_ids) == 6
    assert all(each.startswith(f"{NEW}/") for each in unique_ids)


def test_what_belongs_to_others_is_left_alone(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    devices = dr.async_get(hass)
    other = MockConfigEntry(domain=DOMAIN, unique_id="other")
    other.add_to_hass(hass)
    strange = {("another_integration", f"{OLD}/x"), (DOMAIN, "unlike/ours")}
    devices.async_get_or_create(config_entry_id=entry.entry_id, identifiers=strange)
    devices.async_get_or_create(
        config_entry_id=other.entry_id, identifiers={(DOMAIN, f"other/{FRIDGE}")}
    )
    rekey(hass, entry, NEW)
    assert strange <= identifiers(hass, entry)
    assert identifiers(hass, other) == {(DOMAIN, f"other/{FRIDGE}")}
