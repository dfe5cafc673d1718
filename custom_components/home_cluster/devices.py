"""The devices in Home Assistant's registry: the cluster, its nodes, its workloads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr

from .const import DOMAIN
from .kube.schema import Kind, Ref
from .model.images import parse_image
from .model.views import NodeView, WorkloadView

CLUSTER: Final = "cluster//cluster"

_KINDS: Final = {kind.lower(): kind for kind in Kind}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    """The cluster as a device; `workloads` names those with problems, `latency` is in seconds.

    `credential_expires` is when the credential in use ends, None if it does not say.
    """

    reachable: bool = False
    version: str = ""
    latency: float | None = None
    workloads: tuple[str, ...] = ()
    credential_expires: datetime | None = None


type DeviceView = WorkloadView | NodeView | ClusterView


@dataclass(slots=True)
class Device:
    """A device: its key within the cluster, its registry entry, what is known of it.

    `present` is False while its object is missing from the cluster's answers, which proves nothing
    until it is confirmed.
    """

    key: str
    entry: dr.DeviceEntry
    view: DeviceView
    present: bool = True
    entities: set[str] = field(default_factory=set)


def key_of(ref: Ref) -> str:
    """Return the key of a workload's or node's device."""
    return f"{ref.kind.lower()}/{ref.namespace}/{ref.name}"


def volume_keys(claim: str) -> tuple[str, str]:
    """Return the keys of the entities of a workload's claim: its state, and how full it is."""
    return f"volume_{claim}", f"volume_{claim}_used"


def claim_of(key: str) -> str:
    """Return the claim that an entity's key is about, "" if it is about none."""
    if not key.startswith("volume_"):
        return ""
    # Names of Kubernetes have no underscore.
    return key.removeprefix("volume_").removesuffix("_used")


def ref_of(key: str) -> Ref | None:
    """Return the object that a device's key stands for; None for the cluster's own."""
    kind, _, rest = key.partition("/")
    namespace, _, name = rest.partition("/")
    return Ref(_KINDS[kind], namespace, name) if kind in _KINDS and name else None


class Devices:
    """The registry's part that belongs to one entry. Their identifiers are a contract."""

    def __init__(self, hass: HomeAssistant, entry_id: str, uid: str) -> None:
        """Bind to an entry and the uid of its cluster."""
        self._registry = dr.async_get(hass)
        self._entry_id = entry_id
        self._uid = uid
        self._cluster = ""

    def key_of(self, device: dr.AnyDeviceEntry) -> str | None:
        """Return the key of a registered device; None when it is not of this cluster."""
        prefix = f"{self._uid}/"
        for domain, identifier in device.identifiers:
            if domain == DOMAIN and identifier.startswith(prefix):
                return identifier.removeprefix(prefix)
        return None

    def known(self) -> list[str]:
        """Return the keys of all registered devices of this cluster."""
        entries = dr.async_entries_for_config_entry(self._registry, self._entry_id)
        return [key for entry in entries if (key := self.key_of(entry)) is not None]

    @callback
    def add_cluster(self, name: str, version: str) -> dr.DeviceEntry:
        """Register the cluster; first of all, the others refer to it."""
        device = self._add(
            CLUSTER,
            {
                "entry_type": dr.DeviceEntryType.SERVICE,
                "manufacturer": "Kubernetes",
                "model": "Cluster",
                "name": name,
                "sw_version": version or None,
            },
        )
        self._cluster = device.id
        return device

    @callback
    def add_node(self, view: NodeView) -> dr.DeviceEntry:
        """Register a node: a machine, so no service."""
        return self._add(
            key_of(Ref(Kind.NODE, "", view.name)),
            {
                "entry_type": None,
                "hw_version": view.architecture or None,
                "model": view.os_image or None,
                "name": view.name,
                "sw_version": view.version or None,
                "via_device_id": self._cluster,
            },
        )

    @callback
    def add_workload(self, view: WorkloadView) -> dr.DeviceEntry:
        """Register a workload, or tell the registry what its hints say now.

        Its area counts only when the device is new, and only if somebody chose it by label.
        """
        hints = view.hints
        info: dict[str, Any] = {
            "configuration_url": hints.url or None,
            "entry_type": dr.DeviceEntryType.SERVICE,
            "manufacturer": hints.manufacturer or None,
            "model": hints.model or parse_image(view.image).short or None,
            "name": view.name,
            "sw_version": view.version or None,
            "via_device_id": self._cluster,
        }
        if hints.area and view.labelled:
            info["suggested_area"] = hints.area
        return self._add(key_of(view.ref), info)

    @callback
    def remove(self, key: str) -> None:
        """Remove a device; Home Assistant removes its entities and states with it."""
        device = self._registry.async_get_device_by_identifier(
            (DOMAIN, f"{self._uid}/{key}"), self._entry_id
        )
        if device is not None:
            self._registry.async_remove_device(device.id)

    def _add(self, key: str, info: Mapping[str, Any]) -> dr.DeviceEntry:
        return self._registry.async_get_or_create(
            config_entry_id=self._entry_id,
            identifiers={(DOMAIN, f"{self._uid}/{key}")},
            **info,
        )
