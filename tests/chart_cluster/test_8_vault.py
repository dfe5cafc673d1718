"""Secrets from a vault in the house: a real HashiCorp Vault that asks the real API server who comes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import yaml

from testbed import program_images, vault_image
from testbed.pytest_plugin import open_sockets
from testbed.system import wait_until

from .vault import Operator, opened
from .visit import HALL, Visit

pytestmark = pytest.mark.timeout(300)

VALUES: Final = yaml.safe_load(Path(__file__).with_name("vault.yaml").read_text())
PATH: Final = "secret/data/home/mqtt"


@pytest.fixture(scope="module")
def operator(visit: Visit) -> Iterator[Operator]:
    """The vault, opened, with a secret that only Soil may read."""
    open_sockets()
    for archive in (vault_image.archive(), program_images.archive("mosquitto")):
        visit.cluster.node(HALL).import_image(archive)
    before = dict(visit.values)
    visit.values = {
        **before,
        **VALUES,
        "devices": {**before["devices"], **VALUES["devices"]},
    }
    image = program_images.PROGRAMS["mosquitto"].name
    for name in ("soil", "radio"):
        visit.values["devices"][name]["image"] = image
    visit.upgrade()
    visit.cluster.wait_rollout("home-garden", "deployment/home-safe")
    with opened(visit.cluster, "home-garden", "deployment/home-safe", 8200) as address:
        operator = Operator(address)
        operator.open()
        operator.keep(PATH, password="quiet")
        operator.allow("soil", PATH)
        operator.bind("soil", "home-soil", "home-garden")
        yield operator
    visit.values = before
    visit.upgrade()


def refused(visit: Visit, device: str, namespace: str, why: str) -> None:
    """Wait until the agent in a device's pod has said why; each try has a log of its own."""
    said = [""]

    def told() -> bool:
        said[0] = visit.cluster.kubectl(
            *("logs", "-n", namespace, "-c", "vault", "--tail=20"),
            *("-l", f"app.kubernetes.io/component={device}"),
            check=False,
        )
        return why in said[0]

    wait_until("The refusal", told, seconds=30, every=0.5, seen=lambda: said[0])


def start_again(visit: Visit, device: str, namespace: str) -> None:
    """Have a pod that has not failed before."""
    visit.cluster.kubectl(
        *("delete", "pod", "-n", namespace, "--wait=false"),
        *("-l", f"app.kubernetes.io/component={device}"),
    )


def test_a_device_gets_its_secret_and_nothing_to_get_more(
    visit: Visit, operator: Operator
) -> None:
    """In memory, before its program starts; the pod has no token of its account left."""
    start_again(visit, "soil", "home-garden")
    visit.wait_states(sensor__soil_status="running")
    (pod,) = visit.pods("soil", "home-garden")
    here = (pod["metadata"]["name"], "home-garden", "busybox")
    assert visit.exec(*here, "cat", "/vault/secrets/password") == "quiet"
    assert "tmpfs" in visit.exec(*here, "grep", "/vault/secrets", "/proc/mounts")
    assert not visit.exec(*here, "ls", "/vault/token")
    assert not visit.exec(*here, "ls", "/var/run/secrets")


def test_a_device_of_another_zone_does_not(visit: Visit, operator: Operator) -> None:
    """With the role of its neighbour, but an account of its own: Home Assistant tells what fails."""
    start_again(visit, "radio", "home-media")
    visit.wait_states(
        binary_sensor__radio_problem="on", sensor__radio_reason="init_failed"
    )
    problem = visit.states()["binary_sensor.radio_problem"]["attributes"]
    assert problem["container"] == "vault"
    refused(visit, "radio", "home-media", "namespace not authorized")


def test_what_a_changed_policy_refuses_is_told(
    visit: Visit, operator: Operator
) -> None:
    """What was read before is of no use to the next pod; and when it may again, it runs by itself."""
    operator.allow("soil", "secret/data/another")
    start_again(visit, "soil", "home-garden")
    visit.wait_states(
        binary_sensor__soil_problem="on", sensor__soil_reason="init_failed"
    )
    refused(visit, "soil", "home-garden", "permission denied")
    operator.allow("soil", PATH)
    start_again(visit, "soil", "home-garden")
    visit.wait_states(binary_sensor__soil_problem="off", sensor__soil_status="running")
