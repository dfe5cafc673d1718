"""The power switch of a workload."""

from dataclasses import dataclass
from typing import Any, Final, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import HomeClusterDescription, HomeClusterEntity
from .hub import HomeClusterConfigEntry
from .model.views import Control, WorkloadView

# The hub has each device wait for its own commands only.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class PowerDescription(SwitchEntityDescription, HomeClusterDescription[WorkloadView]):
    """A power switch."""


SWITCHES: Final = (
    # Without a name of its own it bears the device's: "turn off the fridge".
    PowerDescription(of=WorkloadView, key="power", name=None, control=Control.POWER),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: HomeClusterConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add a switch wherever power may be switched, now and when devices come."""
    entry.runtime_data.follow(SWITCHES, PowerSwitch, async_add_entities)


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
