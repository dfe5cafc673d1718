"""Sentences that people say to Home Assistant's own assistant, understood without any AI.

The sentences are made of the names that devices have now, so nothing that is said about anything
else is ever taken from those it is meant for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
import re
from typing import Any, Final

from homeassistant.components.conversation.agent_manager import get_agent_manager
from homeassistant.components.conversation.models import ConversationInput
from homeassistant.components.homeassistant.exposed_entities import (
    async_listen_entity_updates,
)
from homeassistant.const import ATTR_ENTITY_ID, STATE_OFF, STATE_ON
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
)
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.translation import async_get_translations

from ..const import DOMAIN
from ..exposure import Known, entity_of, known_devices
from ..hub import Hub
from ..names import fold, longest_named, ways_to_say
from ..wording import ADVICE, SENTENCES
from .answers import about_all, about_firmware, about_one, where, which
from .de import GERMAN
from .en import ENGLISH
from .language import AREA, DEVICE, Language, Topic

ASSISTANT: Final = "conversation"
LANGUAGES: Final = {language.code: language for language in (ENGLISH, GERMAN)}

# Names change in bunches: at a start, when somebody exposes a whole page of entities.
CALM: Final = 1.0
# No turn of Home Assistant's loop may take long.
SLICE: Final = 0.004


class Voice:
    """What is said about the devices of all clusters."""

    def __init__(self, hass: HomeAssistant, hubs: Callable[[], Iterable[Hub]]) -> None:
        """Know no names yet; `hubs` returns the clusters."""
        self._hass = hass
        self._hubs = hubs
        self._registered: list[CALLBACK_TYPE] = []
        self._listening: list[CALLBACK_TYPE] = []
        self._timer: CALLBACK_TYPE | None = None
        self._learning: asyncio.Task[None] | None = None
        self._sentences: dict[tuple[str, Topic], list[str]] = {}
        self._devices: dict[str, set[str]] = {}
        self._areas: dict[str, set[str]] = {}

    @callback
    def start(self) -> None:
        """Understand from now on; the conversation integration is there."""
        bus = self._hass.bus
        self._listening = [
            bus.async_listen(dr.EVENT_DEVICE_REGISTRY_UPDATED, self._changed),
            bus.async_listen(er.EVENT_ENTITY_REGISTRY_UPDATED, self._changed),
            bus.async_listen(ar.EVENT_AREA_REGISTRY_UPDATED, self._changed),
            async_listen_entity_updates(self._hass, ASSISTANT, self.hubs_changed),
        ]
        self.hubs_changed()

    @callback
    def stop(self) -> None:
        """Understand nothing any more."""
        if self._timer is not None:
            self._timer()
            self._timer = None
        if self._learning is not None:
            self._learning.cancel()
        for end in (*self._listening, *self._registered):
            end()
        self._listening, self._registered = [], []
        self._sentences = {}

    @callback
    def hubs_changed(self) -> None:
        """Learn the names anew, in a moment: a cluster or a name came or went."""
        if self._listening and self._timer is None:
            self._timer = async_call_later(self._hass, CALM, self._due)

    @callback
    def _changed(self, _event: Event[Any]) -> None:
        self.hubs_changed()

    @callback
    def _due(self, _now: object) -> None:
        self._timer = None
        if self._learning is not None and not self._learning.done():
            # What changed may have been read already, or not.
            self.hubs_changed()
            return
        self._learning = self._hass.async_create_background_task(
            self._learn(), f"{DOMAIN} names"
        )

    async def _learn(self) -> None:
        """Make the sentences of the names there are, if these are others than before."""
        devices: dict[str, set[str]] = {}
        areas: dict[str, set[str]] = {}
        spoken: dict[str, None] = {}
        places: dict[str, None] = {}
        loop = self._hass.loop
        end = loop.time() + SLICE
        for known in known_devices(self._hass, self._hubs(), ASSISTANT):
            rooms = self._rooms(known)
            for said in (way for room in rooms for way in ways_to_say(room)):
                places[said] = None
                areas.setdefault(fold(said), set()).add(str(known.area_id))
            if known.exposed:
                for said in _said(known, rooms):
                    spoken[said] = None
                    devices.setdefault(fold(said), set()).add(_id_of(known))
            if loop.time() > end:
                await asyncio.sleep(0)
                end = loop.time() + SLICE
        self._devices, self._areas = devices, areas
        names, rooms_said = sorted(spoken), sorted(places)
        sentences = {
            (language.code, topic): _filled(templates, names, rooms_said)
            for language in LANGUAGES.values()
            for topic, templates in language.sentences.items()
        }
        if sentences != self._sentences:
            self._sentences = sentences
            self._register()

    def _rooms(self, known: Known) -> list[str]:
        """Return what the room of a device is called, its name first."""
        areas = ar.async_get(self._hass)
        area = areas.async_get_area(known.area_id) if known.area_id else None
        return [area.name, *sorted(area.aliases)] if area is not None else []

    def _register(self) -> None:
        for end in self._registered:
            end()
        manager = get_agent_manager(self._hass)
        self._registered = [
            manager.register_trigger(sentences, self._hears(LANGUAGES[code], topic))
            for (code, topic), sentences in self._sentences.items()
            if sentences
        ]

    def _hears(
        self, understood: Language, topic: Topic
    ) -> Callable[[ConversationInput, Any], Awaitable[str | None]]:
        async def answer(heard: ConversationInput, _result: Any) -> str | None:
            code = heard.language.partition("-")[0].lower()
            language = LANGUAGES.get(code, understood)
            return await self._answer(language, topic, heard)

        return answer

    def _known(self) -> list[Known]:
        return sorted(
            known_devices(self._hass, self._hubs(), ASSISTANT),
            key=lambda known: (known.name.lower(), _id_of(known)),
        )

    async def _answer(
        self, language: Language, topic: Topic, heard: ConversationInput
    ) -> str:
        text = fold(heard.text)
        known = self._known()
        named_ids = set(longest_named(text, self._devices))
        if topic is Topic.ALL:
            reasons = await self._by_reason(language, SENTENCES)
            return about_all(language, reasons, self._hubs(), self._there(text, known))
        exposed = [one for one in known if one.exposed]
        if topic is Topic.FIRMWARE and not named_ids:
            return about_firmware(language, exposed, self._latest)
        named = self._meant(
            text, heard, [one for one in exposed if _id_of(one) in named_ids]
        )
        if not named:
            return language.unknown
        if topic is Topic.FIRMWARE:
            return about_firmware(language, named, self._latest)
        if topic is Topic.RESTART:
            if len(named) > 1:
                return which(language, named)
            return await self._restart(language, named[0], heard)
        if topic is Topic.NODE:
            return " ".join(where(language, one) for one in named)
        reasons = await self._by_reason(language, SENTENCES)
        advice = await self._by_reason(language, ADVICE)
        return " ".join(about_one(language, reasons, advice, one) for one in named)

    def _meant(
        self, text: str, heard: ConversationInput, named: list[Known]
    ) -> list[Known]:
        """Return which of several devices of one name are meant: by the room named, or the speaker's."""
        if len(named) < 2:
            return named
        rooms = set(longest_named(text, self._areas)) or self._room_of(heard)
        return [one for one in named if one.area_id in rooms] or named

    def _there(self, text: str, known: list[Known]) -> list[Known]:
        """Return the devices in the room that a text names, all if it names none."""
        rooms = set(longest_named(text, self._areas))
        return [one for one in known if one.area_id in rooms] if rooms else known

    def _room_of(self, heard: ConversationInput) -> set[str]:
        device = (
            dr.async_get(self._hass).async_get(heard.device_id)
            if heard.device_id
            else None
        )
        area = device and dr.async_get_effective_area_id(self._hass, device)
        return {area} if area else set()

    def _latest(self, known: Known) -> str | None:
        entity_id = entity_of(self._hass, known, "update", "update")
        state = self._hass.states.get(entity_id) if entity_id else None
        if state is None or state.state not in (STATE_ON, STATE_OFF):
            return None
        if state.state == STATE_OFF:
            return ""
        return str(state.attributes.get("latest_version") or "?")

    async def _restart(
        self, language: Language, known: Known, heard: ConversationInput
    ) -> str:
        """Press the button as whoever speaks: what its entity does not allow is not done."""
        entity_id = entity_of(self._hass, known, "button", "restart")
        if entity_id is None:
            return language.may_not.format(device=known.name)
        try:
            await self._hass.services.async_call(
                "button",
                "press",
                {ATTR_ENTITY_ID: entity_id},
                blocking=True,
                context=heard.context,
            )
        except Unauthorized:
            return language.may_not.format(device=known.name)
        except HomeAssistantError as err:
            return await self._sentence_of(err, language)
        return language.restarting.format(device=known.name)

    async def _sentence_of(self, err: HomeAssistantError, language: Language) -> str:
        """Return an error in words of the language."""
        texts = await async_get_translations(
            self._hass, language.code, "exceptions", [DOMAIN]
        )
        key = f"component.{DOMAIN}.exceptions.{err.translation_key}.message"
        if err.translation_domain != DOMAIN or key not in texts:
            return str(err)
        return texts[key].format(**(err.translation_placeholders or {}))

    async def _by_reason(self, language: Language, start: str) -> dict[str, str]:
        """Return the texts whose keys start so, by the reason."""
        texts = await async_get_translations(
            self._hass, language.code, "entity", [DOMAIN]
        )
        return {
            key.removeprefix(start): text
            for key, text in texts.items()
            if key.startswith(start)
        }


def _id_of(known: Known) -> str:
    return f"{known.hub.cluster_uid}/{known.device.key}"


def _said(known: Known, rooms: Sequence[str]) -> Iterator[str]:
    """Yield what is said for a device: its names, alone and with its room before them."""
    in_front = ways_to_say(rooms[0])[:1] if rooms else ()
    for name in (known.name, *known.aliases):
        for said in ways_to_say(name):
            yield said
            for room in in_front:
                yield f"{room} {said}"


def _filled(
    templates: Iterable[str], devices: Iterable[str], areas: Iterable[str]
) -> list[str]:
    """Return templates with the names there are; without names, only what needs none."""
    names, rooms = "|".join(devices), "|".join(areas)
    filled = []
    for template in templates:
        if DEVICE in template and not names:
            continue
        if AREA in template and not rooms:
            # A place in brackets may be left out.
            template = re.sub(r" \[[^][]*(?:\[[^][]*\][^][]*)*<area>\]", "", template)
            if AREA in template:
                continue
        filled.append(
            template.replace(DEVICE, f"({names})").replace(AREA, f"({rooms})")
        )
    return filled


make_feature = Voice
