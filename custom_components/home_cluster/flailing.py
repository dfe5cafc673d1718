"""Nodes that come and go: a bad cable, a weak power supply, Wi-Fi at its limit."""

from collections import deque
from datetime import datetime, timedelta
from typing import Final, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from .const import CONF_NODE_LOSSES, DOMAIN, NODE_LOSSES
from .devices import Device, DeviceView
from .model.views import NodeView
from .parts import Part

# As many losses as the user says within so long are no accident any more.
WINDOW: Final = timedelta(hours=1)


def flailing_issue_id(entry_id: str, node: str) -> str:
    """Return the id of the repair about a node."""
    return f"flailing_node_{entry_id}_{node}"


class Flailing(Part):
    """Raises a repair for a node that was lost again and again; after a calm hour it is gone."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Start with calm nodes."""
        self._hass = hass
        self._entry = entry
        self._most: int = entry.options.get(CONF_NODE_LOSSES, NODE_LOSSES)
        self._losses: dict[str, deque[datetime]] = {}
        self._calm: dict[str, CALLBACK_TYPE] = {}

    @override
    @callback
    def stop(self) -> None:
        for name in tuple(self._calm):
            self._withdraw(name)
        self._losses.clear()

    @override
    @callback
    def seen(self, device: Device, old: DeviceView | None) -> None:
        view = device.view
        if (
            not isinstance(view, NodeView)
            or not isinstance(old, NodeView)
            or view.connected
            or not old.connected
        ):
            return
        now = dt_util.utcnow()
        losses = self._losses.setdefault(view.name, deque(maxlen=self._most))
        losses.append(now)
        if len(losses) == self._most and losses[0] > now - WINDOW:
            self._raise(view.name)

    @override
    @callback
    def gone(self, key: str) -> None:
        name = key.removeprefix("node//")
        self._losses.pop(name, None)
        if name in self._calm:
            self._withdraw(name)

    def _raise(self, name: str) -> None:
        if name in self._calm:
            self._calm[name]()

        @callback
        def calm(_now: datetime) -> None:
            self._withdraw(name)

        self._calm[name] = async_call_later(self._hass, WINDOW, calm)
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            flailing_issue_id(self._entry.entry_id, name),
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key="flailing_node",
            translation_placeholders={
                "node": name,
                "cluster": self._entry.title,
                "times": str(self._most),
            },
        )

    def _withdraw(self, name: str) -> None:
        self._calm.pop(name)()
        ir.async_delete_issue(
            self._hass, DOMAIN, flailing_issue_id(self._entry.entry_id, name)
        )
