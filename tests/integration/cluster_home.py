"""Setting up an entry against a living cluster, and waiting for what is to come."""

import asyncio
from collections.abc import Callable
import logging
import time
from typing import Any

from freezegun.api import real_monotonic
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.home_cluster.const import DOMAIN
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from tests.integration.api_server import METRICS, READ_ALL, READ_UID, UID, Rule
from tests.integration.live_server import LiveServer

SCALES = ("deployments/scale", "statefulsets/scale")
CONTROL = (
    Rule(("patch",), (*SCALES, "cronjobs", "jobs", "daemonsets")),
    Rule(("create",), ("pods/eviction",)),
    Rule(("list",), ("replicasets", "controllerrevisions")),
    Rule(("list",), ("pods", "nodes"), group=METRICS),
    Rule(("patch",), ("nodes",)),
    Rule(("create",), ("jobs",)),
    Rule(("patch",), ("horizontalpodautoscalers",)),
)
UPDATE = Rule(("patch",), ("deployments", "statefulsets"))
EVERYTHING = (READ_UID, READ_ALL, *CONTROL)
READ_ONLY = (READ_UID, READ_ALL)


def entry_for(server: LiveServer, **options: Any) -> MockConfigEntry:
    """Return an entry that connects by token."""
    return MockConfigEntry(
        domain=DOMAIN,
        title="Home",
        unique_id=server.uid,
        data={
            "method": "token",
            "url": server.url,
            "token": "person",
            "ca": server.authority,
            "verify_ssl": True,
        },
        options={"mode": "all", "namespaces": [], **options},
    )


async def set_up(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Set the entry up and let what follows settle."""
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await tried(hass, entry)


async def tried(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Wait for the dry runs, which a start does not wait for."""
    hub = getattr(entry, "runtime_data", None)
    task = hub._oversight._task if hub is not None else None
    if task is not None and not task.done():
        await asyncio.wait([task], timeout=5)
        await hass.async_block_till_done()


async def until(
    hass: HomeAssistant,
    condition: Callable[[], Any],
    what: str = "",
    seconds: float = 10,
    *,
    settle: bool = True,
) -> Any:
    """Wait until the condition holds; fail with what was last seen.

    Without `settle` something is under way that Home Assistant would be waited for.
    """
    # By a thread and its clock: tests may hold the loop's still.
    end = real_monotonic() + seconds
    while not (seen := condition()):
        if real_monotonic() > end:
            raise AssertionError(
                f"waited {seconds} s for {what or condition}, last seen: {seen!r}"
            )
        await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.003)
        if settle:
            await hass.async_block_till_done()
    return seen


def entity_id(hass: HomeAssistant, path: str) -> str | None:
    """Return the entity of a unique id less the cluster's uid: "deployment/kitchen/fridge/power"."""
    unique_id = f"{UID}/{path}"
    for entry in er.async_get(hass).entities.values():
        if entry.unique_id == unique_id and entry.platform == DOMAIN:
            return entry.entity_id
    return None


def enable(hass: HomeAssistant, platform: str, path: str) -> None:
    """Have an entity that is disabled at first be there from the set-up on, as a user who enabled it has."""
    er.async_get(hass).async_get_or_create(platform, DOMAIN, f"{UID}/{path}")


def state(hass: HomeAssistant, path: str) -> str | None:
    """Return an entity's state; None if it has none."""
    found = entity_id(hass, path)
    current = hass.states.get(found) if found else None
    return current.state if current else None


def attributes(hass: HomeAssistant, path: str) -> dict[str, Any]:
    """Return an entity's attributes."""
    found = entity_id(hass, path)
    assert found is not None
    current = hass.states.get(found)
    assert current is not None
    return dict(current.attributes)


def desired(hass: HomeAssistant, path: str) -> int | None:
    """Return how many pods a device is said to want; None if it does not say."""
    found: int | None = attributes(hass, f"{path}/status").get("desired")
    return found


def device(
    hass: HomeAssistant, entry: MockConfigEntry, key: str
) -> dr.DeviceEntry | None:
    """Return a device by its key: "deployment/kitchen/fridge"."""
    return dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, f"{UID}/{key}"), entry.entry_id
    )


async def call(hass: HomeAssistant, action: str, path: str, **data: Any) -> None:
    """Call an action such as "switch.turn_off" on an entity, and wait for its end."""
    domain, service = action.split(".")
    await hass.services.async_call(
        domain, service, {"entity_id": entity_id(hass, path), **data}, blocking=True
    )


class States:
    """Records every state that is written, and every write."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Begin to record."""
        self.seen: list[tuple[str, str]] = []
        self._hass = hass
        hass.bus.async_listen("state_changed", self._record)

    @callback
    def _record(self, event: Any) -> None:
        new = event.data["new_state"]
        self.seen.append((event.data["entity_id"], new.state if new else "removed"))

    def of(self, path: str) -> list[str]:
        """Return the states of one entity, in order."""
        wanted = entity_id(self._hass, path)
        return [state for entity, state in self.seen if entity == wanted]


async def another_fridge(hass: HomeAssistant, home: LiveServer) -> None:
    """Have a device in the garden that bears the fridge's name."""
    home.workload(
        "deployments",
        "garden",
        "cooler",
        replicas=1,
        hints={"name": "Fridge", "area": "Garden"},
    )
    await until(
        hass, lambda: state(hass, "deployment/garden/cooler/power") == "on", "cooler"
    )


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the warnings and errors, with their loggers; that a busy machine is slow is none."""
    return [
        f"{record.name}: {record.getMessage()}"
        for record in caplog.records
        if record.levelno >= logging.WARNING
        and not (
            record.name == "asyncio" and record.getMessage().startswith("Executing ")
        )
        and "has not been tested by Home Assistant" not in record.getMessage()
    ]
