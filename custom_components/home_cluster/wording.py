"""What is wrong, in the language of the house."""

from dataclasses import dataclass
from typing import Final, Protocol

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.translation import async_get_cached_translations

from .const import DOMAIN
from .model.views import Health, Reason

# For English the model's sentences are exact; for a language that is not here nobody translated.
LANGUAGES: Final = frozenset(
    {"de", "es", "fr", "it", "nl", "pl", "pt-BR", "sv", "zh-Hans"}
)

_ENTITY: Final = f"component.{DOMAIN}.entity"
SENTENCES: Final = f"{_ENTITY}.sensor.reason.state."
ADVICE: Final = f"{_ENTITY}.binary_sensor.problem.state_attributes.advice.state."


class Cause(Protocol):
    """What a sentence is about."""

    @property
    def reason(self) -> Reason:
        """Why there is a problem."""

    @property
    def message(self) -> str:
        """The exact sentence, in English."""

    @property
    def container(self) -> str:
        """The container that it is about, if any."""

    @property
    def node(self) -> str:
        """The node that it is about, if any."""


@dataclass(frozen=True, slots=True)
class Words:
    """A problem as people read it; `details` are the exact words in English where these are others."""

    reason: Reason
    message: str
    advice: str
    details: str = ""


@callback
def words_of(hass: HomeAssistant, health: Health) -> Words:
    """Return the sentence and the advice of a problem.

    Where the house does not speak English, they are those of the reason.
    """
    message = sentence_of(hass, health)
    advice = _text(hass, ADVICE, health.reason)
    if message == health.message or advice is None:
        return Words(health.reason, health.message, health.advice)
    details = f"{health.message} {health.advice}".strip()
    return Words(health.reason, message, advice, details)


@callback
def sentence_of(hass: HomeAssistant, cause: Cause) -> str:
    """Return what is wrong, with the container and the node that it is about."""
    text = _text(hass, SENTENCES, cause.reason)
    if text is None:
        return cause.message
    about = ", ".join(filter(None, (cause.container, cause.node)))
    end = "。" if hass.config.language.startswith("zh") else "."
    return f"{text[0].upper()}{text[1:]}{f' ({about})' if about else ''}{end}"


def _text(hass: HomeAssistant, start: str, reason: Reason) -> str | None:
    """Return the text of a reason; None for none, and for what is exact as it is."""
    language = hass.config.language
    if reason is Reason.NONE or language not in LANGUAGES:
        return None
    texts = async_get_cached_translations(hass, language, "entity", DOMAIN)
    return texts.get(f"{start}{reason}")
