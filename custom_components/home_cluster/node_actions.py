"""The actions for nodes: emptying one, and opening it again."""

import asyncio
from datetime import timedelta
from typing import Final

import probatio

from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.util.json import JsonObjectType

from .action import Action, Request
from .const import DOMAIN
from .drain import Phase
from .model.views import NodeView
from .node_commands import PATIENCE, report_of, told

ATTR_FORCE: Final = "force"
ATTR_TIMEOUT: Final = "timeout"

LONGEST: Final = timedelta(hours=1)


async def _drain(request: Request) -> JsonObjectType:
    """Empty a node, and wait for its end.

    Who does not ask for the answer, as an automation that switches the machine off next, is stopped by
    an error when the node is not empty.
    """
    name, commands = request.node.name, request.hub.node_commands
    task = await commands.drain(
        name, force=request.data[ATTR_FORCE], patience=request.data[ATTR_TIMEOUT]
    )
    machine = commands.drain_of(name)
    assert machine is not None
    await asyncio.wait([task])
    if machine.phase is not Phase.DRAINED and not request.answered:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="not_drained",
            translation_placeholders={
                "node": name,
                "blocked": "; ".join(told(machine.blocked)) or machine.phase.value,
            },
        )
    return report_of(machine)


async def _uncordon(request: Request) -> JsonObjectType:
    """Let pods onto a node again."""
    await request.hub.node_commands.uncordon(request.node.name)
    return {"schedulable": True}


NODE_TABLE: Final = (
    Action(
        name="drain",
        do=_drain,
        of=(NodeView,),
        fields={
            probatio.Optional(ATTR_TIMEOUT, default=PATIENCE): probatio.All(
                cv.positive_time_period,
                probatio.Range(min=timedelta(seconds=1), max=LONGEST),
            ),
            probatio.Optional(ATTR_FORCE, default=False): cv.boolean,
        },
        needs_admin=lambda _: True,
    ),
    Action(name="uncordon", do=_uncordon, of=(NodeView,)),
)
