"""A cluster that tells no figures: devices that should scale by them are named by the notes."""

from collections.abc import Iterator
from contextlib import contextmanager
import json
from typing import Any, Final

import pytest

from testbed.cluster import Cluster
from testbed.helm import Helm

from .visit import Visit

pytestmark = pytest.mark.timeout(120)

SERVICE: Final = "v1beta1.metrics.k8s.io"
DEVICE: Final[dict[str, Any]] = {
    "image": "home/radio:v1.0.0",
    "resources": {"requests": {"cpu": "50m"}},
}
VALUES: Final[dict[str, Any]] = {
    "devices": {
        "radio": {**DEVICE, "autoscale": {"max": 3}},
        "lamp": DEVICE,
    }
}
SENTENCE: Final = "Device radio does not scale by itself yet"


def notes(visit: Visit) -> str:
    """What Helm would say of the house on this cluster."""
    return Helm(visit.cluster, "shed").install("shed", VALUES, "--dry-run=server")


@contextmanager
def without_figures(cluster: Cluster) -> Iterator[None]:
    """A time in which the cluster has no API for figures."""
    found = json.loads(cluster.kubectl("get", "apiservice", SERVICE, "-o", "json"))
    kept = {key: found[key] for key in ("apiVersion", "kind", "spec")}
    cluster.kubectl("delete", "apiservice", SERVICE)
    try:
        yield
    finally:
        cluster.apply([{**kept, "metadata": {"name": SERVICE}}])
        cluster.kubectl(
            *("wait", "--for=condition=Available", f"apiservice/{SERVICE}"),
            "--timeout=60s",
        )


def test_a_device_that_cannot_scale_is_named(visit: Visit) -> None:
    """Only while it cannot, and with the mend."""
    assert SENTENCE not in notes(visit)
    with without_figures(visit.cluster):
        said = notes(visit)
        assert f"{SENTENCE}, as this cluster tells no figures" in said
        assert "install metrics-server" in said
        assert "Device lamp" not in said
    assert SENTENCE not in notes(visit)
