"""Which pod we are."""

from pathlib import Path

import pytest

from custom_components.home_cluster import own
from custom_components.home_cluster.kube.schema import Pod


def pod(name: str, namespace: str) -> Pod:
    """Return a pod."""
    return Pod(namespace=namespace, name=name, uid="x", resource_version="1")


def test_outside_a_cluster_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on most machines."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert own.own_pod() is None


def test_a_pod_knows_its_name_and_namespace(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By its host name and its account's folder."""
    file = tmp_path / "namespace"
    file.write_text("home\n")
    monkeypatch.setattr(own, "_NAMESPACE_FILE", file)
    monkeypatch.setattr(own.socket, "gethostname", lambda: "home-assistant-0")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.43.0.1")
    monkeypatch.delenv("POD_NAME", raising=False)
    monkeypatch.delenv("POD_NAMESPACE", raising=False)
    found = own.own_pod()
    assert found == own.OwnPod("home-assistant-0", "home")
    assert found is not None
    assert found.is_(pod("home-assistant-0", "home"))
    assert not found.is_(pod("home-assistant-0", "other"))
    assert not found.is_(pod("home-assistant-1", "home"))


def test_without_a_namespace_the_name_alone_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Rather too many devices without a switch than our own with one."""
    monkeypatch.setattr(own, "_NAMESPACE_FILE", tmp_path / "none")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.43.0.1")
    monkeypatch.setenv("POD_NAME", "ha-0")
    monkeypatch.delenv("POD_NAMESPACE", raising=False)
    found = own.own_pod()
    assert found is not None
    assert found.is_(pod("ha-0", "anywhere"))
