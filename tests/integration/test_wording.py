"""What is wrong is said in the language of the house."""

from unittest.mock import patch

import pytest

from custom_components.home_cluster.const import DOMAIN
from custom_components.home_cluster.model.views import Health, Reason, Status
from custom_components.home_cluster.wording import (
    LANGUAGES,
    Words,
    sentence_of,
    words_of,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.translation import async_get_translations
from homeassistant.setup import async_setup_component
from tests.integration.cluster_home import (
    attributes,
    entity_id,
    entry_for,
    set_up,
    until,
)
from tests.integration.live_server import LiveServer

FRIDGE = "deployment/kitchen/fridge"
CRASHING = Health(
    status=Status.FAILING,
    problem=True,
    reason=Reason.CRASH_LOOP,
    message="Container agent keeps ending with exit code 3.",
    advice="Look at its log.",
    container="agent",
    pod="fridge-1",
    node="pi-attic",
)
EXACT = Words(CRASHING.reason, CRASHING.message, CRASHING.advice)


async def speak(hass: HomeAssistant, language: str) -> None:
    """Have a house of this language, with our texts read as a set-up reads them."""
    hass.config.language = language
    await async_get_translations(hass, language, "entity", [DOMAIN])


@pytest.mark.parametrize(
    ("language", "message", "advice"),
    [
        ("de", "Es stürzt immer wieder ab (agent, pi-attic).", "Warum, steht im Protokoll."),
        ("fr", "Il plante sans cesse (agent, pi-attic).", "Son journal dit pourquoi."),
        ("pl", "Ciągle ulega awarii (agent, pi-attic).", "Przyczynę podaje jego dziennik."),
        ("zh-Hans", "反复崩溃 (agent, pi-attic)。", "其日志会说明原因。"),
    ],
)  # fmt: skip
async def test_the_sentence_of_the_reason_with_what_it_is_about(
    hass: HomeAssistant, language: str, message: str, advice: str
) -> None:
    """The exact words stay there, in English."""
    await speak(hass, language)
    assert words_of(hass, CRASHING) == Words(
        CRASHING.reason, message, advice, f"{CRASHING.message} {CRASHING.advice}"
    )
    assert sentence_of(hass, CRASHING) == message


@pytest.mark.parametrize("language", ["en", "en-GB", "da"])
async def test_english_is_exact(hass: HomeAssistant, language: str) -> None:
    """And so is what nobody translated."""
    await speak(hass, language)
    assert words_of(hass, CRASHING) == EXACT
    assert sentence_of(hass, CRASHING) == CRASHING.message


async def test_without_texts_the_exact_words_are_said(hass: HomeAssistant) -> None:
    """Better these than none."""
    hass.config.language = "de"
    with patch(
        "custom_components.home_cluster.wording.async_get_cached_translations",
        return_value={},
    ):
        assert words_of(hass, CRASHING) == EXACT


async def test_no_problem_no_words(hass: HomeAssistant) -> None:
    """In no language."""
    await speak(hass, "de")
    assert words_of(hass, Health(status=Status.RUNNING)) == Words(Reason.NONE, "", "")


@pytest.mark.parametrize("language", sorted(LANGUAGES))
async def test_every_reason_has_its_words(hass: HomeAssistant, language: str) -> None:
    """None is left in English, and each is a sentence."""
    await speak(hass, language)
    end = "。" if language == "zh-Hans" else "."
    for reason in Reason:
        if reason is Reason.NONE:
            continue
        health = Health(
            status=Status.FAILING, reason=reason, message="Exact.", advice="Advice."
        )
        words = words_of(hass, health)
        assert words.details == "Exact. Advice."
        assert words.message.endswith(end)
        assert words.advice.endswith(end)
        assert not words.message[0].islower()


async def test_a_german_house_is_told_in_german(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """By the problem's attributes, by the device's event, and by a trigger."""
    hass.config.language = "de"
    await set_up(hass, entry_for(home))
    ran: list[str] = []
    hass.bus.async_listen(
        "test_ran", callback(lambda event: ran.append(event.data["said"]))
    )
    status = entity_id(hass, f"{FRIDGE}/status")
    trigger = {
        "trigger": f"{DOMAIN}.failed",
        "target": {"entity_id": status},
    }
    said = "{{ trigger.message }} {{ trigger.advice }}"
    automation = {
        "alias": "tell",
        "triggers": [trigger],
        "actions": [{"event": "test_ran", "event_data": {"said": said}}],
    }
    assert await async_setup_component(hass, "automation", {"automation": [automation]})
    for pod in home.pods_of("kitchen", "fridge"):
        home.crash("kitchen", pod["metadata"]["name"])
    await until(hass, lambda: ran, "the automation")
    words = attributes(hass, f"{FRIDGE}/problem")
    assert words["message"].startswith("Es stürzt immer wieder ab (agent")
    assert words["advice"] == "Warum, steht im Protokoll."
    assert words["details"].startswith("Container agent")
    assert ran == [f"{words['message']} {words['advice']}"]
    told = attributes(hass, f"{FRIDGE}/event")
    assert told["event_type"] == "failed"
    assert told["message"] == words["message"]
