"""What keeps a house well over the years, on a real cluster: the tests are told in order."""

import asyncio
from collections.abc import Iterator
import json
from typing import Any, Final

import pytest

from story import home
from story.steps.actions import ask, refused
from testbed import faults
from testbed.cluster import Cluster
from testbed.house_socket import HouseError, HouseSocket
from testbed.layout import REGISTRY
from testbed.system import wait_until

from .household import ZONE, Household, at_home, deployment, inhabited, manifest

pytestmark = pytest.mark.timeout(400)

BOILER: Final = deployment("boiler")
ATTIC: Final = deployment("attic-fan")
IMAGE: Final = f"{REGISTRY}/home/fridge"
OLDEST, OLD, NEWEST = "v1.0.0", "v1.1.0", "v1.2.0"

PASSWORD: Final = "upkeep-hunter2"
HELM: Final = {
    "meta.helm.sh/release-name": "cellar",
    "meta.helm.sh/release-namespace": ZONE,
}
FLUX: Final = {
    "kustomize.toolkit.fluxcd.io/name": "attic",
    "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
}
FLOWS: Final = "/api/config/config_entries/flow"


@pytest.fixture(scope="module")
def household(
    running_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Household]:
    """A house with a boiler whose environment holds a password, and a fan on the last node."""
    with inhabited(running_cluster, tmp_path_factory.mktemp("house")) as household:
        household.later.callback(faults.power_on, running_cluster)
        secret = {"env": [{"name": "PASSWORD", "value": PASSWORD}]}
        boiler = manifest(
            BOILER.name,
            image=f"{IMAGE}:{OLDEST}",
            hints={"update": "minor"},
            container=secret,
        )
        boiler["metadata"]["annotations"]["note"] = f"password={PASSWORD}"
        attic = {"kubernetes.io/hostname": running_cluster.node_names()[-1]}
        fan = manifest(ATTIC.name, pod={"nodeSelector": attic})
        running_cluster.apply([boiler, fan])
        household.run(move_in(household))
        yield household


async def move_in(household: Household) -> None:
    """Connect; everything runs."""
    await household.open()
    for workload in (BOILER, ATTIC):
        await household.inside.until_said(workload, "status", "running", timeout=60)


async def credentials(household: Household) -> dict[str, Any]:
    """What Home Assistant keeps of the entry; it writes that down a moment after a change."""
    inside = household.inside
    storage = inside.house.config / ".storage" / "core.config_entries"
    kept: dict[str, dict[str, Any]] = {}

    async def written() -> bool:
        text = await asyncio.to_thread(storage.read_text)
        for entry in json.loads(text)["data"]["entries"]:
            kept[entry["entry_id"]] = entry["data"]
        return inside.entry_id in kept

    await inside.until("the entry is written down", written)
    return kept[inside.entry_id]


# What is told of it.


@at_home
async def test_diagnostics_tell_of_the_devices_and_no_secret(
    household: Household,
) -> None:
    """Neither the credentials nor what a device has in its environment and annotations."""
    inside = household.inside
    kept = await credentials(household)
    path = f"/api/diagnostics/config_entry/{inside.entry_id}"
    device = await household.device_id(BOILER)
    for place in (path, f"{path}/device/{device}"):
        told = json.dumps(await inside.house.rest("GET", place))
        assert BOILER.name in told
        for secret in (kept["token"], kept["ca"], kept["url"], PASSWORD):
            assert json.dumps(secret).strip('"') not in told


@at_home
async def test_system_health_says_how_it_stands_with_the_cluster(
    household: Household,
) -> None:
    """Reachable, and which version."""
    told: dict[str, Any] = {}

    def hear(event: dict[str, Any]) -> None:
        if event["type"] == "initial":
            told.update(event["data"]["home_cluster"]["info"])
        elif event["type"] == "update" and event["domain"] == "home_cluster":
            told[event["key"]] = event["data"]

    async def listen(socket: HouseSocket) -> None:
        await socket.subscribe("system_health/info", hear)

    await household.inside.house.attend(listen)

    async def said() -> bool:
        return "version" in told

    await household.inside.until("how it stands", said)
    version = await household.stage.witness.ask(
        household.stage.witness.version_api.get_code
    )
    assert (told["reachable"], told["version"]) == (True, version.git_version)
    assert told["devices"] == 2 + len(household.cluster.node_names())


# Versions.


async def image(household: Household) -> str:
    """The version that the boiler asks for, as the witness sees it."""
    found = await household.stage.witness.read(BOILER)
    return str(found.spec.template.spec.containers[0].image).rpartition(":")[2]


@at_home
async def test_a_version_can_be_chosen_skipped_and_taken_back(
    household: Household,
) -> None:
    """What there was before is told."""
    inside = household.inside
    update = {"entity_id": inside.entity(BOILER, "update")}
    await inside.house.service("homeassistant.update_entity", update)
    await inside.until_said(BOILER, "update", "on", timeout=30)
    await inside.house.service("update.install", update, version=OLD)
    assert await image(household) == OLD
    await inside.until_said(BOILER, "update", "on", timeout=30)
    assert inside.attributes(BOILER, "update")["installed_version"] == OLD
    await inside.house.service("update.skip", update)
    await inside.until_said(BOILER, "update", "off", timeout=10)
    assert inside.attributes(BOILER, "update")["skipped_version"] == NEWEST
    await inside.house.service("update.clear_skipped", update)
    await inside.until_said(BOILER, "update", "on", timeout=10)
    history = (await ask(inside, "get_history", BOILER))["revisions"]
    assert [one["images"] for one in history] == [
        {"agent": f"{IMAGE}:{OLD}"},
        {"agent": f"{IMAGE}:{OLDEST}"},
    ]
    assert await image(household) == OLD


@at_home
async def test_what_helm_owns_is_changed_there(household: Household) -> None:
    """Neither the newest version nor the one before; who owns it is named."""
    inside, witness = household.inside, household.stage.witness
    await witness.patch(BOILER, {"metadata": {"annotations": HELM}})
    owner = f"Helm release {ZONE}/cellar"

    async def shown() -> bool:
        return inside.attributes(BOILER, "update").get("managed_by") == owner

    await inside.until("who owns it", shown)
    update = {"entity_id": inside.entity(BOILER, "update")}
    for service in ("update.install", "home_cluster.rollback"):
        assert owner in await refused(inside, service, update)
    assert await image(household) == OLD
    await witness.patch(
        BOILER, {"metadata": {"annotations": dict.fromkeys(HELM, None)}}
    )
    await inside.until_said(BOILER, "status", "running", timeout=60)


@at_home
async def test_what_a_person_scales_is_not_laid_at_fluxs_door(
    household: Household,
) -> None:
    """Its manifest names no count, so that nobody signs what is scaled."""
    inside, witness = household.inside, household.stage.witness
    await witness.patch(ATTIC, {"metadata": {"labels": FLUX}})
    await inside.switch(ATTIC, on=False)
    await inside.until_said(ATTIC, "status", "off", timeout=60)
    await asyncio.to_thread(
        household.cluster.kubectl,
        *("scale", f"deployment/{ATTIC.name}", "-n", ZONE, "--replicas=1"),
    )
    await inside.until_said(ATTIC, "status", "running", timeout=60)
    assert inside.said(ATTIC, "reason") == "none"
    assert await inside.repairs() == []
    await witness.patch(ATTIC, {"metadata": {"labels": dict.fromkeys(FLUX, None)}})


# People.


@at_home
async def test_a_guest_may_switch_and_may_not_change_what_runs(
    household: Household,
) -> None:
    """Home Assistant itself lets every user use every entity; firmware it leaves to administrators."""
    inside, stage = household.inside, household.stage
    before = await household.pods(BOILER)
    update = {"entity_id": inside.entity(BOILER, "update")}
    asked: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("home_cluster", "set_image", {"image": NEWEST}),
        ("home_cluster", "rollback", {}),
        ("home_cluster", "restart", {"force": True}),
        ("update", "install", {}),
        ("update", "install", {"version": OLDEST}),
    )
    async with household.guest() as guest:

        async def call(domain: str, service: str, target: Any, data: Any) -> None:
            await guest.call(
                "call_service",
                domain=domain,
                service=service,
                target=target,
                service_data=data,
            )

        for domain, service, data in asked:
            with pytest.raises(HouseError, match="Unauthorized"):
                await call(domain, service, update, data)
        assert await image(household) == OLD
        assert await household.pods(BOILER) == before
        fan = {"entity_id": inside.entity(ATTIC, "power")}
        for word, count in (("off", 0), ("on", 1)):
            await call("switch", f"turn_{word}", fan, {})
            assert await stage.witness.desired(ATTIC) == count
    await inside.until_said(ATTIC, "status", "running", timeout=60)


# What hangs.


@at_home
async def test_a_pod_on_a_node_without_power_is_let_go_by_a_repair(
    household: Household,
) -> None:
    """It cannot be stopped, so that nothing replaces it; when the node is back the device runs."""
    cluster, inside, witness = (
        household.cluster,
        household.inside,
        household.stage.witness,
    )

    async def alone() -> bool:
        return len(await witness.pods(ATTIC)) == 1

    # One that was switched off a moment ago may still be on its way out.
    await inside.until("its only pod", alone)
    (pod,) = await witness.pods(ATTIC)
    await asyncio.to_thread(faults.power_cut, cluster, pod.node)
    await asyncio.to_thread(
        cluster.kubectl, "delete", "pod", pod.name, "-n", ZONE, "--wait=false"
    )
    issue = await household.until_repair("stuck_pod", timeout=180)
    assert pod.uid in {one.uid for one in await witness.pods(ATTIC)}
    assert issue["translation_placeholders"] == {
        "device": ATTIC.name,
        "pod": pod.name,
        "node": pod.node,
    }
    assert await household.mend(issue["issue_id"]) == "create_entry"
    assert pod.uid not in {one.uid for one in await witness.pods(ATTIC)}
    await asyncio.to_thread(faults.power_on, cluster)
    await inside.until_said(ATTIC, "status", "running", timeout=120)
    assert await household.repair("stuck_pod") is None


# The key to the house.


@at_home
async def test_an_account_made_anew_is_asked_for_and_nothing_is_lost(
    household: Household,
) -> None:
    """Its old tokens count no more; with a new one all devices are what they were."""
    cluster, inside = household.cluster, household.inside
    before = await inside.registry_ids()
    account = ("serviceaccount", home.ACCOUNT, "-n", home.ACCOUNT_NAMESPACE)
    old = await credentials(household)
    await asyncio.to_thread(cluster.kubectl, "delete", *account)
    await household.stage.apply(home.smallest_account([ZONE]))
    await asyncio.to_thread(wait_until_refused, cluster, old["token"])
    reload = f"/api/config/config_entries/entry/{inside.entry_id}/reload"
    await inside.house.rest("POST", reload)

    async def asked() -> list[dict[str, Any]]:
        flows = await inside.house.call("config_entries/flow/progress")
        return [flow for flow in flows if flow["context"]["source"] == "reauth"]

    await inside.until("the question", asked, timeout=30)
    (flow,) = await asked()
    path = f"{FLOWS}/{flow['flow_id']}"
    form = await inside.house.rest("POST", path, {"next_step_id": "token"})
    assert old["token"] not in json.dumps(form)
    answer = {key: old[key] for key in ("url", "ca", "verify_ssl")}
    new = answer | {"token": await household.stage.token()}
    result = await inside.house.rest("POST", path, new)
    assert (result["type"], result["reason"]) == ("abort", "reauth_successful")
    await inside.until("the entry is loaded", inside.loaded, timeout=30)
    for workload in (BOILER, ATTIC):
        await inside.until_said(workload, "status", "running", timeout=60)
    assert await inside.registry_ids() == before
    assert await asked() == []


def wait_until_refused(cluster: Cluster, token: str) -> None:
    """Wait until the API server has forgotten that it knew the token."""
    review = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token},
    }

    def is_refused() -> bool:
        path = "/apis/authentication.k8s.io/v1/tokenreviews"
        told = cluster.api.request("POST", path, json.dumps(review).encode())
        return not json.loads(told)["status"].get("authenticated")

    wait_until("The old token is refused", is_refused, seconds=60)


@at_home
async def test_the_log_tells_of_the_refusal_and_of_nothing_else(
    household: Household,
) -> None:
    """Once, in Home Assistant's own words."""
    told = [one.text for one in household.inside.house.complaints()]
    assert all("could not authenticate" in text for text in told), told
    assert len(told) == 1
