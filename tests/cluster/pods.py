"""Test devices on the real cluster, and what they reach from inside their pods."""

from collections.abc import Mapping
import json
import subprocess
import sys
from typing import Any

from testbed.cluster import Cluster
from testbed.layout import REGISTRY
from testbed.node import DNS
from testbed.system import wait_until

IMAGE = f"{REGISTRY}/home/fridge:v1.0.0"
# Runs in a pod's network namespace with the pod's address: what it sends is the pod's traffic.
_FETCH = """\
import sys, urllib.request
request = urllib.request.Request(sys.argv[1], headers={"Accept": "application/json"})
sys.stdout.write(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=float(sys.argv[2])).read().decode())
"""
_RESOLVE = """\
import socket, struct, sys
labels = b"".join(bytes([len(part)]) + part.encode() for part in sys.argv[1].split("."))
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
    asker.settimeout(2)
    asker.sendto(struct.pack("!6H", 1, 0x100, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, 1, 1), (sys.argv[2], 53))
    answer = asker.recv(512)
assert struct.unpack("!H", answer[6:8])[0] == 1, "no answer"
sys.stdout.write(socket.inet_ntoa(answer[-4:]))
"""


def pod(
    name: str,
    namespace: str,
    node: str,
    *,
    labels: Mapping[str, str] | None = None,
    claim: str | None = None,
) -> dict[str, Any]:
    """A test device on that node."""
    volumes = {
        "volumes": [
            {"name": "data", "persistentVolumeClaim": {"claimName": claim}},
        ]
    }
    mounts = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": dict(labels or {}),
        },
        "spec": {
            "nodeName": node,
            "terminationGracePeriodSeconds": 1,
            "containers": [
                {
                    "name": "device",
                    "image": IMAGE,
                    "readinessProbe": {
                        "httpGet": {"path": "/readyz", "port": 8080},
                        "periodSeconds": 1,
                    },
                    **(mounts if claim else {}),
                }
            ],
            **(volumes if claim else {}),
        },
    }


def start(cluster: Cluster, *pods: dict[str, Any]) -> dict[str, str]:
    """Create these pods of one namespace and wait until they are ready; their addresses by name."""
    cluster.apply(pods)
    names = [one["metadata"]["name"] for one in pods]
    namespace = pods[0]["metadata"]["namespace"]
    words = ("-n", namespace, "--for=condition=Ready", "--timeout=60s")
    cluster.kubectl("wait", *words, *(f"pod/{name}" for name in names))
    return {name: address(cluster, namespace, name) for name in names}


def address(cluster: Cluster, namespace: str, name: str) -> str:
    """The pod's address."""
    found = cluster.api.get(f"/api/v1/namespaces/{namespace}/pods/{name}")
    return str(found["status"]["podIP"])


def fetch(cluster: Cluster, caller: str, url: str, *, seconds: float = 2) -> str | None:
    """What the pod with that address gets from the URL; None if nothing came."""
    return _inside(cluster, caller, _FETCH, url, str(seconds))


def resolve(cluster: Cluster, caller: str, name: str) -> str | None:
    """The address that the cluster's DNS gives to the pod with that address for a name."""
    return _inside(cluster, caller, _RESOLVE, name, DNS)


def ask(cluster: Cluster, caller: str, url: str) -> dict[str, Any]:
    """The status that a device at the URL gives to the pod with that address."""
    status: dict[str, Any] = json.loads(
        wait_until(
            f"An answer of {url}", lambda: fetch(cluster, caller, url), seconds=30
        )
        or ""
    )
    return status


def _inside(cluster: Cluster, caller: str, code: str, *arguments: str) -> str | None:
    """Run Python with the pod's network; its output, None if it failed."""
    namespace = _namespace_of(cluster, caller)
    done = subprocess.run(
        ["nsenter", f"--net={namespace}", "--", sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    return None if done.returncode else done.stdout


def _namespace_of(cluster: Cluster, pod_address: str) -> str:
    for file in cluster.layout.nodes.glob("*/run/containerd/**/netns/*"):
        listed = subprocess.run(
            ["nsenter", f"--net={file}", "ip", "-4", "-brief", "addr"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        if f" {pod_address}/" in listed:
            return str(file)
    raise AssertionError(f"no pod has the address {pod_address}")
