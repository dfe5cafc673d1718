"""What happens to devices, as it happens."""

from dataclasses import dataclass
from typing import Any, Final, override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .chronicle import EVENT
from .devices import DeviceView
from .entity import HomeClusterDescription, HomeClusterEntity
from .hub import HomeClusterConfigEntry
from .model.happenings import Happening, What
from .model.views import NodeView, WorkloadView
from .wording import sentence_of

PARALLEL_UPDATES = 0

POWER_FLICKER: Final = "power_flicker"
PLANNED: Final = "planned"


@dataclass(frozen=True, kw_only=True)
class HomeClusterEventDescription[V: DeviceView](
    EventEntityDescription, HomeClusterDescription[V]
):
    """Tells what the chronicle says of a device under its key."""


EVENTS: Final[tuple[HomeClusterEventDescription[Any], ...]] = (
    HomeClusterEventDescription(
        of=WorkloadView,
        key=EVENT,
        event_types=[what.value for what in What],
    ),
)


@dataclass(frozen=True, kw_only=True)
class FlickerDescription(EventEntityDescription, HomeClusterDescription[NodeView]):
    """Tells of the starts of a node."""


FLICKERS: Final = (
    FlickerDescription(
        of=NodeView,
        key="flicker",
        entity_category=EntityCategory.DIAGNOSTIC,
        event_types=[POWER_FLICKER, PLANNED],
        # Without a boot id nobody can tell one start from the next.
        fits_fn=lambda view: bool(view.boot_id),
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: HomeClusterConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add an event entity to every device that has something to tell."""
    entry.runtime_data.follow(EVENTS, HomeClusterEvent, async_add_entities)
    entry.runtime_data.follow(FLICKERS, FlickerEvent, async_add_entities)


class HomeClusterEvent(HomeClusterEntity, EventEntity):
    """Tells the last thing that happened."""

    _unrecorded_attributes = frozenset({"message", "pod", "container", "node", "count"})

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(
            self.hub.chronicle.listen(
                self.device.key, self.entity_description.key, self._happened
            )
        )

    @callback
    def _happened(self, happening: Happening) -> None:
        # What listens for happenings passes over those that come with the end of an outage.
        self._changed()
        words = {
            "message": sentence_of(self.hub.hass, happening),
            "pod": happening.pod,
            "container": happening.container,
            "node": happening.node,
            "count": happening.count,
        }
        self._trigger_event(
            happening.what,
            {key: value for key, value in words.items() if value not in ("", None)},
        )
        self.async_write_ha_state()

    @override
    def _shown(self) -> Any:
        return None


class FlickerEvent(HomeClusterEntity, EventEntity):
    """Tells of every start of a node, also of one that Home Assistant slept through."""

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self._tell()

    @override
    @callback
    def _changed(self) -> None:
        if self._tell():
            self.async_write_ha_state()
        super()._changed()

    def _tell(self) -> bool:
        assert isinstance(self.device.view, NodeView)
        flicker = self.hub.boots.take_news(self.device.view.name)
        if flicker is None:
            return False
        self._trigger_event(
            PLANNED if flicker.planned else POWER_FLICKER,
            {"away_seconds": flicker.away, "unwatched": flicker.unwatched},
        )
        return True

    @override
    def _shown(self) -> Any:
        return None
