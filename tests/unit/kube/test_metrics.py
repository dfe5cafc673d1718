"""What metrics.k8s.io answers, and what is left of it when that makes no sense."""

import json
from typing import Any, cast

import pytest

from custom_components.home_cluster.kube.client import Client
from custom_components.home_cluster.kube.errors import Unreadable
from custom_components.home_cluster.kube.metrics import Usage, node_usage, pod_usage
from custom_components.home_cluster.kube.schema import Key


class Answering:
    """A client whose every answer is the same."""

    def __init__(self, answer: Any) -> None:
        """Answer this, as JSON unless it is bytes."""
        self.raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.asked: list[str] = []

    async def request(self, method: str, path: str) -> bytes:
        """Note what is asked."""
        self.asked.append(f"{method} {path}")
        return self.raw


def pod(name: str, *containers: tuple[str, str]) -> dict[str, Any]:
    """Return the figures of a pod."""
    return {
        "metadata": {"name": name, "namespace": "kitchen", "labels": {"a": "b"}},
        "window": "15.1s",
        "containers": [
            {"name": f"c{number}", "usage": {"cpu": cpu, "memory": memory}}
            for number, (cpu, memory) in enumerate(containers)
        ],
    }


def items(*found: Any) -> dict[str, Any]:
    """Return a list as the server sends it."""
    return {"metadata": {}, "items": list(found)}


async def pods_of(answer: Any, namespace: str | None = None) -> dict[Key, Usage]:
    """Read pods from an answer."""
    return await pod_usage(cast(Client, Answering(answer)), namespace)


async def test_a_pod_uses_what_its_containers_use() -> None:
    found = await pods_of(
        items(pod("fridge-1", ("250m", "64Mi"), ("1000000n", "1Ki")), pod("jazz-0"))
    )
    assert list(found) == [Key("kitchen", "fridge-1")]
    usage = found[Key("kitchen", "fridge-1")]
    assert (round(usage.cpu, 6), usage.memory) == (0.251, 64 * 1024**2 + 1024)


@pytest.mark.parametrize(
    ("namespace", "path"),
    [
        (None, "/apis/metrics.k8s.io/v1beta1/pods"),
        ("kitchen", "/apis/metrics.k8s.io/v1beta1/namespaces/kitchen/pods"),
    ],
)
async def test_a_namespace_or_the_whole_cluster_is_one_request(
    namespace: str | None, path: str
) -> None:
    client = Answering(items())
    assert await pod_usage(cast(Client, client), namespace) == {}
    assert client.asked == [f"GET {path}"]


async def test_nodes_are_known_by_name() -> None:
    node = {"metadata": {"name": "pi"}, "usage": {"cpu": "1500m", "memory": "2Gi"}}
    client = Answering(items(node))
    assert await node_usage(cast(Client, client)) == {"pi": Usage(1.5, 2 * 1024**3)}
    assert client.asked == ["GET /apis/metrics.k8s.io/v1beta1/nodes"]


@pytest.mark.parametrize(
    ("cpu", "memory"),
    [
        ("", "1Mi"),
        ("NaN", "1Mi"),
        ("-5m", "1Mi"),
        ("1e300", "1Mi"),
        ("9999999", "1Mi"),
        ("1m", "lots"),
        ("1m", "9Ei"),
    ],
)
async def test_garbage_hides_its_pod_only(cpu: str, memory: str) -> None:
    """No sum is made of what one container is not known of."""
    found = await pods_of(
        items(pod("odd", ("1m", "1Mi"), (cpu, memory)), pod("fine", ("1m", "1Mi")))
    )
    assert list(found) == [Key("kitchen", "fine")]


async def test_an_item_of_another_shape_is_left_out() -> None:
    found = await pods_of(items({"metadata": 7}, pod("fine", ("1m", "1Mi"))))
    assert list(found) == [Key("kitchen", "fine")]


@pytest.mark.parametrize("answer", [b"<html>", b"[]", items({"metadata": 7})])
async def test_an_answer_of_nothing_but_garbage_is_an_error(answer: Any) -> None:
    with pytest.raises(Unreadable):
        await pods_of(answer)


async def test_ten_thousand_pods_are_read() -> None:
    found = await pods_of(
        items(*(pod(f"p{number}", ("1m", "1Mi")) for number in range(10_000)))
    )
    assert len(found) == 10_000
