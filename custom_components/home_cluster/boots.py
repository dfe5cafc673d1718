"""When each node was last started: remembered over restarts, so that no power cut goes unnoticed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, override

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from .devices import Device, DeviceView, key_of
from .kube.schema import Kind, Ref
from .model.views import NodeView
from .parts import Part
from .remember import Remembered

# What a node's notes keep of its last start.
BOOT: Final = "boot"


@dataclass(frozen=True, slots=True)
class Flicker:
    """A node was started anew.

    `planned` says that it had been cordoned before; `away` is for how many seconds it was known to be
    away, None if nobody saw it; `unwatched` says that Home Assistant was off or not connected then.
    """

    planned: bool
    away: int | None
    unwatched: bool


class Boots(Part):
    """Watches the boot ids of nodes; what is known is kept among the notes about each.

    `rebooted` returns when Kubernetes' own Events say that a node was last started, None if they do
    not.
    """

    def __init__(
        self, remembered: Remembered, rebooted: Callable[[str], datetime | None]
    ) -> None:
        """Bind to the notes."""
        self._remembered = remembered
        self._rebooted = rebooted
        self._news: dict[str, Flicker] = {}

    @callback
    def at(self, name: str) -> datetime | None:
        """Return when a node was last started, None if nobody knows."""
        at = self._known(name).get("at")
        return dt_util.parse_datetime(at) if at else None

    @callback
    def take_news(self, name: str) -> Flicker | None:
        """Return what happened to a node and was not told yet; it is told once."""
        return self._news.pop(name, None)

    @callback
    def learn(self, name: str, boot_id: str, at: datetime) -> bool:
        """Take over from the node itself when it was started; say whether that is new.

        What was seen from here is kept: a node without a clock of its own may err.
        """
        known = self._known(name)
        if known.get("boot_id") != boot_id or known.get("at"):
            return False
        self._put(name, known["uid"], boot_id, at)
        return True

    @override
    @callback
    def seen(self, device: Device, old: DeviceView | None) -> None:
        view = device.view
        if not isinstance(view, NodeView) or not view.boot_id:
            return
        known = self._known(view.name)
        if known.get("uid") != view.uid:
            self._put(view.name, view.uid, view.boot_id, None)
            return
        if known["boot_id"] == view.boot_id:
            return
        now = dt_util.utcnow()
        before = old if isinstance(old, NodeView) else None
        lost = before.lost_since if before is not None else None
        at = now if before is not None else self._rebooted(view.name)
        self._put(view.name, view.uid, view.boot_id, at)
        self._news[view.name] = Flicker(
            planned=before is not None and not before.schedulable,
            away=None if lost is None else round((now - lost).total_seconds()),
            unwatched=before is None,
        )

    def _known(self, name: str) -> dict[str, Any]:
        return self._remembered.get(_subject(name), BOOT) or {}

    def _put(self, name: str, uid: str, boot_id: str, at: datetime | None) -> None:
        note = {"uid": uid, "boot_id": boot_id, "at": at.isoformat() if at else None}
        self._remembered.put(_subject(name), BOOT, note)


def reboot_told(events: Mapping[Any, Any], name: str) -> datetime | None:
    """Return when the Events say that a node was last started anew."""
    return max(
        (
            event.last
            for event in events.values()
            if event.reason == "Rebooted"
            and event.about_kind == "Node"
            and event.about_name == name
            and event.last is not None
        ),
        default=None,
    )


def _subject(name: str) -> str:
    return key_of(Ref(Kind.NODE, "", name))
