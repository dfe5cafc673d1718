"""The firmware of devices: what there is, getting it, and what becomes of it when it does not run."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.home_cluster import update_checks
from custom_components.home_cluster.const import DOMAIN
from custom_components.home_cluster.llm import ADMIN_API
from custom_components.home_cluster.update_checks import firmware_store
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
)
from homeassistant.helpers import area_registry as ar, device_registry as dr
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from tests.integration.cluster_home import (
    EVERYTHING,
    UPDATE,
    attributes,
    call,
    device,
    entity_id,
    entry_for,
    set_up,
    state,
    until,
)
from tests.integration.live_server import home as small_home
from tests.integration.pki import Authority
from tests.integration.rolling import RollingServer
from tests.integration.test_llm import api, use
from tests.unit.registry.fake import SOURCE, FakeRegistry, image

FRIDGE = "deployment/kitchen/fridge"
JAZZ = "statefulset/kitchen/jazz"


@pytest.fixture
async def registry(socket_enabled: None) -> AsyncIterator[FakeRegistry]:
    """A registry with four versions of a fridge, one of them not for the home's nodes."""
    fake = FakeRegistry()
    for tag in ("v1.0.0", "v1.1.0", "v1.2.0", "latest"):
        fake.push("home/fridge", tag, image(tag, source=SOURCE))
    fake.push("home/fridge", "v2.0.0", image("v2.0.0", "amd64"))
    async with fake.serving():
        yield fake


@pytest.fixture
async def home(
    authority: Authority, tmp_path: Path, registry: FakeRegistry
) -> AsyncIterator[RollingServer]:
    """A living cluster whose fridge and jazz run from that registry."""
    server = small_home(authority.server_context(tmp_path), RollingServer)
    server.authority = authority.pem
    server.accounts["person"] = (*EVERYTHING, UPDATE)
    for resource, name, replicas in (
        ("deployments", "fridge", 2),
        ("statefulsets", "jazz", 1),
    ):
        server.workload(
            resource,
            "kitchen",
            name,
            replicas=replicas,
            image=f"{registry.name}/home/fridge:v1.0.0",
            hints={"name": name.title()},
        )
    server.workload(
        "daemonsets",
        "garden",
        "weather",
        image=f"{registry.name}/home/fridge:v1.0.0",
    )
    server.forget_revisions()
    async with server.serving():
        yield server


def with_updates(
    home: RollingServer, registry: FakeRegistry, **updates: Any
) -> MockConfigEntry:
    """Return an entry whose updates are set so."""
    plain = {"address": f"http://{registry.name}", "username": "", "password": ""}
    return entry_for(home, updates={"registries": [plain], **updates})


async def connected(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry, **updates: Any
) -> MockConfigEntry:
    """Set the entry up; the firmware is there, and was asked for."""
    await hass.config.async_update(external_url="http://home.local")
    entry = with_updates(home, registry, **updates)
    await set_up(hass, entry)
    for key in (FRIDGE, JAZZ):
        await until(hass, lambda key=key: entity_id(hass, f"{key}/update"), "firmware")
        await look(hass, key)
    return entry


async def look(hass: HomeAssistant, key: str = FRIDGE) -> None:
    """Ask the registry now."""

    await async_setup_component(hass, "homeassistant", {})
    entity = entity_id(hass, f"{key}/update")
    await hass.services.async_call(
        "homeassistant", "update_entity", {"entity_id": [entity]}, blocking=True
    )


def shown(hass: HomeAssistant, key: str = FRIDGE) -> tuple[Any, Any, Any]:
    """Return the state, and what is installed and newest."""
    found = attributes(hass, f"{key}/update")
    return (
        state(hass, f"{key}/update"),
        found.get("installed_version"),
        found.get("latest_version"),
    )


async def install(hass: HomeAssistant, key: str = FRIDGE, **data: Any) -> None:
    """Install, and return when that is done."""
    await call(hass, "update.install", f"{key}/update", **data)


def image_of(home: RollingServer, name: str = "fridge") -> str:
    """Return the tag that a workload asks for."""
    resource = "deployments" if name == "fridge" else "statefulsets"
    return home.image_of(resource, "kitchen", name).rpartition("/fridge")[2]


async def test_the_newest_version_for_its_nodes_is_offered(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """v2.0.0 is newer, and not for arm64; where to read about it comes from the image's label."""
    await connected(hass, home, registry)
    assert shown(hass) == ("on", "v1.0.0", "v1.2.0")
    found = attributes(hass, f"{FRIDGE}/update")
    assert found["release_url"] == f"{SOURCE}/releases"
    assert found["passed_over"] == "v2.0.0"
    assert found["title"] == "fridge"
    assert found["policy"] == "major"
    assert found["check_error"] is None
    assert found["managed_by"] is None
    assert found["device_class"] == "firmware"


async def test_it_is_installed_when_it_runs(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """One patch of the image; progress as far as the pods are; done when the cluster says so."""
    await connected(hass, home, registry)
    home.slow = True
    installing = asyncio.create_task(install(hass))
    await until(
        hass,
        lambda: attributes(hass, f"{FRIDGE}/update")["update_percentage"] == 25,
        "the progress",
        settle=False,
    )
    assert attributes(hass, f"{FRIDGE}/update")["in_progress"] is True
    with pytest.raises(ServiceValidationError) as error:
        await hass.services.async_call(
            DOMAIN,
            "set_image",
            {"entity_id": entity_id(hass, f"{FRIDGE}/update"), "image": "v1.1.0"},
            blocking=True,
        )
    assert error.value.translation_key == "already_updating"
    assert not installing.done()
    home.go_on()
    await installing
    assert shown(hass) == ("off", "v1.2.0", "v1.2.0")
    assert attributes(hass, f"{FRIDGE}/update")["in_progress"] is False
    containers = [{"name": "agent", "image": f"{registry.name}/home/fridge:v1.2.0"}]
    assert home.patches == [
        (
            "/apis/apps/v1/namespaces/kitchen/deployments/fridge",
            {"spec": {"template": {"spec": {"containers": containers}}}},
        )
    ]


async def test_a_chosen_version_is_installed(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """An older one too; one that is not there or not for its nodes is not even tried."""
    await connected(hass, home, registry)
    await install(hass, JAZZ, version="v1.1.0")
    assert shown(hass, JAZZ) == ("on", "v1.1.0", "v1.2.0")
    for version, key in (
        ("v9.9.9", "no_such_version"),
        ("v2.0.0", "version_lacks_architecture"),
        ("v1.1.0@000000000000", "no_such_version"),
    ):
        with pytest.raises(ServiceValidationError) as error:
            await install(hass, version=version)
        assert error.value.translation_key == key
    await install(hass, version="v1.1.0")
    await install(hass, version="v1.0.0")
    assert image_of(home) == ":v1.0.0"
    registry.answers["/manifests/v1.1.0"] = lambda _: web.Response(status=500)
    await install(hass, version="v1.1.0")
    assert image_of(home) == ":v1.1.0"


async def test_a_skipped_version_is_not_offered(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """Until there is a newer one."""
    await connected(hass, home, registry)
    await call(hass, "update.skip", f"{FRIDGE}/update")
    assert state(hass, f"{FRIDGE}/update") == "off"
    registry.push("home/fridge", "v1.3.0", image("v1.3.0"))
    await look(hass)
    assert shown(hass) == ("on", "v1.0.0", "v1.3.0")


@pytest.mark.parametrize("key", [FRIDGE, JAZZ])
async def test_an_image_that_does_not_run_is_named_and_undone(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry, key: str
) -> None:
    """By itself; a pod of a StatefulSet that can never be ready is taken out of the way."""
    await connected(hass, home, registry)
    home.bad.add(f"{registry.name}/home/fridge:v1.2.0")
    name = key.rpartition("/")[2]
    with pytest.raises(HomeAssistantError) as error:
        await install(hass, key)
    assert error.value.translation_key == "update_failed_undone"
    words = error.value.translation_placeholders
    assert words is not None
    assert words["reason"] == "image_not_found"
    assert words["message"]
    assert (words["version"], words["before"]) == ("v1.2.0", "v1.0.0")
    assert image_of(home, name) == ":v1.0.0"
    assert shown(hass, key) == ("on", "v1.0.0", "v1.2.0")


async def test_a_german_house_is_told_of_a_bad_image_in_german(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """With what exactly it was, in English, for whoever has to look it up."""
    hass.config.language = "de"
    await connected(hass, home, registry)
    home.bad.add(f"{registry.name}/home/fridge:v1.2.0")
    with pytest.raises(HomeAssistantError) as error:
        await install(hass)
    words = error.value.translation_placeholders
    assert words is not None
    assert words["message"].startswith("Das Image gibt es nicht (")
    assert words["advice"].startswith("Prüfe den Namen und die Version des Images. (")
    assert f"{registry.name}/home/fridge:v1.2.0" in words["advice"]


async def listen(
    hass: HomeAssistant, entry: MockConfigEntry, trigger: str
) -> list[Any]:
    """Have an automation of the fridge's room with a trigger; return its runs."""
    fridge = device(hass, entry, FRIDGE)
    assert fridge is not None
    area = ar.async_get(hass).async_get_or_create("Pantry")
    dr.async_get(hass).async_update_device(fridge.id, area_id=area.id)
    target = {"area_id": area.id}
    automation = {
        "triggers": [{"trigger": f"{DOMAIN}.{trigger}", "target": target}],
        "actions": [{"event": "heard", "event_data": {"of": "{{ trigger.device }}"}}],
    }
    assert await async_setup_component(hass, "automation", {"automation": [automation]})
    await hass.async_block_till_done()
    heard: list[Any] = []
    hass.bus.async_listen(
        "heard", callback(lambda event: heard.append(event.data["of"]))
    )
    return heard


async def test_a_new_version_runs_an_automation_of_its_room(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """When it is found; that it was there before is no news."""
    entry = await connected(hass, home, registry)
    heard = await listen(hass, entry, "update_available")
    await look(hass)
    await call(hass, "update.skip", f"{FRIDGE}/update")
    await hass.async_block_till_done()
    assert heard == []
    registry.push("home/fridge", "v1.3.0", image("v1.3.0"))
    await look(hass)
    await until(hass, lambda: heard == ["Fridge"], "the run")


async def test_an_update_that_fails_runs_an_automation_of_its_room(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """Once, although it is undone by itself, which is an update as well."""
    entry = await connected(hass, home, registry)
    heard = await listen(hass, entry, "update_failed")
    home.bad.add(f"{registry.name}/home/fridge:v1.2.0")
    with pytest.raises(HomeAssistantError):
        await install(hass)
    await until(hass, lambda: heard, "the run")
    await until(hass, lambda: state(hass, f"{FRIDGE}/status") == "running", "running")
    assert heard == ["Fridge"]


async def test_it_is_left_as_it_is_if_the_user_wants_so(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """Then it says what it was before; rolling back by hand brings that back."""
    await connected(hass, home, registry, auto_rollback=False)
    home.bad.add(f"{registry.name}/home/fridge:v1.2.0")
    with pytest.raises(HomeAssistantError) as error:
        await install(hass)
    assert error.value.translation_key == "update_failed"
    assert image_of(home) == ":v1.2.0"
    answer = await ask(hass, "rollback")
    assert answer["to"].endswith("home/fridge:v1.0.0")
    assert answer["revision"] == 1
    assert image_of(home) == ":v1.0.0"


async def test_undoing_may_fail_as_well(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """Which is said."""
    await connected(hass, home, registry)
    home.bad.add(f"{registry.name}/home/fridge:v1.2.0")

    async def refuse_the_next() -> None:
        home.refuse["patch"] = (403, "Forbidden", "not any more")

    home.before_answer = refuse_the_next
    with pytest.raises(HomeAssistantError) as error:
        await install(hass)
    assert error.value.translation_key == "update_failed_not_undone"
    assert image_of(home) == ":v1.2.0"


async def test_what_the_cluster_refuses_is_an_error(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """In words, and nothing is under way."""
    await connected(hass, home, registry)
    home.refuse["patch"] = (422, "Invalid", "policy: only tags of the kitchen")
    with pytest.raises(HomeAssistantError) as error:
        await install(hass)
    assert error.value.translation_key == "install_refused"
    assert attributes(hass, f"{FRIDGE}/update")["in_progress"] is False


async def ask(
    hass: HomeAssistant, action: str, key: str = FRIDGE, **data: Any
) -> dict[str, Any]:
    """Call an action on one device; its answer."""
    entity = entity_id(hass, f"{key}/update")
    answer: Any = await hass.services.async_call(
        DOMAIN,
        action,
        {"entity_id": entity, **data},
        blocking=True,
        return_response=True,
    )
    found: dict[str, Any] = answer[entity]
    return found


@pytest.mark.parametrize("key", [FRIDGE, JAZZ])
async def test_history_and_going_back(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry, key: str
) -> None:
    """To the previous revision, or to one by its number."""
    await connected(hass, home, registry)
    with pytest.raises(ServiceValidationError) as error:
        await ask(hass, "rollback", key)
    assert error.value.translation_key == "nothing_before"
    for tag in ("v1.1.0", f"{registry.name}/home/fridge:v1.2.0"):
        assert (await ask(hass, "set_image", key, image=tag))["to"].endswith(tag)
    found = await ask(hass, "get_history", key)
    assert [one["revision"] for one in found["revisions"]] == [3, 2, 1]
    assert found["revisions"][1]["images"]["agent"].endswith("v1.1.0")
    name = key.rpartition("/")[2]
    await ask(hass, "rollback", key)
    assert image_of(home, name) == ":v1.1.0"
    await ask(hass, "rollback", key, revision=1)
    assert image_of(home, name) == ":v1.0.0"
    with pytest.raises(ServiceValidationError) as error:
        await ask(hass, "rollback", key, revision=99)
    assert error.value.translation_key == "no_such_revision"


async def test_a_rollback_that_fails_says_so(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """The old image may be gone."""
    await connected(hass, home, registry)
    await ask(hass, "set_image", image="v1.1.0")
    home.bad.add(f"{registry.name}/home/fridge:v1.0.0")
    with pytest.raises(HomeAssistantError) as error:
        await ask(hass, "rollback")
    assert error.value.translation_key == "update_failed"


async def test_a_language_model_goes_back_for_an_administrator(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """For nobody else; where there is nothing to go back to, the model reads so."""
    assert await async_setup_component(hass, "llm", {})
    await connected(hass, home, registry)
    await ask(hass, "set_image", image="v1.1.0")
    owner = await hass.auth.async_create_user("Owner")
    guest = await hass.auth.async_create_user("Guest", group_ids=["system-users"])
    theirs = await api(hass, ADMIN_API, Context(user_id=guest.id))
    assert "administrator" in (await use(theirs, "rollback", device="fridge"))["error"]
    assert image_of(home) == ":v1.1.0"
    found = await api(hass, ADMIN_API, Context(user_id=owner.id))
    assert await use(found, "rollback", device="fridge") == {
        "device": "Fridge",
        "done": "It goes back to the version before.",
    }
    assert image_of(home) == ":v1.0.0"
    assert "error" in await use(found, "rollback", device="jazz")


@pytest.mark.parametrize("words", ["", "a b", "a\nb", "é"])
async def test_what_is_no_image_is_misuse(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry, words: str
) -> None:
    """And is not sent."""
    await connected(hass, home, registry)
    with pytest.raises(ServiceValidationError) as error:
        await ask(hass, "set_image", image=words)
    assert error.value.translation_key == "not_an_image"
    assert home.patches == []


async def test_a_cron_job_takes_no_versions(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """It has no containers that are always there."""
    await connected(hass, home, registry)
    with pytest.raises(ServiceValidationError) as error:
        await hass.services.async_call(
            DOMAIN,
            "set_image",
            {
                "entity_id": entity_id(hass, "cronjob/garden/backup/power"),
                "image": "v1",
            },
            blocking=True,
        )
    assert error.value.translation_key == "not_updatable"


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("home_cluster.set_image", {"image": "v1.1.0"}),
        ("home_cluster.rollback", {}),
        ("update.install", {}),
        ("update.install", {"version": "v1.1.0"}),
    ],
)
async def test_only_administrators_change_images(
    hass: HomeAssistant,
    home: RollingServer,
    registry: FakeRegistry,
    action: str,
    data: dict[str, str],
) -> None:
    """Not who may use every entity; `update.install` Home Assistant guards by itself."""
    await connected(hass, home, registry)
    await hass.auth.async_create_user("Owner")
    guest = await hass.auth.async_create_user("Guest", group_ids=["system-users"])
    with pytest.raises(Unauthorized):
        await hass.services.async_call(
            *action.split("."),
            {"entity_id": entity_id(hass, f"{FRIDGE}/update"), **data},
            blocking=True,
            context=Context(user_id=guest.id),
        )
    assert home.patches == []


HELM = {
    "meta.helm.sh/release-name": "home",
    "meta.helm.sh/release-namespace": "kitchen",
}


BROKER = {
    "apiVersion": "broker.example/v1",
    "kind": "Broker",
    "name": "main",
    "uid": "broker-uid",
    "controller": True,
}


def owned(home: RollingServer, **parts: Any) -> None:
    """Have somebody own the fridge."""
    home.put("deployments", "kitchen", "fridge", metadata=parts)


@pytest.mark.parametrize(
    ("parts", "key", "owner"),
    [
        ({"annotations": HELM}, "owned_by_helm_release", "Helm release kitchen/home"),
        (
            {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}},
            "owned_by_flux_kustomization",
            "Flux Kustomization apps",
        ),
        (
            {"labels": {"helm.toolkit.fluxcd.io/name": "home"}},
            "owned_by_flux_helm_release",
            "Flux HelmRelease home",
        ),
        (
            {"annotations": {"argocd.argoproj.io/tracking-id": "home:apps/x"}},
            "owned_by_argo_application",
            "Argo CD application home",
        ),
        (
            {"annotations": {"objectset.rio.cattle.io/owner-name": "fridge"}},
            "owned_by_k3s_manifest",
            "k3s manifest fridge",
        ),
        (
            {"ownerReferences": [BROKER]},
            "owned_by_operator",
            "Broker main",
        ),
    ],
)
async def test_what_others_own_is_changed_there(
    hass: HomeAssistant,
    home: RollingServer,
    registry: FakeRegistry,
    parts: dict[str, Any],
    key: str,
    owner: str,
) -> None:
    """The owner is shown, and installing says where to change it, unless the user allows it."""
    owned(home, **parts)
    entry = await connected(hass, home, registry)
    assert attributes(hass, f"{FRIDGE}/update")["managed_by"] == owner
    for act in (lambda: install(hass), lambda: ask(hass, "rollback")):
        with pytest.raises(ServiceValidationError) as error:
            await act()
        assert error.value.translation_key == key
    assert home.patches == []
    hass.config_entries.async_update_entry(
        entry,
        options={
            **entry.options,
            "updates": {**entry.options["updates"], "allow_owned": True},
        },
    )
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    await until(hass, lambda: shown(hass)[0] == "on", "the firmware")
    await install(hass)
    assert image_of(home) == ":v1.2.0"


async def test_the_chart_of_its_own_device_is_left_without_a_conflict(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """Our entry of the managed fields is removed, by a test of what is there."""
    entry = {"manager": "home-cluster", "operation": "Update", "fieldsV1": {}}
    scale = {**entry, "subresource": "scale"}
    owned(
        home,
        annotations={
            **HELM,
            "home-cluster.github.io/chart-image": f"{registry.name}/home/fridge:v1.0.0",
        },
        managedFields=[{"manager": "helm"}, scale, entry],
    )
    await connected(hass, home, registry)
    await install(hass)
    assert image_of(home) == ":v1.2.0"
    fields = home.live["deployments", "kitchen", "fridge"]["metadata"]["managedFields"]
    assert fields == [{"manager": "helm"}, scale]
    assert home.patches[-1][1] == [
        {"op": "test", "path": "/metadata/managedFields/2", "value": entry},
        {"op": "remove", "path": "/metadata/managedFields/2"},
    ]


async def test_a_chart_that_may_meet_a_conflict_is_told_of(
    hass: HomeAssistant,
    home: RollingServer,
    registry: FakeRegistry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The image is changed all the same."""
    owned(home, annotations={"home-cluster.github.io/chart-image": "x"})
    await connected(hass, home, registry)
    home.accounts["person"] = tuple(
        rule for rule in home.accounts["person"] if "get" not in rule.verbs
    )
    await install(hass)
    assert "may meet a conflict" in caplog.text
    assert image_of(home) == ":v1.2.0"


async def test_without_the_right_there_is_no_firmware(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """Nor if a policy denies it, nor if nobody wants registries to be asked."""
    home.accounts["person"] = EVERYTHING
    entry = with_updates(home, registry)
    await set_up(hass, entry)
    assert entity_id(hass, f"{FRIDGE}/update") is None
    assert entity_id(hass, f"{FRIDGE}/power")
    with pytest.raises(ServiceValidationError) as error:
        await hass.services.async_call(
            DOMAIN,
            "set_image",
            {"entity_id": entity_id(hass, f"{FRIDGE}/power"), "image": "v1"},
            blocking=True,
        )
    assert error.value.translation_key == "update_not_offered"


async def test_registries_are_not_asked_where_that_is_switched_off(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """Versions can be set all the same."""
    await set_up(hass, with_updates(home, registry, update_checks=False))
    await hass.async_block_till_done()
    assert entity_id(hass, f"{FRIDGE}/update") is None
    entity = entity_id(hass, f"{FRIDGE}/power")
    for _ in range(3):
        try:
            await hass.services.async_call(
                DOMAIN,
                "set_image",
                {"entity_id": entity, "image": "v1.1.0"},
                blocking=True,
            )
        except ServiceValidationError:
            await asyncio.sleep(0)
    await until(hass, lambda: image_of(home) == ":v1.1.0", "the image")
    assert registry.asked == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (web.Response(status=500), "error 500"),
        (web.Response(status=401), "wants an account"),
        (web.Response(status=429, headers={"Retry-After": "600"}), "less often"),
        (web.Response(status=429), "less often"),
        (web.Response(text="<html>"), "cannot be read"),
    ],
)
async def test_a_registry_in_trouble_loses_nothing(
    hass: HomeAssistant,
    home: RollingServer,
    registry: FakeRegistry,
    caplog: pytest.LogCaptureFixture,
    answer: web.Response,
    words: str,
) -> None:
    """What is known stays; why it may be old is an attribute, and one line of the log."""
    await connected(hass, home, registry)

    def respond(_: web.Request) -> web.Response:
        return web.Response(
            status=answer.status, body=answer.body, headers=answer.headers
        )

    registry.answers["/v2/"] = respond
    for key in (FRIDGE, JAZZ, FRIDGE, JAZZ):
        await look(hass, key)
    assert shown(hass) == ("on", "v1.0.0", "v1.2.0")
    assert words in attributes(hass, f"{FRIDGE}/update")["check_error"]
    assert caplog.text.count("Could not look for new versions") == 1
    asked = len(registry.asked)
    await look(hass)
    # Who asked to be left alone is left alone.
    assert (len(registry.asked) == asked) is (answer.status == 429)
    registry.answers.clear()
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(hours=25))
    if answer.status != 429:
        await look(hass)
        assert attributes(hass, f"{FRIDGE}/update")["check_error"] is None


async def test_ten_thousand_tags(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """Are looked through."""
    digest = registry.repositories["home/fridge"]["v1.2.0"]
    for number in range(10_000):
        registry.repositories["home/fridge"][f"v1.2.{number}"] = digest
    await connected(hass, home, registry)
    assert shown(hass) == ("on", "v1.0.0", "v1.2.9999")


async def test_a_tag_that_moves_is_told_by_its_digest(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """Installing pins it, so that it is another image, and can be undone."""
    name = f"{registry.name}/home/fridge:latest"
    first = registry.repositories["home/fridge"]["latest"]
    home.digests[name] = first
    home.workload("deployments", "kitchen", "fridge", replicas=1, image=name)
    await connected(hass, home, registry)
    await until(hass, lambda: "@" in str(shown(hass)[1]), "the digest")
    assert shown(hass) == (
        "off",
        f"latest@{first[7:19]}",
        f"latest@{first[7:19]}",
    )
    second = registry.push("home/fridge", "latest", image("newer"))
    await look(hass)
    assert shown(hass) == ("on", f"latest@{first[7:19]}", f"latest@{second[7:19]}")
    home.digests[f"{name}@{second}"] = second
    await install(hass)
    assert image_of(home) == f":latest@{second}"
    assert shown(hass)[0] == "off"
    await install(
        hass, version=f"v1.1.0@{registry.repositories['home/fridge']['v1.1.0'][7:19]}"
    )
    assert image_of(home).startswith(":v1.1.0")


async def test_the_hint_says_what_follows(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """A policy, a pattern, or that nobody should look."""
    registry.push("home/fridge", "v1.0.7", image("v1.0.7"))
    entry = await connected(hass, home, registry)
    prefix = "home-cluster.github.io/"
    for hint, newest in (("patch", "v1.0.7"), (r"v1\.1\..*", "v1.1.0")):
        owned(home, annotations={f"{prefix}update": hint})
        await until(
            hass,
            lambda hint=hint: attributes(hass, f"{FRIDGE}/update")["policy"] == hint,
            "the policy",
        )
        await look(hass)
        assert shown(hass)[2] == newest
    owned(
        home,
        annotations={
            f"{prefix}update": "off",
            f"{prefix}release-notes": "https://example.org/notes",
        },
    )
    await until(hass, lambda: entity_id(hass, f"{FRIDGE}/update") is None, "its end")
    assert (
        entry.runtime_data.firmware.available(
            next(ref for ref in entry.runtime_data.workloads if ref.name == "fridge")
        )
        is None
    )


@pytest.fixture
def short_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a day a moment."""
    moment = timedelta(seconds=0.05)
    monkeypatch.setattr(update_checks, "SOON", (moment, moment))
    monkeypatch.setattr(update_checks, "CHANGED", (moment, moment))
    monkeypatch.setattr(update_checks, "INTERVAL", moment)
    monkeypatch.setattr(update_checks, "JITTER", timedelta())
    monkeypatch.setattr(update_checks, "RETRY", moment)


@pytest.mark.usefixtures("short_days")
async def test_one_look_a_day(
    hass: HomeAssistant,
    home: RollingServer,
    registry: FakeRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A while after the start, then every day; also of an image that somebody else installed."""
    await set_up(hass, with_updates(home, registry))
    for key in (FRIDGE, JAZZ):
        path = f"{key}/update"
        await until(hass, lambda path=path: state(hass, path) == "on", "the look")
    registry.push("home/fridge", "v1.4.0", image("v1.4.0"))
    await until(hass, lambda: shown(hass)[2] == "v1.4.0", "the next day's look")
    monkeypatch.setattr(update_checks, "INTERVAL", timedelta(days=1))
    name = f"{registry.name}/home/fridge:v1.1.0"
    home.workload("deployments", "kitchen", "fridge", replicas=1, image=name)
    await until(hass, lambda: shown(hass)[1] == "v1.1.0", "what others installed")
    assert shown(hass) == ("on", "v1.1.0", "v1.4.0")
    other = f"{registry.name}/home/oven:v1.0.0"
    registry.push("home/oven", "v1.0.0", image("oven"))
    home.workload("deployments", "kitchen", "fridge", replicas=1, image=other)
    await until(hass, lambda: shown(hass)[1] == "v1.0.0", "another image")
    await until(hass, lambda: shown(hass)[2] == "v1.0.0", "a look at that")


async def test_a_restart_asks_nobody(
    hass: HomeAssistant,
    home: RollingServer,
    registry: FakeRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was found is kept, and forgotten with the entry."""
    entry = await connected(hass, home, registry)
    asked = len(registry.asked)
    monkeypatch.setattr(update_checks, "SOON", (timedelta(), timedelta()))
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    await until(hass, lambda: shown(hass)[0] == "on", "what was known")
    assert shown(hass) == ("on", "v1.0.0", "v1.2.0")
    assert len(registry.asked) == asked
    await hass.config_entries.async_remove(entry.entry_id)
    assert await firmware_store(hass, entry.entry_id).async_load() is None


@pytest.mark.usefixtures("short_days")
async def test_a_failed_look_is_done_again(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """And what is gone is not looked at."""
    registry.answers["/v2/"] = lambda _: web.Response(status=503)
    await set_up(hass, with_updates(home, registry))
    await until(
        hass,
        lambda: (
            state(hass, f"{FRIDGE}/update")
            and attributes(hass, f"{FRIDGE}/update").get("check_error")
        ),
        "the failure",
    )
    assert state(hass, f"{FRIDGE}/update") == "unknown"
    hub = hass.config_entries.async_entries(DOMAIN)[0].runtime_data
    view = next(view for ref, view in hub.workloads.items() if ref.name == "fridge")
    with pytest.raises(ServiceValidationError) as error:
        await hub.firmware.install(view, None)
    assert error.value.translation_key == "no_version_known"
    home.delete("statefulsets", "kitchen", "jazz")
    await until(hass, lambda: entity_id(hass, f"{JAZZ}/update") is None, "its end")
    registry.answers.clear()
    await until(hass, lambda: shown(hass)[0] == "on", "the next look")


async def test_release_notes_are_what_the_release_says(
    hass: HomeAssistant,
    home: RollingServer,
    registry: FakeRegistry,
    hass_ws_client: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Asked for only when somebody wants to read them."""
    await connected(hass, home, registry)
    asked: list[tuple[str, str]] = []

    async def notes(_: Any, source: str, tag: str) -> str:
        asked.append((source, tag))
        return "Colder."

    monkeypatch.setattr("custom_components.home_cluster.firmware.release_notes", notes)
    client = await hass_ws_client(hass)
    await client.send_json_auto_id(
        {
            "type": "update/release_notes",
            "entity_id": entity_id(hass, f"{FRIDGE}/update"),
        }
    )
    assert (await client.receive_json())["result"] == "Colder."
    assert asked == [(SOURCE, "v1.2.0")]


async def test_a_device_that_goes_while_it_is_updated(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """Is said to be gone."""
    await connected(hass, home, registry)
    home.slow = True
    installing = asyncio.create_task(install(hass))
    await until(hass, lambda: home.patches, "the patch", settle=False)
    home.delete("deployments", "kitchen", "fridge")
    with pytest.raises(HomeAssistantError) as error:
        await installing
    assert error.value.translation_key == "install_gone"


async def test_an_update_goes_on_while_the_cluster_is_away(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """It is done when it is seen to be done; in between nothing is known."""
    await connected(hass, home, registry)
    home.slow = True
    installing = asyncio.create_task(install(hass))
    await until(hass, lambda: home.patches, "the patch", settle=False)
    await home.down()
    await until(
        hass,
        lambda: state(hass, f"{FRIDGE}/update") == "unavailable",
        "the outage",
        settle=False,
    )
    with pytest.raises(HomeAssistantError) as error:
        await hass.config_entries.async_entries(DOMAIN)[
            0
        ].runtime_data.firmware.rollback(
            next(
                ref
                for ref in hass.config_entries.async_entries(DOMAIN)[
                    0
                ].runtime_data.workloads
                if ref.name == "jazz"
            )
        )
    assert error.value.translation_key == "roll_back_link_down"
    home.go_on()
    await home.up()
    await installing
    assert shown(hass)[:2] == ("off", "v1.2.0")


async def test_unloading_leaves_the_update_to_the_cluster(
    hass: HomeAssistant, home: RollingServer, registry: FakeRegistry
) -> None:
    """Who waits for it is told."""
    entry = await connected(hass, home, registry)
    home.slow = True
    installing = asyncio.create_task(install(hass))
    await until(hass, lambda: home.patches, "the patch", settle=False)
    await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(HomeAssistantError) as error:
        await installing
    assert error.value.translation_key == "update_left"
    await hass.config_entries.async_remove(entry.entry_id)
