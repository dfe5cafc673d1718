"""Actions: whom they are for, who may ask for them, what they answer, how they fail."""

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
import yaml

from custom_components.home_cluster.actions import ACTIONS
from custom_components.home_cluster.const import DOMAIN
from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
    UnknownUser,
)
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    floor_registry as fr,
    label_registry as lr,
)
from tests.integration.api_server import Rule
from tests.integration.cluster_home import device, entity_id, entry_for, set_up, until
from tests.integration.live_server import LiveServer, home as small_home
from tests.integration.pki import Authority

HERE = Path(__file__).parents[2] / "custom_components" / "home_cluster"
FRIDGE = "deployment/kitchen/fridge"
JAZZ = "statefulset/kitchen/jazz"
OTHER_UID = "77777777-5d0b-4c5e-9b47-0c1f7a3c9a11"


async def act(
    hass: HomeAssistant, action: str, *, user: User | None = None, **data: Any
) -> Any:
    """Call one of our actions and return its answer; `user` calls it, else an automation."""
    return await hass.services.async_call(
        DOMAIN,
        action,
        data,
        blocking=True,
        return_response=True,
        context=Context(user_id=user.id if user is not None else None),
    )


def replicas(server: LiveServer, name: str = "fridge") -> int:
    """Return what the cluster is asked for."""
    resource = "statefulsets" if name == "jazz" else "deployments"
    return int(server.live[resource, "kitchen", name]["spec"]["replicas"])


def words(error: pytest.ExceptionInfo[HomeAssistantError]) -> str | None:
    """Return the key of what was said."""
    return error.value.translation_key


# Texts and descriptions.


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_each_action_is_described(action: Any) -> None:
    """Its fields in the UI, with texts and an icon; nothing that the code does not take."""
    texts = json.loads((HERE / "translations" / "en.json").read_text())["services"]
    icons = json.loads((HERE / "icons.json").read_text())["services"]
    described = yaml.safe_load((HERE / "services.yaml").read_text())
    fields = {str(key) for key in action.fields}
    assert set(described[action.name].get("fields") or {}) == fields
    assert set(texts[action.name].get("fields", {})) == fields
    assert texts[action.name]["name"]
    assert texts[action.name]["description"]
    assert action.name in icons
    assert set(texts) == set(icons) == set(described) == {one.name for one in ACTIONS}


async def test_actions_are_there_without_any_cluster(hass: HomeAssistant) -> None:
    """So that automations can be checked while an entry cannot be set up."""
    from homeassistant.setup import async_setup_component  # noqa: PLC0415

    assert await async_setup_component(hass, DOMAIN, {})
    for action in ACTIONS:
        assert hass.services.has_service(DOMAIN, action.name)


# Targets.


@pytest.fixture
async def entry(hass: HomeAssistant, home: LiveServer) -> MockConfigEntry:
    """An entry that is set up."""
    entry = entry_for(home)
    await set_up(hass, entry)
    return entry


def device_id(hass: HomeAssistant, entry: MockConfigEntry, key: str) -> str:
    """Return a device's id."""
    found = device(hass, entry, key)
    assert found is not None
    return found.id


async def test_an_entity_names_its_device(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """Two entities of one device are one target, answered under both names."""
    power, status = (entity_id(hass, f"{FRIDGE}/{key}") for key in ("power", "status"))
    answer = await act(hass, "scale", entity_id=[power, status], replicas=3)
    assert answer == {power: {"replicas": 3}, status: {"replicas": 3}}
    assert replicas(home) == 3
    assert len(home.patches) == 1


async def test_a_device_is_answered_by_its_id(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """Whatever of it is named."""
    found = device_id(hass, entry, FRIDGE)
    assert await act(hass, "scale", device_id=found, replicas=1) == {
        found: {"replicas": 1}
    }
    assert replicas(home) == 1


@pytest.mark.parametrize("how", ["area_id", "floor_id", "label_id", "area_label"])
async def test_rooms_floors_and_labels_lead_to_devices(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry, how: str
) -> None:
    """Those of the cluster that the action is for; a lamp in the same room is left alone."""
    floor = fr.async_get(hass).async_create("Ground floor")
    label = lr.async_get(hass).async_create("Pods")
    areas = ar.async_get(hass)
    area = areas.async_get_or_create("Kitchen")
    areas.async_update(
        area.id,
        floor_id=floor.floor_id,
        labels={label.label_id} if how == "area_label" else set(),
    )
    registry = dr.async_get(hass)
    jazz = device_id(hass, entry, JAZZ)
    registry.async_update_device(jazz, area_id=area.id)
    if how == "label_id":
        for key in (FRIDGE, JAZZ):
            registry.async_update_device(
                device_id(hass, entry, key), labels={label.label_id}
            )
    registry.async_update_device(
        device_id(hass, entry, "node//pi-attic"), area_id=area.id
    )
    lamps = MockConfigEntry(domain="lamps")
    lamps.add_to_hass(hass)
    lamp = registry.async_get_or_create(
        config_entry_id=lamps.entry_id, identifiers={("lamps", "1")}
    )
    registry.async_update_device(lamp.id, area_id=area.id, labels={label.label_id})
    target = {
        "area_id": area.id,
        "floor_id": floor.floor_id,
        "label_id": label.label_id,
        "area_label": label.label_id,
    }[how]
    answer = await act(
        hass, "scale", replicas=2, **{how.replace("area_label", "label_id"): target}
    )
    assert set(answer) == {device_id(hass, entry, FRIDGE), jazz}
    assert replicas(home, "jazz") == 2


async def test_an_entity_moved_to_a_room_leads_to_its_device(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """Home Assistant lets single entities be in other rooms than their devices."""
    attic = ar.async_get(hass).async_get_or_create("Attic")
    status = entity_id(hass, f"{JAZZ}/status")
    assert status is not None
    er.async_get(hass).async_update_entity(status, area_id=attic.id)
    answer = await act(hass, "scale", area_id=attic.id, replicas=2)
    assert set(answer) == {device_id(hass, entry, JAZZ)}


@pytest.mark.parametrize(
    ("target", "key"),
    [
        ({"entity_id": "all"}, "target_all"),
        ({"entity_id": "switch.nobody"}, "target_unknown"),
        ({"device_id": "no-such-id"}, "target_unknown"),
        ({"area_id": "no_such_area"}, "target_unknown"),
        ({"label_id": "no_such_label"}, "target_unknown"),
        ({"floor_id": "no_such_floor"}, "target_unknown"),
        ({"entity_id": "light.lamp"}, "target_foreign"),
        ({"device_id": "<lamp>"}, "target_foreign"),
        ({"area_id": "<empty>"}, "target_none"),
        ({"device_id": "<node>"}, "target_wrong_kind"),
        ({"device_id": "<gone>"}, "target_gone"),
    ],
)
async def test_a_wrong_target_is_told(
    hass: HomeAssistant,
    home: LiveServer,
    entry: MockConfigEntry,
    target: dict[str, str],
    key: str,
) -> None:
    """And nothing is done to the right ones that were named with it."""
    lamps = MockConfigEntry(domain="lamps")
    lamps.add_to_hass(hass)
    lamp = dr.async_get(hass).async_get_or_create(
        config_entry_id=lamps.entry_id, identifiers={("lamps", "1")}
    )
    er.async_get(hass).async_get_or_create(
        "light", "lamps", "1", suggested_object_id="lamp", device_id=lamp.id
    )
    gone = device_id(hass, entry, "daemonset/garden/weather")
    entry.runtime_data.roster.dismiss("daemonset/garden/weather")
    names = {
        "<lamp>": lamp.id,
        "<node>": device_id(hass, entry, "node//pi-attic"),
        "<gone>": gone,
        "<empty>": ar.async_get(hass).async_get_or_create("Cellar").id,
    }
    data = {field: names.get(value, value) for field, value in target.items()}
    if key not in ("target_none", "target_all"):
        data.setdefault("entity_id", str(entity_id(hass, f"{FRIDGE}/power")))
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, "scale", replicas=3, **data)
    assert words(error) == key
    assert home.patches == []


async def test_a_cluster_that_is_not_connected_is_named(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """Never is another asked instead."""
    found = device_id(hass, entry, FRIDGE)
    await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, "scale", device_id=found, replicas=3)
    assert words(error) == "target_not_loaded"
    assert error.value.translation_placeholders == {"cluster": "Home"}


async def test_with_two_clusters_each_target_is_asked_of_its_own(
    hass: HomeAssistant, home: LiveServer, authority: Authority, tmp_path: Path
) -> None:
    """The same names in both."""
    cabin = small_home(authority.server_context(tmp_path))
    cabin.authority, cabin.uid = authority.pem, OTHER_UID
    cabin.accounts["person"] = home.accounts["person"]
    async with cabin.serving():
        first, second = entry_for(home), entry_for(cabin)
        await set_up(hass, first)
        await set_up(hass, second)
        registry = dr.async_get(hass)
        there = registry.async_get_device_by_identifier(
            (DOMAIN, f"{OTHER_UID}/{FRIDGE}"), second.entry_id
        )
        assert there is not None
        await act(hass, "scale", device_id=there.id, replicas=5)
        assert (replicas(home), replicas(cabin)) == (2, 5)
        here = device_id(hass, first, FRIDGE)
        answer = await act(hass, "scale", device_id=[here, there.id], replicas=4)
        assert set(answer) == {here, there.id}
        assert (replicas(home), replicas(cabin)) == (4, 4)
        await hass.config_entries.async_unload(second.entry_id)
        with pytest.raises(ServiceValidationError):
            await act(hass, "scale", device_id=there.id, replicas=1)
        assert (replicas(home), replicas(cabin)) == (4, 4)
        await hass.config_entries.async_unload(first.entry_id)


# What each action is asked, of a device that is in both clusters.
OF_A_WORKLOAD: dict[str, dict[str, Any]] = {
    "get_logs": {},
    "get_events": {},
    "describe": {},
    "scale": {"replicas": 4},
    "restart": {},
    "apply_power_plan": {"power": False},
}


@pytest.mark.parametrize("action", OF_A_WORKLOAD)
async def test_the_other_cluster_hears_nothing_of_it(
    hass: HomeAssistant,
    home: LiveServer,
    authority: Authority,
    tmp_path: Path,
    action: str,
) -> None:
    """Whatever is asked of the cabin's fridge, the home's is neither asked nor told."""
    cabin = small_home(authority.server_context(tmp_path))
    cabin.authority, cabin.uid = authority.pem, OTHER_UID
    rights = (*home.accounts["person"], Rule(("get",), ("pods/log",)))
    for server in (home, cabin):
        server.accounts["person"] = rights
        for pod in server.pods_of("kitchen", "fridge"):
            name = "the cabin's" if server is cabin else "the home's"
            server.written[pod["metadata"]["name"], "agent"] = f"{name}\n"
    cabin.scale("deployments", "kitchen", "fridge", 1)
    async with cabin.serving():
        await set_up(hass, entry_for(home))
        second = entry_for(cabin)
        await set_up(hass, second)
        there = dr.async_get(hass).async_get_device_by_identifier(
            (DOMAIN, f"{OTHER_UID}/{FRIDGE}"), second.entry_id
        )
        assert there is not None
        asked, heard = len(home.requests), len(cabin.requests)
        data = OF_A_WORKLOAD[action]
        if action == "apply_power_plan":
            data = {"devices": [{"device_id": there.id, **data}]}
        else:
            data = {"device_id": there.id, **data}
        answer = (await act(hass, action, **data))[there.id]
        assert home.requests[asked:] == []
        if action == "describe":
            assert (answer["desired"], len(answer["pods"])) == (1, 1)
        elif action == "get_events":
            assert answer == {"events": []}
        else:
            assert cabin.requests[heard:]
        if action == "get_logs":
            assert answer["log"] == "the cabin's\n"
        await hass.config_entries.async_unload(second.entry_id)


# Failures.


async def test_a_failure_is_raised_in_words(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """Those of the command."""
    home.refuse["scale"] = (403, "Forbidden", "no")
    with pytest.raises(HomeAssistantError) as error:
        await act(hass, "scale", device_id=device_id(hass, entry, FRIDGE), replicas=3)
    assert words(error) == "set_replicas_not_allowed"


async def test_of_several_devices_it_is_told_which_failed(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """The others are done."""
    home.workload(
        "statefulsets", "kitchen", "jazz", replicas=1, hints={"protected": "true"}
    )
    hub = entry.runtime_data
    await until(hass, lambda: hub.roster.devices[JAZZ].view.hints.protected, "the hint")
    both = [device_id(hass, entry, key) for key in (FRIDGE, JAZZ)]
    with pytest.raises(HomeAssistantError) as error:
        await act(hass, "scale", device_id=both, replicas=0)
    assert words(error) == "partly_failed"
    told = error.value.translation_placeholders
    assert told is not None
    assert told["done"] == "Fridge"
    assert "jazz is protected" in told["errors"]
    assert (replicas(home), replicas(home, "jazz")) == (0, 1)


# Who may.


@pytest.mark.parametrize(
    ("groups", "force", "allowed"),
    [
        (["system-admin"], True, True),
        (["system-admin"], False, True),
        (["system-users"], False, True),
        (["system-users"], True, False),
        (["system-read-only"], False, False),
    ],
)
async def test_force_is_for_administrators(
    hass: HomeAssistant,
    home: LiveServer,
    entry: MockConfigEntry,
    groups: list[str],
    force: bool,
    allowed: bool,
) -> None:
    """Ordinary users may do what they may do with entities, readers nothing."""
    await hass.auth.async_create_user("The owner")
    user = await hass.auth.async_create_user("Somebody", group_ids=groups)
    data = {"device_id": device_id(hass, entry, FRIDGE), "replicas": 1, "force": force}
    if allowed:
        await act(hass, "scale", user=user, **data)
    else:
        with pytest.raises(Unauthorized):
            await act(hass, "scale", user=user, **data)
    assert replicas(home) == (1 if allowed else 2)


async def test_automations_have_no_user_and_may(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """A user that is gone may not."""
    found = device_id(hass, entry, FRIDGE)
    await act(hass, "scale", device_id=found, replicas=0, force=True)
    assert replicas(home) == 0
    with pytest.raises(UnknownUser):
        await act(hass, "scale", device_id=found, replicas=1, user=MockUser())


# Scale and restart.


async def protect(hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry) -> str:
    """Protect the fridge and return its device's id."""
    home.workload(
        "deployments", "kitchen", "fridge", replicas=2, hints={"protected": "true"}
    )
    hub = entry.runtime_data
    await until(
        hass, lambda: hub.roster.devices[FRIDGE].view.hints.protected, "the hint"
    )
    return device_id(hass, entry, FRIDGE)


async def test_a_protected_device_is_stopped_only_by_force(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """And comes back with the count that it had."""
    found = await protect(hass, home, entry)
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, "scale", device_id=found, replicas=0)
    assert words(error) == "protected"
    assert replicas(home) == 2
    await act(hass, "scale", device_id=found, replicas=0, force=True)
    assert replicas(home) == 0
    ref = entry.runtime_data.roster.devices[FRIDGE].view.ref
    assert entry.runtime_data.counts.get(ref) == 2


@pytest.mark.parametrize(
    ("action", "key", "said"),
    [
        ("scale", "daemonset/garden/weather", "not_scalable"),
        ("scale", "cronjob/garden/backup", "not_scalable"),
        ("restart", "cronjob/garden/backup", "not_restartable"),
    ],
)
async def test_what_a_device_cannot_is_said(
    hass: HomeAssistant,
    home: LiveServer,
    entry: MockConfigEntry,
    action: str,
    key: str,
    said: str,
) -> None:
    """A misuse, before anything is asked of the cluster."""
    data = {"replicas": 1} if action == "scale" else {}
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, action, device_id=device_id(hass, entry, key), **data)
    assert words(error) == said


@pytest.mark.parametrize(
    ("action", "controls"), [("scale", "restart,update"), ("restart", "power,replicas")]
)
async def test_what_the_hint_leaves_out_is_not_done_by_action_either(
    hass: HomeAssistant,
    home: LiveServer,
    entry: MockConfigEntry,
    action: str,
    controls: str,
) -> None:
    """The hint `controls` holds for all ways in."""
    home.workload(
        "deployments", "kitchen", "fridge", replicas=2, hints={"controls": controls}
    )
    hub = entry.runtime_data
    await until(hass, lambda: hub.roster.devices[FRIDGE].view.hints.controls, "it")
    data = {"replicas": 1} if action == "scale" else {}
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, action, device_id=device_id(hass, entry, FRIDGE), **data)
    assert words(error) == "not_offered"


async def test_a_restart_names_the_pods_that_it_replaces(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """By eviction, one at a time."""
    before = {pod["metadata"]["name"] for pod in home.pods_of("kitchen", "fridge")}
    found = device_id(hass, entry, FRIDGE)
    answer = await act(hass, "restart", device_id=found)
    assert set(answer[found]["pods"]) == before
    await until(hass, lambda: set(home.evictions) == before, "both evictions")
