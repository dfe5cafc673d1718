"""How the metrics adaptor, a process outside the cluster, is made known to the API server."""

import base64
from pathlib import Path

import yaml


def manifests(ca: Path, address: str, port: int) -> str:
    """A Service without a selector and the APIService over it, as YAML.

    The adaptor listens at that address with a certificate for `metrics.kube-system.svc` by that authority.
    """
    metadata = {"name": "metrics", "namespace": "kube-system"}
    documents = [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"ports": [{"port": 443, "targetPort": port}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                **metadata,
                "labels": {"kubernetes.io/service-name": "metrics"},
            },
            "addressType": "IPv4",
            "ports": [{"name": "", "port": port, "protocol": "TCP"}],
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "caBundle": base64.b64encode(ca.read_bytes()).decode(),
                "service": {**metadata, "port": 443},
            },
        },
    ]
    return yaml.safe_dump_all(documents, sort_keys=False)
