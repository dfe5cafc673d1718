"""Small devices that a step deploys and deletes again."""

from typing import Any, Final

CHORE: Final = "home-cluster.story/chore"
CAMERA_IMAGE: Final = "192.168.244.1:5000/home/camera:v1.0.0"


def device_manifest(
    name: str,
    *,
    image: str = CAMERA_IMAGE,
    container: dict[str, Any] | None = None,
    pod: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A Deployment of the kitchen; `container` and `pod` add to its container and its pods."""
    labels = {"app.kubernetes.io/name": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": "kitchen",
            "labels": {**labels, "home-cluster.github.io/device": "true"},
        },
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {**_pod("agent", image, container or {}), **(pod or {})},
            },
        },
    }


def job_manifest(name: str, owner: Any = None) -> dict[str, Any]:
    """A Job of the media namespace that is done at once, owned by a CronJob or by nobody."""
    metadata: dict[str, Any] = {"name": name, "labels": {CHORE: "true"}}
    if owner is not None:
        reference = {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "name": owner.metadata.name,
            "uid": owner.metadata.uid,
            "controller": True,
        }
        metadata["ownerReferences"] = [reference]
    done = {"env": [{"name": "EXIT_AFTER", "value": "0"}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "template": {
                "spec": {**_pod("chore", CAMERA_IMAGE, done), "restartPolicy": "Never"},
            }
        },
    }


def _pod(name: str, image: str, container: dict[str, Any]) -> dict[str, Any]:
    return {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 2,
        "securityContext": {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": name,
                "image": image,
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                },
                **container,
            }
        ],
    }
