"""What an action is: what it takes, which devices it is for, what it does to one of them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import probatio

from homeassistant.core import Context, HomeAssistant, ServiceCall, SupportsResponse
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import VolSchemaType
from homeassistant.util.json import JsonObjectType

from .devices import Device, DeviceView
from .hub import Hub
from .model.views import NodeView, WorkloadView


@dataclass(frozen=True, slots=True)
class Target:
    """A device that an action is for, of its own cluster.

    `named` are the ids that it is answered under: the entities by which it was named, else its own.
    """

    hub: Hub
    device: Device
    named: tuple[str, ...]

    @property
    def name(self) -> str:
        """What people call it."""
        entry = self.device.entry
        return entry.name_by_user or entry.name or self.device.key


@dataclass(frozen=True, slots=True)
class Request:
    """An action on one device: the device, the action's fields, who asks, and whether for an answer."""

    target: Target
    data: Mapping[str, Any]
    context: Context
    answered: bool = False

    @property
    def hub(self) -> Hub:
        """The device's own cluster."""
        return self.target.hub

    @property
    def workload(self) -> WorkloadView:
        """The device, of an action that is for workloads."""
        view = self.target.device.view
        assert isinstance(view, WorkloadView)
        return view

    @property
    def node(self) -> NodeView:
        """The device, of an action that is for nodes."""
        view = self.target.device.view
        assert isinstance(view, NodeView)
        return view


@dataclass(frozen=True, kw_only=True)
class Action:
    """An action.

    `do` is called for each targeted device whose view is one of `of`; what it returns is that device's
    part of the answer. It raises `ServiceValidationError` for misuse, `HomeAssistantError` for failure,
    both translated. `needs_admin` looks at the fields. `changes` says that it does more than look.

    `find` makes the requests of a call: unless it is given, one for each target, all with the call's
    fields. `check` is called for all of them before anything is done, `turn` says which come first.
    """

    name: str
    do: Callable[[Request], Awaitable[JsonObjectType | None]]
    of: tuple[type[DeviceView], ...] = (WorkloadView,)
    fields: Mapping[Any, Any] = field(default_factory=dict)
    response: SupportsResponse = SupportsResponse.OPTIONAL
    needs_admin: Callable[[Mapping[str, Any]], bool] = lambda _: False
    changes: bool = True
    find: Callable[[HomeAssistant, ServiceCall], list[Request]] | None = None
    check: Callable[[Request], None] = lambda _: None
    turn: Callable[[Request], int] = lambda _: 0

    @property
    def schema(self) -> VolSchemaType:
        """The fields, and a target unless the fields name it."""
        if self.find is not None:
            return probatio.Schema(dict(self.fields))
        return cv.make_entity_service_schema(dict(self.fields))
