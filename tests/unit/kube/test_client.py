"""What is asked of an API server: each command and each reading as it is sent, and its answer."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web
import pytest

from custom_components.home_cluster.kube.client import Client, Scale
from custom_components.home_cluster.kube.credentials import Credentials
from custom_components.home_cluster.kube.errors import (
    Forbidden,
    TooManyRequests,
    Unreachable,
    Unreadable,
)
from custom_components.home_cluster.kube.schema import OFF_SELECTOR, Kind, Pod, Ref

from .loopback import Fixed, always, connected, status

pytestmark = pytest.mark.usefixtures("socket_enabled")

FRIDGE = Ref(Kind.DEPLOYMENT, "kitchen", "fridge")
JAZZ = Ref(Kind.STATEFUL_SET, "kitchen", "jazz")
WEATHER = Ref(Kind.DAEMON_SET, "garden", "weather")
BACKUP = Ref(Kind.CRON_JOB, "media", "backup")
BURN = Ref(Kind.JOB, "media", "burn")
SCALE = {
    "metadata": {"name": "it", "uid": "u", "resourceVersion": "42"},
    "spec": {"replicas": 2},
}


# Commands


@pytest.mark.parametrize(
    ("command", "method", "path", "body"),
    [
        (
            lambda client: client.scale(FRIDGE, 2),
            "PATCH",
            "/apis/apps/v1/namespaces/kitchen/deployments/fridge/scale",
            {"spec": {"replicas": 2}},
        ),
        (
            lambda client: client.scale(JAZZ, 0),
            "PATCH",
            "/apis/apps/v1/namespaces/kitchen/statefulsets/jazz/scale",
            {"spec": {"replicas": 0}},
        ),
        (
            lambda client: client.suspend(BACKUP, True),
            "PATCH",
            "/apis/batch/v1/namespaces/media/cronjobs/backup",
            {"spec": {"suspend": True}},
        ),
        (
            lambda client: client.suspend(BURN, False),
            "PATCH",
            "/apis/batch/v1/namespaces/media/jobs/burn",
            {"spec": {"suspend": False}},
        ),
        (
            lambda client: client.select_nodes(WEATHER, False),
            "PATCH",
            "/apis/apps/v1/namespaces/garden/daemonsets/weather",
            {"spec": {"template": {"spec": {"nodeSelector": {OFF_SELECTOR: "true"}}}}},
        ),
        (
            lambda client: client.select_nodes(WEATHER, True),
            "PATCH",
            "/apis/apps/v1/namespaces/garden/daemonsets/weather",
            {"spec": {"template": {"spec": {"nodeSelector": {OFF_SELECTOR: None}}}}},
        ),
    ],
)
async def test_a_command_is_one_patch_and_nothing_else(
    command: Callable[[Client], Awaitable[object]],
    method: str,
    path: str,
    body: dict[str, Any],
) -> None:
    async with connected(always(SCALE)) as (client, server):
        await command(client)
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.json) == (method, path, body)
    assert asked.query == {"fieldManager": "home-cluster"}
    assert asked.headers["Content-Type"] == "application/merge-patch+json"


async def test_scaling_returns_what_the_server_answered() -> None:
    answer = {"metadata": {"uid": "u", "resourceVersion": "43"}, "spec": {}}
    async with connected(always(answer)) as (client, _):
        assert await client.scale(FRIDGE, 0) == Scale(0, "43")


async def test_a_rollout_is_restarted_as_kubectl_does() -> None:
    async with connected(always({})) as (client, server):
        await client.restart_rollout(WEATHER)
    metadata = server.asked[0].json["spec"]["template"]["metadata"]
    stamp = datetime.fromisoformat(
        metadata["annotations"]["kubectl.kubernetes.io/restartedAt"]
    )
    assert abs((datetime.now(UTC) - stamp).total_seconds()) < 5


async def test_a_pod_is_evicted_only_if_it_is_the_one_that_was_meant() -> None:
    async with connected(always(status(201), 201)) as (client, server):
        await client.evict("kitchen", "fridge-1", uid="abc")
    (asked,) = server.asked
    assert (asked.method, asked.path) == (
        "POST",
        "/api/v1/namespaces/kitchen/pods/fridge-1/eviction",
    )
    assert asked.json == {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": "fridge-1", "namespace": "kitchen"},
        "deleteOptions": {"preconditions": {"uid": "abc"}},
    }


async def test_a_budget_that_forbids_an_eviction_is_no_throttle() -> None:
    body = status(
        429,
        "TooManyRequests",
        "Cannot evict pod as it would violate the pod's disruption budget.",
        causes=[{"reason": "DisruptionBudget", "message": "needs 1 healthy pods"}],
    )
    async with connected(always(body, 429)) as (client, _):
        with pytest.raises(TooManyRequests) as caught:
            await client.evict("kitchen", "fridge-1", uid="abc")
    assert (caught.value.cause, caught.value.retry_after) == ("DisruptionBudget", None)


@pytest.mark.parametrize(
    ("grace", "extra"), [(None, {}), (0, {"gracePeriodSeconds": 0})]
)
async def test_a_pod_is_deleted_only_if_it_is_the_one_that_was_meant(
    grace: int | None, extra: dict[str, int]
) -> None:
    async with connected(always({})) as (client, server):
        await client.delete_pod("kitchen", "fridge-1", uid="abc", grace=grace)
    (asked,) = server.asked
    assert (asked.method, asked.path) == (
        "DELETE",
        "/api/v1/namespaces/kitchen/pods/fridge-1",
    )
    assert asked.json["preconditions"] == {"uid": "abc"}
    assert extra.items() <= asked.json.items()
    assert ("gracePeriodSeconds" in asked.json) == (grace is not None)


@pytest.mark.parametrize(
    ("code", "passes"), [(200, True), (403, False), (422, False), (400, False)]
)
async def test_a_dry_run_tells_whether_a_patch_would_pass(
    code: int, passes: bool
) -> None:
    body = {} if code == 200 else status(code)
    async with connected(always(body, code)) as (client, server):
        assert await client.dry_run(WEATHER, {"spec": {}}) is passes
    assert server.asked[0].query["dryRun"] == "All"


async def test_a_dry_run_that_found_nobody_tells_nothing() -> None:
    async with connected(always(status(503), 503)) as (client, _):
        with pytest.raises(Unreachable):
            await client.dry_run(WEATHER, {})


@pytest.mark.parametrize(
    "command",
    [
        lambda client: client.scale(WEATHER, 1),
        lambda client: client.suspend(FRIDGE, True),
        lambda client: client.restart_rollout(BACKUP),
        lambda client: client.select_nodes(FRIDGE, True),
    ],
)
async def test_a_command_that_a_kind_does_not_have_is_not_sent(
    command: Callable[[Client], Awaitable[object]],
) -> None:
    async with connected(always({})) as (client, server):
        with pytest.raises(ValueError, match="cannot do that"):
            await command(client)
    assert not server.asked


# Reading


async def test_the_cluster_is_known_by_its_system_namespace() -> None:
    async with connected(always({"metadata": {"uid": "the-uid"}})) as (client, server):
        assert await client.cluster_uid() == "the-uid"
    assert server.asked[0].path == "/api/v1/namespaces/kube-system"


@pytest.mark.parametrize(
    "text", ["<html>router</html>", '{"hello": "world"}', '{"metadata": {}}', "[]"]
)
async def test_a_server_that_is_no_cluster_is_recognised(text: str) -> None:
    async with connected(always(text=text)) as (client, _):
        with pytest.raises(Unreadable):
            await client.version()
        with pytest.raises(Unreadable):
            await client.cluster_uid()


async def test_readiness_is_asked_of_the_server() -> None:
    async with connected(always(text="ok")) as (client, server):
        assert await client.ready() is True
    assert server.asked[0].path == "/readyz"
    async with connected(always(text="[-]etcd failed", status=500)) as (client, _):
        assert await client.ready() is False


async def test_a_server_that_does_not_answer_is_not_just_unready() -> None:
    async with aiohttp.ClientSession() as session:
        client = Client(session, Fixed(Credentials("http://127.0.0.1:1")))
        with pytest.raises(Unreachable):
            await client.ready()
    async with connected(always(status(403), 403)) as (client, _):
        with pytest.raises(Forbidden):
            await client.ready()


def pod(name: str) -> dict[str, Any]:
    """Return a pod of the API."""
    metadata = {
        "name": name,
        "namespace": "kitchen",
        "uid": f"uid-{name}",
        "resourceVersion": "5",
    }
    return {
        "metadata": metadata,
        "spec": {"containers": []},
        "status": {"phase": "Running"},
    }


async def test_an_object_is_read() -> None:
    async with connected(always(pod("fridge-1"))) as (client, server):
        record = await client.get(Ref(Kind.POD, "kitchen", "fridge-1"))
    assert isinstance(record, Pod)
    assert (record.name, record.phase) == ("fridge-1", "Running")
    assert server.asked[0].path == "/api/v1/namespaces/kitchen/pods/fridge-1"


async def test_a_collection_is_read_page_by_page() -> None:
    async def answer(request: web.Request) -> web.Response:
        token = request.query.get("continue")
        names = {None: ["a", "b"], "more": ["c"]}[token]
        metadata = {"resourceVersion": "9", "continue": "" if token else "more"}
        return web.json_response(
            {"metadata": metadata, "items": [pod(name) for name in names]}
        )

    async with connected(answer) as (client, server):
        records = await client.list_all(Kind.POD, "kitchen")
    assert [record.name for record in records] == ["a", "b", "c"]
    assert [asked.query.get("continue") for asked in server.asked] == [None, "more"]
    assert all(asked.query["limit"] == "250" for asked in server.asked)
