"""What every cluster gets beside its nodes: name resolution, and rights for its helpers."""

from pathlib import Path
from typing import Any, Final

from .images import (
    PAUSE_NAME,
    host_architecture,
    make_image,
    pause_image,
    write_archive,
)
from .node import DNS

COREDNS_NAME: Final = "home.local/coredns:1.13.1"
_COREFILE: Final = """\
.:53 {
    errors
    health
    ready
    kubernetes cluster.local in-addr.arpa {
        pods insecure
    }
    loadbalance
    reload
}
"""


def write_images(folder: Path, programs: Path) -> list[Path]:
    """Write the archives of the images that every node needs."""
    coredns = make_image(
        {"/coredns": (programs / "coredns").read_bytes()},
        ["/coredns"],
        command=["-conf", "/etc/coredns/Corefile"],
        architecture=host_architecture(),
        labels={"org.opencontainers.image.title": "coredns"},
    )
    images = {PAUSE_NAME: pause_image(), COREDNS_NAME: coredns}
    return [
        write_archive(
            folder / f"{name.rpartition('/')[2].partition(':')[0]}.tar", {name: image}
        )
        for name, image in images.items()
    ]


def manifests() -> list[dict[str, Any]]:
    """All objects, to be applied."""
    return [*_policy_controller(), *_coredns()]


def _policy_controller() -> list[dict[str, Any]]:
    rules = [
        _rule("", "namespaces", "nodes", "pods", "services", "endpoints"),
        _rule("networking.k8s.io", "networkpolicies"),
    ]
    user = {"kind": "User", "name": "home-cluster:netpol"}
    return _cluster_role("home-cluster:netpol", rules, user)


def _coredns() -> list[dict[str, Any]]:
    rules = [
        _rule("", "endpoints", "services", "pods", "namespaces"),
        _rule("discovery.k8s.io", "endpointslices"),
    ]
    account = {"kind": "ServiceAccount", "name": "coredns", "namespace": "kube-system"}
    labels = {"k8s-app": "kube-dns"}
    ports = [(53, "UDP", "dns"), (53, "TCP", "dns-tcp")]
    return [
        _object("v1", "ServiceAccount", "coredns"),
        *_cluster_role("system:coredns", rules, account),
        {**_object("v1", "ConfigMap", "coredns"), "data": {"Corefile": _COREFILE}},
        {
            **_object("v1", "Service", "kube-dns"),
            "spec": {
                "clusterIP": DNS,
                "selector": labels,
                "ports": [
                    {"name": name, "port": port, "protocol": protocol}
                    for port, protocol, name in ports
                ],
            },
        },
        {
            **_object("apps/v1", "Deployment", "coredns"),
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": _coredns_pod()},
            },
        },
    ]


def _coredns_pod() -> dict[str, Any]:
    return {
        "serviceAccountName": "coredns",
        "priorityClassName": "system-cluster-critical",
        "dnsPolicy": "Default",
        # Back on another node soon after its own lost the network.
        "tolerations": [
            {
                "key": f"node.kubernetes.io/{key}",
                "effect": "NoExecute",
                "operator": "Exists",
                "tolerationSeconds": 30,
            }
            for key in ("not-ready", "unreachable")
        ],
        "containers": [
            {
                "name": "coredns",
                "image": COREDNS_NAME,
                "imagePullPolicy": "Never",
                "readinessProbe": {
                    "httpGet": {"path": "/ready", "port": 8181},
                    "periodSeconds": 1,
                },
                "resources": {"requests": {"cpu": "10m", "memory": "20Mi"}},
                "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns"}],
            }
        ],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    }


def _object(version: str, kind: str, name: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "kube-system"}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


def _rule(group: str, *resources: str) -> dict[str, Any]:
    return {
        "apiGroups": [group],
        "resources": list(resources),
        "verbs": ["get", "list", "watch"],
    }


def _cluster_role(
    name: str, rules: list[dict[str, Any]], subject: dict[str, str]
) -> list[dict[str, Any]]:
    group = "rbac.authorization.k8s.io"
    head = {"apiVersion": f"{group}/v1", "metadata": {"name": name}}
    reference = {"apiGroup": group, "kind": "ClusterRole", "name": name}
    return [
        {**head, "kind": "ClusterRole", "rules": rules},
        {
            **head,
            "kind": "ClusterRoleBinding",
            "roleRef": reference,
            "subjects": [subject],
        },
    ]
