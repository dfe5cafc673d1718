"""Secrets from a vault in the house: a real HashiCorp Vault that asks the real API server who comes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import yaml

from testbed import faults, program_images, vault_image
from testbed.pytest_plugin import open_sockets
from testbed.system import run, wait_until

from .vault import Operator
from .visit import ATTIC, Visit, folder_of

pytestmark = pytest.mark.timeout(300)

VALUES: Final = yaml.safe_load(Path(__file__).with_name("vault.yaml").read_text())
PATH: Final = "secret/data/home/mqtt"
ZONE: Final = "home-garden"
SAFE: Final = "deployment/home-safe"
CLAIM: Final = "home-safe-data"


@pytest.fixture(scope="module")
def operator(visit: Visit) -> Iterator[Operator]:
    """The vault, opened, with a secret that only Soil may read."""
    open_sockets()
    for archive in (vault_image.archive(), program_images.archive("mosquitto")):
        visit.cluster.node(ATTIC).import_image(archive)
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
    visit.cluster.wait_rollout(ZONE, SAFE)
    operator = Operator(visit.cluster, ZONE, SAFE)
    operator.open()
    operator.keep(PATH, password="quiet")
    operator.allow("soil", PATH)
    operator.bind("soil", "home-soil", ZONE)
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


def secret(visit: Visit) -> str:
    """What Soil has got from the vault; nothing while it waits."""
    (pod,) = visit.pods("soil", ZONE)
    here = (pod["metadata"]["name"], ZONE, "busybox")
    return visit.exec(*here, "cat", "/vault/secrets/password")


def test_a_device_gets_its_secret_and_nothing_to_get_more(
    visit: Visit, operator: Operator
) -> None:
    """In memory, before its program starts; the pod has no token of its account left."""
    start_again(visit, "soil", ZONE)
    visit.wait_states(sensor__soil_status="running")
    (pod,) = visit.pods("soil", ZONE)
    here = (pod["metadata"]["name"], ZONE, "busybox")
    assert secret(visit) == "quiet"
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
    start_again(visit, "soil", ZONE)
    visit.wait_states(
        binary_sensor__soil_problem="on", sensor__soil_reason="init_failed"
    )
    refused(visit, "soil", ZONE, "permission denied")
    operator.allow("soil", PATH)
    start_again(visit, "soil", ZONE)
    visit.wait_states(binary_sensor__soil_problem="off", sensor__soil_status="running")


def test_after_a_power_cut_it_waits_for_its_key(
    visit: Visit, operator: Operator
) -> None:
    """And who needs it waits, says why, and goes on by itself; nothing is lost."""
    faults.power_cut(visit.cluster, ATTIC)
    faults.power_on(visit.cluster)
    wait_until(
        "The vault to be sealed",
        lambda: operator.status().get("sealed"),
        seconds=90,
        every=1,
    )
    visit.wait_states(
        90, binary_sensor__soil_problem="on", sensor__soil_reason="init_failed"
    )
    refused(visit, "soil", ZONE, "Vault is sealed")
    assert secret(visit) == ""
    operator.unseal()
    wait_until("Soil's secret", lambda: secret(visit) == "quiet", seconds=90, every=1)


def test_a_copy_of_its_volume_opens_with_the_same_key(
    visit: Visit, operator: Operator, tmp_path: Path
) -> None:
    """On a disk that knew nothing; by the commands of the page about backups."""
    copy = tmp_path / "safe.tgz"
    visit.scale("safe", ZONE, 0)
    old = folder_of(visit, CLAIM, ZONE)
    run("tar", "-C", old.parent, "-czf", copy, old.name)
    visit.cluster.kubectl("delete", "persistentvolumeclaim", CLAIM, "-n", ZONE)
    visit.upgrade()
    visit.scale("safe", ZONE, 1)
    assert operator.status()["initialized"] is False
    visit.scale("safe", ZONE, 0)
    new = folder_of(visit, CLAIM, ZONE)
    assert new != old
    run("find", new, "-mindepth", "1", "-delete")
    run("tar", "-C", new, "--strip-components=1", "-xzf", copy)
    visit.scale("safe", ZONE, 1)
    assert operator.status()["sealed"] is True
    # What had its secret before went on without the vault.
    visit.wait_states(
        90, binary_sensor__soil_problem="off", sensor__soil_status="running"
    )
    operator.unseal()
    start_again(visit, "soil", ZONE)
    visit.wait_states(sensor__soil_status="running")
    assert secret(visit) == "quiet"
