"""A node that is gone, a house without power, a datastore from a copy: what comes back, and what is told."""

from pathlib import Path

import pytest

from testbed import faults
from testbed.chart_home import NAMESPACE, RELEASE
from testbed.system import wait_until

from .visit import ATTIC, HALL, Visit, starts

pytestmark = pytest.mark.timeout(400)

ZONED = (
    ("lamp", "home-lighting"),
    ("broker", "home-lighting"),
    ("jazz", "home-media"),
    ("home-assistant", NAMESPACE),
)


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


def known(visit: Visit) -> dict[str, str]:
    """The integration's entities as Home Assistant has them on record, by what they are told apart by."""
    return {
        entity["unique_id"]: entity["entity_id"]
        for entity in visit.call("config/entity_registry/list")
        if entity["platform"] == "home_cluster"
    }


def test_a_cluster_from_a_copy_of_its_datastore_is_the_same_house(
    visit: Visit, tmp_path: Path
) -> None:
    """What was commanded since is forgotten, what was installed since is gone, and nothing is there twice."""
    before, count = known(visit), starts(visit)
    entry = visit.entry()["entry_id"]
    faults.snapshot(visit.cluster, tmp_path / "datastore")
    visit.service("switch.turn_off", "switch.hall_lamp")
    bell = {**visit.values["devices"]["lamp"], "hass": {"name": "Bell"}}
    devices = {**visit.values["devices"], "bell": bell}
    visit.home.helm.upgrade(RELEASE, {**visit.values, "devices": devices})
    visit.wait_states(sensor__bell_status="running", sensor__hall_lamp_status="off")

    faults.restore(visit.cluster, tmp_path / "datastore")
    visit.home.wait_ready()
    visit.enter()
    assert visit.entry()["entry_id"] == entry
    visit.wait_states(
        120,
        binary_sensor__kubernetes_reachable="on",
        switch__hall_lamp="on",
        sensor__hall_lamp_status="running",
        sensor__living_room_jazz_status="running",
        sensor__broker_status="running",
    )
    wait_until(
        "The devices of before",
        lambda: known(visit) == before,
        seconds=60,
        every=1,
        seen=lambda: str(known(visit).keys() ^ before.keys()),
    )
    assert [len(visit.pods(*one)) for one in ZONED] == [1] * len(ZONED)
    assert visit.pods("bell", "home-lighting") == []
    assert starts(visit) >= count
    # Helm, too, is where it was.
    visit.upgrade()
