"""What a house by the chart does on the first day: it runs, connected by itself, and obeys."""

import base64
from pathlib import Path
from typing import Final

import pytest

from testbed.chart_home import ASSISTANT, NAMESPACE, RELEASE
from testbed.house_socket import HouseError

from .visit import ATTIC, HALL, Visit

pytestmark = pytest.mark.timeout(300)

LANGUAGES: Final = (
    Path(__file__).parents[2] / "custom_components/home_cluster/translations"
)


def test_home_assistant_is_connected_to_its_own_cluster(visit: Visit) -> None:
    """Nobody configured anything."""
    entry = visit.entry()
    assert entry["source"] == "import"
    assert visit.state("binary_sensor.kubernetes_reachable") == "on"


def test_the_release_is_small_and_the_integration_speaks_every_language(
    visit: Visit,
) -> None:
    """What Helm stored, and what Home Assistant's container sees, read-only."""
    stored = visit.get("secret", f"sh.helm.release.v1.{RELEASE}.v1", NAMESPACE)
    assert len(base64.b64decode(stored["data"]["release"])) <= 700_000
    folder = "/home-cluster/integration/custom_components/home_cluster"
    inside = (f"{ASSISTANT}-0", NAMESPACE, "sh", "-c")
    listed = visit.exec(*inside, f"ls {folder}/translations")
    assert set(listed.split()) == {path.name for path in LANGUAGES.glob("*.json")}
    assert not visit.exec(*inside, f"touch {folder}/x && echo written")


def test_its_devices_are_there(visit: Visit) -> None:
    """With the names and areas that the values gave them."""
    visit.wait_states(
        sensor__hall_lamp_status="running",
        sensor__broker_status="running",
        sensor__living_room_jazz_status="running",
        sensor__watering_status="idle",
        sensor__home_assistant_status="running",
    )


def test_the_packages_came_from_the_index_and_are_kept(visit: Visit) -> None:
    """The image has none of them."""
    found = visit.exec(
        *(f"{ASSISTANT}-0", NAMESPACE, "python3", "-c"),
        "import msgspec; print(msgspec.__file__)",
    )
    assert found.startswith("/config/.home_cluster/current/")


def test_a_device_is_switched_off_and_on(visit: Visit) -> None:
    """With the one right that this needs."""
    visit.service("switch.turn_off", "switch.hall_lamp")
    assert visit.replicas("home-lamp", "home-lighting") == 0
    visit.wait_states(sensor__hall_lamp_status="off", switch__hall_lamp="off")
    visit.service("switch.turn_on", "switch.hall_lamp")
    visit.wait_states(sensor__hall_lamp_status="running", switch__hall_lamp="on")


def test_nothing_locks_the_user_out(visit: Visit) -> None:
    """Home Assistant's own workload has no switch and no number, and its node is not emptied."""
    states = visit.states()
    own = {
        name
        for name in states
        if "home_assistant_" in name or name.endswith("home_assistant")
    }
    assert not [name for name in own if name.startswith(("switch.", "number."))]
    registered = visit.call("config/entity_registry/list")
    of_own = {
        one["unique_id"].rpartition("/")[2]
        for one in registered
        if f"/statefulset/{NAMESPACE}/{ASSISTANT}/" in str(one["unique_id"])
    }
    assert "status" in of_own
    assert not of_own & {"power", "replicas"}
    own_status = "sensor.home_assistant_status"
    with pytest.raises(HouseError):
        visit.service("home_cluster.scale", own_status, replicas=0, force=True)
    with pytest.raises(HouseError):
        visit.call(
            "call_service",
            domain="home_cluster",
            service="apply_power_plan",
            service_data={
                "devices": [{"entity_id": own_status, "power": False}],
                "force": True,
            },
        )
    with pytest.raises(HouseError):
        visit.service("home_cluster.drain", "binary_sensor.pi_hall_connected")
    assert "unschedulable" not in visit.get("node", HALL, "")["spec"]
    assert visit.pods("home-assistant", NAMESPACE)


def test_the_devices_run_where_they_should(visit: Visit) -> None:
    """The pinned one stays in the attic, and the roaming one prefers it."""
    assert visit.node_of("broker", "home-lighting") == ATTIC
    assert visit.node_of("jazz", "home-media") == ATTIC
