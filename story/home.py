"""The demo home: its devices, and the accounts that Home Assistant may use there."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from .witness import Workload

ROOT: Final = Path(__file__).resolve().parents[1]
MANIFESTS: Final = ROOT / "testbed" / "demo"
RBAC: Final = ROOT / "docs" / "rbac"

FRIDGE: Final = Workload("Deployment", "kitchen", "fridge")
BROKER: Final = Workload("Deployment", "kitchen", "broker")
WEATHER: Final = Workload("DaemonSet", "garden", "weather")
DROUGHT: Final = Workload("Deployment", "garden", "drought")
CAMERA: Final = Workload("Deployment", "garden", "camera")
JAZZ: Final = Workload("StatefulSet", "media", "jazz")
BACKUP: Final = Workload("CronJob", "media", "backup")
DEVICES: Final = (FRIDGE, BROKER, WEATHER, DROUGHT, CAMERA, JAZZ, BACKUP)
KINDS: Final = frozenset(workload.kind for workload in DEVICES)
NAMESPACES: Final = ("garden", "kitchen", "media")

ACCOUNT_NAMESPACE: Final = "home-cluster"
ACCOUNT: Final = "home-assistant"


def manifests() -> list[dict[str, Any]]:
    """All objects of the demo home."""
    return [
        item
        for path in sorted(MANIFESTS.glob("*.yaml"))
        for item in yaml.safe_load_all(path.read_text())
        # The values of the chart lie there, too.
        if "kind" in item
    ]


def smallest_account(namespaces: Sequence[str] = NAMESPACES) -> list[dict[str, Any]]:
    """The account of the documentation, with the Role for each namespace."""
    return [*_documents("account.yaml"), *_roles("devices.yaml", ACCOUNT, namespaces)]


def full_rights(namespaces: Sequence[str] = NAMESPACES) -> list[dict[str, Any]]:
    """The large rights that the documentation keeps apart, for the account; a step takes them back."""
    return _roles("devices-full.yaml", f"{ACCOUNT}-full", namespaces, of=ACCOUNT)


def node_rights() -> list[dict[str, Any]]:
    """What the documentation offers for nodes and storage, for the account; a step takes it back."""
    return _documents("nodes.yaml")


def readonly_account(name: str) -> list[dict[str, Any]]:
    """A second account that may see all and do nothing."""
    return [*_base(name), *_roles("devices-readonly.yaml", name, NAMESPACES)]


def half_blind_account(name: str, resource: str) -> list[dict[str, Any]]:
    """A second account that may see all but one resource, and do nothing."""
    objects = readonly_account(name)
    for item in objects:
        if item["kind"] == "Role" and item["metadata"]["namespace"] in NAMESPACES:
            for rule in item["rules"]:
                rule["resources"] = [
                    one for one in rule["resources"] if one != resource
                ]
            item["rules"] = [rule for rule in item["rules"] if rule["resources"]]
    return objects


def account_kubeconfig(url: str, ca: str, token: str) -> str:
    """A kubeconfig with everything in it, as `kubectl config view --flatten --raw` prints it."""
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "home",
            "contexts": [
                {"name": "home", "context": {"cluster": "home", "user": ACCOUNT}}
            ],
            "clusters": [
                {
                    "name": "home",
                    "cluster": {
                        "server": url,
                        "certificate-authority-data": _base64(ca),
                    },
                }
            ],
            "users": [{"name": ACCOUNT, "user": {"token": token}}],
        }
    )


def _base(name: str) -> list[dict[str, Any]]:
    """The account's own objects under another name."""
    objects = [
        item for item in _documents("account.yaml") if item["kind"] != "Namespace"
    ]
    for item in objects:
        item["metadata"]["name"] = item["metadata"]["name"].replace(ACCOUNT, name)
        _rename(item, name)
    return objects


def _roles(
    file: str, name: str, namespaces: Sequence[str], *, of: str = ""
) -> list[dict[str, Any]]:
    """The Role and its binding to an account, which has the Role's name unless `of` is another."""
    objects = []
    for namespace in namespaces:
        for item in _documents(file):
            item["metadata"] |= {"name": name, "namespace": namespace}
            _rename(item, of or name)
            objects.append(item)
    return objects


def _rename(item: dict[str, Any], name: str) -> None:
    for subject in item.get("subjects", []):
        subject["name"] = name
    if "roleRef" in item:
        item["roleRef"]["name"] = item["roleRef"]["name"].replace(ACCOUNT, name)


def _documents(file: str) -> list[dict[str, Any]]:
    return [item for item in yaml.safe_load_all((RBAC / file).read_text()) if item]


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
