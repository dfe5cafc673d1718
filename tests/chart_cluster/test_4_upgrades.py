"""Upgrades and rollbacks: what was set in Home Assistant stays, and what the values change wins."""

import pytest

from testbed.chart_home import ASSISTANT, NAMESPACE, RELEASE
from testbed.system import wait_until

from .account import Account
from .visit import Visit

pytestmark = pytest.mark.timeout(300)

DEVICE = "192.168.244.1:5000/home/fridge"
LAMP = "/apis/apps/v1/namespaces/home-lighting/deployments/home-lamp"


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


def install(account: Account, version: str) -> None:
    """Install an image as Home Assistant does: patch it, and disown the field."""
    status, answer = account.request(
        "PATCH",
        f"{LAMP}?fieldManager=home-cluster",
        {
            "spec": {
                "template": {
                    "spec": {
                        "containers": [{"name": "lamp", "image": f"{DEVICE}:{version}"}]
                    }
                }
            }
        },
        "application/strategic-merge-patch+json",
    )
    assert status == 200, answer
    managers = answer["metadata"]["managedFields"]
    (number,) = (
        index
        for index, one in enumerate(managers)
        if one["manager"] == "home-cluster" and not one.get("subresource")
    )
    status, answer = account.request(
        "PATCH",
        LAMP,
        [
            {
                "op": "test",
                "path": f"/metadata/managedFields/{number}/manager",
                "value": "home-cluster",
            },
            {"op": "remove", "path": f"/metadata/managedFields/{number}"},
        ],
        "application/json-patch+json",
    )
    assert status == 200, answer


def test_an_unchanged_upgrade_restarts_nothing(visit: Visit) -> None:
    """The same pods, and Home Assistant itself among them."""
    names = (("lamp", "home-lighting"), ("jazz", "home-media"))
    before = {name: visit.pods(*name)[0]["metadata"]["uid"] for name in names}
    own = visit.pods("home-assistant", NAMESPACE)[0]["metadata"]["uid"]
    visit.upgrade()
    after = {name: visit.pods(*name)[0]["metadata"]["uid"] for name in names}
    assert after == before
    assert visit.pods("home-assistant", NAMESPACE)[0]["metadata"]["uid"] == own


def test_an_upgrade_keeps_what_is_off_and_the_count(visit: Visit) -> None:
    """The chart does not name a count: it is Home Assistant's."""
    visit.service("switch.turn_off", "switch.hall_lamp")
    visit.service("number.set_value", "number.living_room_jazz_replicas", value=2)
    visit.upgrade()
    assert visit.replicas("home-lamp", "home-lighting") == 0
    assert visit.replicas("home-jazz", "home-media") == 2
    visit.service("switch.turn_on", "switch.hall_lamp")
    visit.service("number.set_value", "number.living_room_jazz_replicas", value=1)


def test_an_image_from_home_assistant_survives_an_upgrade(
    visit: Visit, account: Account
) -> None:
    """While the values name what they named before."""
    install(account, "v1.1.0")
    wait_for(visit, "v1.1.0")
    visit.upgrade()
    assert visit.image("home-lamp", "home-lighting") == f"{DEVICE}:v1.1.0"


def test_a_new_tag_in_the_values_wins(visit: Visit) -> None:
    """And reaches the pods."""
    visit.values["devices"]["lamp"]["image"] = f"{DEVICE}:v2.0.0"
    visit.upgrade()
    wait_for(visit, "v2.0.0")


def test_helm_goes_back(visit: Visit) -> None:
    """To the image that was there before the last upgrade."""
    visit.home.helm.rollback(RELEASE)
    visit.values["devices"]["lamp"]["image"] = f"{DEVICE}:v1.0.0"
    wait_for(visit, "v1.1.0")
    visit.wait_states(sensor__hall_lamp_status="running")


def test_home_assistant_starts_without_a_package_index(visit: Visit) -> None:
    """From the packages on its own volume."""
    visit.home.stop_index()
    try:
        visit.cluster.kubectl("delete", "pod", f"{ASSISTANT}-0", "-n", NAMESPACE)
        visit.home.wait_ready()
        visit.enter()
        assert visit.entry()["state"] == "loaded"
        visit.wait_states(sensor__hall_lamp_status="running")
    finally:
        visit.home.start_index()
