"""Which pod Home Assistant itself is: what runs it must not be switched off by it."""

from dataclasses import dataclass
import os
from pathlib import Path
import socket
from typing import Final

from .kube.onnode import PodOnNode
from .kube.schema import Pod

_NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True, slots=True)
class OwnPod:
    """The pod's name, and its namespace where that is known."""

    name: str
    namespace: str = ""

    def is_(self, pod: Pod | PodOnNode) -> bool:
        """Say whether a pod is this one, as far as can be known."""
        return pod.name == self.name and self.namespace in ("", pod.namespace)


def own_pod() -> OwnPod | None:
    """Return the pod that this process runs in, None outside a cluster; does file access.

    A pod on its host's network bears the host's name: there the chart sets POD_NAME.
    """
    if not os.environ.get("KUBERNETES_SERVICE_HOST"):
        return None
    namespace = os.environ.get("POD_NAMESPACE", "")
    if not namespace and _NAMESPACE_FILE.is_file():
        namespace = _NAMESPACE_FILE.read_text(encoding="utf-8").strip()
    return OwnPod(os.environ.get("POD_NAME") or socket.gethostname(), namespace)
