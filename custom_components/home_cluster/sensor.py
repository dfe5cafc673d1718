"""What devices tell in words, numbers and times."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory, UnitOfTime
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.typing import StateType

from .devices import ClusterView, DeviceView
from .entity import HomeClusterDescription, HomeClusterEntity
from .figures import FIGURES, FigureSensor
from .hub import HomeClusterConfigEntry
from .kube.schema import Kind
from .model.views import Need, NodeView, Outcome, Reason, Status, WorkloadView
from .volumes import (
    DISKS,
    DiskSensor,
    VolumeSensor,
    VolumeUsedSensor,
    uses_of,
    volumes_of,
)

PARALLEL_UPDATES = 0

# A state's text may be this long.
LONGEST: Final = 255


@dataclass(frozen=True, kw_only=True)
class HomeClusterSensorDescription[V: DeviceView](
    SensorEntityDescription, HomeClusterDescription[V]
):
    """A sensor."""

    value_fn: Callable[[V], StateType | datetime]
    attributes_fn: Callable[[V], dict[str, Any]] | None = None
    icon_fn: Callable[[V], str] | None = None


@dataclass(frozen=True, kw_only=True)
class LastBootDescription(SensorEntityDescription, HomeClusterDescription[NodeView]):
    """When a node was last started."""


def _has_pods(view: WorkloadView) -> bool:
    """Say whether a workload is there to have pods all the time."""
    return view.ref.kind in (Kind.DEPLOYMENT, Kind.STATEFUL_SET, Kind.DAEMON_SET)


def _pods(view: WorkloadView) -> dict[str, Any]:
    return {"ready": view.ready, "desired": view.desired} if _has_pods(view) else {}


def _machine(view: NodeView) -> dict[str, Any]:
    """Return what a node is; what it does not say is left out."""
    words = {
        "architecture": view.architecture,
        "operating_system": view.os_image,
        "kernel": view.kernel,
    }
    return {key: word for key, word in words.items() if word}


def _latency(view: ClusterView) -> float | None:
    return None if view.latency is None else round(view.latency * 1000, 1)


def _scaling(view: WorkloadView) -> dict[str, Any]:
    scaling = view.autoscaler
    return {} if scaling is None else {"desired": scaling.desired}


def _run(view: WorkloadView) -> dict[str, Any]:
    runs = view.runs
    return {} if runs is None else {"job": runs.job or None, "seconds": runs.seconds}


def _last_run(view: WorkloadView) -> dict[str, Any]:
    runs = view.runs
    return {} if runs is None else {"result": runs.outcome, **_run(view)}


SENSORS: Final[tuple[HomeClusterSensorDescription[Any], ...]] = (
    HomeClusterSensorDescription(
        of=WorkloadView,
        key="status",
        device_class=SensorDeviceClass.ENUM,
        options=[status.value for status in Status],
        value_fn=lambda view: view.health.status,
        attributes_fn=_pods,
        icon_fn=lambda view: view.hints.icon,
    ),
    HomeClusterSensorDescription(
        of=WorkloadView,
        key="reason",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=[reason.value for reason in Reason],
        value_fn=lambda view: view.health.reason,
    ),
    HomeClusterSensorDescription(
        of=WorkloadView,
        key="ready",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda view: view.ready,
        fits_fn=_has_pods,
    ),
    HomeClusterSensorDescription(
        of=WorkloadView,
        key="desired",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda view: view.desired,
        fits_fn=_has_pods,
    ),
    HomeClusterSensorDescription(
        of=WorkloadView,
        key="restarts",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        # With a pod that is replaced its share goes: no total of all time, whose dips Home Assistant warns of.
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda view: view.restarts,
    ),
    HomeClusterSensorDescription(
        of=WorkloadView,
        key="node",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=lambda view: ", ".join(view.nodes)[:LONGEST] or None,
    ),
    HomeClusterSensorDescription(
        of=WorkloadView,
        key="started",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=lambda view: view.started,
    ),
    HomeClusterSensorDescription(
        of=WorkloadView,
        key="image",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=lambda view: view.image[:LONGEST] or None,
    ),
    HomeClusterSensorDescription(
        of=NodeView,
        key="pods",
        entity_category=EntityCategory.DIAGNOSTIC,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda view: view.pods,
        attributes_fn=lambda view: {"most": view.most_pods} if view.most_pods else {},
        control=Need.ALL_PODS,
    ),
    HomeClusterSensorDescription(
        of=NodeView,
        key="version",
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda view: view.version or None,
        attributes_fn=_machine,
    ),
    HomeClusterSensorDescription(
        of=WorkloadView,
        key="hpa_current",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda view: view.autoscaler and view.autoscaler.current,
        attributes_fn=_scaling,
        fits_fn=lambda view: view.autoscaler is not None,
    ),
    HomeClusterSensorDescription(
        of=WorkloadView,
        key="last_run",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda view: view.runs and view.runs.last,
        attributes_fn=_last_run,
        fits_fn=lambda view: view.runs is not None,
    ),
    HomeClusterSensorDescription(
        of=WorkloadView,
        key="last_result",
        device_class=SensorDeviceClass.ENUM,
        entity_registry_enabled_default=False,
        options=[outcome.value for outcome in Outcome],
        value_fn=lambda view: view.runs and view.runs.outcome,
        attributes_fn=_run,
        fits_fn=lambda view: view.runs is not None,
    ),
    HomeClusterSensorDescription(
        of=ClusterView,
        key="version",
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda view: view.version or None,
    ),
    HomeClusterSensorDescription(
        of=ClusterView,
        key="problems",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda view: len(view.workloads),
        attributes_fn=lambda view: {"workloads": list(view.workloads)},
    ),
    HomeClusterSensorDescription(
        of=ClusterView,
        key="credential_expires",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda view: view.credential_expires,
        fits_fn=lambda view: view.credential_expires is not None,
    ),
    HomeClusterSensorDescription(
        of=ClusterView,
        key="latency",
        device_class=SensorDeviceClass.DURATION,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        native_unit_of_measurement=UnitOfTime.MILLISECONDS,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=_latency,
    ),
)


LAST_BOOTS: Final = (
    LastBootDescription(
        of=NodeView,
        key="last_boot",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        fits_fn=lambda view: bool(view.boot_id),
    ),
)


@dataclass(frozen=True, kw_only=True)
class NextRunDescription(SensorEntityDescription, HomeClusterDescription[WorkloadView]):
    """A sensor of when a CronJob runs next."""


NEXT_RUNS: Final = (
    NextRunDescription(
        of=WorkloadView,
        key="next_run",
        device_class=SensorDeviceClass.TIMESTAMP,
        fits_fn=lambda view: view.runs is not None,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: HomeClusterConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add a sensor for every description that fits, now and when devices come."""
    entry.runtime_data.follow(SENSORS, HomeClusterSensor, async_add_entities)
    entry.runtime_data.follow(FIGURES, FigureSensor, async_add_entities)
    entry.runtime_data.follow(LAST_BOOTS, LastBootSensor, async_add_entities)
    entry.runtime_data.follow(NEXT_RUNS, NextRunSensor, async_add_entities)
    entry.runtime_data.follow(DISKS, DiskSensor, async_add_entities)
    entry.runtime_data.follow((), VolumeSensor, async_add_entities, volumes_of)
    entry.runtime_data.follow((), VolumeUsedSensor, async_add_entities, uses_of)


class HomeClusterSensor(HomeClusterEntity, SensorEntity):
    """A sensor of any device."""

    entity_description: HomeClusterSensorDescription[Any]
    _unrecorded_attributes = frozenset({"workloads", "job", "ready"})

    @property
    @override
    def native_value(self) -> StateType | datetime:
        return self.entity_description.value_fn(self.device.view)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        if self.entity_description.attributes_fn is None:
            return None
        return self.entity_description.attributes_fn(self.device.view)

    @property
    @override
    def icon(self) -> str | None:
        if self.entity_description.icon_fn is None:
            return None
        return self.entity_description.icon_fn(self.device.view) or None

    @override
    def _shown(self) -> Any:
        return self.native_value, self.extra_state_attributes, self.icon


class LastBootSensor(HomeClusterEntity, SensorEntity):
    """When a node was last started, as far as anybody knows; the node itself is asked once."""

    _end: CALLBACK_TYPE | None = None

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self._ask()

    @override
    async def async_will_remove_from_hass(self) -> None:
        await super().async_will_remove_from_hass()
        if self._end is not None:
            self._end()

    @callback
    def _ask(self) -> None:
        """Have the node asked for as long as nobody knows."""
        knows = self.native_value is not None
        if self._end is not None and knows:
            self._end()
            self._end = None
        elif self._end is None and not knows and self.hub.may(self.device, Need.STATS):
            self._end = self.hub.stats.follow(self.device.key, self._changed)

    @override
    @callback
    def _changed(self) -> None:
        self._ask()
        super()._changed()

    @property
    @override
    def native_value(self) -> datetime | None:
        assert isinstance(self.device.view, NodeView)
        return self.hub.boots.at(self.device.view.name)

    @override
    def _shown(self) -> Any:
        return self.native_value


class NextRunSensor(HomeClusterEntity, SensorEntity):
    """When a CronJob runs next; unknown while it is suspended."""

    @property
    @override
    def native_value(self) -> datetime | None:
        return self.hub.schedules.next_run(self.device.key)

    @override
    def _shown(self) -> Any:
        return self.native_value
