"""The actions that only look: logs, events, a description; never a secret."""

import json
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.home_cluster import looking
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
)
from tests.integration.api_server import FOLLOWED, READ_UID, Rule
from tests.integration.cluster_home import (
    EVERYTHING,
    device,
    entry_for,
    set_up,
    state,
    until,
)
from tests.integration.live_server import LiveServer, now
from tests.integration.test_actions import FRIDGE, JAZZ, act, device_id, words

LOGS = Rule(("get",), ("pods/log",))


@pytest.fixture
async def entry(hass: HomeAssistant, home: LiveServer) -> MockConfigEntry:
    """An entry whose account may also read logs."""
    home.accounts["person"] = (*EVERYTHING, LOGS)
    entry = entry_for(home)
    await set_up(hass, entry)
    return entry


def pods(home: LiveServer, name: str = "fridge") -> list[str]:
    """Return the names of a workload's pods."""
    return [pod["metadata"]["name"] for pod in home.pods_of("kitchen", name)]


async def read(
    hass: HomeAssistant, entry: MockConfigEntry, key: str = FRIDGE, **data: Any
) -> dict[str, Any]:
    """Return what `get_logs` answers about one device."""
    found = device_id(hass, entry, key)
    answer = await act(hass, "get_logs", device_id=found, **data)
    return dict(answer[found])


async def test_logs_are_the_end_of_what_was_written(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """A hundred lines unless more or less are wished; the device's main container."""
    (pod,) = pods(home, "jazz")
    home.written[pod, "agent"] = "".join(f"line {n}\n" for n in range(300))
    told = await read(hass, entry, JAZZ)
    assert told["log"].splitlines() == [f"line {n}" for n in range(200, 300)]
    assert (told["pod"], told["container"]) == (pod, "agent")
    assert told["truncated"] is False
    told = await read(hass, entry, JAZZ, tail=2)
    assert told["log"] == "line 298\nline 299\n"


async def test_a_crash_is_read_from_the_run_before(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """And from the pod that crashes, although another is newer."""
    crashing, healthy = pods(home)
    home.crash("kitchen", crashing)
    home.written[crashing, "agent/previous"] = "compressor jammed\n"
    home.written[healthy, "agent"] = "all is well\n"
    await until(hass, lambda: state(hass, f"{FRIDGE}/problem") == "on", "the problem")
    told = await read(hass, entry, previous=True)
    assert told == {
        "pod": crashing,
        "container": "agent",
        "previous": True,
        "log": "compressor jammed\n",
        "truncated": False,
    }
    assert (await read(hass, entry, pod=healthy))["log"] == "all is well\n"


async def test_since_is_asked_in_seconds(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """However it is written; never zero."""
    (pod,) = pods(home, "jazz")
    home.written[pod, "agent"] = "\n"
    for since in ("00:10:00", {"minutes": 10}, 600):
        await read(hass, entry, JAZZ, since=since)
        assert "sinceSeconds=600" in home.requests[-1]
    await read(hass, entry, JAZZ, since={"milliseconds": 1})
    assert "sinceSeconds=1" in home.requests[-1]


async def test_secrets_are_not_in_it(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """By pattern: model/masking.py has them all."""
    (pod,) = pods(home, "jazz")
    home.written[pod, "agent"] = "MQTT_PASSWORD=hunter2\nmqtt://me:hunter3@broker\n"
    log = (await read(hass, entry, JAZZ))["log"]
    assert log == "MQTT_PASSWORD=***\nmqtt://***@broker\n"


async def test_what_is_too_long_is_cut_at_its_old_end(
    hass: HomeAssistant,
    home: LiveServer,
    entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server cuts at the new end, so fewer lines are asked for until they fit; said so."""
    monkeypatch.setattr(looking, "LOG_BYTES", 10_000)
    monkeypatch.setattr(looking, "LOG_CHARACTERS", 1_000)
    (pod,) = pods(home, "jazz")
    home.written[pod, "agent"] = "".join(f"{n:>7}\n" for n in range(100_000))
    told = await read(hass, entry, JAZZ, tail=2000)
    assert told["truncated"] is True
    assert told["log"].endswith("99999\n")
    assert 900 <= len(told["log"]) <= 1_000
    assert told["log"].startswith("  ")
    home.written[pod, "agent"] = "x" * 50_000
    told = await read(hass, entry, JAZZ)
    assert told["truncated"] is True
    assert len(told["log"]) == 1_000


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"pod": "nobody"}, "pod_unknown"),
        ({"container": "nothing"}, "container_unknown"),
    ],
)
async def test_who_is_not_there_is_said_with_who_is(
    hass: HomeAssistant,
    home: LiveServer,
    entry: MockConfigEntry,
    data: dict[str, str],
    key: str,
) -> None:
    """A misuse."""
    with pytest.raises(ServiceValidationError) as error:
        await read(hass, entry, **data)
    assert words(error) == key
    told = error.value.translation_placeholders or {}
    assert pods(home)[0] in told.get("pods", pods(home)[0])
    assert told.get("containers", "agent") == "agent"


async def test_without_pods_there_is_nothing_to_read(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """As of a device that is off."""
    with pytest.raises(ServiceValidationError) as error:
        await read(hass, entry, "cronjob/garden/backup")
    assert words(error) == "pods_none"


async def test_a_pod_without_containers_has_nothing_to_read(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """The API server would not let it in; what it tells may still be cut short."""
    (pod,) = pods(home, "jazz")
    home.put("pods", "kitchen", pod, spec={"containers": []}, status={})
    await until(
        hass,
        lambda: not entry.runtime_data.index._stores("Pod")["kitchen", pod].containers,
    )
    with pytest.raises(ServiceValidationError) as error:
        await read(hass, entry, JAZZ)
    assert words(error) == "pods_none"


async def test_a_missing_right_is_named_with_its_rule(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Reading logs is optional."""
    entry = entry_for(home)
    await set_up(hass, entry)
    with pytest.raises(HomeAssistantError) as error:
        await read(hass, entry)
    assert words(error) == "ask_not_allowed"
    assert (error.value.translation_placeholders or {})["rule"] == (
        '{apiGroups: [""], resources: ["pods/log"], verbs: ["get"]}'
    )


async def test_what_the_cluster_refuses_is_said_in_its_words(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """A container that has not started has written nothing."""
    with pytest.raises(HomeAssistantError) as error:
        await read(hass, entry)
    assert words(error) == "ask_refused"
    assert "waiting to start" in (error.value.translation_placeholders or {})["error"]


async def test_a_log_that_its_node_removed_is_not_called_a_log(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """The kubelet answers a sentence in its place, with 200."""
    (pod,) = pods(home, "jazz")
    home.written[pod, "agent/previous"] = (
        "unable to retrieve container logs for containerd://44d354c4"
    )
    with pytest.raises(HomeAssistantError) as error:
        await read(hass, entry, JAZZ, previous=True)
    assert words(error) == "log_removed"


@pytest.mark.parametrize(
    ("message", "key"),
    [
        (
            'Get "https://192.168.1.9:10250/containerLogs/kitchen/jazz-0/agent": dial tcp '
            "192.168.1.9:10250: connect: no route to host",
            "log_node_silent",
        ),
        ("etcdserver: request timed out", "ask_unreachable"),
    ],
)
async def test_a_node_that_does_not_answer_is_not_taken_for_the_cluster(
    hass: HomeAssistant,
    home: LiveServer,
    entry: MockConfigEntry,
    message: str,
    key: str,
) -> None:
    """The API server is there, and names the kubelet's address; both are error 500."""
    home.refuse["log"] = (500, "InternalError", message)
    with pytest.raises(HomeAssistantError) as error:
        await read(hass, entry, JAZZ)
    assert words(error) == key
    told = error.value.translation_placeholders or {}
    assert told["error"] == message


async def test_one_device_of_several_that_fails_does_not_hide_the_others(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """Its part of the answer says why."""
    (pod,) = pods(home, "jazz")
    home.written[pod, "agent"] = "take five\n"
    fridge, jazz = (device_id(hass, entry, key) for key in (FRIDGE, JAZZ))
    answer = await act(hass, "get_logs", device_id=[fridge, jazz])
    assert answer[jazz]["log"] == "take five\n"
    assert "waiting to start" in answer[fridge]["error"]


async def test_without_the_cluster_nothing_is_asked(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """It is told at once."""
    await home.down()
    await until(hass, lambda: not entry.runtime_data.available, "the link lost")
    with pytest.raises(HomeAssistantError) as error:
        await read(hass, entry)
    assert words(error) == "ask_link_down"


def event(home: LiveServer, name: str, about: str, message: str, **parts: Any) -> None:
    """Have the cluster say something about a pod."""
    home.put(
        "events",
        "kitchen",
        name,
        involvedObject={"kind": "Pod", "name": about},
        type="Warning",
        message=message,
        **{"reason": "BackOff", "lastTimestamp": now(5), **parts},
    )


async def test_events_come_latest_first_and_masked(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """Those of the device and its pods."""
    pod, other = pods(home)
    event(home, "one", pod, "old", lastTimestamp=now(90), count=3)
    event(home, "two", other, "token=hunter2", reason="Failed")
    event(home, "three", pods(home, "jazz")[0], "not of the fridge")
    found = device_id(hass, entry, FRIDGE)

    async def told() -> list[dict[str, Any]]:
        return list((await act(hass, "get_events", device_id=found))[found]["events"])

    hub = entry.runtime_data
    await until(hass, lambda: len(hub.cluster.store("Event")) == 3, "the events")
    events = await told()
    assert [(one["reason"], one["message"], one["count"]) for one in events] == [
        ("Failed", "token=***", 1),
        ("BackOff", "old", 3),
    ]
    assert events[0]["about"] == f"Pod/{other}"
    limited = await act(hass, "get_events", device_id=found, limit=1)
    assert len(limited[found]["events"]) == 1


async def test_events_that_may_not_be_read_are_not_called_none(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """An empty list would be a lie."""
    kinds = tuple(kind for kind in FOLLOWED if kind != "events")
    home.accounts["person"] = (
        READ_UID,
        Rule(("get", "list", "watch"), (*kinds, "nodes", "namespaces")),
    )
    entry = entry_for(home)
    await set_up(hass, entry)
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, "get_events", device_id=device_id(hass, entry, FRIDGE))
    assert words(error) == "events_unseen"


async def test_a_device_is_described_in_plain_facts(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """Health, pods, containers, events; what can be read without knowing Kubernetes first."""
    pod, _ = pods(home)
    home.crash("kitchen", pod)
    event(home, "one", pod, "Back-off restarting, password=hunter2")
    await until(hass, lambda: state(hass, f"{FRIDGE}/problem") == "on", "the problem")
    found = device_id(hass, entry, FRIDGE)
    told = (await act(hass, "describe", device_id=found))[found]
    assert told["name"] == "Fridge"
    assert (told["status"], told["reason"]) == ("degraded", "crash_loop")
    assert told["advice"]
    assert (told["desired"], told["ready"], told["power"]) == (2, 1, True)
    (crashing,) = [one for one in told["pods"] if one["name"] == pod]
    assert crashing["containers"][0]["before"]["exit_code"] == 3
    assert crashing["containers"][0]["now"]["reason"] == "CrashLoopBackOff"
    assert told["events"][0]["message"] == "Back-off restarting, password=***"
    json.dumps(told)


async def test_nodes_and_the_cluster_are_described_too(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """Which devices run where; what has problems."""
    node = device_id(hass, entry, "node//pi-attic")
    cluster = device_id(hass, entry, "cluster//cluster")
    told = await act(hass, "describe", device_id=[node, cluster])
    assert told[node]["devices"] == ["Fridge", "jazz", "weather"]
    assert told[node]["connected"] is True
    assert told[cluster]["reachable"] is True
    assert told[cluster]["problems"] == []


async def test_who_may_only_look_may_look(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """But not more than that."""
    await hass.auth.async_create_user("The owner")
    user = await hass.auth.async_create_user("Gran", group_ids=["system-read-only"])
    found = device_id(hass, entry, FRIDGE)
    assert (await act(hass, "describe", user=user, device_id=found))[found]
    with pytest.raises(Unauthorized):
        await act(hass, "restart", user=user, device_id=found)
    assert device(hass, entry, FRIDGE) is not None
