"""Every language says the same, and understands each sentence as one thing only."""

from collections.abc import Mapping
from dataclasses import fields
from itertools import islice
from string import Formatter

from hassil import recognize_all
from hassil.intents import Intents
from hassil.sample import sample_sentence
import pytest

from custom_components.home_cluster.model.views import Status
from custom_components.home_cluster.voice import LANGUAGES, _filled
from custom_components.home_cluster.voice.language import Language, Topic

CODES = list(LANGUAGES)
NAMES, ROOMS = ("fridge", "jazz"), ("kitchen", "garden")


def answers(language: Language) -> dict[str, str]:
    """Return every answer by the name of its field."""
    found = {}
    for field in fields(language):
        value = getattr(language, field.name)
        if isinstance(value, str) and field.name != "code":
            found[field.name] = value
        elif isinstance(value, Mapping) and field.name != "sentences":
            found |= {f"{field.name}.{key}": text for key, text in value.items()}
    return found


def placeholders(text: str) -> set[str]:
    """Return what a text leaves to be filled in."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("code", CODES)
def test_answers_have_the_same_placeholders(code: str) -> None:
    """As English has them, and none is empty."""
    ours, english = answers(LANGUAGES[code]), answers(LANGUAGES["en"])
    assert set(ours) == set(english)
    assert all(text.strip() for text in ours.values())
    assert {key: placeholders(text) for key, text in ours.items()} == {
        key: placeholders(text) for key, text in english.items()
    }


@pytest.mark.parametrize("code", CODES)
def test_every_status_and_topic_has_its_words(code: str) -> None:
    """At least two phrasings for each topic."""
    language = LANGUAGES[code]
    assert set(language.status) == set(Status)
    assert set(language.sentences) == set(Topic)
    assert all(len(said) >= 2 for said in language.sentences.values())


@pytest.mark.parametrize("code", CODES)
def test_no_sentence_means_two_things(code: str) -> None:
    """Whatever is said for a topic is understood as that topic, in all languages at once."""
    intents = Intents.from_dict(
        {
            "language": "en",
            "intents": {
                f"{language.code}.{topic}": {
                    "data": [{"sentences": _filled(templates, NAMES, ROOMS)}]
                }
                for language in LANGUAGES.values()
                for topic, templates in language.sentences.items()
            },
        }
    )
    for topic in Topic:
        for data in intents.intents[f"{code}.{topic}"].data:
            for sentence in data.sentences:
                for said in islice(sample_sentence(sentence, intents), 0, 4000, 97):
                    found = {one.intent.name for one in recognize_all(said, intents)}
                    assert found == {f"{code}.{topic}"}, said


@pytest.mark.parametrize("code", CODES)
def test_without_names_there_are_only_sentences_about_all(code: str) -> None:
    """And without rooms none asks for one."""
    for topic, templates in LANGUAGES[code].sentences.items():
        bare = _filled(templates, (), ())
        assert bool(bare) is (topic in (Topic.ALL, Topic.FIRMWARE))
        roomless = _filled(templates, NAMES, ())
        assert roomless
        assert not any("<" in sentence or "[]" in sentence for sentence in roomless)
        assert not any("kitchen" in sentence for sentence in roomless)
