"""Walking through config flows over the REST API, as the frontend does."""

import asyncio
from collections.abc import Mapping
from typing import Any

from .house import House
from .house_socket import HouseError

_FLOW = "/api/config/config_entries/flow"
_OPTIONS = "/api/config/config_entries/options/flow"


async def walk(
    house: House,
    answers: Mapping[str, Mapping[str, Any]],
    *,
    handler: str = "home_cluster",
    start: Mapping[str, Any] | None = None,
    options: bool = False,
) -> dict[str, Any]:
    """Start a flow and answer its steps by their names until it ends; returns its last result.

    `answers` holds what to submit at each step; at a menu `{"next_step_id": …}`. A form that comes
    back with errors ends the walk too: the caller finds them under `errors`. Progress steps are
    waited for. `start` adds to the first request, as `entry_id` for a reconfigure flow.
    """
    base = _OPTIONS if options else _FLOW
    result = await house.rest("POST", base, {"handler": handler, **(start or {})})
    given: set[str] = set()
    while result["type"] in {"menu", "form", "progress", "progress_done"}:
        path = f"{base}/{result['flow_id']}"
        step = result["step_id"] if result["type"] != "progress_done" else ""
        if result["type"] in {"progress", "progress_done"}:
            await asyncio.sleep(0.2)
            result = await house.rest("GET", path)
            continue
        if result.get("errors") or step in given:
            return dict(result)
        if step not in answers:
            raise HouseError(
                f"the flow asks for the step {step!r}, for which there is no answer"
            )
        given.add(step)
        result = await house.rest("POST", path, dict(answers[step]))
    return dict(result)


async def abandon(house: House, result: Mapping[str, Any]) -> None:
    """Close a flow that has not ended."""
    await house.rest("DELETE", f"{_FLOW}/{result['flow_id']}")
