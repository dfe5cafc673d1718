"""A custom integration that measures Home Cluster from inside a real Home Assistant.

`bench.house` puts it there, with the gauge beside it, as `custom_components/bench_probe`. Its WebSocket
commands are for an administrator; times in its answers are seconds since 1970 or durations in seconds.
"""

import asyncio
from collections.abc import Awaitable, Callable
import importlib
import time
from typing import Any, Final

from homeassistant.components.websocket_api import async_register_command
from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.decorators import (
    async_response,
    websocket_command,
)
from homeassistant.const import ATTR_RESTORED, EVENT_STATE_CHANGED, EVENT_STATE_REPORTED
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.json import json_bytes
from homeassistant.helpers.recorder import get_instance
from homeassistant.helpers.typing import ConfigType
from homeassistant.util.json import json_loads_object

from .gauge import (
    FastClock,
    LoopGauge,
    memory as memory_now,
    peak_memory,
    reset_peak,
    size_of,
    tidy,
)

DOMAIN: Final = "bench_probe"
SUBJECT: Final = "home_cluster"
_RECORDS: Final = {"entities", "deleted_entities", "devices", "deleted_devices"}
_LOOK_EVERY: Final = 0.001
_COUNT_EVERY: Final = 0.1
# At rest a loop is busy for less than this part of the time.
_REST: Final = 0.05


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Begin to measure."""
    probe = Probe(hass)
    await probe.take_places()

    @websocket_command({"type": DOMAIN, "what": str, "fields": dict})
    @async_response
    async def command(
        hass: HomeAssistant,
        connection: ActiveConnection,
        msg: dict[str, Any],
    ) -> None:
        answer = await probe.commands[msg["what"]](**msg["fields"])
        connection.send_result(msg["id"], answer)

    async_register_command(hass, command)
    return True


class Probe:
    """What is measured, and the commands that ask for it."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Gauge the loop from now on."""
        self._hass = hass
        self._gauge = LoopGauge(hass.loop)
        self._clock = FastClock(self._gauge, hass.loop)
        self._cluster: Any = None
        self._entry: Any = None
        self._keeps_time: dict[str, Any] = {}
        self._memory = False
        self._tidying = 0.0
        self._busy = 0.0
        self._busy_set_up = 0.0
        self._set_up_began = 0.0
        self._follows: list[dict[str, float]] = []
        self._set_ups: list[float] = []
        self._writes: list[dict[str, Any]] = []
        self._removed: list[str] = []
        self._listening: list[CALLBACK_TYPE] = []
        self.commands: dict[str, Callable[..., Awaitable[Any]]] = {
            command.__name__: command
            for command in (
                self.unload,
                self.set_up,
                self.begin,
                self.rest,
                self.read,
                self.speed,
                self.store,
                self.enable,
                self.shown,
                self.record,
                self.recorded,
                self.registries,
                self.reached,
            )
        }

    async def take_places(self) -> None:
        """Stand where the integration begins to follow a cluster, and where its entry is set up."""
        load = self._hass.async_add_import_executor_job
        cluster: Any = await load(
            importlib.import_module, f"custom_components.{SUBJECT}.kube.cluster"
        )
        integration: Any = await load(
            importlib.import_module, f"custom_components.{SUBJECT}"
        )
        self._keeps_time = cluster.Cluster.__init__.__kwdefaults__
        cluster.Cluster.start = self._starting(cluster.Cluster.start)
        cluster.Cluster.wait_synced = self._syncing(cluster.Cluster.wait_synced)
        integration.async_setup_entry = self._setting_up(integration.async_setup_entry)
        self._hass.bus.async_listen(er.EVENT_ENTITY_REGISTRY_UPDATED, self._registry)
        self._hass.bus.async_listen(dr.EVENT_DEVICE_REGISTRY_UPDATED, self._registry)

    def _starting(
        self, start: Callable[..., Awaitable[None]]
    ) -> Callable[..., Awaitable[None]]:
        async def measured(cluster: Any) -> None:
            self._cluster = cluster
            before = self._in_use()
            reset_peak()
            if self._memory:
                # The turn of the loop in which this was tidied up does not count.
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                self._gauge.reset()
            self._follows.append({"began": time.perf_counter(), "before": before})
            await start(cluster)

        return measured

    def _syncing(
        self, wait_synced: Callable[..., Awaitable[bool]]
    ) -> Callable[..., Awaitable[bool]]:
        async def measured(cluster: Any, timeout: float) -> bool:
            synced = await wait_synced(cluster, timeout)
            follow = self._follows[-1]
            follow["seconds"] = time.perf_counter() - follow.pop("began")
            follow["gap"] = self._gauge.longest
            follow["busy_gap"] = self._gauge.longest_busy
            follow["peak"] = peak_memory() - follow["before"]
            follow["kept"] = self._in_use() - follow.pop("before")
            follow["synced"] = synced
            return synced

        return measured

    def _setting_up(
        self, set_up: Callable[..., Awaitable[bool]]
    ) -> Callable[..., Awaitable[bool]]:
        async def measured(hass: HomeAssistant, entry: Any) -> bool:
            began, tidying = time.perf_counter(), self._tidying
            self._set_up_began = began
            busy = time.thread_time()
            done = await set_up(hass, entry)
            self._busy_set_up = time.thread_time() - busy
            self._set_ups.append(
                time.perf_counter() - began - (self._tidying - tidying)
            )
            return done

        return measured

    def _in_use(self) -> int:
        """Return the memory in use, exactly where it is memory that is measured: that takes time."""
        if self._memory:
            began = time.perf_counter()
            tidy()
            self._tidying += time.perf_counter() - began
        return memory_now()

    @callback
    def _registry(self, event: Event[Any]) -> None:
        if event.data["action"] == "remove":
            self._removed.append(
                event.data.get("entity_id") or event.data.get("device_id")
            )

    async def unload(self) -> Any:
        """Unload the entry; returns when all that is to be said of it has been written down."""
        self._entry = self._hass.config_entries.async_loaded_entries(SUBJECT)[0]
        await self._hass.config_entries.async_unload(self._entry.entry_id)
        await self._quiet()

    async def set_up(self) -> Any:
        """Set the entry up that was unloaded."""
        await self._hass.config_entries.async_setup(self._entry.entry_id)

    async def _quiet(self) -> None:
        """Wait until the recorder's thread has nothing to do: it competes for the interpreter."""
        await self._hass.async_block_till_done()
        await get_instance(self._hass).async_block_till_done()

    async def begin(self, memory: bool = False) -> Any:
        """Measure anew from now on; memory exactly, or else the loop without a disturbance."""
        await self._quiet()
        self._memory = memory
        self._follows.clear()
        self._set_ups.clear()
        self._removed.clear()
        tidy()
        reset_peak()
        # The turn of the loop in which this was tidied up does not count.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self._gauge.reset()
        self._busy = time.thread_time()

    async def rest(self, timeout: float = 60) -> Any:
        """Wait until a set-up is over, with all that it leaves for later; say whether it is in time."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            await self._quiet()
            busy = time.thread_time()
            await asyncio.sleep(1)
            if time.thread_time() - busy < _REST:
                return True
        return False

    async def read(self) -> Any:
        """Tell what was measured since `begin`."""
        found = {
            "follows": [follow for follow in self._follows if "seconds" in follow],
            "set_ups": self._set_ups,
            "busy_set_up": self._busy_set_up,
            "removed": self._removed,
            "gap": self._gauge.longest,
            "busy_gap": self._gauge.longest_busy,
            "busy": time.thread_time() - self._busy,
            "peak": peak_memory(),
        }
        tidy()
        return {**found, "memory": memory_now()}

    async def speed(self, factor: float) -> Any:
        """Let time go faster; for an integration that came after the clock, as it does without an entry."""
        if self._keeps_time["clock"] != self._clock.now:
            raise RuntimeError("the integration was loaded before the clock")
        self._clock.go(factor)

    async def store(self) -> Any:
        """Tell how many pods are kept, and in how many bytes with all that is known of whose they are."""
        pods = self._cluster.store("Pod")
        entry = self._hass.config_entries.async_loaded_entries(SUBJECT)[0]
        index = vars(entry.runtime_data.index).values()
        where = [kept for kept in index if isinstance(kept, dict)]
        return {"pods": len(pods), "bytes": size_of([pods, *where])}

    async def enable(self, entities: list[tuple[str, str]]) -> Any:
        """Have entities (domain, unique id) that are disabled by default be enabled when they come."""
        registry = er.async_get(self._hass)
        for domain, unique_id in entities:
            entry = registry.async_get_or_create(domain, SUBJECT, unique_id)
            # One that was removed before comes back as it was then.
            registry.async_update_entity(entry.entity_id, disabled_by=None)

    async def shown(self, count: int, timeout: float) -> Any:
        """Return how long after the last set-up began so many entities of ours had a state; None if never."""
        end = time.monotonic() + timeout
        entities = er.async_get(self._hass).entities
        ours = [key for key, one in entities.items() if one.platform == SUBJECT]
        while time.monotonic() < end:
            states = [self._hass.states.get(entity_id) for entity_id in ours]
            there = [
                one for one in states if one and not one.attributes.get(ATTR_RESTORED)
            ]
            if len(there) >= count:
                return time.perf_counter() - self._set_up_began
            await asyncio.sleep(_COUNT_EVERY)
        return None

    async def record(self) -> Any:
        """Record every write of a state of ours, also of one that is the same as before."""
        self._stop_recording()
        self._writes.clear()
        entities = er.async_get(self._hass).entities
        ours = {
            entity_id: entry.unique_id
            for entity_id, entry in entities.items()
            if entry.platform == SUBJECT
        }

        @callback
        def wanted(data: Any) -> bool:
            return data["entity_id"] in ours

        @callback
        def write(event: Event[Any]) -> None:
            new = event.data.get("new_state")
            self._writes.append(
                {
                    "time": time.time(),
                    "unique_id": ours[event.data["entity_id"]],
                    "state": new.state if new is not None else None,
                }
            )

        self._listening = [
            self._hass.bus.async_listen(name, write, event_filter=wanted)
            for name in (EVENT_STATE_CHANGED, EVENT_STATE_REPORTED)
        ]

    async def recorded(self) -> Any:
        """Tell the writes, and record no more."""
        self._stop_recording()
        return self._writes

    async def registries(self) -> Any:
        """Tell the ids of all records as they would be saved now, those of what was deleted included."""
        found: dict[str, list[str]] = {}
        for registry in (er.async_get(self._hass), dr.async_get(self._hass)):
            saved = json_bytes(registry._data_to_save())  # noqa: SLF001
            kept: dict[str, Any] = json_loads_object(saved)
            for name in _RECORDS & kept.keys():
                found[name] = [record["id"] for record in kept[name]]
        return found

    async def reached(self, key: list[str], version: str, timeout: float) -> Any:
        """Return when the store held a version of a pod; None if that took too long."""
        namespace, name = key
        end = time.time() + timeout
        while time.time() < end:
            pod = self._cluster.store("Pod").get((namespace, name))
            if pod is not None and pod.resource_version == version:
                return time.time()
            await asyncio.sleep(_LOOK_EVERY)
        return None

    def _stop_recording(self) -> None:
        for stop in self._listening:
            stop()
        self._listening = []
