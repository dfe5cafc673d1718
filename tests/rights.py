"""Rights, asked of a real API server: what an account may do, and what none of ours ever may."""

from collections.abc import Mapping
import json
from typing import Final

from testbed.cluster import Cluster

# Verb, group, resource and place: a namespace, "" for the cluster, or a word that `placed` knows.
type Right = tuple[str, str, str, str]

# A sample of what would hurt, whatever of the devices is controlled.
NEVER_GIVEN: Final[tuple[Right, ...]] = (
    ("*", "*", "*", ""),
    ("list", "", "secrets", "zone"),
    ("get", "", "secrets", "zone"),
    ("get", "", "secrets", "own"),
    ("get", "", "configmaps", "zone"),
    ("patch", "", "configmaps", "own"),
    ("create", "", "pods", "zone"),
    ("delete", "", "pods", "zone"),
    ("patch", "", "pods", "zone"),
    ("create", "", "pods/exec", "zone"),
    ("get", "", "pods/exec", "zone"),
    ("create", "", "pods/attach", "zone"),
    ("create", "", "pods/portforward", "zone"),
    ("patch", "", "pods/ephemeralcontainers", "zone"),
    ("create", "apps", "deployments", "zone"),
    ("update", "apps", "deployments", "zone"),
    ("delete", "apps", "deployments", "zone"),
    ("delete", "apps", "statefulsets", "own"),
    ("update", "apps", "deployments/scale", "zone"),
    ("create", "batch", "cronjobs", "zone"),
    ("delete", "batch", "jobs", "zone"),
    ("delete", "", "persistentvolumeclaims", "zone"),
    ("delete", "", "persistentvolumes", ""),
    ("patch", "apps", "deployments", "elsewhere"),
    ("patch", "apps", "deployments/scale", "elsewhere"),
    ("create", "batch", "jobs", "elsewhere"),
    ("get", "", "pods/log", "elsewhere"),
    ("list", "", "secrets", "elsewhere"),
    ("delete", "", "nodes", ""),
    ("get", "", "nodes/proxy", ""),
    ("create", "", "nodes/proxy", ""),
    ("get", "", "nodes/log", ""),
    ("create", "", "namespaces", ""),
    ("delete", "", "namespaces", "zone"),
    ("create", "", "serviceaccounts/token", "own"),
    ("create", "rbac.authorization.k8s.io", "rolebindings", "zone"),
    ("escalate", "rbac.authorization.k8s.io", "roles", "zone"),
    ("bind", "rbac.authorization.k8s.io", "roles", "zone"),
    ("impersonate", "", "users", ""),
    ("delete", "networking.k8s.io", "networkpolicies", "zone"),
    ("patch", "admissionregistration.k8s.io", "validatingadmissionpolicies", ""),
    ("delete", "admissionregistration.k8s.io", "validatingadmissionpolicybindings", ""),
)


def placed(right: Right, account: str, zone: str) -> Right:
    """The right where its word stands for a place: `zone`, the account's `own` namespace, or `elsewhere`."""
    words: Mapping[str, str] = {
        "zone": zone,
        "own": account.split(":")[2],
        "elsewhere": "kube-system",
    }
    verb, group, resource, place = right
    return verb, group, resource, words.get(place, place)


def may(cluster: Cluster, account: str, right: Right, name: str = "") -> bool:
    """What `kubectl auth can-i` says of a service account's right."""
    verb, group, resource, namespace = right
    resource, _, subresource = resource.partition("/")
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": account,
            "groups": [
                "system:serviceaccounts",
                f"system:serviceaccounts:{account.split(':')[2]}",
                "system:authenticated",
            ],
            "resourceAttributes": {
                "verb": verb,
                "group": group,
                "resource": resource,
                "subresource": subresource,
                "namespace": namespace,
                "name": name,
            },
        },
    }
    answer = cluster.api.request(
        "POST",
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        json.dumps(review).encode(),
    )
    return bool(json.loads(answer)["status"]["allowed"])
