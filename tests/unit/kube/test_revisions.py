"""What a workload was before, and leaving no trace among its managed fields."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
import pytest

from custom_components.home_cluster.kube.client import Client
from custom_components.home_cluster.kube.credentials import Credentials
from custom_components.home_cluster.kube.errors import Conflict, Unreadable
from custom_components.home_cluster.kube.revisions import forget_change, revisions
from custom_components.home_cluster.kube.schema import Kind, Ref

from .loopback import Fixed, Server, status

pytestmark = pytest.mark.usefixtures("socket_enabled")

FRIDGE = Ref(Kind.DEPLOYMENT, "kitchen", "fridge")
WEATHER = Ref(Kind.DAEMON_SET, "garden", "weather")
OURS = {"manager": "home-cluster", "operation": "Update", "fieldsV1": {}}
HELM = {"manager": "helm", "operation": "Apply"}

type Say = Callable[[web.Request], Any]


@asynccontextmanager
async def asking(say: Say) -> AsyncIterator[tuple[Client, Server]]:
    """A client, and a server that says so."""

    async def answer(request: web.Request) -> web.Response:
        said = say(request)
        if isinstance(said, str):
            return web.Response(text=said)
        return web.json_response(said, status=said.get("code") or 200)

    async with (
        Server(answer).serving() as server,
        aiohttp.ClientSession() as session,
    ):
        yield Client(session, Fixed(Credentials(server.url, token="person"))), server


def replica_set(number: str, image: str, uid: str = "u") -> dict[str, Any]:
    """Return a ReplicaSet of a Deployment."""
    labels = {"app": "fridge", "pod-template-hash": "abc"}
    return {
        "metadata": {
            "name": f"fridge-{number}",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": {"deployment.kubernetes.io/revision": number},
            "ownerReferences": [{"uid": uid}],
        },
        "spec": {
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "agent", "image": image}]},
            }
        },
    }


async def test_a_deployment_has_its_replica_sets() -> None:
    """Page by page, its own only, the newest first; a template is put back without its hash."""
    pages = {
        "": {
            "metadata": {"continue": "more"},
            "items": [
                replica_set("2", "fridge:v2"),
                replica_set("9", "other:v9", uid="of another one"),
            ],
        },
        "more": {
            "metadata": {},
            "items": [replica_set("10", "fridge:v3"), replica_set("odd", "fridge:v0")],
        },
    }
    async with asking(lambda request: pages[request.query.get("continue", "")]) as (
        client,
        server,
    ):
        found = await revisions(client, FRIDGE, "u")
    assert [(one.number, one.image("agent")) for one in found] == [
        (10, "fridge:v3"),
        (2, "fridge:v2"),
        (0, "fridge:v0"),
    ]
    assert found[0].image("sidecar") == ""
    assert found[0].created is not None
    (step,) = found[1].patch
    assert (step["op"], step["path"]) == ("replace", "/spec/template")
    assert step["value"]["metadata"]["labels"] == {"app": "fridge"}
    assert server.asked[0].path == "/apis/apps/v1/namespaces/kitchen/replicasets"


async def test_others_have_controller_revisions() -> None:
    """Which keep a patch of their own kind."""
    template = {
        "$patch": "replace",
        "spec": {"containers": [{"name": "agent", "image": "weather:v1"}]},
    }
    kept = {
        "metadata": {"name": "weather-1", "ownerReferences": [{"uid": "u"}]},
        "revision": 3,
        "data": {"spec": {"template": template}},
    }
    empty = {"metadata": {"name": "x", "ownerReferences": [{"uid": "u"}]}}
    async with asking(lambda _: {"items": [kept, empty, {"metadata": {}}]}) as (
        client,
        _,
    ):
        found = await revisions(client, WEATHER, "u")
    assert [(one.number, one.image("agent")) for one in found] == [
        (3, "weather:v1"),
        (0, ""),
    ]
    assert found[0].patch == {"spec": {"template": template}}


@pytest.mark.parametrize("answer", ["<html>", '{"items": 3}', '{"items": [{}]}'])
async def test_what_is_no_list_is_said_to_be_none(answer: str) -> None:
    """As everywhere."""
    async with asking(lambda _: answer) as (client, _):
        with pytest.raises(Unreadable):
            await revisions(client, FRIDGE, "u")


def fridge(*fields: dict[str, Any]) -> dict[str, Any]:
    """Return the Deployment with managed fields."""
    return {
        "metadata": {
            "name": "fridge",
            "namespace": "kitchen",
            "uid": "u",
            "resourceVersion": "7",
            "managedFields": list(fields),
        }
    }


async def test_our_entry_is_removed_by_a_test_of_it() -> None:
    """Not that of the scale subresource, which is another claim."""
    scale = {**OURS, "subresource": "scale"}
    async with asking(lambda _: fridge(HELM, scale, OURS)) as (client, server):
        assert await forget_change(client, FRIDGE)
    where = "/metadata/managedFields/2"
    assert server.asked[-1].json == [
        {"op": "test", "path": where, "value": OURS},
        {"op": "remove", "path": where},
    ]


async def test_nothing_is_removed_where_nothing_is() -> None:
    """No request to change anything."""
    async with asking(lambda _: fridge(HELM)) as (client, server):
        assert not await forget_change(client, FRIDGE)
    assert [asked.method for asked in server.asked] == ["GET"]


async def test_it_is_looked_for_again_when_others_moved_it() -> None:
    """A few times; then they are told of."""
    refused = status(422, "Invalid", "testing value failed")

    def say(request: web.Request) -> Any:
        return fridge(OURS) if request.method == "GET" else refused

    async with asking(say) as (client, server):
        with pytest.raises(Conflict, match="testing value failed"):
            await forget_change(client, FRIDGE)
    assert len(server.asked) == 6


async def test_an_answer_that_is_none() -> None:
    """Is said to be none."""
    async with asking(lambda _: "<html>") as (client, _):
        with pytest.raises(Unreadable):
            await forget_change(client, FRIDGE)
