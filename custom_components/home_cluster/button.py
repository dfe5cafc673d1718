"""The buttons: a workload's restart and run now, and a node's drain."""

from dataclasses import dataclass
from typing import Any, Final, override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.components.button.const import ButtonDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .admin import want_admin
from .entity import HomeClusterDescription, HomeClusterEntity
from .hub import HomeClusterConfigEntry
from .model.views import Control, Need, NodeView, WorkloadView

# A restart goes on by itself after its first pod.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class RestartDescription(ButtonEntityDescription, HomeClusterDescription[WorkloadView]):
    """A button that replaces pods."""


@dataclass(frozen=True, kw_only=True)
class DrainDescription(ButtonEntityDescription, HomeClusterDescription[NodeView]):
    """A button that empties a node."""


@dataclass(frozen=True, kw_only=True)
class RunDescription(ButtonEntityDescription, HomeClusterDescription[WorkloadView]):
    """A button that has a CronJob run."""


RUNS: Final = (
    RunDescription(
        of=WorkloadView,
        key="run",
        control=Control.RUN,
        fits_fn=lambda view: view.runs is not None,
    ),
)

BUTTONS: Final = (
    RestartDescription(
        of=WorkloadView,
        key="restart",
        device_class=ButtonDeviceClass.RESTART,
        entity_category=EntityCategory.CONFIG,
        control=Control.RESTART,
    ),
)


DRAINS: Final = (
    DrainDescription(
        of=NodeView,
        key="drain",
        entity_category=EntityCategory.CONFIG,
        control=Need.DRAIN,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: HomeClusterConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add a button wherever something can be pressed, now and when devices come."""
    entry.runtime_data.follow(BUTTONS, RestartButton, async_add_entities)
    entry.runtime_data.follow(DRAINS, DrainButton, async_add_entities)
    entry.runtime_data.follow(RUNS, RunButton, async_add_entities)


class RestartButton(HomeClusterEntity, ButtonEntity):
    """Replaces the pods, one at a time."""

    @override
    async def async_press(self) -> None:
        assert isinstance(self.device.view, WorkloadView)
        await self.hub.restart(self.device.view.ref, self._context)

    @override
    def _shown(self) -> Any:
        return None


class DrainButton(HomeClusterEntity, ButtonEntity):
    """Empties a node, for an administrator only; the node's switch tells how far it is."""

    @override
    async def async_press(self) -> None:
        assert isinstance(self.device.view, NodeView)
        await want_admin(self.hass, self._context)
        await self.hub.node_commands.drain(self.device.view.name)

    @override
    def _shown(self) -> Any:
        return None


class RunButton(HomeClusterEntity, ButtonEntity):
    """Has a CronJob run now, by its own Job."""

    @override
    async def async_press(self) -> None:
        assert isinstance(self.device.view, WorkloadView)
        await self.hub.commands.run(self.device.view.ref, self._context)

    @override
    def _shown(self) -> Any:
        return None
