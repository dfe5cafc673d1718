"""The power switch of a workload, and the switch that keeps new pods from a node."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import HomeClusterDescription, HomeClusterEntity
from .hub import HomeClusterConfigEntry
from .model.views import Control, Need, NodeView, WorkloadView
from .node_commands import told

# The hub has each device wait for its own commands only.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class PowerDescription(SwitchEntityDescription, HomeClusterDescription[WorkloadView]):
    """A power switch."""


@dataclass(frozen=True, kw_only=True)
class SchedulableDescription(SwitchEntityDescription, HomeClusterDescription[NodeView]):
    """The switch of a node."""


SWITCHES: Final = (
    # Without a name of its own it bears the device's: "turn off the fridge".
    PowerDescription(of=WorkloadView, key="power", name=None, control=Control.POWER),
)


SCHEDULABLE: Final = (
    SchedulableDescription(
        of=NodeView,
        key="schedulable",
        entity_category=EntityCategory.CONFIG,
        control=Need.CORDON,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: HomeClusterConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add a switch wherever something may be switched, now and when devices come."""
    entry.runtime_data.follow(SWITCHES, PowerSwitch, async_add_entities)
    entry.runtime_data.follow(SCHEDULABLE, SchedulableSwitch, async_add_entities)


class PowerSwitch(HomeClusterEntity, SwitchEntity):
    """On while pods are asked for."""

    @property
    def _view(self) -> WorkloadView:
        assert isinstance(self.device.view, WorkloadView)
        return self.device.view

    @property
    @override
    def is_on(self) -> bool:
        return self._view.power

    @property
    @override
    def icon(self) -> str | None:
        return self._view.hints.icon or None

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        await self.hub.power(self._view.ref, on=True, context=self._context)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        await self.hub.power(self._view.ref, on=False, context=self._context)

    @override
    def _shown(self) -> Any:
        return self.is_on, self.icon


class SchedulableSwitch(HomeClusterEntity, SwitchEntity):
    """On while a node takes new pods; off, it is cordoned. Its attributes tell of a drain."""

    _unrecorded_attributes = frozenset({"evicted", "remaining", "blocked"})

    @property
    def _view(self) -> NodeView:
        assert isinstance(self.device.view, NodeView)
        return self.device.view

    @property
    @override
    def is_on(self) -> bool:
        return self._view.schedulable

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        await self.hub.node_commands.uncordon(self._view.name)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        await self.hub.node_commands.cordon(self._view.name)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        drain = self.hub.node_commands.drain_of(self._view.name)
        if drain is None:
            return None
        return {
            "drain": drain.phase.value,
            "evicted": len(drain.evicted),
            "remaining": len(drain.remaining),
            "blocked": told(drain.blocked),
        }

    @override
    def _shown(self) -> Any:
        return self.is_on, self.extra_state_attributes
