"""The triggers of automations: a device failed, recovered, was restarted and more."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, override

import probatio

from homeassistant.components.event.const import EventEntityStateAttribute
from homeassistant.const import (
    ATTR_ENTITY_ID,
    CONF_OPTIONS,
    STATE_OFF,
    STATE_ON,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
    Platform,
)
from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, State, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.target import (
    TargetStateChangedData,
    async_track_target_selector_state_change_event,
)
from homeassistant.helpers.trigger import (
    ENTITY_STATE_TRIGGER_SCHEMA_WITH_BEHAVIOR,
    EntityTriggerBase,
    NotTriggeredReasonReporter,
    StatelessEntityTriggerBase,
    Trigger,
    TriggerActionRunner,
    TriggerConfig,
    TriggerNotTriggeredReporter,
)

from .aims import entities_of, volumes_of
from .const import NEARLY_FULL
from .model.happenings import AT_REST, BAD, GOOD, What
from .model.views import WorkloadView
from .wording import words_of

CONF_THRESHOLD: Final = "threshold"

_NOBODY_KNOWS: Final = frozenset({STATE_UNAVAILABLE, STATE_UNKNOWN})


class OursTrigger(EntityTriggerBase):
    """A trigger about one kind of entity of our devices, whatever of a device was chosen.

    Beside what all triggers of entities tell, the run is told `device`, and of a workload `message`,
    `advice` and `reason`.
    """

    _primary_entities_only = False
    _domain: ClassVar[str]
    _key: ClassVar[str]

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        return entities_of(self._hass, entities, self._domain, self._key)

    @override
    async def async_attach_runner(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None = None,
    ) -> CALLBACK_TYPE:
        @callback
        def run(
            extra_trigger_payload: dict[str, Any],
            description: str,
            context: Context | None = None,
        ) -> Any:
            entity_id = extra_trigger_payload[ATTR_ENTITY_ID]
            self._runs(entity_id)
            words = _words(self._hass, entity_id)
            return run_action({**words, **extra_trigger_payload}, description, context)

        return await super().async_attach_runner(run, did_not_trigger)

    def _runs(self, entity_id: str) -> None:
        """The actions are run because of this entity."""


class TurnTrigger(OursTrigger):
    """Runs when an entity turns from one sort of state to another.

    States of no sort (nobody knows, or on the way between two sorts) change nothing: what is the same
    after them as before has not turned.
    """

    _excluded_from_states: ClassVar[frozenset[str]] = frozenset()
    _from: ClassVar[frozenset[str]]
    _to: ClassVar[str]
    # Whether a first state of the sort is a turn, too, when something else was known before it.
    _from_new: ClassVar[bool] = False

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Remember nothing yet."""
        super().__init__(hass, config)
        self._before: dict[str, str] = {}
        self._done: set[str] = set()

    def _sort(self, state: State) -> str | None:
        """Return the sort of a state, None if it is of none."""
        return None if state.state in _NOBODY_KNOWS else state.state

    @override
    def is_valid_state(
        self, state: State, report_not_triggered: NotTriggeredReasonReporter
    ) -> bool:
        sort = self._sort(state) or self._before.get(state.entity_id)
        return sort == self._to

    @override
    def is_valid_transition(self, from_state: State, to_state: State) -> bool:
        entity_id = to_state.entity_id
        if self._sort(to_state) is None:
            return False
        before = self._before.get(entity_id)
        if before is None:
            return self._from_new and from_state.state not in _NOBODY_KNOWS
        if before == self._to:
            # An outage broke off the waiting for how long it lasts.
            broken = from_state.state in _NOBODY_KNOWS and bool(self._duration)
            return broken and entity_id not in self._done
        return before in self._from

    @override
    async def async_attach_runner(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None = None,
    ) -> CALLBACK_TYPE:
        # First of all, so that what was before a change is known when the change is judged.
        forget = await async_track_target_selector_state_change_event(
            self._hass,
            self._target,
            self._remember,
            self.entity_filter,
            primary_entities_only=False,
        )
        detach = await super().async_attach_runner(run_action, did_not_trigger)

        @callback
        def remove() -> None:
            detach()
            forget()

        return remove

    @callback
    def _remember(self, data: TargetStateChangedData) -> None:
        change = data.state_change_event.data
        entity_id, old, new = (
            change["entity_id"],
            change["old_state"],
            change["new_state"],
        )
        if old is not None and (sort := self._sort(old)) is not None:
            self._before[entity_id] = sort
        if new is None or self._sort(new) not in (None, self._to):
            self._done.discard(entity_id)

    @override
    def _runs(self, entity_id: str) -> None:
        self._done.add(entity_id)


class StatusTrigger(TurnTrigger):
    """By the status of a workload; on its way between two statuses it is what it was."""

    _domain = Platform.SENSOR
    _key = "status"
    _domain_specs = {Platform.SENSOR: DomainSpec()}

    @override
    def _sort(self, state: State) -> str | None:
        for sort, statuses in (("good", GOOD), ("bad", BAD), ("rest", AT_REST)):
            if state.state in statuses:
                return sort
        return None


class FailedTrigger(StatusTrigger):
    """A device has a problem."""

    _from = frozenset({"good", "rest"})
    _to = "bad"
    _from_new = True


class RecoveredTrigger(StatusTrigger):
    """A device that had a problem works again."""

    _from = frozenset({"bad"})
    _to = "good"


class NodeLostTrigger(TurnTrigger):
    """A node is away for longer than a flicker."""

    _domain = Platform.BINARY_SENSOR
    _key = "connected"
    _domain_specs = {Platform.BINARY_SENSOR: DomainSpec()}
    _from = frozenset({STATE_ON})
    _to = STATE_OFF


class NodeBackTrigger(NodeLostTrigger):
    """A node that was lost is there again."""

    _from = frozenset({STATE_OFF})
    _to = STATE_ON


class UpdateAvailableTrigger(TurnTrigger):
    """There is a newer image."""

    _domain = Platform.UPDATE
    _key = "update"
    _domain_specs = {Platform.UPDATE: DomainSpec()}
    _from = frozenset({STATE_OFF})
    _to = STATE_ON


class VolumeTrigger(TurnTrigger):
    """A volume is fuller than so many per cent."""

    _domain_specs = {Platform.SENSOR: DomainSpec()}
    _from = frozenset({"below"})
    _to = "above"
    _schema = ENTITY_STATE_TRIGGER_SCHEMA_WITH_BEHAVIOR.extend(
        {
            probatio.Required(CONF_OPTIONS, default={}): {
                probatio.Required(CONF_THRESHOLD, default=NEARLY_FULL): probatio.All(
                    probatio.Coerce(float), probatio.Range(min=1, max=100)
                )
            }
        }
    )

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        return volumes_of(self._hass, entities)

    @override
    def _sort(self, state: State) -> str | None:
        try:
            full = float(state.state)
        except ValueError:
            return None
        return "above" if full >= self._options[CONF_THRESHOLD] else "below"


class ToldTrigger(OursTrigger, StatelessEntityTriggerBase):
    """By what an event entity tells."""

    _domain = Platform.EVENT
    _key = "event"
    _domain_specs = {Platform.EVENT: DomainSpec()}
    _what: ClassVar[What]

    @override
    def is_valid_state(
        self, state: State, report_not_triggered: NotTriggeredReasonReporter
    ) -> bool:
        return state.attributes.get(EventEntityStateAttribute.EVENT_TYPE) == self._what


class RestartedTrigger(ToldTrigger):
    """All that ran of a device has been started anew."""

    _what = What.RESTARTED


class UpdateFailedTrigger(ToldTrigger):
    """Something is wrong with the pods of a new template."""

    _what = What.ROLLOUT_FAILED


TRIGGERS: Final[Mapping[str, type[Trigger]]] = {
    "failed": FailedTrigger,
    "recovered": RecoveredTrigger,
    "restarted": RestartedTrigger,
    "update_available": UpdateAvailableTrigger,
    "update_failed": UpdateFailedTrigger,
    "node_lost": NodeLostTrigger,
    "node_back": NodeBackTrigger,
    "volume_nearly_full": VolumeTrigger,
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return the triggers by their keys, which are a contract."""
    return dict(TRIGGERS)


def _words(hass: HomeAssistant, entity_id: str) -> dict[str, Any]:
    """Return what is known of the device now."""
    entry = er.async_get(hass).async_get(entity_id)
    owner = (
        hass.config_entries.async_get_entry(entry.config_entry_id)
        if entry is not None and entry.config_entry_id is not None
        else None
    )
    # An entity says its first state while its entry is still being set up.
    hub = getattr(owner, "runtime_data", None)
    if entry is None or hub is None:
        return {}
    key = entry.unique_id.removeprefix(f"{hub.cluster_uid}/").rpartition("/")[0]
    device = hub.roster.devices.get(key)
    if device is None:
        return {}
    words: dict[str, Any] = {"device_id": entry.device_id}
    view = device.view
    if isinstance(view, WorkloadView):
        said = words_of(hass, view.health)
        words |= {
            "device": view.name,
            "message": said.message,
            "advice": said.advice,
            "details": said.details,
            "reason": view.health.reason.value,
        }
    return words
