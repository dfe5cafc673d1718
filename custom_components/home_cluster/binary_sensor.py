"""What is either so or not: problems, nodes that are there, the cluster that answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, override

from homeassistant.components.binary_sensor import (
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .devices import ClusterView, DeviceView
from .entity import HomeClusterDescription, HomeClusterEntity
from .hub import HomeClusterConfigEntry
from .model.views import NodeView, WorkloadView
from .wording import words_of

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class HomeClusterBinarySensorDescription[V: DeviceView](
    BinarySensorEntityDescription, HomeClusterDescription[V]
):
    """A binary sensor."""

    value_fn: Callable[[V], bool | None]
    attributes_fn: Callable[[HomeAssistant, V], dict[str, Any]] | None = None
    always_available: bool = False


def _what_is_wrong(hass: HomeAssistant, view: WorkloadView) -> dict[str, Any]:
    """Return the words for a problem; what is not known is left out."""
    health = view.health
    said = words_of(hass, health)
    words = {
        "message": said.message,
        "advice": said.advice,
        "details": said.details,
        "since": health.since,
        "container": health.container,
        "pod": health.pod,
        "node": health.node,
        "exit_code": health.exit_code,
    }
    return {key: value for key, value in words.items() if value not in ("", None)}


def _connected(view: NodeView) -> bool | None:
    """Say whether a node is there; a flicker is neither."""
    if view.connected:
        return True
    return False if view.problem else None


BINARY_SENSORS: Final[tuple[HomeClusterBinarySensorDescription[Any], ...]] = (
    HomeClusterBinarySensorDescription(
        of=WorkloadView,
        key="problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        value_fn=lambda view: view.health.problem,
        attributes_fn=_what_is_wrong,
    ),
    HomeClusterBinarySensorDescription(
        of=NodeView,
        key="connected",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        value_fn=_connected,
    ),
    HomeClusterBinarySensorDescription(
        of=NodeView,
        key="memory_pressure",
        device_class=BinarySensorDeviceClass.PROBLEM,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda view: view.memory_pressure,
    ),
    HomeClusterBinarySensorDescription(
        of=NodeView,
        key="disk_pressure",
        device_class=BinarySensorDeviceClass.PROBLEM,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda view: view.disk_pressure,
    ),
    HomeClusterBinarySensorDescription(
        of=NodeView,
        key="pid_pressure",
        device_class=BinarySensorDeviceClass.PROBLEM,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda view: view.pid_pressure,
    ),
    HomeClusterBinarySensorDescription(
        of=ClusterView,
        key="reachable",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        value_fn=lambda view: view.reachable,
        always_available=True,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: HomeClusterConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add a binary sensor for every description that fits, now and when devices come."""
    entry.runtime_data.follow(
        BINARY_SENSORS, HomeClusterBinarySensor, async_add_entities
    )


class HomeClusterBinarySensor(HomeClusterEntity, BinarySensorEntity):
    """A binary sensor of any device."""

    entity_description: HomeClusterBinarySensorDescription[Any]
    # Sentences and names of the moment; what they are about is the reason, a sensor with a history.
    _unrecorded_attributes = frozenset(
        {
            *("message", "advice", "details"),
            *("since", "container", "pod", "node", "exit_code"),
        }
    )

    @property
    @override
    def available(self) -> bool:
        return self.entity_description.always_available or super().available

    @property
    @override
    def is_on(self) -> bool | None:
        return self.entity_description.value_fn(self.device.view)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        if self.entity_description.attributes_fn is None:
            return None
        return self.entity_description.attributes_fn(self.hub.hass, self.device.view)

    @override
    def _shown(self) -> Any:
        return self.is_on, self.extra_state_attributes
