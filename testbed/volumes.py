"""Volumes for claims, as k3s gives them: a folder of the node, chosen when the first pod comes.

Kubernetes' own provisioners of local volumes are not to be had as Go modules, so this is a small one:
`python -m testbed.volumes --kubeconfig FILE --folder DIR`. Nodes of the test cluster share their
machine's files: a node's volumes are folders in DIR/<node>/volumes.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
import logging
from pathlib import Path
import shutil
from typing import Any, Final

from aiohttp import ClientError, ClientResponseError
import yaml

from .kube_session import KubeSession

PROVISIONER: Final = "home-cluster.test/local-path"
STORAGE_CLASS: Final = "local-path"
_BY: Final = "pv.kubernetes.io/provisioned-by"
_PAUSE: Final = 1.0

_LOGGER = logging.getLogger(__name__)
type Content = Mapping[str, Any]


def manifests() -> str:
    """The storage class, the cluster's default, as YAML."""
    return yaml.safe_dump(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": STORAGE_CLASS,
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": PROVISIONER,
            "volumeBindingMode": "WaitForFirstConsumer",
            "reclaimPolicy": "Delete",
        },
        sort_keys=False,
    )


def volume_for(claim: Content, folder: Path) -> dict[str, Any] | None:
    """The volume that a claim waits for; None if it is not (or not yet) for us."""
    metadata, spec = claim["metadata"], claim["spec"]
    annotations = metadata.get("annotations", {})
    node = annotations.get("volume.kubernetes.io/selected-node")
    if (
        annotations.get("volume.kubernetes.io/storage-provisioner") != PROVISIONER
        or not node
        or spec.get("volumeName")
        or "deletionTimestamp" in metadata
    ):
        return None
    name = f"pvc-{metadata['uid']}"
    on_node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {_BY: PROVISIONER}},
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "storageClassName": spec["storageClassName"],
            "persistentVolumeReclaimPolicy": "Delete",
            "volumeMode": spec.get("volumeMode", "Filesystem"),
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "local": {"path": str(folder / node / "volumes" / name)},
            "nodeAffinity": {
                "required": {"nodeSelectorTerms": [{"matchExpressions": [on_node]}]}
            },
        },
    }


def unwanted(volume: Content) -> bool:
    """Whether a volume is ours and its claim is gone."""
    made_by = volume["metadata"].get("annotations", {}).get(_BY)
    phase = volume.get("status", {}).get("phase")
    policy = volume["spec"]["persistentVolumeReclaimPolicy"]
    return (made_by, phase, policy) == (PROVISIONER, "Released", "Delete")


class Provisioner:
    """Makes and removes volumes of one cluster."""

    def __init__(self, kube: KubeSession, folder: Path) -> None:
        """The nodes' own folders are in the given one."""
        self._kube = kube
        self._folder = folder

    async def follow(self) -> None:
        """Serve claims until cancelled; a broken stream is opened again."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._each("/api/v1/persistentvolumeclaims", self.claim))
            group.create_task(self._each("/api/v1/persistentvolumes", self.volume))

    async def claim(self, claim: Content) -> None:
        """Make the volume that a claim waits for."""
        volume = volume_for(claim, self._folder)
        if volume is None:
            return
        path = Path(volume["spec"]["local"]["path"])
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o777)
        try:
            await self._kube.create("/api/v1/persistentvolumes", volume)
        except ClientResponseError as error:
            if error.status != HTTPStatus.CONFLICT:  # It was made before.
                raise

    async def volume(self, volume: Content) -> None:
        """Remove a volume whose claim is gone, with all that it holds."""
        if not unwanted(volume):
            return
        with suppress(FileNotFoundError):
            shutil.rmtree(volume["spec"]["local"]["path"])
        try:
            await self._kube.delete(
                f"/api/v1/persistentvolumes/{volume['metadata']['name']}"
            )
        except ClientResponseError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise

    async def _each(self, path: str, do: Callable[[Content], Awaitable[None]]) -> None:
        while True:
            try:
                async for kind, content in self._kube.watch(path):
                    if kind != "DELETED":
                        await do(content)
            except (ClientError, TimeoutError) as error:
                _LOGGER.warning("%s: %s", path, error)
            await asyncio.sleep(_PAUSE)


async def serve(kubeconfig: Path, folder: Path) -> None:
    """Serve until cancelled."""
    kube = KubeSession(kubeconfig)
    try:
        await Provisioner(kube, folder).follow()
    finally:
        await kube.close()


def main() -> None:
    """Run the provisioner."""
    parser = argparse.ArgumentParser(
        prog="python -m testbed.volumes", description=__doc__
    )
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="the nodes' folders")
    asked = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(message)s")
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(asked.kubeconfig, asked.folder))


if __name__ == "__main__":
    main()
