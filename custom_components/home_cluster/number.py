"""The number of pods that a workload should have, or the limits of what an autoscaler may choose."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, override

from homeassistant.components.number import (
    NumberEntity,
    NumberEntityDescription,
    NumberMode,
)
from homeassistant.components.number.const import NumberDeviceClass
from homeassistant.const import EntityCategory, UnitOfTime
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import HomeClusterDescription, HomeClusterEntity
from .hub import HomeClusterConfigEntry
from .kube.patches import Bounds
from .kube.schema import Ref
from .model.views import Control, Scaling, WorkloadView

# The hub has each device wait for its own commands only.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class ReplicasDescription(
    NumberEntityDescription, HomeClusterDescription[WorkloadView]
):
    """A number of pods."""


@dataclass(frozen=True, kw_only=True)
class WatchdogDescription(
    NumberEntityDescription, HomeClusterDescription[WorkloadView]
):
    """A number of minutes."""


NUMBERS: Final = (
    ReplicasDescription(
        of=WorkloadView,
        key="replicas",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        native_max_value=100,
        native_step=1,
        mode=NumberMode.BOX,
        control=Control.REPLICAS,
        # An autoscaler would undo it at once.
        fits_fn=lambda view: view.autoscaler is None,
    ),
)

WATCHDOGS: Final = (
    WatchdogDescription(
        of=WorkloadView,
        key="watchdog",
        device_class=NumberDeviceClass.DURATION,
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        native_max_value=24 * 60,
        native_min_value=0,
        native_step=1,
        native_unit_of_measurement=UnitOfTime.MINUTES,
        mode=NumberMode.BOX,
        control=Control.RESTART,
    ),
)


@dataclass(frozen=True, kw_only=True)
class BoundDescription(NumberEntityDescription, HomeClusterDescription[WorkloadView]):
    """A limit of an autoscaler, and how to set it."""

    bounds_fn: Callable[[int], Bounds]
    limit_fn: Callable[[Scaling], int]


def _has_limits(view: WorkloadView) -> bool:
    """Say whether an autoscaler's limits are there to be set: what made it (KEDA) would undo it."""
    return view.autoscaler is not None and not view.autoscaler.owner


LIMITS: Final = tuple(
    BoundDescription(
        of=WorkloadView,
        key=key,
        entity_category=EntityCategory.CONFIG,
        native_min_value=1,
        native_max_value=100,
        native_step=1,
        mode=NumberMode.BOX,
        control=Control.REPLICAS,
        fits_fn=_has_limits,
        bounds_fn=bounds_fn,
        limit_fn=limit_fn,
    )
    for key, bounds_fn, limit_fn in (
        (
            "hpa_min",
            lambda count: Bounds(minimum=count),
            lambda scaling: scaling.minimum,
        ),
        (
            "hpa_max",
            lambda count: Bounds(maximum=count),
            lambda scaling: scaling.maximum,
        ),
    )
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: HomeClusterConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add a number wherever the count may be set, now and when devices come."""
    entry.runtime_data.follow(NUMBERS, ReplicasNumber, async_add_entities)
    entry.runtime_data.follow(WATCHDOGS, WatchdogNumber, async_add_entities)
    entry.runtime_data.follow(LIMITS, BoundNumber, async_add_entities)


class WatchdogNumber(HomeClusterEntity, NumberEntity):
    """After how many minutes of trouble the device is restarted; 0 for never."""

    @property
    def _ref(self) -> Ref:
        assert isinstance(self.device.view, WorkloadView)
        return self.device.view.ref

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self.hub.guard.attach(self._ref))

    @property
    @override
    def native_value(self) -> float:
        return self.hub.guard.minutes(self._ref)

    @override
    async def async_set_native_value(self, value: float) -> None:
        await self.hub.guard.set_minutes(self._ref, int(value))
        self._changed()

    @override
    def _shown(self) -> Any:
        return self.native_value


class ReplicasNumber(HomeClusterEntity, NumberEntity):
    """How many pods are asked for."""

    @property
    def _view(self) -> WorkloadView:
        assert isinstance(self.device.view, WorkloadView)
        return self.device.view

    @property
    @override
    def native_value(self) -> float:
        return self._view.desired

    @property
    @override
    def native_min_value(self) -> float:
        return 1 if self._view.hints.protected else 0

    @override
    async def async_set_native_value(self, value: float) -> None:
        await self.hub.set_replicas(self._view.ref, int(value), self._context)

    @override
    def _shown(self) -> Any:
        return self.native_value, self.native_min_value


class BoundNumber(HomeClusterEntity, NumberEntity):
    """The least or the most pods that an autoscaler may ask for."""

    entity_description: BoundDescription

    @property
    def _view(self) -> WorkloadView:
        assert isinstance(self.device.view, WorkloadView)
        return self.device.view

    @property
    @override
    def native_value(self) -> float | None:
        scaling = self._view.autoscaler
        # It goes with its autoscaler, a moment later.
        return None if scaling is None else self.entity_description.limit_fn(scaling)

    @override
    async def async_set_native_value(self, value: float) -> None:
        bounds = self.entity_description.bounds_fn(int(value))
        await self.hub.commands.bound(self._view.ref, bounds, self._context)

    @override
    def _shown(self) -> Any:
        return self.native_value
