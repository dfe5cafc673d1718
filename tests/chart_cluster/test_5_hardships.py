"""A node that is gone, a house without power: what comes back, and what Home Assistant says."""

import pytest

from testbed import faults
from testbed.system import wait_until

from .visit import ATTIC, HALL, Visit, starts

pytestmark = pytest.mark.timeout(400)


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
