"""Upgrades and rollbacks: what was set in Home Assistant stays, and what the values change wins."""

import json
from pathlib import Path
import shutil

import pytest

from testbed.chart_home import ASSISTANT, NAMESPACE, RELEASE
from testbed.errors import TestbedError
from testbed.helm import CHART
from testbed.system import wait_until

from .visit import CONFIG, Visit, folder_of

pytestmark = pytest.mark.timeout(300)

DEVICE = "192.168.244.1:5000/home/fridge"
INTEGRATION = "charts/integration/files/home_cluster"
FIRMWARE = "update.hall_lamp_firmware"


def running(visit: Visit) -> set[str]:
    """The images of the lamp's pods."""
    return {
        pod["spec"]["containers"][0]["image"]
        for pod in visit.pods("lamp", "home-lighting")
    }


def wait_for(visit: Visit, version: str) -> None:
    """Wait until the lamp runs a version and no other."""
    wait_until(
        f"The lamp's {version}",
        lambda: running(visit) == {f"{DEVICE}:{version}"},
        seconds=60,
        every=0.5,
        seen=lambda: str(running(visit)),
    )


def test_an_unchanged_upgrade_restarts_nothing(visit: Visit) -> None:
    """The same pods, and Home Assistant itself among them."""
    names = (("lamp", "home-lighting"), ("jazz", "home-media"))
    before = {name: visit.pods(*name)[0]["metadata"]["uid"] for name in names}
    own = visit.pods("home-assistant", NAMESPACE)[0]["metadata"]["uid"]
    visit.upgrade()
    after = {name: visit.pods(*name)[0]["metadata"]["uid"] for name in names}
    assert after == before
    assert visit.pods("home-assistant", NAMESPACE)[0]["metadata"]["uid"] == own


def test_a_priority_that_cannot_be_changed_is_refused_with_the_mend(
    visit: Visit,
) -> None:
    """Before anything is done: Kubernetes would stop halfway."""
    before = visit.home.helm.revision(RELEASE)
    visit.values["priorities"] = {"comfort": 5}
    with pytest.raises(TestbedError, match="kubectl delete priorityclass home-comfort"):
        visit.upgrade()
    del visit.values["priorities"]
    assert visit.home.helm.revision(RELEASE) == before


def test_an_upgrade_keeps_what_is_off_and_the_count(visit: Visit) -> None:
    """The chart does not name a count: it is Home Assistant's."""
    visit.service("switch.turn_off", "switch.hall_lamp")
    visit.service("home_cluster.scale", "sensor.living_room_jazz_status", replicas=2)
    visit.upgrade()
    assert visit.replicas("home-lamp", "home-lighting") == 0
    assert visit.replicas("home-jazz", "home-media") == 2
    visit.service("switch.turn_on", "switch.hall_lamp")
    visit.service("home_cluster.scale", "sensor.living_room_jazz_status", replicas=1)


def test_an_upgrade_keeps_the_count_of_an_autoscaler(visit: Visit) -> None:
    """It fills up to its minimum; the count is never Helm's, and a drain takes one pod at a time."""
    chime, zone = ("home-chime", "home-lighting")
    devices = visit.values["devices"]
    added = {
        **devices["lamp"],
        "hass": {"name": "Chime"},
        # So much that a start on a busy machine is no load to scale for.
        "resources": {"requests": {"cpu": "100m"}},
        "autoscale": {"min": 2, "max": 3},
    }
    visit.values["devices"] = {**devices, "chime": added}
    try:
        visit.upgrade()
        wait_until(
            "The second chime",
            lambda: visit.replicas(chime, zone) == 2,
            seconds=60,
            every=0.5,
            seen=lambda: str(visit.replicas(chime, zone)),
        )
        visit.values["devices"]["chime"] = {**added, "env": {"DEVICE_NAME": "Gong"}}
        visit.upgrade()
        assert visit.replicas(chime, zone) == 2
        visit.cluster.wait_rollout(zone, f"deployment/{chime}")
        # kubectl hides whose a field is.
        live = visit.cluster.api.get(
            f"/apis/apps/v1/namespaces/{zone}/deployments/{chime}"
        )
        (container,) = live["spec"]["template"]["spec"]["containers"]
        assert {"name": "DEVICE_NAME", "value": "Gong"} in container["env"]
        assert live["status"]["readyReplicas"] == live["spec"]["replicas"] == 2
        owned = {
            field
            for one in live["metadata"]["managedFields"]
            if one["manager"] == "helm"
            for field in one["fieldsV1"].get("f:spec", {})
        }
        assert "f:template" in owned
        assert "f:replicas" not in owned
        budget = visit.get("poddisruptionbudget", chime, zone)
        assert budget["spec"]["maxUnavailable"] == 1
    finally:
        visit.values["devices"] = devices
        visit.upgrade()


def test_home_assistant_offers_what_the_registry_has(visit: Visit) -> None:
    """Its pod reaches the registry of the house, through the walls around it."""
    visit.service("homeassistant.update_entity", FIRMWARE)
    visit.wait_states(update__hall_lamp_firmware="on")
    told = visit.states()[FIRMWARE]["attributes"]
    assert (told["installed_version"], told["latest_version"]) == ("v1.0.0", "v2.0.0")


def test_an_image_from_home_assistant_survives_an_upgrade(visit: Visit) -> None:
    """While the values name what they named before."""
    visit.service("update.install", FIRMWARE, version="v1.1.0")
    wait_for(visit, "v1.1.0")
    visit.upgrade()
    assert visit.image("home-lamp", "home-lighting") == f"{DEVICE}:v1.1.0"
    assert running(visit) == {f"{DEVICE}:v1.1.0"}


def test_a_new_tag_in_the_values_wins(visit: Visit) -> None:
    """And reaches the pods."""
    visit.values["devices"]["lamp"]["image"] = f"{DEVICE}:v2.0.0"
    visit.upgrade()
    wait_for(visit, "v2.0.0")
    visit.wait_states(update__hall_lamp_firmware="off")


def test_helm_goes_back(visit: Visit) -> None:
    """To the image that was there before the last upgrade."""
    visit.home.helm.rollback(RELEASE)
    visit.values["devices"]["lamp"]["image"] = f"{DEVICE}:v1.0.0"
    wait_for(visit, "v1.1.0")
    visit.wait_states(
        sensor__hall_lamp_status="running", update__hall_lamp_firmware="on"
    )


def version(visit: Visit) -> str:
    """The version of the integration that Home Assistant loaded."""
    return str(visit.call("manifest/get", integration="home_cluster")["version"])


def wait_for_another(visit: Visit, pod: str) -> None:
    """Wait until Home Assistant runs in another pod, with its devices."""
    wait_until(
        "Another pod of Home Assistant",
        lambda: [
            one["metadata"]["uid"]
            for one in visit.pods("home-assistant", NAMESPACE)
            if one["metadata"]["uid"] != pod
        ],
        seconds=120,
        every=1,
    )
    visit.home.wait_ready()
    visit.enter()
    assert visit.entry()["state"] == "loaded"
    visit.wait_states(sensor__hall_lamp_status="running")


def own_pod(visit: Visit) -> str:
    """The uid of Home Assistant's pod."""
    (pod,) = visit.pods("home-assistant", NAMESPACE)
    return str(pod["metadata"]["uid"])


def renumber(integration: Path, number: str) -> None:
    """Give a copy of the integration another version."""
    manifest = integration / "manifest.json"
    manifest.write_text(
        json.dumps({**json.loads(manifest.read_text()), "version": number})
    )


def test_a_new_integration_comes_by_itself(visit: Visit, tmp_path: Path) -> None:
    """And without a package index: the packages are on Home Assistant's own volume."""
    chart = tmp_path / "home-cluster"
    shutil.copytree(CHART, chart, ignore=shutil.ignore_patterns("__pycache__"))
    renumber(chart / INTEGRATION, "99.0.0")
    visit.home.stop_index()
    before = own_pod(visit)
    visit.home.helm.upgrade(RELEASE, visit.values, chart=chart)
    wait_for_another(visit, before)
    assert version(visit) == "99.0.0"


def test_and_goes_with_a_rollback(visit: Visit) -> None:
    """In one piece with the chart that brought it."""
    before = own_pod(visit)
    visit.home.helm.rollback(RELEASE)
    wait_for_another(visit, before)
    assert version(visit) != "99.0.0"
    visit.home.start_index()


def start_anew(visit: Visit) -> None:
    """Have Home Assistant start in another pod."""
    before = own_pod(visit)
    visit.cluster.kubectl(
        "delete", "pod", f"{ASSISTANT}-0", "-n", NAMESPACE, "--wait=false"
    )
    wait_for_another(visit, before)


def test_a_copy_by_hacs_wins_while_it_is_there(visit: Visit) -> None:
    """Home Assistant looks into its own folder first."""
    delivered = version(visit)
    copy = folder_of(visit, CONFIG, NAMESPACE) / "custom_components" / "home_cluster"
    shutil.copytree(
        CHART / INTEGRATION, copy, ignore=shutil.ignore_patterns("__pycache__")
    )
    renumber(copy, "98.0.0")
    try:
        start_anew(visit)
        assert version(visit) == "98.0.0"
    finally:
        shutil.rmtree(copy)
        start_anew(visit)
    assert version(visit) == delivered
