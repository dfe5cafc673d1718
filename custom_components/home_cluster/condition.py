"""The conditions of automations: a device is running, is healthy, is updating; a node is ready."""

from collections.abc import Mapping
from typing import ClassVar, Final, override

from homeassistant.const import STATE_ON, Platform
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.condition import Condition, EntityStateConditionBase

from .aims import entities_of
from .model.happenings import BAD
from .model.views import Status


class OursCondition(EntityStateConditionBase):
    """A condition about one kind of entity of our devices, whatever of a device was chosen.

    What nobody knows is not so: with the cluster out of reach, or without any device, none passes.
    """

    _primary_entities_only = False
    _domain: ClassVar[str]
    _key: ClassVar[str]

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        return entities_of(self._hass, entities, self._domain, self._key)

    @override
    def _should_include(self, _state: State) -> bool:
        return True

    @override
    def _check_all_match_state(self, states: list[State]) -> bool:
        return bool(states) and super()._check_all_match_state(states)


class StatusCondition(OursCondition):
    """By the status of a workload."""

    _domain = Platform.SENSOR
    _key = "status"
    _domain_specs = {Platform.SENSOR: DomainSpec()}


class IsRunning(StatusCondition):
    """At least one pod is ready."""

    _states = {Status.RUNNING.value, Status.DEGRADED.value}


class IsHealthy(StatusCondition):
    """There is no problem; what is switched off has none."""

    _states: set[str | bool] = {
        status.value for status in Status if status not in BAD | {Status.UNKNOWN}
    }


class IsUpdating(StatusCondition):
    """Pods are being replaced by those of a new template."""

    _states = {Status.UPDATING.value}


class NodeReady(OursCondition):
    """A node is there."""

    _domain = Platform.BINARY_SENSOR
    _key = "connected"
    _domain_specs = {Platform.BINARY_SENSOR: DomainSpec()}
    _states = {STATE_ON}


CONDITIONS: Final[Mapping[str, type[Condition]]] = {
    "is_running": IsRunning,
    "is_healthy": IsHealthy,
    "is_updating": IsUpdating,
    "node_ready": NodeReady,
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return the conditions by their keys, which are a contract."""
    return dict(CONDITIONS)
