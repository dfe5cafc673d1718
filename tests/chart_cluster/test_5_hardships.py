"""A node that is gone, a house without power, and the end: what comes back, and what is left."""

import json

import pytest

from testbed import faults
from testbed.chart_home import NAMESPACE, RELEASE
from testbed.system import wait_until

from .visit import ATTIC, HALL, ZONES, Visit

pytestmark = pytest.mark.timeout(400)


def starts(visit: Visit) -> int:
    """How often the broker has started, as it counts on its own volume."""
    (pod,) = visit.pods("broker", "home-lighting")
    address = f"http://{pod['status']['podIP']}:8080/"
    said = visit.exec(
        *("home-home-assistant-0", NAMESPACE, "python3", "-c"),
        "import urllib.request; print(urllib.request.urlopen(urllib.request.Request("
        f"'{address}', headers={{'Accept': 'application/json'}}), timeout=5).read().decode())",
    )
    return int(json.loads(said)["starts"])


def test_a_lost_node_takes_only_what_is_tied_to_it(visit: Visit) -> None:
    """The roaming device moves, the pinned one waits, and Home Assistant tells which."""
    before = starts(visit)
    faults.power_cut(visit.cluster, ATTIC)
    try:
        wait_until(
            "Jazz in the hall",
            lambda: (
                {pod["spec"]["nodeName"] for pod in visit.pods("jazz", "home-media")}
                == {HALL}
            ),
            seconds=90,
            every=1,
        )
        visit.wait_states(90, sensor__living_room_jazz_status="running")
        visit.wait_states(
            120,
            binary_sensor__pi_attic_connected="off",
            binary_sensor__broker_problem="on",
            sensor__broker_reason="node_lost",
        )
        assert visit.node_of("broker", "home-lighting") == ATTIC
        assert visit.state("sensor.hall_lamp_status") == "running"
    finally:
        faults.power_on(visit.cluster)
    visit.wait_states(
        120,
        binary_sensor__pi_attic_connected="on",
        binary_sensor__broker_problem="off",
        sensor__broker_status="running",
    )
    assert starts(visit) > before


def test_the_house_comes_back_after_a_power_cut(visit: Visit) -> None:
    """By itself and whole: what was off is off, and nothing on a volume is lost."""
    visit.service("switch.turn_off", "switch.watering")
    before = starts(visit)
    faults.power_cut(visit.cluster)
    faults.power_on(visit.cluster)
    visit.home.wait_ready()
    visit.enter()
    assert visit.entry()["state"] == "loaded"
    visit.wait_states(
        120,
        binary_sensor__kubernetes_reachable="on",
        sensor__hall_lamp_status="running",
        sensor__living_room_jazz_status="running",
        sensor__broker_status="running",
        switch__watering="off",
    )
    assert starts(visit) > before


def test_uninstalling_leaves_the_volumes_and_nothing_else(visit: Visit) -> None:
    """With the namespaces that they are in."""
    visit.home.helm.uninstall(RELEASE)
    kept = "app.kubernetes.io/part-of=home-cluster"
    kinds = visit.cluster.kubectl("api-resources", "--verbs=list", "-o", "name").split()
    ignored = {"events", "events.events.k8s.io", "componentstatuses"}
    wanted = {
        "namespace/home-lighting",
        "persistentvolumeclaim/home-home-assistant-config",
        "persistentvolumeclaim/home-broker-data",
    }

    def left() -> set[str]:
        names = visit.cluster.kubectl(
            *("get", ",".join(kind for kind in kinds if kind not in ignored), "-A"),
            *("-l", kept, "-o", "name"),
            check=False,
        )
        return set(names.split())

    wait_until(
        "The end",
        lambda: left() == wanted,
        seconds=120,
        every=2,
        seen=lambda: str(left()),
    )
    for zone in ZONES:
        found = visit.cluster.api.find(f"/api/v1/namespaces/{zone}")
        assert (found is not None) == (zone == "home-lighting")
