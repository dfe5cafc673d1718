"""The sensors of what devices use; read only while one of them is enabled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import PERCENTAGE, EntityCategory, UnitOfInformation

from .devices import DeviceView
from .entity import HomeClusterDescription, HomeClusterEntity
from .kube.metrics import Usage
from .model.views import Need, NodeView, WorkloadView


@dataclass(frozen=True, kw_only=True)
class FigureDescription[V: DeviceView](
    SensorEntityDescription, HomeClusterDescription[V]
):
    """A sensor of what a device uses; `figure_fn` and `attributes_fn` are of its view, too."""

    figure_fn: Callable[[Usage, V], float | None]
    attributes_fn: Callable[[Usage, V], dict[str, Any]]
    control: Need = Need.FIGURES
    entity_category: EntityCategory | None = EntityCategory.DIAGNOSTIC
    entity_registry_enabled_default: bool = False
    state_class: SensorStateClass | None = SensorStateClass.MEASUREMENT


def _share(part: float, whole: float | None) -> float | None:
    return round(part / whole * 100, 1) if whole else None


FIGURES: Final[tuple[FigureDescription[Any], ...]] = (
    # Of one core, as `top` counts: a device that keeps two cores busy uses 200 %.
    FigureDescription(
        of=WorkloadView,
        key="cpu",
        native_unit_of_measurement=PERCENTAGE,
        suggested_display_precision=1,
        figure_fn=lambda usage, _: round(usage.cpu * 100, 2),
        attributes_fn=lambda usage, _: {"millicores": round(usage.cpu * 1000, 1)},
    ),
    FigureDescription(
        of=WorkloadView,
        key="memory",
        device_class=SensorDeviceClass.DATA_SIZE,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        suggested_unit_of_measurement=UnitOfInformation.MEBIBYTES,
        suggested_display_precision=0,
        figure_fn=lambda usage, _: usage.memory,
        attributes_fn=lambda _usage, _view: {},
    ),
    # Of all that pods may use of the node.
    FigureDescription(
        of=NodeView,
        key="cpu",
        native_unit_of_measurement=PERCENTAGE,
        suggested_display_precision=1,
        figure_fn=lambda usage, view: _share(usage.cpu, view.allocatable_cpu),
        attributes_fn=lambda usage, _: {"millicores": round(usage.cpu * 1000, 1)},
    ),
    FigureDescription(
        of=NodeView,
        key="memory",
        device_class=SensorDeviceClass.DATA_SIZE,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        suggested_unit_of_measurement=UnitOfInformation.MEBIBYTES,
        suggested_display_precision=0,
        figure_fn=lambda usage, _: usage.memory,
        attributes_fn=lambda usage, view: {
            "percent": _share(usage.memory, view.allocatable_memory)
        },
    ),
)


class FigureSensor(HomeClusterEntity, SensorEntity):
    """What a device uses; unavailable while nobody can tell."""

    entity_description: FigureDescription[Any]
    _unrecorded_attributes = frozenset({"millicores", "percent"})

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self.hub.metrics.follow(self.device.key, self._changed))

    @property
    def _usage(self) -> Usage | None:
        return self.hub.metrics.usage(self.device.key)

    @property
    @override
    def available(self) -> bool:
        return super().available and self._usage is not None

    @property
    @override
    def native_value(self) -> float | None:
        if (usage := self._usage) is None:
            return None
        figure: float | None = self.entity_description.figure_fn(
            usage, self.device.view
        )
        return figure

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        if (usage := self._usage) is None:
            return {}
        return self.entity_description.attributes_fn(usage, self.device.view)

    @override
    def _shown(self) -> Any:
        return self.native_value, self.extra_state_attributes
