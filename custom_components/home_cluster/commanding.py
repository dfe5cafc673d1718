"""The actions that change the number of a device's pods, one by one or by a plan, replace or run them."""

from typing import Any, Final

import probatio

from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers import config_validation as cv
from homeassistant.util.json import JsonObjectType

from .action import Action, Request
from .kube.schema import Ref
from .model.views import WorkloadView
from .sentences import misuse
from .targets import targets_of
from .throttle import COMMANDS

ATTR_DEVICES: Final = "devices"
ATTR_FORCE: Final = "force"
ATTR_POWER: Final = "power"
ATTR_REPLICAS: Final = "replicas"

_COUNT: Final = probatio.All(probatio.Coerce(int), probatio.Range(min=0, max=100))
_FORCE: Final = {probatio.Optional(ATTR_FORCE, default=False): cv.boolean}


def _forced(data: Any) -> bool:
    return bool(data[ATTR_FORCE])


async def _scale(request: Request) -> JsonObjectType:
    count: int = request.data[ATTR_REPLICAS]
    await request.hub.commands.set_replicas(
        request.workload.ref,
        count,
        force=_forced(request.data),
        context=request.context,
    )
    return {ATTR_REPLICAS: count}


async def _restart(request: Request) -> JsonObjectType:
    ref = request.workload.ref
    pods: list[str] = [pod.name for pod in request.hub.pods(ref) if not pod.deleting]
    await request.hub.commands.restart(
        ref, force=_forced(request.data), context=request.context
    )
    return {"pods": [*pods]}


# A plan: each of its lines is a request of its own.


def _lines(hass: HomeAssistant, call: ServiceCall) -> list[Request]:
    """Return the plan's lines; raises if two of them are about one device."""
    requests: list[Request] = []
    seen: set[tuple[str, Ref]] = set()
    for line in call.data[ATTR_DEVICES]:
        data = {**line, ATTR_FORCE: call.data[ATTR_FORCE]}
        for target in targets_of(hass, line, (WorkloadView,)):
            request = Request(target, data, call.context)
            place = (target.hub.cluster_uid, request.workload.ref)
            if place in seen:
                raise misuse("plan_twice", device=target.name)
            seen.add(place)
            requests.append(request)
    return requests


def _check_line(request: Request) -> None:
    """Raise if a line is not possible, or not needed to be asked of the cluster to know that."""
    commands, ref = request.hub.commands, request.workload.ref
    force = _forced(request.data)
    if ATTR_REPLICAS in request.data:
        view = commands.want_replicas(ref, request.data[ATTR_REPLICAS], force=force)
    else:
        view = commands.want_power(ref, request.data[ATTR_POWER], force=force)
    commands.throttle.check(ref, view.name, COMMANDS)
    commands.want_right(view)


def _is_rise(request: Request) -> int:
    """What is switched off makes room for what is switched on."""
    if ATTR_REPLICAS in request.data:
        return int(request.data[ATTR_REPLICAS] > request.workload.desired)
    return int(request.data[ATTR_POWER])


async def _apply_line(request: Request) -> JsonObjectType:
    commands, ref = request.hub.commands, request.workload.ref
    force, before = _forced(request.data), request.workload
    if ATTR_REPLICAS in request.data:
        if before.desired != request.data[ATTR_REPLICAS]:
            await commands.set_replicas(
                ref,
                request.data[ATTR_REPLICAS],
                force=force,
                context=request.context,
            )
    else:
        await commands.power(
            ref, request.data[ATTR_POWER], force=force, context=request.context
        )
    after = request.workload
    return {
        "before": {ATTR_POWER: before.power, ATTR_REPLICAS: before.desired},
        "after": {ATTR_POWER: after.power, ATTR_REPLICAS: after.desired},
    }


def _one_wish(line: dict[str, Any]) -> dict[str, Any]:
    if (ATTR_REPLICAS in line) == (ATTR_POWER in line):
        raise probatio.Invalid("name either replicas or power")
    if (ATTR_ENTITY_ID in line) == (ATTR_DEVICE_ID in line):
        raise probatio.Invalid("name either an entity or a device")
    return line


_LINE: Final = probatio.All(
    probatio.Schema(
        {
            probatio.Optional(ATTR_ENTITY_ID): cv.entity_id,
            probatio.Optional(ATTR_DEVICE_ID): cv.string,
            probatio.Optional(ATTR_REPLICAS): _COUNT,
            probatio.Optional(ATTR_POWER): cv.boolean,
        }
    ),
    _one_wish,
)


async def _run_job(request: Request) -> JsonObjectType:
    """Have a CronJob run now."""
    ref = request.workload.ref
    return {"job": await request.hub.commands.run(ref, request.context)}


COMMANDING: Final = (
    Action(name="run_job", do=_run_job),
    Action(
        name="scale",
        do=_scale,
        fields={probatio.Required(ATTR_REPLICAS): _COUNT, **_FORCE},
        needs_admin=_forced,
    ),
    Action(name="restart", do=_restart, fields=_FORCE, needs_admin=_forced),
    Action(
        name="apply_power_plan",
        do=_apply_line,
        find=_lines,
        check=_check_line,
        turn=_is_rise,
        fields={
            probatio.Required(ATTR_DEVICES): probatio.All(
                cv.ensure_list, probatio.Length(min=1), [_LINE]
            ),
            **_FORCE,
        },
        needs_admin=_forced,
    ),
)
