"""The account of the docs may do what its files say, and nothing else."""

from collections.abc import Iterator
import http.client
import json
from pathlib import Path
import ssl
from typing import Any

import pytest
import yaml

from testbed.cluster import Cluster
from testbed.network import THE_CONTROL_PLANE
from tests.rights import NEVER_GIVEN, Right, may, placed

RBAC = Path(__file__).parents[2] / "docs" / "rbac"
ACCOUNT = "system:serviceaccount:home-cluster:home-assistant"

# What the chart offers, or what belongs to another file of the page.
NOT_GIVEN: tuple[Right, ...] = (
    ("list", "", "pods", ""),
    ("list", "", "pods", "default"),
    ("list", "", "pods", "elsewhere"),
    ("list", "", "namespaces", ""),
    ("get", "", "services", "zone"),
    ("create", "", "pods/eviction", "elsewhere"),
    ("patch", "apps", "deployments", "zone"),
    ("patch", "apps", "deployments/scale", "default"),
    ("patch", "apps", "statefulsets", "zone"),
    ("patch", "apps", "daemonsets", "zone"),
    ("create", "batch", "jobs", "zone"),
    ("delete", "batch", "cronjobs", "zone"),
    ("patch", "autoscaling", "horizontalpodautoscalers", "zone"),
    ("patch", "", "nodes", ""),
    ("get", "", "nodes/stats", ""),
)


@pytest.fixture
def account(cluster: Cluster) -> Iterator[None]:
    """The account, as the first command of the page makes it."""
    was_there = cluster.api.find("/api/v1/namespaces/home-cluster") is not None
    cluster.kubectl("apply", "-f", str(RBAC / "account.yaml"))
    yield
    if not was_there:
        cluster.kubectl("delete", "-f", str(RBAC / "account.yaml"))


@pytest.fixture
def zone(cluster: Cluster, account: None, namespace: str) -> str:
    """A namespace whose devices the account sees and controls."""
    cluster.kubectl("apply", "-n", namespace, "-f", str(RBAC / "devices.yaml"))
    return namespace


def holds(cluster: Cluster, right: Right, zone: str, name: str = "") -> bool:
    """Whether the account has a right."""
    return may(cluster, ACCOUNT, placed(right, ACCOUNT, zone), name)


def given(name: str) -> Iterator[Right]:
    """Every right that a file's Role or ClusterRole lists."""
    for document in yaml.safe_load_all((RBAC / name).read_text()):
        place = {"Role": "zone", "ClusterRole": ""}.get(document["kind"])
        for rule in document.get("rules", ()):
            if place is None or "resourceNames" in rule:
                continue
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    for verb in rule["verbs"]:
                        yield verb, group, resource, place


def test_every_right_that_is_written_is_given(cluster: Cluster, zone: str) -> None:
    """In the zone, and for nodes everywhere."""
    rights = [*given("devices.yaml"), *given("account.yaml")]
    assert len(rights) > 30
    assert [right for right in rights if not holds(cluster, right, zone)] == []


def test_the_large_rights_are_given_by_a_file_of_their_own(
    cluster: Cluster, zone: str
) -> None:
    """Beside the others, and only where it is applied."""
    large = list(given("devices-full.yaml"))
    assert [right for right in large if holds(cluster, right, zone)] == []
    cluster.kubectl("apply", "-n", zone, "-f", str(RBAC / "devices-full.yaml"))
    assert [right for right in large if not holds(cluster, right, zone)] == []


def test_no_other_right_is_given(cluster: Cluster, zone: str) -> None:
    """A sample of what would hurt."""
    assert [
        right for right in (*NEVER_GIVEN, *NOT_GIVEN) if holds(cluster, right, zone)
    ] == []


def test_the_uid_of_one_namespace_can_be_read_by_a_role_in_it(
    cluster: Cluster, zone: str
) -> None:
    """RBAC judges the GET of a namespace as a request within it."""
    assert holds(cluster, ("get", "", "namespaces", "kube-system"), zone, "kube-system")
    assert not holds(cluster, ("get", "", "namespaces", "zone"), zone, zone)


def test_a_reader_may_change_nothing(
    cluster: Cluster, account: None, namespace: str
) -> None:
    """The other file for a zone."""
    cluster.kubectl("apply", "-n", namespace, "-f", str(RBAC / "devices-readonly.yaml"))
    rights = list(given("devices.yaml"))
    refused = [right for right in rights if not holds(cluster, right, namespace)]
    assert {right[0] for right in refused} == {"patch", "create", "get"}
    assert len(refused) == 6
    assert set(given("devices-readonly.yaml")) == set(rights) - set(refused)


def test_its_token_does_what_the_integration_does(cluster: Cluster, zone: str) -> None:
    """By requests as they are sent: uid, watch, scale; not the Deployment itself."""
    cluster.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "fridge", "namespace": zone},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": {"app": "fridge"}},
                "template": {
                    "metadata": {"labels": {"app": "fridge"}},
                    "spec": {"containers": [{"name": "agent", "image": "fridge"}]},
                },
            },
        }
    )
    token = cluster.service_account_token("home-cluster", "home-assistant")

    def ask(method: str, path: str, body: Any = None) -> int:
        context = ssl.create_default_context(cafile=str(cluster.ca))
        connection = http.client.HTTPSConnection(
            THE_CONTROL_PLANE.address, 6443, context=context, timeout=10
        )
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/merge-patch+json"
            if method == "PATCH"
            else "application/json",
        }
        connection.request(method, path, json.dumps(body) if body else None, headers)
        status = connection.getresponse().status
        connection.close()
        return status

    fridge = f"/apis/apps/v1/namespaces/{zone}/deployments/fridge"
    off = {"spec": {"replicas": 0}}
    assert ask("GET", "/api/v1/namespaces/kube-system") == 200
    assert ask("GET", "/readyz") == 200
    assert ask("GET", "/version") == 200
    assert (
        ask("GET", f"/api/v1/namespaces/{zone}/pods?watch=true&timeoutSeconds=1") == 200
    )
    assert ask("GET", fridge) == 200
    assert ask("PATCH", f"{fridge}/scale", off) == 200
    assert ask("PATCH", fridge, off) == 403
    assert ask("GET", "/api/v1/namespaces") == 403


def test_what_is_of_nodes_comes_and_goes_with_its_file(
    cluster: Cluster, zone: str
) -> None:
    """Each right that it lists, and not the one that is as good as a shell on the node."""
    rights = [*given("nodes.yaml")]
    cluster.kubectl("apply", "-f", str(RBAC / "nodes.yaml"))
    try:
        assert [right for right in rights if not holds(cluster, right, zone)] == []
        assert not holds(cluster, ("get", "", "nodes/proxy", ""), zone)
        assert not holds(cluster, ("delete", "", "pods", ""), zone)
    finally:
        cluster.kubectl("delete", "-f", str(RBAC / "nodes.yaml"))
    assert not holds(cluster, ("patch", "", "nodes", ""), zone)
