"""The end of a house, and its new beginning: what `helm uninstall` leaves, and what a backup brings back."""

from pathlib import Path
import shutil

import pytest

from testbed import faults
from testbed.chart_home import NAMESPACE, RELEASE
from testbed.system import wait_until

from .visit import CONFIG, HALL, ZONES, Visit, folder_of, starts

pytestmark = pytest.mark.timeout(400)

BROKER = "home-broker-data"
LAMP = "Lamp of grandmother"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place that is not this house."""
    return tmp_path_factory.mktemp("kept")


def test_a_backup_is_made(visit: Visit, kept: Path) -> None:
    """By Home Assistant itself; a name that somebody gave is in it."""
    visit.call(
        "config/entity_registry/update",
        entity_id="switch.hall_lamp",
        name=LAMP,
    )
    config = folder_of(visit, CONFIG, NAMESPACE)
    registry = config / ".storage" / "core.entity_registry"
    wait_until(
        "The name on the disk",
        lambda: registry.exists() and LAMP in registry.read_text(),
        seconds=60,
        every=1,
    )
    visit.call(
        "backup/generate",
        agent_ids=["backup.local"],
        include_homeassistant=True,
        include_database=True,
        name="before the end",
    )
    folder = config / "backups"

    def done() -> list[Path]:
        state = visit.call("backup/info")["state"]
        return list(folder.glob("*.tar")) if state == "idle" else []

    (file,) = wait_until("The backup", done, seconds=60, every=1)
    shutil.copy(file, kept / "backup.tar")
    broker = folder_of(visit, BROKER, "home-lighting")
    shutil.copytree(broker, kept / "broker")


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


def test_a_new_house_gets_the_old_ones_memory(visit: Visit, kept: Path) -> None:
    """From the backup and the copy of a volume, on new disks: same login, same names, same data."""
    counted = int((kept / "broker" / "starts").read_text())
    for claim, namespace in ((CONFIG, NAMESPACE), (BROKER, "home-lighting")):
        visit.cluster.kubectl("delete", "persistentvolumeclaim", claim, "-n", namespace)
    folder = faults.small_volume(visit.cluster, HALL, "rescue", mebibytes=200)
    shutil.copy(kept / "backup.tar", folder / "backup.tar")
    visit.cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "rescue", "namespace": NAMESPACE},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "",
                "volumeName": "rescue",
                "resources": {"requests": {"storage": "100Mi"}},
            },
        }
    )
    visit.values["homeAssistant"]["restore"] = {
        "existingClaim": "rescue",
        "file": "backup.tar",
    }
    visit.home.install(visit.values)
    visit.enter_again()
    assert visit.entry()["state"] == "loaded"
    # What a pod had while it waited for its new volume holds until it has been Ready for a minute.
    visit.wait_states(
        seconds=180, sensor__hall_lamp_status="running", sensor__broker_status="running"
    )
    lamp = visit.call("config/entity_registry/get", entity_id="switch.hall_lamp")
    assert lamp["name"] == LAMP
    # The copy of the device's volume goes back while the device is off.
    visit.scale("broker", "home-lighting", 0)
    shutil.copytree(
        kept / "broker", folder_of(visit, BROKER, "home-lighting"), dirs_exist_ok=True
    )
    visit.scale("broker", "home-lighting", 1)
    visit.wait_states(sensor__broker_status="running")
    wait_until(
        "The broker's memory", lambda: starts(visit) == counted + 1, seconds=30, every=1
    )
