"""Who wrote a field last, by the API server's own account."""

from datetime import UTC, datetime
import json
from typing import Any

import pytest

from custom_components.home_cluster.kube.errors import Unreadable
from custom_components.home_cluster.kube.writers import Writer, writer_of

REPLICAS = ("spec", "replicas")
IMAGE = ("spec", "template", "spec", "containers", "*", "image")


def entry(manager: str, time: str | None, fields: Any, **more: Any) -> dict[str, Any]:
    """Return an entry of managedFields."""
    return {
        "manager": manager,
        "operation": "Update",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
        **({"time": time} if time else {}),
        **more,
    }


def raw(*entries: Any) -> bytes:
    """Return an object with these writers."""
    metadata = {"name": "fridge", "managedFields": list(entries)}
    return json.dumps({"metadata": metadata}).encode()


COUNT = {"f:spec": {"f:replicas": {}}}
PICTURE = {"f:image": {}, ".": {}}
CONTAINERS = {'k:{"name":"agent"}': PICTURE, ".": {}}
TEMPLATE = {"f:spec": {"f:template": {"f:spec": {"f:containers": CONTAINERS}}}}


def test_the_newest_of_a_fields_owners_wrote_it() -> None:
    found = writer_of(
        raw(
            entry("helm", "2026-11-01T00:00:00Z", COUNT),
            entry("kustomize-controller", "2026-11-03T00:00:00Z", COUNT),
            entry("kubelet", "2026-11-04T00:00:00Z", {"f:status": {}}),
            entry("odd", None, COUNT),
        ),
        REPLICAS,
    )
    assert found == Writer(
        "kustomize-controller", time=datetime(2026, 11, 3, tzinfo=UTC)
    )


def test_a_subresource_is_told() -> None:
    scale = entry(
        "kube-controller-manager", "2026-11-01T00:00:00Z", COUNT, subresource="scale"
    )
    assert writer_of(raw(scale), REPLICAS) == Writer(
        "kube-controller-manager", "scale", datetime(2026, 11, 1, tzinfo=UTC)
    )


def test_any_container_will_do() -> None:
    found = writer_of(raw(entry("argocd", "2026-11-01T00:00:00Z", TEMPLATE)), IMAGE)
    assert found == Writer("argocd", time=datetime(2026, 11, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("entries", "field"),
    [
        ((), REPLICAS),
        ((entry("a", None, TEMPLATE),), REPLICAS),
        ((entry("a", None, COUNT),), IMAGE),
        ((entry("a", None, {"f:spec": 7}),), REPLICAS),
    ],
)
def test_a_field_may_be_nobodys(entries: tuple[Any, ...], field: Any) -> None:
    assert writer_of(raw(*entries), field) is None


def test_an_object_without_owners_is_nobodys() -> None:
    assert writer_of(b'{"metadata": {"managedFields": null}}', REPLICAS) is None


@pytest.mark.parametrize("text", [b"", b"[]", b'{"metadata": {"managedFields": 7}}'])
def test_what_is_no_object_is_an_error(text: bytes) -> None:
    with pytest.raises(Unreadable):
        writer_of(text, REPLICAS)
