"""Following what devices are there for: the entities and integrations that the hint `serves` lists."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final, override

from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    ConfigEntry,
    ConfigEntryState,
)
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import (
    CALLBACK_TYPE,
    Event,
    EventStateChangedData,
    HomeAssistant,
    callback,
)
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.helpers.start import async_at_started
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .devices import Device, DeviceView, ref_of
from .kube.schema import Ref
from .model.situation import Unserved
from .model.views import WorkloadView
from .parts import Part
from .remember import Remembered

INTEGRATION: Final = "integration:"

_BROKEN: Final = frozenset(
    {
        ConfigEntryState.SETUP_ERROR,
        ConfigEntryState.SETUP_RETRY,
        ConfigEntryState.MIGRATION_ERROR,
    }
)


class Serving(Part):
    """Says what of the listed is unavailable, and since when.

    Nothing is while Home Assistant starts, or was before `since()`, which is when the link to the cluster
    came back. `mark` hears of devices for which something is different. An entity that is renamed is
    followed to its new id, and `remembered` for the next start.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        remembered: Remembered,
        since: Callable[[], datetime],
        mark: Callable[[Iterable[Ref]], None],
    ) -> None:
        """Follow nothing yet."""
        self._hass = hass
        self._remembered = remembered
        self._since = since
        self._mark = mark
        self._registry = er.async_get(hass)
        self._serves: dict[Ref, tuple[str, ...]] = {}
        self._entities: dict[str, frozenset[str]] = {}
        self._away: dict[str, datetime] = {}
        self._began: datetime | None = None
        self._started: CALLBACK_TYPE | None = None
        self._listening: list[CALLBACK_TYPE] = []

    def unserved(self, ref: Ref) -> tuple[Unserved, ...]:
        """Return what of the things that a device is there for is unavailable."""
        if self._began is None or ref not in self._serves:
            return ()
        earliest = max(self._began, self._since())
        return tuple(
            Unserved(what=self._name(word), since=max(self._away[word], earliest))
            for word in self._serves[ref]
            if word in self._away
        )

    @override
    @callback
    def start(self) -> None:
        self._started = async_at_started(self._hass, self._begin)

    @override
    @callback
    def stop(self) -> None:
        self._began = None
        self._let_go()
        if self._started is not None:
            self._started()
            self._started = None

    @override
    @callback
    def seen(self, device: Device, old: DeviceView | None) -> None:
        view = device.view
        if isinstance(view, WorkloadView) and view.hints.serves != self._serves.get(
            view.ref, ()
        ):
            self._serves[view.ref] = view.hints.serves
            self._follow()
            self._judge([view.ref])

    @override
    @callback
    def gone(self, key: str) -> None:
        ref = ref_of(key)
        if ref is not None and self._serves.pop(ref, ()):
            self._follow()

    @callback
    def _begin(self, _hass: HomeAssistant) -> None:
        """Home Assistant is up: what is unavailable from now on is no sign of its start."""
        self._began = dt_util.utcnow()
        self._follow()

    def _follow(self) -> None:
        """Listen to the entities that are meant now, and look at them all."""
        self._let_go()
        words = {word for serves in self._serves.values() for word in serves}
        if self._began is None or not words:
            return
        self._entities = {word: self._find(word) for word in sorted(words)}
        self._away = {word: at for word, at in self._away.items() if word in words}
        self._listening = [
            async_track_state_change_event(
                self._hass,
                set[str]().union(*self._entities.values()),
                self._state_changed,
            ),
            self._hass.bus.async_listen(
                er.EVENT_ENTITY_REGISTRY_UPDATED, self._registry_changed
            ),
            async_dispatcher_connect(
                self._hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._entry_changed
            ),
        ]
        self._look(words)

    def _let_go(self) -> None:
        for end in self._listening:
            end()
        self._listening = []

    def _find(self, word: str) -> frozenset[str]:
        """Return the entities that a word of the hint means, none of our own."""
        if domain := _integration(word):
            found = [
                entry
                for owner in self._entries(domain)
                for entry in er.async_entries_for_config_entry(
                    self._registry, owner.entry_id
                )
                if entry.disabled_by is None
            ]
            return frozenset(entry.entity_id for entry in found)
        entry = self._registry.async_get(word)
        if entry is not None:
            self._remembered.put("served", word, entry.id)
        elif (known := self._remembered.get("served", word)) is not None:
            entry = self._registry.entities.get_entry(known)
        if entry is None:
            return frozenset({word})
        return frozenset({entry.entity_id}) if entry.platform != DOMAIN else frozenset()

    def _entries(self, domain: str) -> list[ConfigEntry]:
        if domain == DOMAIN:
            return []
        return self._hass.config_entries.async_entries(
            domain, include_ignore=False, include_disabled=False
        )

    def _look(self, words: Iterable[str]) -> None:
        """Find out which of these are away, and have the devices judged for which that is new."""
        changed = set()
        for word in words:
            away = self._since_when(word)
            if away is None and self._away.pop(word, None) is not None:
                changed.add(word)
            elif away is not None and word not in self._away:
                self._away[word] = away
                changed.add(word)
        if changed:
            self._judge(
                [ref for ref, serves in self._serves.items() if changed & {*serves}]
            )

    def _judge(self, refs: Iterable[Ref]) -> None:
        # Not at once: this may be called while a device is looked at.
        self._hass.loop.call_soon(self._mark, refs)

    def _since_when(self, word: str) -> datetime | None:
        """Return since when all that a word means is unavailable; None if some of it is not, or nothing is known."""
        domain = _integration(word)
        if domain and any(
            owner.state not in _BROKEN and not self._all_away(owner.entry_id)
            for owner in self._entries(domain)
        ):
            return None
        if domain and self._entries(domain):
            return self._away.get(word, dt_util.utcnow())
        states = [
            state
            for entity_id in self._entities.get(word, ())
            if (state := self._hass.states.get(entity_id)) is not None
        ]
        if not states or any(state.state != STATE_UNAVAILABLE for state in states):
            return None
        return max(state.last_changed for state in states)

    def _all_away(self, entry_id: str) -> bool:
        """Say whether an entry has entities, and all are unavailable."""
        states = [
            state.state
            for entry in er.async_entries_for_config_entry(self._registry, entry_id)
            if (state := self._hass.states.get(entry.entity_id)) is not None
        ]
        return bool(states) and all(state == STATE_UNAVAILABLE for state in states)

    def _name(self, word: str) -> str:
        if domain := _integration(word):
            return f"the integration {domain}"
        return next(iter(self._entities.get(word, ())), word)

    @callback
    def _state_changed(self, event: Event[EventStateChangedData]) -> None:
        old, new = event.data["old_state"], event.data["new_state"]
        was = old is not None and old.state == STATE_UNAVAILABLE
        is_now = new is not None and new.state == STATE_UNAVAILABLE
        if was is not is_now:
            entity_id = event.data["entity_id"]
            self._look(
                [word for word, ids in self._entities.items() if entity_id in ids]
            )

    @callback
    def _registry_changed(self, event: Event[Any]) -> None:
        """Look anew who is meant when one of the followed is renamed or goes, or an integration grows."""
        data = event.data
        names = {data["entity_id"], data.get("old_entity_id")}
        followed = set[str]().union(*self._entities.values())
        new = self._registry.async_get(data["entity_id"])
        if names & (followed | set(self._entities)) or (
            new is not None and f"{INTEGRATION}{new.platform}" in self._entities
        ):
            self._follow()

    @callback
    def _entry_changed(self, _change: object, entry: ConfigEntry) -> None:
        if (word := f"{INTEGRATION}{entry.domain}") in self._entities:
            self._entities[word] = self._find(word)
            self._look([word])


def _integration(word: str) -> str:
    """Return the integration that a word of the hint means, "" for an entity."""
    return word.removeprefix(INTEGRATION) if word.startswith(INTEGRATION) else ""
