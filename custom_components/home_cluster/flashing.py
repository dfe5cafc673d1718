"""The actions that change or tell what a device runs: set image, roll back, history."""

from typing import Final

import probatio

from homeassistant.core import SupportsResponse
from homeassistant.helpers import config_validation as cv
from homeassistant.util.json import JsonObjectType

from .action import Action, Request
from .kube.revisions import Revision

ATTR_IMAGE: Final = "image"
ATTR_REVISION: Final = "revision"


async def _set_image(request: Request) -> JsonObjectType:
    """Have it run another image; returns when it does."""
    ref, words = request.workload.ref, request.data[ATTR_IMAGE]
    return {**await request.hub.firmware.set_image(ref, words)}


async def _roll_back(request: Request) -> JsonObjectType:
    """Bring back what it was before; returns when it runs."""
    number = request.data.get(ATTR_REVISION)
    return {**await request.hub.firmware.rollback(request.workload.ref, number)}


async def _get_history(request: Request) -> JsonObjectType:
    """Tell which revisions there are."""
    found = await request.hub.firmware.history(request.workload.ref)
    return {"revisions": [_told(one) for one in found]}


def _told(revision: Revision) -> JsonObjectType:
    return {
        "revision": revision.number,
        "name": revision.name,
        "created": revision.created.isoformat() if revision.created else None,
        "images": dict(revision.images),
    }


FLASHING: Final = (
    Action(
        name="set_image",
        do=_set_image,
        fields={probatio.Required(ATTR_IMAGE): cv.string},
        needs_admin=lambda _: True,
    ),
    Action(
        name="rollback",
        do=_roll_back,
        fields={
            probatio.Optional(ATTR_REVISION): probatio.All(
                probatio.Coerce(int), probatio.Range(min=1)
            )
        },
        needs_admin=lambda _: True,
    ),
    Action(
        name="get_history",
        do=_get_history,
        response=SupportsResponse.ONLY,
        changes=False,
    ),
)
