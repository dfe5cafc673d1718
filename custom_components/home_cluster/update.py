"""The firmware of a workload: the image that its main container runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, override

from homeassistant.components.update import (
    UpdateDeviceClass,
    UpdateEntity,
    UpdateEntityDescription,
    UpdateEntityFeature,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import HomeClusterDescription, HomeClusterEntity
from .hub import HomeClusterConfigEntry
from .model.images import parse_image
from .model.versions import OFF
from .model.views import Control, WorkloadView

# The firmware of each device is installed on its own; registries are asked one at a time.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class FirmwareDescription(
    UpdateEntityDescription, HomeClusterDescription[WorkloadView]
):
    """A firmware."""


UPDATES: Final = (
    FirmwareDescription(
        of=WorkloadView,
        key="update",
        device_class=UpdateDeviceClass.FIRMWARE,
        entity_category=EntityCategory.CONFIG,
        control=Control.UPDATE,
        fits_fn=lambda view: bool(view.image) and view.hints.update != OFF,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: HomeClusterConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add a firmware wherever it may be changed, unless the user wants no registry asked."""
    hub = entry.runtime_data
    hub.follow(
        UPDATES if hub.firmware.checks else (), FirmwareUpdate, async_add_entities
    )


class FirmwareUpdate(HomeClusterEntity, UpdateEntity):
    """Shows and installs versions of an image.

    No backup is offered: what a device has stored is in volumes that only its storage could copy.
    """

    _attr_supported_features = (
        UpdateEntityFeature.INSTALL
        | UpdateEntityFeature.SPECIFIC_VERSION
        | UpdateEntityFeature.PROGRESS
        | UpdateEntityFeature.RELEASE_NOTES
    )
    _unrecorded_attributes = frozenset(
        {"check_error", "last_check", "managed_by", "passed_over", "policy"}
    )

    @property
    def _view(self) -> WorkloadView:
        assert isinstance(self.device.view, WorkloadView)
        return self.device.view

    @property
    @override
    def installed_version(self) -> str:
        return self.hub.firmware.installed(self._view)

    @property
    @override
    def latest_version(self) -> str | None:
        return self.hub.firmware.latest(self._view)

    @property
    @override
    def title(self) -> str:
        return parse_image(self._view.image).short

    @property
    @override
    def in_progress(self) -> bool:
        return self.hub.firmware.percent(self._view.ref) is not None

    @property
    @override
    def update_percentage(self) -> int | None:
        return self.hub.firmware.percent(self._view.ref)

    @property
    @override
    def release_url(self) -> str | None:
        return self.hub.firmware.release_url(self._view)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        known = self.hub.firmware.available(self._view.ref)
        return {
            "check_error": (known.error if known is not None else "") or None,
            "last_check": known.at if known is not None else None,
            "managed_by": self._view.managed_by or None,
            "passed_over": (known.passed_over if known is not None else "") or None,
            "policy": known.policy if known is not None else None,
        }

    @override
    def version_is_newer(self, latest_version: str, installed_version: str) -> bool:
        # What is offered was chosen by the order of this image's own tags.
        return latest_version != installed_version

    @override
    async def async_install(
        self, version: str | None, backup: bool, **kwargs: Any
    ) -> None:
        await self.hub.firmware.install(self._view, version)

    @override
    async def async_release_notes(self) -> str | None:
        return await self.hub.firmware.notes(self._view)

    async def async_update(self) -> None:
        """Ask the registry now: what the action `homeassistant.update_entity` does."""
        await self.hub.firmware.check(self._view.ref)

    @override
    def _shown(self) -> Any:
        return (
            self.installed_version,
            self.latest_version,
            self.update_percentage,
            self.title,
            self.release_url,
            self.extra_state_attributes,
        )
