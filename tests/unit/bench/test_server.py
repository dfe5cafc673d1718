"""The bench's server fails as it is told to, and tells what it was asked."""

from collections.abc import Iterator
import http.client
import json
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from bench.remote import Remote
from bench.server import Fault
from testbed.firehose import Firehose, serve

pytestmark = pytest.mark.usefixtures("socket_enabled")

PODS = 30
WATCH = "/api/v1/pods?watch=1&sendInitialEvents=true&timeoutSeconds=600"
DEPLOYMENT = "/apis/apps/v1/namespaces/zone-0/deployments/device-000"


@pytest.fixture(scope="module")
def served() -> Iterator[Firehose]:
    with serve(PODS, 10, module="bench.server") as server:
        yield server


@pytest.fixture
def told(served: Firehose, socket_enabled: None) -> Iterator[Remote]:
    remote = Remote(served)
    remote("requests")
    yield remote
    remote("fault", **{"is": Fault.NONE})
    remote("speed", **{"is": 1})


def connection(server: Firehose) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cadata=server.ca)
    netloc = urlsplit(server.url).netloc
    return http.client.HTTPSConnection(netloc, context=context, timeout=10)


def get(server: Firehose, path: str) -> tuple[int, Any]:
    client = connection(server)
    try:
        client.request("GET", path)
        answer = client.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        client.close()


def lines(answer: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    while line := answer.readline():
        yield json.loads(line)


def until_complete(answer: http.client.HTTPResponse) -> list[str]:
    names = []
    for event in lines(answer):
        if event["type"] == "BOOKMARK":
            return names
        names.append(event["object"]["metadata"]["name"])
    raise AssertionError("the stream ended before it was complete")


@pytest.mark.parametrize(
    ("fault", "status"),
    [(Fault.UNAVAILABLE, 503), (Fault.UNAUTHORIZED, 401), (Fault.FORBIDDEN, 403)],
)
def test_every_request_is_refused(
    served: Firehose, told: Remote, fault: Fault, status: int
) -> None:
    told("fault", **{"is": fault})
    for path in ("/api/v1/pods", DEPLOYMENT, WATCH):
        code, body = get(served, path)
        assert (code, body["code"]) == (status, status)


def test_an_empty_answer_is_complete_while_the_objects_are_still_there(
    served: Firehose, told: Remote
) -> None:
    told("fault", **{"is": Fault.EMPTY})
    assert get(served, "/api/v1/pods")[1]["items"] == []
    assert get(served, DEPLOYMENT)[1]["metadata"]["name"] == "device-000"
    client = connection(served)
    client.request("GET", WATCH)
    assert until_complete(client.getresponse()) == []
    client.close()


def test_a_cut_answer_ends_before_it_is_complete(
    served: Firehose, told: Remote
) -> None:
    told("fault", **{"is": Fault.CUT})
    for path in ("/api/v1/pods", WATCH):
        client = connection(served)
        client.request("GET", path)
        with pytest.raises((http.client.IncompleteRead, OSError, ValueError)):
            json.loads(client.getresponse().read())
        client.close()


def test_what_is_not_there_is_not_found(served: Firehose) -> None:
    assert get(served, DEPLOYMENT.replace("000", "999"))[0] == 404


def test_a_fault_ends_the_streams_that_are_open(served: Firehose, told: Remote) -> None:
    client = connection(served)
    client.request("GET", WATCH)
    answer = client.getresponse()
    assert len(until_complete(answer)) == PODS
    told("fault", **{"is": Fault.UNAVAILABLE})
    with pytest.raises((http.client.HTTPException, OSError)):
        answer.read()
    client.close()


def test_changes_come_in_order_and_the_last_is_the_one_that_was_named(
    served: Firehose, told: Remote
) -> None:
    client = connection(served)
    client.request("GET", WATCH)
    answer = client.getresponse()
    until_complete(answer)
    before = time.time()
    change = told("change", count=70, first=5)
    assert before <= change["time"] <= time.time()
    events = lines(answer)
    seen = [next(events)["object"]["metadata"] for _ in range(70)]
    versions = [int(metadata["resourceVersion"]) for metadata in seen]
    assert versions == sorted(set(versions))
    assert [seen[-1]["namespace"], seen[-1]["name"]] == change["key"]
    assert seen[-1]["resourceVersion"] == change["version"]
    client.close()


def test_streams_end_by_themselves_at_the_time_that_was_asked_for(
    served: Firehose, told: Remote
) -> None:
    told("speed", **{"is": 1000})
    client = connection(served)
    client.request("GET", WATCH)
    answer = client.getresponse()
    kinds = [event["type"] for event in lines(answer)]
    # Nine or ten bookmarks, one a minute, after the one that ends the beginning.
    assert kinds[:PODS] == ["ADDED"] * PODS
    assert set(kinds[PODS:]) == {"BOOKMARK"}
    assert 2 <= len(kinds) - PODS <= 11
    client.close()


def test_what_was_asked_is_told_once(served: Firehose, told: Remote) -> None:
    get(served, DEPLOYMENT)
    get(served, DEPLOYMENT)
    assert told("requests") == {f"GET {DEPLOYMENT}": 2}
    assert told("requests") == {}


def test_another_crowd_is_served_to_who_comes_next(
    served: Firehose, told: Remote
) -> None:
    told("world", pods=12)
    assert len(get(served, "/api/v1/pods")[1]["items"]) == 12
    told("world", pods=PODS)
    assert len(get(served, "/api/v1/pods")[1]["items"]) == PODS
