"""Which devices an assistant may speak about, and what people call them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from homeassistant.components.homeassistant.exposed_entities import async_should_expose
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
)

from .const import DOMAIN
from .devices import Device
from .hub import HomeClusterConfigEntry, Hub
from .model.views import WorkloadView

# What is exposed or not for a device.
MAIN: Final = (
    ("switch", "power"),
    ("sensor", "status"),
    ("binary_sensor", "problem"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A workload device: how people call it, where it is, what is known of it.

    `exposed` says whether the assistant may name it: one of its main entities is exposed.
    """

    hub: Hub
    device: Device
    view: WorkloadView
    name: str
    aliases: tuple[str, ...]
    area_id: str | None
    area: str
    exposed: bool

    @property
    def current(self) -> bool:
        """Say whether what is known of it is what the cluster says now."""
        return self.hub.available and self.device.present


@callback
def loaded_hubs(hass: HomeAssistant) -> list[Hub]:
    """Return the hubs of all entries that are set up."""
    entries: list[HomeClusterConfigEntry] = hass.config_entries.async_loaded_entries(
        DOMAIN
    )
    return [entry.runtime_data for entry in entries]


@callback
def known_devices(
    hass: HomeAssistant, hubs: Iterable[Hub], assistant: str
) -> Iterator[Known]:
    """Yield the workload devices of the hubs as an assistant may know them.

    An alias counts whichever exposed main entity of the device it was given to.
    """
    devices, entities = dr.async_get(hass), er.async_get(hass)
    areas = ar.async_get(hass)
    for hub in hubs:
        for device in tuple(hub.roster.devices.values()):
            view = device.view
            entry = devices.async_get(device.entry.id)
            if not isinstance(view, WorkloadView) or entry is None:
                continue
            exposed = [
                entity
                for entity in _main(entities, hub, device)
                if async_should_expose(hass, assistant, entity.entity_id)
            ]
            area = areas.async_get_area(entry.area_id) if entry.area_id else None
            yield Known(
                hub=hub,
                device=device,
                view=view,
                name=entry.name_by_user or entry.name or view.name,
                aliases=tuple(
                    dict.fromkeys(
                        alias
                        for entity in exposed
                        for alias in entity.aliases
                        if isinstance(alias, str)
                    )
                ),
                area_id=entry.area_id,
                area=area.name if area is not None else "",
                exposed=bool(exposed),
            )


def _main(
    registry: er.EntityRegistry, hub: Hub, device: Device
) -> Iterator[er.RegistryEntry]:
    """Yield the entities that stand for a device; to ask about all would be much at every name."""
    for platform, key in MAIN:
        entity_id = registry.async_get_entity_id(
            platform, DOMAIN, hub.unique_id(device.key, key)
        )
        entry = registry.async_get(entity_id) if entity_id else None
        if entry is not None and not entry.disabled:
            yield entry


@callback
def entity_of(hass: HomeAssistant, known: Known, platform: str, key: str) -> str | None:
    """Return the id of an entity of a device, None if there is none or it is disabled."""
    registry = er.async_get(hass)
    entity_id = registry.async_get_entity_id(
        platform, DOMAIN, known.hub.unique_id(known.device.key, key)
    )
    entry = registry.async_get(entity_id) if entity_id else None
    return entity_id if entry is not None and not entry.disabled else None
