"""The provisioner of volumes decides well from claims and volumes."""

import copy
from pathlib import Path
from typing import Any

import pytest

from testbed.volumes import PROVISIONER, unwanted, volume_for

NODES = Path("/nodes")
CLAIM: dict[str, Any] = {
    "metadata": {
        "name": "library-jazz-0",
        "namespace": "media",
        "uid": "u-1",
        "annotations": {
            "volume.kubernetes.io/storage-provisioner": PROVISIONER,
            "volume.kubernetes.io/selected-node": "pi-attic",
        },
    },
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "local-path",
        "resources": {"requests": {"storage": "64Mi"}},
    },
}


def test_a_claim_gets_a_folder_of_the_node_that_was_chosen() -> None:
    volume = volume_for(CLAIM, NODES)
    assert volume is not None
    spec = volume["spec"]
    assert volume["metadata"]["name"] == "pvc-u-1"
    assert spec["local"] == {"path": "/nodes/pi-attic/volumes/pvc-u-1"}
    assert spec["capacity"] == {"storage": "64Mi"}
    assert spec["claimRef"]["uid"] == "u-1"
    (term,) = spec["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [
        {"key": "kubernetes.io/hostname", "operator": "In", "values": ["pi-attic"]}
    ]


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("metadata", {"annotations": {}}),
        (
            "metadata",
            {"annotations": {"volume.kubernetes.io/storage-provisioner": PROVISIONER}},
        ),
        (
            "metadata",
            {
                "annotations": {
                    **CLAIM["metadata"]["annotations"],
                    "volume.kubernetes.io/storage-provisioner": "somebody.else/nfs",
                }
            },
        ),
        ("metadata", {"deletionTimestamp": "2026-01-01T00:00:00Z"}),
        ("spec", {"volumeName": "pvc-u-1"}),
    ],
    ids=["nobody's", "no node yet", "another's", "being deleted", "bound"],
)
def test_other_claims_get_nothing(part: str, change: dict[str, Any]) -> None:
    claim = copy.deepcopy(CLAIM)
    claim[part].update(change)
    assert volume_for(claim, NODES) is None


@pytest.mark.parametrize(
    ("by", "phase", "policy", "goes"),
    [
        (PROVISIONER, "Released", "Delete", True),
        (PROVISIONER, "Bound", "Delete", False),
        (PROVISIONER, "Released", "Retain", False),
        ("somebody.else/nfs", "Released", "Delete", False),
    ],
)
def test_a_volume_goes_only_when_it_is_ours_and_released(
    by: str, phase: str, policy: str, goes: bool
) -> None:
    volume = volume_for(CLAIM, NODES)
    assert volume is not None
    volume["metadata"]["annotations"]["pv.kubernetes.io/provisioned-by"] = by
    volume["status"] = {"phase": phase}
    volume["spec"]["persistentVolumeReclaimPolicy"] = policy
    assert unwanted(volume) is goes
