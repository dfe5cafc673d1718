"""What pods ask of nodes beyond CPU and memory, and what nodes have of it."""

import json
from typing import Any

import pytest

from custom_components.home_cluster.kube.schema import Kind, Node, Pod
from custom_components.home_cluster.kube.wire import decode_object


def pod(*limits: Any) -> Pod:
    """Return a pod whose containers have these limits."""
    containers = [
        {"name": f"c{number}", "resources": {"limits": one}}
        for number, one in enumerate(limits)
    ]
    raw = {"metadata": {"name": "x", "uid": "u"}, "spec": {"containers": containers}}
    found = decode_object(Kind.POD, json.dumps(raw).encode())
    assert isinstance(found, Pod)
    return found


@pytest.mark.parametrize(
    ("limits", "hardware"),
    [
        (({"cpu": "1", "memory": "64Mi"},), ()),
        (({"squat.ai/zigbee": "1", "cpu": "1"},), ("squat.ai/zigbee",)),
        (
            ({"squat.ai/zigbee": 1}, {"gpu.intel.com/i915": "1"}),
            ("gpu.intel.com/i915", "squat.ai/zigbee"),
        ),
        (({"squat.ai/zigbee": "1"}, {"squat.ai/zigbee": "1"}), ("squat.ai/zigbee",)),
        ((None,), ()),
        (({},), ()),
        ((), ()),
    ],
)
def test_a_pod_asks_for_hardware_by_its_limits(
    limits: tuple[Any, ...], hardware: tuple[str, ...]
) -> None:
    """Of what is asked for by name only extended resources have a domain."""
    assert pod(*limits).hardware == hardware


def test_a_node_offers_what_is_allocatable() -> None:
    """A stick that was pulled out is still in the capacity, with none to give."""
    raw = {
        "metadata": {"name": "pi", "uid": "u"},
        "status": {
            "capacity": {"squat.ai/zigbee": "1", "squat.ai/zwave": "1"},
            "allocatable": {"cpu": "4", "squat.ai/zigbee": "0", "squat.ai/zwave": "1"},
        },
    }
    found = decode_object(Kind.NODE, json.dumps(raw).encode())
    assert isinstance(found, Node)
    assert found.hardware == ("squat.ai/zwave",)
