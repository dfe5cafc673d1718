"""The manifests that people apply: the account of the docs, and the demo home."""

from collections.abc import Iterator
from pathlib import Path
import re
from typing import Any

import pytest
import yaml

from custom_components.home_cluster.kube.resources import RESOURCES
from custom_components.home_cluster.kube.schema import HINT_PREFIX
from custom_components.home_cluster.model.hints import parse
from testbed import home, volumes
from testbed.images import DEVICES, VERSIONS
from testbed.layout import REGISTRY
from testbed.network import Machine

ROOT = Path(__file__).parents[3]
RBAC = ROOT / "docs" / "rbac"
READ = {"get", "list", "watch"}
WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet", "CronJob"}

type Rights = set[tuple[str, str, str]]


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((RBAC / name).read_text()))


def rights(name: str, kind: str = "Role") -> Rights:
    """(verb, group, resource) of every rule."""
    return {
        (verb, group, resource)
        for document in documents(name)
        if document["kind"] == kind
        for rule in document["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def reads() -> Rights:
    """What the integration reads in a namespace."""
    followed = {
        (verb, resource.group, resource.plural)
        for resource in RESOURCES.values()
        if resource.namespaced
        for verb in READ
    }
    return {*followed, ("list", "metrics.k8s.io", "pods")}


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        (
            "account.yaml",
            [
                "Namespace",
                "ServiceAccount",
                "Role",
                "RoleBinding",
                "ClusterRole",
                "ClusterRoleBinding",
            ],
        ),
        ("devices.yaml", ["Role", "RoleBinding"]),
        ("devices-readonly.yaml", ["Role", "RoleBinding"]),
        ("devices-full.yaml", ["Role", "RoleBinding"]),
        ("nodes.yaml", ["ClusterRole", "ClusterRoleBinding"]),
    ],
)
def test_the_files_hold_what_the_page_says(name: str, kinds: list[str]) -> None:
    assert [document["kind"] for document in documents(name)] == kinds


def test_there_is_no_other_file() -> None:
    assert sorted(path.name for path in RBAC.iterdir()) == [
        "account.yaml",
        "devices-full.yaml",
        "devices-readonly.yaml",
        "devices.yaml",
        "nodes.yaml",
    ]


def test_the_account_outside_of_namespaces_sees_nodes_and_one_uid() -> None:
    assert rights("account.yaml", "ClusterRole") == {
        *((verb, "", "nodes") for verb in READ),
        ("list", "metrics.k8s.io", "nodes"),
    }
    (role,) = (one for one in documents("account.yaml") if one["kind"] == "Role")
    assert role["metadata"]["namespace"] == "kube-system"
    assert role["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["namespaces"],
            "resourceNames": ["kube-system"],
            "verbs": ["get"],
        }
    ]


def test_a_reader_may_read_what_the_integration_follows_and_nothing_else() -> None:
    assert rights("devices-readonly.yaml") == reads()


def test_a_user_may_besides_scale_suspend_evict_and_read_logs() -> None:
    assert rights("devices.yaml") == reads() | {
        ("patch", "apps", "deployments/scale"),
        ("patch", "apps", "statefulsets/scale"),
        ("patch", "batch", "cronjobs"),
        ("patch", "batch", "jobs"),
        ("create", "", "pods/eviction"),
        ("get", "", "pods/log"),
    }


def test_what_is_large_is_in_a_file_of_its_own() -> None:
    assert rights("devices-full.yaml") == {
        ("delete", "", "pods"),
        ("patch", "autoscaling", "horizontalpodautoscalers"),
        ("create", "batch", "jobs"),
        *(
            ("patch", "apps", kind)
            for kind in ("deployments", "statefulsets", "daemonsets")
        ),
        ("list", "apps", "replicasets"),
        ("list", "apps", "controllerrevisions"),
    }


def test_what_is_of_nodes_is_in_a_file_of_its_own() -> None:
    assert rights("nodes.yaml", "ClusterRole") == {
        ("get", "", "nodes/stats"),
        ("list", "", "persistentvolumes"),
        ("watch", "", "persistentvolumes"),
        ("patch", "", "nodes"),
        ("list", "", "pods"),
        ("create", "", "pods/eviction"),
    }


@pytest.mark.parametrize(
    "name", ["devices.yaml", "devices-readonly.yaml", "devices-full.yaml"]
)
def test_the_namespace_is_left_to_the_command(name: str) -> None:
    for document in documents(name):
        assert "namespace" not in document["metadata"]


@pytest.mark.parametrize(
    "name",
    [
        "account.yaml",
        "devices.yaml",
        "devices-readonly.yaml",
        "devices-full.yaml",
        "nodes.yaml",
    ],
)
def test_bindings_bind_the_account_to_the_role_beside_them(name: str) -> None:
    all_documents = documents(name)
    bindings = [one for one in all_documents if one["kind"].endswith("Binding")]
    assert bindings
    for binding in bindings:
        reference = binding["roleRef"]
        assert binding["kind"] == f"{reference['kind']}Binding"
        place = binding["metadata"].get("namespace")
        assert any(
            one["kind"] == reference["kind"]
            and one["metadata"]["name"] == reference["name"]
            and one["metadata"].get("namespace") == place
            for one in all_documents
        )
        (account,) = binding["subjects"]
        assert account == {
            "kind": "ServiceAccount",
            "name": "home-assistant",
            "namespace": "home-cluster",
        }


def test_the_page_names_files_and_rights_that_exist() -> None:
    page = (ROOT / "docs" / "connect.md").read_text()
    named = set(re.findall(r"docs/rbac/[a-z-]+\.yaml", page))
    assert named == {f"docs/rbac/{path.name}" for path in RBAC.iterdir()}
    lines = len(documents("account.yaml"))
    assert (
        f"{['no', 'one', 'two', 'three', 'four', 'five', 'six'][lines]} lines" in page
    )


# --- the demo home


def workloads() -> Iterator[dict[str, Any]]:
    for one in home.manifests():
        if one["kind"] in WORKLOADS:
            yield one


def pod(workload: dict[str, Any]) -> dict[str, Any]:
    spec = workload["spec"]
    if workload["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    pod_spec: dict[str, Any] = spec["template"]["spec"]
    return pod_spec


def test_the_home_has_a_device_of_every_kind() -> None:
    found = {
        (one["kind"], one["metadata"]["namespace"], one["metadata"]["name"])
        for one in workloads()
    }
    assert found >= {
        ("Deployment", "kitchen", "fridge"),
        ("Deployment", "kitchen", "broker"),
        ("StatefulSet", "media", "jazz"),
        ("CronJob", "media", "backup"),
        ("DaemonSet", "garden", "weather"),
        ("Deployment", "garden", "drought"),
        ("Deployment", "garden", "camera"),
    }
    assert {name for _, _, name in found} == set(DEVICES)


def test_every_hint_of_the_home_is_good() -> None:
    for one in workloads():
        metadata = one["metadata"]
        hints = parse(metadata["labels"], metadata["annotations"])
        assert hints.device, metadata["name"]
        assert hints.dropped == ()
        assert hints.name
        assert hints.area
        assert hints.icon
        given = {
            key
            for key in (*metadata["labels"], *metadata["annotations"])
            if key.startswith(HINT_PREFIX)
        }
        assert len(given) == sum(
            bool(getattr(hints, field)) for field in hints.__dataclass_fields__
        ), f"{metadata['name']}: a hint has no meaning"
        assert hints.protected is (metadata["name"] == "broker")


def test_the_address_of_the_fridges_page_is_its_node_port() -> None:
    (fridge,) = (one for one in workloads() if one["metadata"]["name"] == "fridge")
    (service,) = (
        one
        for one in home.manifests()
        if one["kind"] == "Service" and one["spec"].get("type") == "NodePort"
    )
    (port,) = service["spec"]["ports"]
    url = fridge["metadata"]["annotations"][f"{HINT_PREFIX}url"]
    assert url == f"http://{Machine('pi-attic', 1).address}:{port['nodePort']}"


def test_every_image_of_the_home_is_in_its_registry() -> None:
    for one in workloads():
        for container in pod(one)["containers"]:
            registry, _, name = container["image"].partition("/")
            repository, _, version = name.partition(":")
            assert registry == REGISTRY
            assert repository.removeprefix("home/") in DEVICES
            assert version in VERSIONS


def test_the_home_is_restricted_and_small() -> None:
    for one in home.manifests():
        if one["kind"] == "Namespace":
            assert (
                one["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
                == "restricted"
            )
    for one in workloads():
        spec = pod(one)
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        for container in spec["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["resources"]["requests"] == {
                "cpu": "10m",
                "memory": "16Mi",
            }
            assert container["resources"]["limits"] == {"cpu": "300m", "memory": "64Mi"}


def test_volumes_come_from_the_default_class() -> None:
    storage_class = yaml.safe_load(volumes.manifests())
    marks = storage_class["metadata"]["annotations"]
    assert marks["storageclass.kubernetes.io/is-default-class"] == "true"
    for one in workloads():
        for claim in one["spec"].get("volumeClaimTemplates", ()):
            assert "storageClassName" not in claim["spec"]
