"""Every language says what English says: the same keys, placeholders, code and lines to copy."""

from collections import Counter
from collections.abc import Iterator
import json
from pathlib import Path
import re
from typing import Any

import pytest

FOLDER = (
    Path(__file__).resolve().parents[2]
    / "custom_components"
    / "home_cluster"
    / "translations"
)
LANGUAGES = sorted(path.stem for path in FOLDER.glob("*.json"))
OTHERS = [language for language in LANGUAGES if language != "en"]

# What must not be translated: code to copy, placeholders, words of Kubernetes in backticks.
KEPT = {
    "placeholders": re.compile(r"\{\w+\}"),
    "blocks of code": re.compile(r"```[\s\S]*?```"),
    "code": re.compile(r"(?<!`)`[^`\n]+`(?!`)"),
    "addresses of links": re.compile(r"\]\([^)]*\)"),
    "bold": re.compile(r"\*\*"),
}


def leaves(value: Any, *path: str) -> Iterator[tuple[str, str]]:
    """Yield every text with its place."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, *path, key)
    else:
        yield ".".join(path), value


def texts(language: str) -> dict[str, str]:
    """Return the texts of a language by their places."""
    return dict(leaves(json.loads((FOLDER / f"{language}.json").read_text())))


def test_english_is_there() -> None:
    """It is what the others are compared with."""
    assert "en" in LANGUAGES


@pytest.mark.parametrize("language", OTHERS)
def test_the_same_texts_are_there(language: str) -> None:
    """None is missing, none is left over."""
    ours, english = set(texts(language)), set(texts("en"))
    assert english - ours == set()
    assert ours - english == set()


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("what", KEPT)
def test_what_is_no_language_is_kept(language: str, what: str) -> None:
    """A placeholder that is missing hides what happened; code that is translated does not work."""
    ours, english = texts(language), texts("en")
    different = {
        place: (text, ours[place])
        for place, text in english.items()
        if place in ours
        and Counter(KEPT[what].findall(text))
        != Counter(KEPT[what].findall(ours[place]))
    }
    assert different == {}


@pytest.mark.parametrize("language", OTHERS)
def test_paragraphs_are_kept(language: str) -> None:
    """As many, or a list or a table falls apart."""
    ours, english = texts(language), texts("en")
    different = {
        place
        for place, text in english.items()
        if place in ours and text.count("\n\n") != ours[place].count("\n\n")
    }
    assert different == set()


@pytest.mark.parametrize("language", OTHERS)
def test_it_is_translated(language: str) -> None:
    """Sentences are; a word may be the same in both languages."""
    ours, english = texts(language), texts("en")
    same = [
        place
        for place, text in english.items()
        if ours.get(place) == text and len(text.split()) > 4
    ]
    assert same == []
