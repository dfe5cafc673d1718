"""Event entities tell what happens, when it happens, and nothing of before."""

from itertools import pairwise
import logging
from typing import Any

import pytest

from custom_components.home_cluster.chronicle import FIRST_PAUSE, Chronicle
from custom_components.home_cluster.model.happenings import Happening, What
from homeassistant.core import Event, HomeAssistant, callback
from tests.integration.cluster_home import (
    attributes,
    call,
    entity_id,
    entry_for,
    set_up,
    state,
    until,
)
from tests.integration.live_server import LiveServer, now, pod_status

FRIDGE = "deployment/kitchen/fridge"
JAZZ = "statefulset/kitchen/jazz"
ENDED = {"reason": "Error", "exitCode": 3}


class Told:
    """The happenings that an event entity told, in order."""

    def __init__(self, hass: HomeAssistant, path: str = FRIDGE) -> None:
        """Begin to listen."""
        self.happenings: list[dict[str, Any]] = []
        self._entity = entity_id(hass, f"{path}/event")
        self._last = state(hass, f"{path}/event")
        hass.bus.async_listen("state_changed", self._changed)

    @property
    def kinds(self) -> list[str]:
        """What happened."""
        return [one["event_type"] for one in self.happenings]

    @callback
    def _changed(self, event: Event[Any]) -> None:
        new = event.data["new_state"]
        if event.data["entity_id"] != self._entity or new is None:
            return
        if new.state not in ("unavailable", "unknown", self._last):
            self._last = new.state
            self.happenings.append(dict(new.attributes))


def say(home: LiveServer, reason: str, message: str, *, count: int = 1) -> None:
    """Have Kubernetes tell of the fridge's first pod."""
    pod = home.pods_of("kitchen", "fridge")[0]["metadata"]
    home.put(
        "events",
        "kitchen",
        f"{pod['name']}.{reason.lower()}",
        involvedObject={"kind": "Pod", "name": pod["name"], "uid": pod["uid"]},
        type="Warning",
        reason=reason,
        message=message,
        count=count,
        firstTimestamp=now(60),
        lastTimestamp=now(),
    )


def crash(home: LiveServer, restarts: int, ago: float) -> None:
    """Have the fridge's first pod end, so many seconds ago."""
    pod = home.pods_of("kitchen", "fridge")[0]["metadata"]["name"]
    end = {"startedAt": now(ago + 5), "finishedAt": now(ago), **ENDED}
    home.put(
        "pods",
        "kitchen",
        pod,
        status=pod_status(
            ready=False,
            restarts=restarts,
            state={"waiting": {"reason": "CrashLoopBackOff"}},
            last={"terminated": end},
        ),
    )


async def test_a_crash_is_told_with_where_it_happened(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Then that the device has a problem; none of it is recorded but the kind."""
    await set_up(hass, entry_for(home))
    told = Told(hass)
    crash(home, restarts=1, ago=5)
    await until(hass, lambda: "failed" in told.kinds, "the failure")
    assert told.kinds == ["crashed", "failed"]
    first = told.happenings[0]
    pod = home.pods_of("kitchen", "fridge")[0]["metadata"]["name"]
    assert first["message"] == f"Container agent of pod {pod} ended with exit code 3."
    assert (first["pod"], first["container"], first["node"], first["count"]) == (
        pod,
        "agent",
        "pi-attic",
        1,
    )


async def test_nothing_of_before_is_told_at_a_start(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Old Events, an old crash, and a reload after which all of it is read again."""
    crash(home, restarts=4, ago=100)
    say(home, "Evicted", "The node was low on resource: memory.")
    entry = entry_for(home)
    await set_up(hass, entry)
    assert state(hass, f"{FRIDGE}/event") == "unknown"
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert state(hass, f"{FRIDGE}/event") == "unknown"


async def test_an_event_of_kubernetes_is_told_and_its_repetitions_are_not_a_flood(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Kubernetes counts the same Event up again and again."""
    await set_up(hass, entry_for(home))
    told = Told(hass)
    for count in range(1, 20):
        say(home, "Failed", "Failed to pull image: no such host", count=count)
    await until(hass, lambda: told.kinds, "the failed pull")
    await hass.async_block_till_done()
    assert told.kinds == ["image_pull_failed"]
    assert told.happenings[0]["message"] == "Failed to pull image: no such host"
    say(home, "Pulled", "Successfully pulled")
    say(home, "Unhealthy", "Readiness probe failed: password=hunter2")
    await hass.async_block_till_done()
    assert told.kinds == ["image_pull_failed"]


async def test_the_end_of_an_outage_tells_what_is_different_once(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Nothing old is told again; a problem that came meanwhile is."""
    await set_up(hass, entry_for(home))
    say(home, "Evicted", "The node was low on resource: memory.")
    await until(
        hass, lambda: state(hass, f"{FRIDGE}/event") != "unknown", "the eviction"
    )
    told = Told(hass)
    await home.down()
    await until(hass, lambda: state(hass, f"{FRIDGE}/event") == "unavailable", "loss")
    crash(home, restarts=1, ago=5)
    say(home, "Evicted", "The node was low on resource: memory.", count=2)
    await home.up()
    await until(hass, lambda: "failed" in told.kinds, "the failure")
    await hass.async_block_till_done()
    assert told.kinds == ["crashed", "failed"]


async def test_switching_tells_the_number_of_replicas(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """From how many to how many, and no restart."""
    await set_up(hass, entry_for(home))
    told = Told(hass)
    await call(hass, "switch.turn_off", f"{FRIDGE}/power")
    await call(hass, "switch.turn_on", f"{FRIDGE}/power")
    await until(
        hass, lambda: attributes(hass, f"{FRIDGE}/status")["ready"] == 2, "both pods"
    )
    assert [one["message"] for one in told.happenings] == [
        "From 2 to 0 replicas.",
        "From 0 to 2 replicas.",
    ]


async def test_a_restart_is_told_when_it_is_through(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """When what ran before has been replaced."""
    for pod in home.pods_of("kitchen", "jazz"):
        name, since = pod["metadata"]["name"], {"startedAt": now(100)}
        home.put("pods", "kitchen", name, status=pod_status(state={"running": since}))
    await set_up(hass, entry_for(home))
    told = Told(hass, JAZZ)
    await call(hass, "button.press", f"{JAZZ}/restart")
    await until(hass, lambda: told.kinds == ["restarted"], "the restart")
    assert len(home.evictions) == 1


async def test_a_happening_outlives_a_restart_of_home_assistant(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """The last one is shown again as it was, which is no new one."""
    entry = entry_for(home)
    await set_up(hass, entry)
    await call(hass, "home_cluster.scale", f"{FRIDGE}/power", replicas=1)
    last = state(hass, f"{FRIDGE}/event")
    assert attributes(hass, f"{FRIDGE}/event")["event_type"] == "scaled"
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert state(hass, f"{FRIDGE}/event") == last
    assert attributes(hass, f"{FRIDGE}/event")["message"] == "From 2 to 1 replicas."


async def test_a_device_that_goes_tells_nothing(
    hass: HomeAssistant, home: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor does what is no device; nobody complains."""
    await set_up(hass, entry_for(home, mode="labelled"))
    home.workload("deployments", "garden", "shed", labels={}, replicas=1)
    pod = home.pods_of("garden", "shed")[0]["metadata"]
    about = {"kind": "Pod", "name": pod["name"], "uid": pod["uid"]}
    words = {"type": "Warning", "reason": "Evicted", "message": "x"}
    home.put("events", "garden", "shed.1", involvedObject=about, **words)
    told = Told(hass)
    home.delete("deployments", "kitchen", "fridge")
    await until(hass, lambda: entity_id(hass, f"{FRIDGE}/event") is None, "the end")
    assert told.kinds == []
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        """Begin at a moment that means nothing."""
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_what_happens_again_and_again_is_told_less_and_less_often() -> None:
    """After a minute, then two, four … an hour; after a quiet time at once again."""
    clock, heard = Clock(), []
    chronicle = Chronicle(lambda _: None, lambda: True, clock)
    chronicle.tell(FRIDGE, Happening(what=What.CRASHED))
    stop = chronicle.listen(FRIDGE, "event", lambda _: heard.append(clock.now))
    chronicle.start()
    for second in range(0, 20_000, 10):
        clock.now = 1000.0 + second
        chronicle.tell(FRIDGE, Happening(what=What.CRASHED))
    pauses = [late - early for early, late in pairwise(heard)]
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]
    clock.now += 8000
    for _ in range(3):
        chronicle.tell(FRIDGE, Happening(what=What.CRASHED))
        clock.now += FIRST_PAUSE
    assert len(heard) == 13
    stop()
    chronicle.tell(FRIDGE, Happening(what=What.FAILED))
    assert len(heard) == 13
