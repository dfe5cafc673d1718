"""Nodes and pods of thin air, by the hundred: kwok plays their kubelets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from . import programs
from .api import Api
from .process import Processes
from .system import environment, wait_until

NODE_GRACE: Final = 40
"""Seconds of silence that these nodes need; with fewer they flip to Unknown."""

SELECTOR: Final = "type=kwok"
_MARK: Final = "kwok.x-k8s.io/node"
_PODS_EACH: Final = 10


def start(processes: Processes, kubeconfig: Path) -> None:
    """Start kwok if it is not running."""
    if not processes.running("kwok"):
        processes.start(
            "kwok",
            [programs.program("kwok"), *arguments(kubeconfig)],
            env=environment(),
        )


def arguments(kubeconfig: Path) -> list[str]:
    """Only nodes with the mark are kwok's; real nodes keep their kubelets."""
    return [
        *("--kubeconfig", str(kubeconfig), "--manage-all-nodes=false"),
        f"--manage-nodes-with-annotation-selector={_MARK}=fake",
        f"--node-lease-duration-seconds={NODE_GRACE}",
    ]


def node(number: int) -> dict[str, Any]:
    """A fake node that ordinary pods do not go to."""
    name = f"kwok-{number:03}"
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "type": "kwok",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {_MARK: "fake"}},
        "spec": {"taints": [{"key": _MARK, "value": "fake", "effect": "NoSchedule"}]},
    }


def deployments(namespace: str, pods: int) -> Iterator[dict[str, Any]]:
    """A namespace with Deployments of ten fake pods each (the last takes the rest)."""
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    for number, first in enumerate(range(0, pods, _PODS_EACH)):
        labels = {"app.kubernetes.io/name": f"crowd-{number:04}"}
        yield {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": f"crowd-{number:04}", "namespace": namespace},
            "spec": {
                "replicas": min(_PODS_EACH, pods - first),
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "nodeSelector": {"type": "kwok"},
                        "tolerations": [{"key": _MARK, "operator": "Exists"}],
                        "containers": [{"name": "fake", "image": "home.local/fake:1"}],
                    },
                },
            },
        }


def wait_pods(api: Api, namespace: str, pods: int) -> None:
    """Wait until all these pods are ready."""
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"

    def ready() -> int:
        items = api.get(path)["items"]
        return sum(item.get("status", {}).get("readyReplicas", 0) for item in items)

    wait_until(
        f"Readiness of {pods} fake pods",
        lambda: ready() >= pods,
        seconds=60 + pods / 20,
        every=1,
        seen=lambda: f"{ready()} are ready",
    )
