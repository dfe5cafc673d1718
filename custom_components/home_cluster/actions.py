"""The actions: one table, one way to find whom they are for, to allow them and to tell what came of it."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import POLICY_CONTROL, POLICY_READ
from homeassistant.core import (
    Context,
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    callback,
)
from homeassistant.exceptions import HomeAssistantError, Unauthorized, UnknownUser
from homeassistant.helpers import entity_registry as er
from homeassistant.util.json import JsonObjectType

from .action import Action, Request, Target
from .admin import want_admin
from .commanding import COMMANDING
from .const import DOMAIN
from .flashing import FLASHING
from .looking import LOOKING
from .node_actions import NODE_TABLE
from .targets import targets_of

ACTIONS: Final[tuple[Action, ...]] = (
    *LOOKING,
    *COMMANDING,
    *NODE_TABLE,
    *FLASHING,
)


@callback
def register_actions(hass: HomeAssistant) -> None:
    """Offer the actions, for as long as Home Assistant runs."""
    for action in ACTIONS:
        hass.services.async_register(
            DOMAIN,
            action.name,
            partial(_run, hass, action),
            schema=action.schema,
            supports_response=action.response,
        )


async def _run(
    hass: HomeAssistant, action: Action, call: ServiceCall
) -> ServiceResponse:
    """Do it to every target, and raise if it failed for any, saying for which it did not."""
    requests = _requests(hass, action, call)
    await allow(
        hass,
        call.context,
        [request.target for request in requests],
        admin=action.needs_admin(call.data),
        policy=POLICY_CONTROL if action.changes else POLICY_READ,
    )
    for request in requests:
        action.check(request)
    answers: dict[str, JsonObjectType] = {}
    failures: list[tuple[Target, HomeAssistantError]] = []
    for turn in sorted({action.turn(request) for request in requests}):
        batch = [request for request in requests if action.turn(request) == turn]
        outcomes = await asyncio.gather(*map(action.do, batch), return_exceptions=True)
        for request, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, HomeAssistantError):
                failures.append((request.target, outcome))
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                answers.update(dict.fromkeys(request.target.named, outcome or {}))
    if failures and not (answers and call.return_response and not action.changes):
        raise _failed(requests, failures)
    for target, error in failures:
        answers.update({name: {"error": str(error)} for name in target.named})
    return {**answers} if call.return_response else None


def _requests(hass: HomeAssistant, action: Action, call: ServiceCall) -> list[Request]:
    if action.find is not None:
        return action.find(hass, call)
    return [
        Request(target, call.data, call.context, call.return_response)
        for target in targets_of(hass, call.data, action.of)
    ]


async def allow(
    hass: HomeAssistant,
    context: Context,
    targets: Sequence[Target],
    *,
    admin: bool = False,
    policy: str = POLICY_CONTROL,
) -> None:
    """Raise `Unauthorized` if a user who may not do this asks for it; automations have no user."""
    if admin:
        await want_admin(hass, context)
    if context.user_id is None:
        return
    user = await hass.auth.async_get_user(context.user_id)
    if user is None:
        raise UnknownUser(context=context)
    for target in targets:
        _allow_device(hass, context, user, target, policy)


def _allow_device(
    hass: HomeAssistant, context: Context, user: User, target: Target, policy: str
) -> None:
    """A device may be used by whom its entities may be used by, as Home Assistant's own actions have it."""
    if user.permissions.access_all_entities(policy):
        return
    for entry in er.async_entries_for_device(
        er.async_get(hass), target.device.entry.id
    ):
        if not user.permissions.check_entity(entry.entity_id, policy):
            raise Unauthorized(
                context=context, entity_id=entry.entity_id, permission=policy
            )


def _failed(
    requests: Sequence[Request], failures: Sequence[tuple[Target, HomeAssistantError]]
) -> HomeAssistantError:
    """Return the one error, or one that tells of all."""
    if len(requests) == 1:
        return failures[0][1]
    failed = {id(target.device) for target, _ in failures}
    targets = [request.target for request in requests]
    done = [target.name for target in targets if id(target.device) not in failed]
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key="partly_failed",
        translation_placeholders={
            "done": ", ".join(done) or "–",
            "errors": " ".join(str(error) for _, error in failures),
        },
    )
