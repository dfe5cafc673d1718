"""The actions that change something: scale and restart."""

from typing import Final

import probatio

from homeassistant.helpers import config_validation as cv
from homeassistant.util.json import JsonObjectType

from .action import Action, Request

ATTR_FORCE: Final = "force"
ATTR_REPLICAS: Final = "replicas"


async def _scale(request: Request) -> JsonObjectType:
    """Set the number of pods."""
    ref, count = request.workload.ref, request.data[ATTR_REPLICAS]
    await request.hub.commands.set_replicas(ref, count, force=request.data[ATTR_FORCE])
    return {ATTR_REPLICAS: count}


async def _restart(request: Request) -> JsonObjectType:
    """Replace the pods, one at a time."""
    ref = request.workload.ref
    pods: list[str] = [pod.name for pod in request.hub.pods(ref) if not pod.deleting]
    await request.hub.commands.restart(ref, force=request.data[ATTR_FORCE])
    return {"pods": [*pods]}


_FORCE: Final = {probatio.Optional(ATTR_FORCE, default=False): cv.boolean}

COMMANDING: Final = (
    Action(
        name="scale",
        do=_scale,
        fields={
            probatio.Required(ATTR_REPLICAS): probatio.All(
                probatio.Coerce(int), probatio.Range(min=0, max=100)
            ),
            **_FORCE,
        },
        needs_admin=lambda data: bool(data[ATTR_FORCE]),
    ),
    Action(
        name="restart",
        do=_restart,
        fields=_FORCE,
        needs_admin=lambda data: bool(data[ATTR_FORCE]),
    ),
)
