"""A living cluster whose workloads roll out their images, or fail to."""

from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any, override

from tests.integration.live_server import LiveServer, now, pod_status


@dataclass
class RollingServer(LiveServer):
    """Its pods follow the images of their workloads.

    `bad` are images that cannot be had; `digests` say by what an image was pulled. With `slow` new pods
    are not ready before it is False and `go_on` was called.
    """

    bad: set[str] = field(default_factory=set)
    digests: dict[str, str] = field(default_factory=dict)
    slow: bool = False
    revisions: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)

    def image_of(self, resource: str, namespace: str, name: str) -> str:
        """Return the image that a workload asks for."""
        spec = self.live[resource, namespace, name]["spec"]["template"]["spec"]
        return str(spec["containers"][0]["image"])

    def go_on(self) -> None:
        """Let all that waits become ready."""
        self.slow = False
        for resource, namespace, name in list(self.live):
            if resource in ("deployments", "statefulsets", "daemonsets"):
                self.reconcile(resource, namespace, name)

    def forget_revisions(self) -> None:
        """Begin anew: what there is now is the first revision."""
        self.revisions.clear()
        for key in list(self.live):
            if key[0] in ("replicasets", "controllerrevisions"):
                del self.live[key]
        self.go_on()

    @override
    def reconcile(self, resource: str, namespace: str, name: str) -> None:
        if resource not in ("deployments", "statefulsets") or not self.pods_follow:
            super().reconcile(resource, namespace, name)
            return
        image = self.image_of(resource, namespace, name)
        template = self.live[resource, namespace, name]["spec"]["template"]
        revision = sha1(image.encode()).hexdigest()[:5]
        self._keep_revision(resource, namespace, name, revision, template)
        wanted = self.live[resource, namespace, name]["spec"].get("replicas", 1)
        stateful = resource == "statefulsets"
        pods = self.pods_of(namespace, name)
        new = [pod for pod in pods if _image(pod) == image]
        old = [pod for pod in pods if _image(pod) != image]
        well = image not in self.bad and not self.slow
        if well or stateful:
            for pod in old if well else old[-1:]:
                self.delete("pods", namespace, pod["metadata"]["name"])
        if well:
            for pod in new:
                self.put(
                    "pods",
                    namespace,
                    pod["metadata"]["name"],
                    status=self._status(image),
                )
        for pod in new[wanted:]:
            self.delete("pods", namespace, pod["metadata"]["name"])
        for _ in range((wanted if well else min(wanted, 1)) - len(new)):
            self._add_pod(resource, namespace, name, revision, image)
        pods = self.pods_of(namespace, name)
        ready = sum(pod["status"]["conditions"][0]["status"] == "True" for pod in pods)
        obj = self.live[resource, namespace, name]
        self.put(
            resource,
            namespace,
            name,
            status={
                "observedGeneration": obj["metadata"]["generation"],
                "replicas": len(pods),
                "readyReplicas": ready,
                "availableReplicas": ready,
                "updatedReplicas": sum(_image(pod) == image for pod in pods),
                "updateRevision": f"{name}-{revision}",
                "conditions": [
                    {
                        "type": "Progressing",
                        "status": "True",
                        "message": f'ReplicaSet "{name}-{revision}" is progressing.',
                    }
                ],
            },
        )

    def _status(self, image: str) -> dict[str, Any]:
        if image in self.bad:
            waiting = {
                "reason": "ErrImagePull",
                "message": f'failed to pull image "{image}": not found',
            }
            return pod_status(ready=False, phase="Pending", state={"waiting": waiting})
        if self.slow:
            return pod_status(ready=False)
        status = pod_status()
        if digest := self.digests.get(image):
            status["containerStatuses"][0]["imageID"] = f"registry/x@{digest}"
        return status

    def _add_pod(
        self, resource: str, namespace: str, name: str, revision: str, image: str
    ) -> None:
        stateful = resource == "statefulsets"
        labels = (
            {"controller-revision-hash": f"{name}-{revision}"}
            if stateful
            else {"pod-template-hash": revision}
        )
        taken = {pod["metadata"]["name"] for pod in self.pods_of(namespace, name)}
        pod = (
            next(one for one in (f"{name}-{at}" for at in range(9)) if one not in taken)
            if stateful
            else f"{name}-{revision}-{next(self._pod_numbers)}"
        )
        owner = {
            "kind": "StatefulSet" if stateful else "ReplicaSet",
            "name": name if stateful else f"{name}-{revision}",
            "controller": True,
            "uid": "x",
        }
        self.put(
            "pods",
            namespace,
            pod,
            metadata={"labels": labels, "ownerReferences": [owner]},
            spec={
                "nodeName": "pi-attic",
                "containers": [{"name": "agent", "image": image}],
            },
            status=self._status(image),
        )

    def _keep_revision(
        self,
        resource: str,
        namespace: str,
        name: str,
        revision: str,
        template: dict[str, Any],
    ) -> None:
        known = self.revisions.setdefault((resource, namespace, name), [])
        if known[-1:] == [revision]:
            return
        known.append(revision)
        uid = self.live[resource, namespace, name]["metadata"]["uid"]
        metadata: dict[str, Any] = {
            "ownerReferences": [{"kind": "x", "name": name, "uid": uid}],
            "creationTimestamp": now(),
        }
        if resource == "statefulsets":
            self.put(
                "controllerrevisions",
                namespace,
                f"{name}-{revision}",
                metadata=metadata,
                revision=len(known),
                data={"spec": {"template": {**template, "$patch": "replace"}}},
            )
            return
        metadata["annotations"] = {"deployment.kubernetes.io/revision": str(len(known))}
        labelled = {"labels": {"app": name, "pod-template-hash": revision}}
        self.put(
            "replicasets",
            namespace,
            f"{name}-{revision}",
            metadata=metadata,
            spec={"template": {**template, "metadata": labelled}},
        )


def _image(pod: dict[str, Any]) -> str:
    return str(pod["spec"]["containers"][0]["image"])
