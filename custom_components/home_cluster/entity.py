"""What all entities have in common."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, override

from homeassistant.core import callback
from homeassistant.helpers.entity import Entity, EntityDescription

from .devices import Device, DeviceView
from .hub import Hub
from .model.views import Control, Need


@dataclass(frozen=True, kw_only=True)
class HomeClusterDescription[V: DeviceView](EntityDescription):
    """An entity of the devices whose view is an `of`.

    There is one where `fits_fn` says so and, if `control` is named, the account and the device's
    hints allow it, or the account has what is needed.
    """

    of: type[V]
    fits_fn: Callable[[V], bool] = lambda _: True
    control: Control | Need | None = None


class HomeClusterEntity(Entity):
    """An entity of one device, written when what it shows is different."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(
        self, hub: Hub, device: Device, description: HomeClusterDescription[Any]
    ) -> None:
        """Belong to a device that is registered already."""
        self.hub = hub
        self.device = device
        self.device_entry = device.entry
        self.entity_description = description
        self._attr_translation_key = description.key
        self._attr_unique_id = hub.unique_id(device.key, description.key)
        self._written: Any = None

    @property
    @override
    def available(self) -> bool:
        """Nothing is known while the cluster cannot be reached."""
        return self.hub.available and self.device.present

    @override
    async def async_added_to_hass(self) -> None:
        """Listen for as long as the entity lives."""
        self.async_on_remove(self.hub.listen(self.device.key, self._changed))
        self._written = self._now()

    @abstractmethod
    def _shown(self) -> Any:
        """Return all that the entity's state is made of."""

    def _now(self) -> Any:
        return (self._shown(),) if self.available else None

    @callback
    def _changed(self) -> None:
        now = self._now()
        if now != self._written:
            self._written = now
            self.async_write_ha_state()
