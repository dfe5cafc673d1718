"""The metrics adaptor: kubelets' counters in, metrics.k8s.io out."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, override

from aiohttp import ClientConnectionError, ClientSession, web
import pytest

from testbed.figures import NodeFigures, Usage
from testbed.kube_session import KubeSession
from testbed.metrics import FRONT_PROXY, ROOT, Adaptor

pytestmark = pytest.mark.usefixtures("socket_enabled")

# As a kubelet of 1.37 wrote it, shortened.
READING = """\
# HELP container_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the container in core-seconds
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{{container="agent",namespace="kitchen",pod="fridge-1"}} {fridge} {time}
container_cpu_usage_seconds_total{{container="door",namespace="kitchen",pod="fridge-1"}} {door} {time}
# HELP container_memory_working_set_bytes [STABLE] Current working set of the container in bytes
# TYPE container_memory_working_set_bytes gauge
container_memory_working_set_bytes{{container="agent",namespace="kitchen",pod="fridge-1"}} 2.097152e+06 {time}
container_memory_working_set_bytes{{container="door",namespace="kitchen",pod="fridge-1"}} 1.048576e+06 {time}
node_cpu_usage_seconds_total {node} {time}
node_memory_working_set_bytes 1.073741824e+09 {time}
pod_cpu_usage_seconds_total{{namespace="kitchen",pod="fridge-1"}} 9.9 {time}
resource_scrape_error 0
"""
START = 1_795_000_000.0


def reading(
    seconds: float = 0, fridge: float = 1, door: float = 1, node: float = 100
) -> str:
    time = int((START + seconds) * 1000)
    return READING.format(time=time, fridge=fridge, door=door, node=node)


def read(*readings: str) -> NodeFigures:
    figures = NodeFigures()
    for text in readings:
        figures.read(text, now=START)
    return figures


def test_a_rate_needs_two_readings() -> None:
    figures = read(reading())
    assert figures.node() is None
    assert list(figures.pods()) == []


def test_a_rate_is_the_counters_growth_over_the_time_between() -> None:
    figures = read(reading(), reading(10, fridge=1.5, door=1.001, node=105))
    assert figures.node() == Usage(0.5, 2**30, START + 10, 10)
    ((namespace, pod, containers),) = figures.pods()
    assert (namespace, pod) == ("kitchen", "fridge-1")
    assert containers["agent"] == Usage(0.05, 2**21, START + 10, 10)
    assert containers["door"].cpu == pytest.approx(0.0001)


def test_a_reading_that_the_kubelet_did_not_renew_changes_nothing() -> None:
    second = reading(10, fridge=2)
    figures = read(reading(), second)
    before = list(figures.pods())
    figures.read(second, now=START + 20)
    assert list(figures.pods()) == before


def test_a_container_that_started_again_has_no_rate_until_the_next_reading() -> None:
    figures = read(
        reading(fridge=50), reading(10, fridge=60), reading(20, fridge=0.5, node=110)
    )
    assert list(figures.pods()) == []
    assert figures.node() is not None
    figures.read(reading(30, fridge=1.5, node=120), now=START)
    ((_, _, containers),) = figures.pods()
    assert containers["agent"].cpu == pytest.approx(0.1)


def test_what_the_kubelet_names_no_more_is_forgotten() -> None:
    figures = read(reading(), reading(10), "node_cpu_usage_seconds_total 101 1\n")
    assert list(figures.pods()) == []


def test_a_line_without_a_time_counts_as_read_now() -> None:
    figures = NodeFigures()
    for now, seconds in ((START, 1.0), (START + 4, 3.0)):
        figures.read(
            f"node_cpu_usage_seconds_total {seconds}\nnode_memory_working_set_bytes 5\n",
            now,
        )
    assert figures.node() == Usage(0.5, 5, START + 4, 4)


class Kube(KubeSession):
    """A cluster of two nodes and one that kwok plays; kubelets answer from `texts`."""

    def __init__(self) -> None:
        """Every kubelet is silent at first."""
        self.texts: dict[str, str] = {}
        self.down = False

    @override
    async def items(self, path: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """Nodes and pods."""
        if self.down:
            raise ClientConnectionError("refused")
        if path.endswith("/nodes"):
            return [
                node("pi-attic", "192.0.2.1"),
                node("pi-cellar", "192.0.2.2"),
                node("fake", "192.0.2.3", kwok="fake"),
            ]
        assert path in {
            "/api/v1/pods",
            "/api/v1/namespaces/kitchen/pods",
            "/api/v1/namespaces/media/pods",
        }
        labels = {"app": "fridge"}
        fridge = {
            "metadata": {"namespace": "kitchen", "name": "fridge-1", "labels": labels}
        }
        jazz = {"metadata": {"namespace": "media", "name": "jazz-0"}}
        if query.get("labelSelector", "app=fridge") != "app=fridge":
            return [jazz]
        return (
            [fridge]
            if "kitchen" in path
            else [jazz]
            if "media" in path
            else [fridge, jazz]
        )

    @override
    async def text(self, url: str) -> str:
        """What that kubelet reads."""
        if url not in self.texts:
            raise ClientConnectionError("no route to host")
        return self.texts[url]


def node(name: str, address: str, **annotations: str) -> dict[str, Any]:
    marks = {f"{key}.x-k8s.io/node": value for key, value in annotations.items()}
    return {
        "metadata": {"name": name, "annotations": marks, "labels": {"room": name}},
        "status": {
            "addresses": [
                {"type": "Hostname", "address": name},
                {"type": "InternalIP", "address": address},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        },
    }


ATTIC = "https://192.0.2.1:10250/metrics/resource"
CELLAR = "https://192.0.2.2:10250/metrics/resource"


@asynccontextmanager
async def served(
    adaptor: Adaptor, allowed: str | None = None
) -> AsyncIterator[tuple[ClientSession, str]]:
    runner = web.AppRunner(adaptor.application(allowed=allowed))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with ClientSession() as session:
        yield session, f"http://127.0.0.1:{port}"
    await runner.cleanup()


async def looked_twice() -> tuple[Adaptor, Kube]:
    kube = Kube()
    adaptor = Adaptor(kube)
    kube.texts = {ATTIC: reading(), CELLAR: "node_cpu_usage_seconds_total 1 1000\n"}
    await adaptor.look()
    kube.texts = {
        ATTIC: reading(10, fridge=1.5, node=105),
        CELLAR: "node_cpu_usage_seconds_total 2 2000\nnode_memory_working_set_bytes 2048 2000\n",
    }
    await adaptor.look()
    return adaptor, kube


async def get(adaptor: Adaptor, path: str) -> tuple[int, dict[str, Any]]:
    async with served(adaptor) as (session, url), session.get(url + path) as answer:
        return answer.status, await answer.json()


async def test_it_says_what_it_serves() -> None:
    status, body = await get(Adaptor(Kube()), ROOT)
    assert status == 200
    assert body["groupVersion"] == "metrics.k8s.io/v1beta1"
    assert {
        (one["name"], one["namespaced"], *one["verbs"]) for one in body["resources"]
    } == {
        ("nodes", False, "get", "list"),
        ("pods", True, "get", "list"),
    }


async def test_nodes_are_listed_with_quantities() -> None:
    adaptor, _ = await looked_twice()
    status, body = await get(adaptor, f"{ROOT}/nodes")
    assert (status, body["kind"]) == (200, "NodeMetricsList")
    attic, cellar = body["items"]
    assert attic["metadata"]["name"] == "pi-attic"
    assert attic["metadata"]["labels"] == {"room": "pi-attic"}
    assert attic["usage"] == {"cpu": "500000000n", "memory": "1048576Ki"}
    assert attic["window"] == "10.000s"
    assert attic["timestamp"] == "2026-11-18T11:06:50Z"
    assert cellar["usage"] == {"cpu": "1000000000n", "memory": "2Ki"}


@pytest.mark.parametrize(
    "path", ["/pods", "/namespaces/kitchen/pods", "/pods?labelSelector=app%3Dfridge"]
)
async def test_pods_are_listed_by_container(path: str) -> None:
    adaptor, _ = await looked_twice()
    status, body = await get(adaptor, ROOT + path)
    assert (status, body["kind"]) == (200, "PodMetricsList")
    (fridge,) = body["items"]
    assert fridge["metadata"]["labels"] == {"app": "fridge"}
    assert fridge["containers"] == [
        {"name": "agent", "usage": {"cpu": "50000000n", "memory": "2048Ki"}},
        {"name": "door", "usage": {"cpu": "0n", "memory": "1024Ki"}},
    ]


@pytest.mark.parametrize(
    "path", ["/namespaces/media/pods", "/pods?labelSelector=app%3Djazz"]
)
async def test_pods_that_are_not_asked_for_are_not_told(path: str) -> None:
    adaptor, _ = await looked_twice()
    assert (await get(adaptor, ROOT + path))[1]["items"] == []


async def test_one_object_is_found_by_its_name() -> None:
    adaptor, _ = await looked_twice()
    status, body = await get(adaptor, f"{ROOT}/nodes/pi-cellar")
    assert (status, body["kind"], body["metadata"]["name"]) == (
        200,
        "NodeMetrics",
        "pi-cellar",
    )
    status, body = await get(adaptor, f"{ROOT}/namespaces/kitchen/pods/fridge-1")
    assert (status, body["kind"], body["metadata"]["name"]) == (
        200,
        "PodMetrics",
        "fridge-1",
    )


@pytest.mark.parametrize(
    "path", ["/nodes/pi-roof", "/namespaces/kitchen/pods/fridge-2", "/volumes"]
)
async def test_what_there_is_not_is_a_status_404(path: str) -> None:
    adaptor, _ = await looked_twice()
    status, body = await get(adaptor, ROOT + path)
    assert (status, body["kind"], body["reason"]) == (404, "Status", "NotFound")


async def test_only_the_api_server_may_ask() -> None:
    async with (
        served(Adaptor(Kube()), allowed=FRONT_PROXY) as (session, url),
        session.get(url + ROOT) as answer,
    ):
        assert (answer.status, (await answer.json())["reason"]) == (403, "Forbidden")


async def test_without_the_api_server_the_answer_is_503() -> None:
    adaptor, kube = await looked_twice()
    kube.down = True
    status, body = await get(adaptor, f"{ROOT}/pods")
    assert (status, body["reason"]) == (503, "ServiceUnavailable")


async def test_a_silent_kubelet_is_said_once_and_its_figures_go(
    caplog: pytest.LogCaptureFixture,
) -> None:
    adaptor, kube = await looked_twice()
    attic = kube.texts.pop(ATTIC)
    await adaptor.look()
    await adaptor.look()
    said = [
        record.getMessage()
        for record in caplog.records
        if "pi-attic" in record.getMessage()
    ]
    assert said == ["pi-attic does not answer: ClientConnectionError no route to host"]
    _, body = await get(adaptor, f"{ROOT}/nodes")
    assert [one["metadata"]["name"] for one in body["items"]] == ["pi-cellar"]

    kube.texts[ATTIC] = attic
    await adaptor.look()
    assert "pi-attic answers again" in caplog.text


async def test_a_silent_api_server_is_waited_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    adaptor, kube = await looked_twice()
    kube.down = True
    await adaptor.look()
    assert "the API server does not answer" in caplog.text
    kube.down = False
    await adaptor.look()
    assert "the API server answers again" in caplog.text


async def test_kubelets_are_read_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("testbed.metrics.EVERY", 0.0)
    looks = 0
    enough = asyncio.Event()

    async def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            enough.set()

    adaptor = Adaptor(Kube())
    monkeypatch.setattr(adaptor, "look", look)
    following = asyncio.create_task(adaptor.follow())
    async with asyncio.timeout(5):
        await enough.wait()
    following.cancel()
