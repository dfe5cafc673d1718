"""Looking at the cluster from inside Home Assistant, through its public API only."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from itertools import groupby
from pathlib import Path
import time
from typing import Any

from testbed.house import House
from testbed.house_flow import walk
from testbed.recorder import Change, Recorder

from .notes import Miss, demand
from .witness import Workload


class Inside:
    """One Home Assistant with its recorder, and the questions that the story asks it."""

    def __init__(
        self,
        name: str,
        folder: Path,
        integration: Path,
        port: int | None = None,
        language: str = "en",
    ) -> None:
        """Keep Home Assistant's files in `folder`; `integration` is the code it runs."""
        self.name = name
        self.house = House(
            folder, integration=integration, port=port, language=language
        )
        self.recorder = Recorder(self.house)
        self.uid = ""
        self.entry_id = ""

    async def start(self) -> None:
        """Start Home Assistant and record from its first moment on."""
        if not self.house.token:
            await self.recorder.begin()
        with self.recorder.window(
            "start of Home Assistant", "unavailable", "unknown", settle=3
        ):
            await self.house.start()

    async def stop(self) -> None:
        """Stop Home Assistant cleanly."""
        await self.house.stop()

    async def restart(self) -> None:
        """Stop and start; what it says in between is no news of the cluster."""
        await self.stop()
        await self.start()

    async def connect(
        self, method: str, answers: Mapping[str, Any], selection: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Go through the config flow; raises Miss unless it ends with an entry."""
        with self.recorder.window(
            "first connection", "unavailable", "unknown", settle=3
        ):
            result = await walk(
                self.house,
                {
                    "user": {"next_step_id": method},
                    method: answers,
                    "selection": selection,
                },
            )
            demand(
                result["type"] == "create_entry",
                f"the flow by {method} ended with {result['type']} at {result.get('step_id')}: "
                f"{result.get('errors') or result.get('reason')}",
            )
            self.entry_id = result["result"]["entry_id"]
            await self.until("the entry is loaded", self.loaded, timeout=30)
        return result

    async def loaded(self) -> bool:
        """Whether the entry is set up."""
        entries = await self.house.call("config_entries/get", domain="home_cluster")
        return any(
            entry["entry_id"] == self.entry_id and entry["state"] == "loaded"
            for entry in entries
        )

    async def learn_uid(self) -> str:
        """The cluster's uid as it stands in the unique ids."""

        def uids() -> set[str]:
            known = self.recorder.entities.values()
            return {one.partition("/")[0] for one in known if one.count("/") == 4}

        await self.recorder.until(lambda: bool(uids()), timeout=15)
        found = uids()
        demand(
            len(found) == 1,
            f"the entities belong to {len(found)} clusters: {sorted(found)}",
        )
        self.uid = found.pop()
        return self.uid

    async def reload(self) -> None:
        """Set the entry up anew, as a person does by its menu: rights and options are looked at."""
        with self.recorder.window("a reload", "unavailable", "unknown", settle=5):
            await self.house.service(
                "homeassistant.reload_config_entry", entry_id=self.entry_id
            )
            await self.until("the entry is loaded again", self.loaded, timeout=30)

    async def enable(self, keys: Iterable[tuple[Workload, str]]) -> None:
        """Enable entities that are disabled, and have them at once."""
        known = await self.entities()
        for workload, key in keys:
            entity = known[f"{self.uid}/{workload.path}/{key}"]["entity_id"]
            await self.house.call(
                "config/entity_registry/update", entity_id=entity, disabled_by=None
            )
        await self.reload()

    # --- states

    def change(self, path: str, key: str) -> Change | None:
        """The last state of an entity, by kind/namespace/name and key."""
        return self.recorder.state(f"{self.uid}/{path}/{key}")

    def said(self, workload: Workload, key: str) -> str | None:
        """What an entity of the workload says now; None if there is none."""
        change = self.change(workload.path, key)
        return change.state if change else None

    def attributes(self, workload: Workload, key: str) -> Mapping[str, Any]:
        """The attributes of an entity of the workload."""
        change = self.change(workload.path, key)
        return change.attributes if change else {}

    def entity(self, workload: Workload, key: str) -> str:
        """The entity's id; raises Miss if there is none."""
        found = self.recorder.entity_id(f"{self.uid}/{workload.path}/{key}")
        if found is None:
            raise Miss(f"Home Assistant has no entity {key} of {workload.path}")
        return found

    async def until_said(
        self, workload: Workload, key: str, *words: str, timeout: float = 30
    ) -> float:
        """Wait for one of the words; the seconds it took. Raises Miss with what was said last."""
        took = await self.recorder.until(
            lambda: self.said(workload, key) in words, timeout=timeout
        )
        if took is None:
            raise Miss(
                f"{workload.path}/{key} did not become {' or '.join(words)} in {timeout:.0f} s but says "
                f"{self.said(workload, key)} (reason {self.said(workload, 'reason')}, "
                f"{self.attributes(workload, 'problem').get('message', '')!r})"
            )
        return took

    def ready(self, workload: Workload) -> int | None:
        """How many pods the device says are ready; None if it does not say."""
        return self.attributes(workload, "status").get("ready")

    async def until_ready(
        self, workload: Workload, count: int, *, timeout: float = 60
    ) -> float:
        """Wait until so many pods are said to be ready; the seconds it took. Raises Miss."""
        took = await self.recorder.until(
            lambda: self.ready(workload) == count, timeout=timeout
        )
        if took is None:
            raise Miss(
                f"{workload.path} did not say in {timeout:.0f} s that {count} are ready but "
                f"{self.ready(workload)} (status {self.said(workload, 'status')})"
            )
        return took

    async def until_gone(self, *workloads: Workload, timeout: float = 30) -> None:
        """Wait until there is no device of these workloads any more. Raises Miss."""
        paths = {workload.path for workload in workloads}

        async def gone() -> bool:
            return paths.isdisjoint(await self.devices())

        await self.until(
            f"no device of {', '.join(sorted(paths))} is left", gone, timeout=timeout
        )

    async def until(self, what: str, condition: Any, *, timeout: float = 30) -> float:
        """Wait for an asynchronous condition; the seconds it took. Raises Miss if it never holds."""
        start = time.monotonic()
        while not await condition():
            if time.monotonic() - start > timeout:
                raise Miss(f"not within {timeout:.0f} s: {what}")
            await asyncio.sleep(0.2)
        return time.monotonic() - start

    def words_since(self, since: float, workload: Workload, key: str) -> list[str]:
        """All that an entity of the workload said since a time, in order; nothing twice in a row."""
        entity = self.entity(workload, key)
        said = (
            str(change.state)
            for change in self.recorder.changes
            if change.entity == entity and change.at >= since
        )
        return [word for word, _ in groupby(said)]

    async def switch(self, workload: Workload, on: bool) -> float:
        """Use the power switch as a person does; the seconds that the call took."""
        start = time.monotonic()
        await self.house.service(
            f"switch.turn_{'on' if on else 'off'}",
            {"entity_id": self.entity(workload, "power")},
        )
        return time.monotonic() - start

    # --- registries

    async def devices(self) -> dict[str, dict[str, Any]]:
        """The cluster's devices by kind/namespace/name, with the name of their area."""
        areas = {
            area["area_id"]: area["name"]
            for area in await self.house.call("config/area_registry/list")
        }
        found = {}
        for device in await self.house.call("config/device_registry/list"):
            for domain, identifier in device["identifiers"]:
                if domain == "home_cluster":
                    path = identifier.partition("/")[2]
                    found[path] = {**device, "area": areas.get(device["area_id"])}
        return found

    async def entities(self) -> dict[str, dict[str, Any]]:
        """Every registered entity of ours by its unique id, disabled ones too."""
        return {
            entry["unique_id"]: entry
            for entry in await self.house.call("config/entity_registry/list")
            if entry["platform"] == "home_cluster"
        }

    async def repairs(self) -> list[dict[str, Any]]:
        """The repairs that Home Assistant shows because of us."""
        issues = (await self.house.call("repairs/list_issues"))["issues"]
        return [issue for issue in issues if issue["domain"] == "home_cluster"]

    async def registry_ids(self) -> tuple[Collection[str], Collection[str]]:
        """The ids of all our devices and entities."""
        devices = {device["id"] for device in (await self.devices()).values()}
        return devices, {entity["id"] for entity in (await self.entities()).values()}
