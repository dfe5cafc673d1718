"""What people say to Home Assistant's own assistant, and what it answers."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.home_cluster.const import DOMAIN
from custom_components.home_cluster.once import _KEY
from custom_components.home_cluster.voice import Voice
from homeassistant.components.conversation import async_converse
from homeassistant.components.conversation.agent_manager import get_agent_manager
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
)
from homeassistant.helpers.translation import async_get_translations
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from tests.integration.api_server import UID
from tests.integration.cluster_home import (
    READ_ONLY,
    another_fridge,
    device,
    entity_id,
    entry_for,
    set_up,
    state,
    until,
)
from tests.integration.live_server import LiveServer

FRIDGE = "deployment/kitchen/fridge"
JAZZ = "statefulset/kitchen/jazz"


@pytest.fixture(autouse=True)
async def assistant(hass: HomeAssistant) -> None:
    """Home Assistant's own conversation agent."""
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, "conversation", {})
    await hass.async_block_till_done()


async def say(hass: HomeAssistant, text: str, language: str = "en", **more: Any) -> str:
    """Say something and return what is answered."""
    result = await async_converse(
        hass, text, None, more.pop("context", Context()), language=language, **more
    )
    await hass.async_block_till_done()
    return str(result.response.speech["plain"]["speech"])


async def learn(hass: HomeAssistant) -> None:
    """Let the moment pass after which new names are known."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=2))
    await hass.async_block_till_done()
    voice = hass.data[_KEY]._begun["voice"]
    assert isinstance(voice, Voice)
    assert voice._learning is not None
    await voice._learning


@pytest.fixture
async def entry(
    hass: HomeAssistant, assistant: None, home: LiveServer
) -> MockConfigEntry:
    """A connected home."""
    made = entry_for(home)
    await set_up(hass, made)
    await learn(hass)
    return made


async def answers(hass: HomeAssistant, *table: tuple[str, str, str]) -> None:
    """Say each sentence in its language and compare the answers."""
    heard = [(text, code, await say(hass, text, code)) for text, code, _ in table]
    assert heard == list(table)


async def test_answers(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """In a short sentence, in the language that is spoken."""
    await answers(
        hass,
        ("Why is the jazz server down?", "en", "jazz is running. There is no problem."),
        ("what's wrong with my fridge", "en", "Fridge is running. There is no problem."),
        ("How is the kitchen fridge doing?", "en", "Fridge is running. There is no problem."),
        ("is the fridge in the kitchen running", "en", "Fridge is running. There is no problem."),
        ("is everything running", "en", "Everything that should be running is. Off or waiting: backup."),
        ("Are all devices in the kitchen running?", "en", "Yes, Fridge is running."),
        ("Which node is the fridge on?", "en", "Fridge runs on pi-attic."),
        ("where is jazz running", "en", "jazz runs on pi-attic."),
        ("where is the backup running", "en", "backup runs on no node at the moment."),
        ("how is the backup", "en", "backup is waiting for its next run."),
        ("Is there new firmware?", "en", "I do not know of any firmware there."),
        ("Warum läuft der Jazz-Server nicht?", "de", "jazz läuft. Es gibt kein Problem."),
        ("Was ist mit der Fridge los?", "de", "Fridge läuft. Es gibt kein Problem."),
        ("Läuft alles?", "de", "Alles läuft, was laufen soll. Aus oder wartend: backup."),
        ("Laufen alle Geräte in der Kitchen?", "de", "Ja, Fridge läuft."),
        ("Auf welchem Knoten läuft die Fridge?", "de", "Fridge läuft auf pi-attic."),
        ("Gibt es neue Firmware für Fridge?", "de", "Dort weiß ich von keiner Firmware."),
        # The answer is in the language of the conversation, or else in that of the sentence.
        ("Which node is the fridge on?", "de-CH", "Fridge läuft auf pi-attic."),
        ("Wo läuft die Fridge", "fr", "Fridge läuft auf pi-attic."),
    )  # fmt: skip


async def test_tells_why_a_device_is_down(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """The reason in the words that the sensor shows, and what to do."""
    for pod in home.pods_of("kitchen", "fridge"):
        home.crash("kitchen", pod["metadata"]["name"])
    await until(hass, lambda: state(hass, f"{FRIDGE}/status") == "failing", "failing")
    texts = await async_get_translations(hass, "de", "entity", [DOMAIN])
    crash = texts[f"component.{DOMAIN}.entity.sensor.reason.state.crash_loop"]
    await answers(
        hass,
        ("why is the fridge down", "en", "Fridge is failing. It keeps crashing. Its log says why."),
        ("is everything running", "en", "Not everything is running. Fridge: It keeps crashing."),
        ("what is broken", "en", "Not everything is running. Fridge: It keeps crashing."),
        ("Warum geht der Fridge nicht?", "de", f"Fridge läuft nicht. {crash}. Warum, steht im Protokoll."),
        ("Was läuft nicht?", "de", f"Nicht alles läuft. Fridge: {crash}."),
    )  # fmt: skip


async def test_what_may_not_be_named_is_counted(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """A device of which nothing is exposed has no name, but "everything is running" is no lie."""
    power = entity_id(hass, f"{FRIDGE}/power")
    assert power is not None
    async_expose_entity(hass, "conversation", power, False)
    await learn(hass)
    for pod in home.pods_of("kitchen", "fridge"):
        home.crash("kitchen", pod["metadata"]["name"])
    await until(hass, lambda: state(hass, f"{FRIDGE}/status") == "failing", "failing")
    assert "crash" not in await say(hass, "why is the fridge down")
    await answers(
        hass,
        ("is everything running", "en", "Other devices with a problem, which I may not name: 1."),
        ("is everything running in the kitchen", "en", "Other devices with a problem, which I may not name: 1."),
    )  # fmt: skip
    status = entity_id(hass, f"{FRIDGE}/status")
    assert status is not None
    async_expose_entity(hass, "conversation", status, True)
    await learn(hass)
    assert "It keeps crashing." in await say(hass, "why is the fridge down")


async def test_names_and_aliases_are_learnt_as_they_change(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """A name with an umlaut is understood without it, a new alias at once, an old name no more."""
    fridge = device(hass, entry, FRIDGE)
    assert fridge is not None
    dr.async_get(hass).async_update_device(fridge.id, name_by_user="Kühl-Schrank")
    power = entity_id(hass, f"{FRIDGE}/power")
    assert power is not None
    er.async_get(hass).async_update_entity(power, aliases=["Mimi's box"])
    area = ar.async_get(hass).async_get_area_by_name("Kitchen")
    assert area is not None
    ar.async_get(hass).async_update(area.id, aliases={"Küche"})
    await learn(hass)
    runs = "Kühl-Schrank läuft auf pi-attic."
    await answers(
        hass,
        *(
            (f"Wo läuft {said}?", "de", runs)
            for said in (
                "der Kühlschrank",
                "mein Kuehlschrank",
                "der Kuhl Schrank",
                "Mimis Box",
                "die Mimi's box",
                "der Kühlschrank in der Küche",
            )
        ),
    )
    assert await say(hass, "where is the fridge running") != runs


async def test_one_name_in_two_rooms(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """The room decides; without one that of the speaker; a restart asks rather than guesses."""
    await another_fridge(hass, home)
    await learn(hass)
    satellite = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={("test", "satellite")},
        suggested_area="Garden",
    )
    before = list(home.evictions)
    await answers(
        hass,
        ("restart the fridge", "en", "Which one do you mean: Fridge in Garden and Fridge in Kitchen?"),
        ("starte die Fridge neu", "de", "Welches meinst du: Fridge (Garden) und Fridge (Kitchen)?"),
        ("how is the fridge", "en", "Fridge is running. There is no problem. Fridge is running. There is no problem."),
        ("how is the fridge in the garden", "en", "Fridge is running. There is no problem."),
    )  # fmt: skip
    assert home.evictions == before
    said = await say(hass, "restart the fridge", device_id=satellite.id)
    assert said == "I am restarting Fridge."
    assert home.evictions[-1].startswith("cooler-")


async def test_restarts_as_the_one_who_speaks(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """By the button: what it refuses is told, in words of the language."""
    home.pods_follow = False
    context = Context(user_id=None)
    calls = []
    hass.bus.async_listen("call_service", calls.append)
    assert (
        await say(hass, "Please restart the fridge", context=context)
        == "I am restarting Fridge."
    )
    assert [name.rpartition("-")[0] for name in home.evictions] == ["fridge-abc"]
    assert calls[-1].context.id == context.id
    home.refuse["eviction"] = (429, "TooManyRequests", "budget")
    home.refuse_details = {"causes": [{"reason": "DisruptionBudget"}]}
    said = await say(hass, "reboot jazz")
    assert said.startswith("Could not restart jazz: its disruption budget")


async def test_a_user_without_the_right_restarts_nothing(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """As with the button on a dashboard."""
    await hass.auth.async_create_user("Owner")
    user = await hass.auth.async_create_user("Guest", group_ids=["system-read-only"])
    said = await say(hass, "restart the fridge", context=Context(user_id=user.id))
    assert said == "I may not restart Fridge."
    assert home.evictions == []


async def test_without_a_button_nothing_is_restarted(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """The account may not, so there is none; the device is known all the same, if it is exposed."""
    home.accounts["person"] = READ_ONLY
    await set_up(hass, entry_for(home))
    status = entity_id(hass, f"{FRIDGE}/status")
    assert status is not None
    async_expose_entity(hass, "conversation", status, True)
    await learn(hass)
    assert await say(hass, "restart the fridge") == "I may not restart Fridge."


async def test_new_firmware_is_told_by_the_update_entities(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """The newer ones with their versions."""
    registry = er.async_get(hass)
    for key, new in ((FRIDGE, "v1.1.0"), (JAZZ, "")):
        found = device(hass, entry, key)
        assert found is not None
        update = registry.async_get_or_create(
            "update",
            DOMAIN,
            f"{UID}/{key}/update",
            config_entry=entry,
            device_id=found.id,
        )
        hass.states.async_set(
            update.entity_id, "on" if new else "off", {"latest_version": new}
        )
    await answers(
        hass,
        ("is there any new firmware", "en", "There is new firmware for Fridge: v1.1.0."),
        ("is there new firmware for jazz", "en", "No, there is no new firmware."),
        ("Welche Geräte brauchen neue Firmware?", "de", "Es gibt neue Firmware für Fridge: v1.1.0."),
    )  # fmt: skip


async def test_a_cluster_out_of_reach_is_not_called_fine(
    hass: HomeAssistant, home: LiveServer, entry: MockConfigEntry
) -> None:
    """Nobody knows, so nobody says that it runs."""
    await home.down()
    await until(
        hass, lambda: state(hass, f"{FRIDGE}/status") == "unavailable", "unavailable"
    )
    await answers(
        hass,
        ("is everything running", "en", "I cannot reach the cluster Home at the moment."),
        ("how is the fridge", "en", "I cannot tell how Fridge is: the cluster cannot be reached at the moment."),
        ("which node is the fridge on", "en", "I cannot tell how Fridge is: the cluster cannot be reached at the moment."),
    )  # fmt: skip


async def test_what_is_said_of_other_things_is_left_alone(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """No sentence holds a place for any name: the television is nobody's here."""
    sentences = get_agent_manager(hass).trigger_sentences
    assert sentences
    assert not any("{" in sentence or "<" in sentence for sentence in sentences)
    for text in ("restart the television", "why is the television down"):
        assert "television" not in await say(hass, text)


async def test_goes_with_the_last_cluster(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """Unloaded, nothing is understood and nothing waits."""
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
    assert get_agent_manager(hass).trigger_sentences == []
    await hass.config_entries.async_setup(entry.entry_id)
    await learn(hass)
    assert await say(hass, "where is jazz running") == "jazz runs on pi-attic."


async def test_no_devices_no_names(hass: HomeAssistant, home: LiveServer) -> None:
    """An empty home is asked about as a whole only."""
    for resource, namespace, name in list(home.live):
        if namespace:
            home.delete(resource, namespace, name)
    await set_up(hass, entry_for(home))
    await learn(hass)
    assert await say(hass, "is everything running") == "I know of no device there."
    assert not any(
        "restart" in one for one in get_agent_manager(hass).trigger_sentences
    )
