"""Presets with the real programs in them: under their rights, on their volumes, restarted and moved."""

from collections.abc import Iterator
import json
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from testbed import program_images
from testbed.helm import Helm
from testbed.system import wait_until

from .visit import ATTIC, HALL, Visit

pytestmark = pytest.mark.timeout(400)

RELEASE: Final = "tools"
ZONE: Final = "tools-shed"
VALUES: Final = yaml.safe_load(Path(__file__).with_name("programs.yaml").read_text())
DEVICES: Final = {name: one["preset"] for name, one in VALUES["devices"].items()}
MOVING: Final = ("ears", "mqtt")


@pytest.fixture(scope="module")
def shed(visit: Visit) -> Iterator[Visit]:
    """The programs, installed."""
    for node, presets in {
        HALL: program_images.PROGRAMS,
        ATTIC: [DEVICES[name] for name in MOVING],
    }.items():
        for preset in presets:
            visit.cluster.node(node).import_image(program_images.archive(preset))
    # What is tied to a node is tied to that which has its image.
    visit.cluster.kubectl("cordon", ATTIC)
    helm = Helm(visit.cluster, RELEASE)
    helm.install(RELEASE, VALUES)
    visit.cluster.kubectl(
        *("create", "secret", "generic", "database", "-n", ZONE),
        "--from-literal=password=quiet",
    )
    yield visit
    visit.cluster.kubectl("uncordon", HALL, ATTIC)
    helm.uninstall(RELEASE)


def shed_log(visit: Visit, name: str) -> str:
    """The last words of a program."""
    return visit.cluster.kubectl(
        *("logs", "-n", ZONE, "--tail=15"),
        *("-l", f"app.kubernetes.io/component={name}"),
        check=False,
    )


def running(visit: Visit) -> dict[str, dict[str, Any]]:
    """The pods by their device's name, once each has one that is Ready and kept so."""
    found: dict[str, dict[str, Any]] = {}

    def ready() -> bool:
        found.clear()
        for name in DEVICES:
            pods = visit.pods(name, ZONE)
            if len(pods) == 1 and all(
                one["ready"] for one in pods[0]["status"].get("containerStatuses", ())
            ):
                found[name] = pods[0]
        return len(found) == len(DEVICES)

    def missing() -> str:
        absent = [name for name in DEVICES if name not in found]
        words = [shed_log(visit, name) for name in absent]
        return "\n".join([f"{', '.join(absent)} not Ready", *words])

    wait_until("The programs", ready, seconds=150, every=1, seen=missing)
    return found


def test_every_program_that_an_image_is_made_of_is_tried() -> None:
    """The chart's README names the presets whose programs are not."""
    assert set(DEVICES.values()) == set(program_images.PROGRAMS)


def test_each_gets_ready_with_no_more_than_its_preset_gives(shed: Visit) -> None:
    """The zone holds them to the restricted level of Pod Security; none of them fell on the way.

    Zigbee2MQTT is seen up to the page of its first start: there is no coordinator here.
    """
    zone = shed.cluster.api.get(f"/api/v1/namespaces/{ZONE}")
    assert (
        zone["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    )
    for name, pod in running(shed).items():
        (status,) = pod["status"]["containerStatuses"]
        assert status["restartCount"] == 0, name
        (container,) = pod["spec"]["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True, name


def test_each_comes_back_to_its_volume(shed: Visit) -> None:
    """A pod that is deleted has a successor, which finds what there was."""
    before = {name: pod["metadata"]["uid"] for name, pod in running(shed).items()}
    shed.cluster.kubectl("delete", "pods", "--all", "-n", ZONE, "--wait")
    after = running(shed)
    assert not set(before.values()) & {pod["metadata"]["uid"] for pod in after.values()}
    words = shed.cluster.kubectl(
        "logs", "-n", ZONE, after["database"]["metadata"]["name"]
    )
    assert "Installing MariaDB" not in words
    claims = json.loads(shed.cluster.kubectl("get", "pvc", "-n", ZONE, "-o", "json"))[
        "items"
    ]
    assert {claim["status"]["phase"] for claim in claims} == {"Bound"}
    assert len(claims) == 5


def test_what_roams_moves_to_another_node(shed: Visit) -> None:
    """Where its node takes no pods any more."""
    running(shed)
    shed.cluster.kubectl("uncordon", ATTIC)
    shed.cluster.kubectl("cordon", HALL)
    for name in MOVING:
        (pod,) = shed.pods(name, ZONE)
        shed.cluster.kubectl("delete", "pod", pod["metadata"]["name"], "-n", ZONE)
    after = running(shed)
    assert {after[name]["spec"]["nodeName"] for name in MOVING} == {ATTIC}
    assert after["database"]["spec"]["nodeName"] == HALL
