"""What people say for a name: other spellings, without articles; and finding names in what was said."""

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
import re
from typing import Final
import unicodedata

# Longer names are no names that anybody says.
LONGEST: Final = 60

_ARTICLE: Final = re.compile(
    r"^(?:the|a|an|my|our|der|die|das|den|dem|ein|eine|einen|mein|meine|meinen|unser|unsere|unseren) "
)
_OTHER: Final = re.compile(r"[^\w'-]|_")
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_STROKES: Final = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "ł": "l"})


# Names stay mostly what they are.
@lru_cache(maxsize=4096)
def ways_to_say(name: str) -> tuple[str, ...]:
    """Return how a name may be said or written, in small letters, the usual way first.

    Nothing of it means anything in a sentence template; empty if there is nothing to say.
    """
    text = unicodedata.normalize("NFC", name).lower().replace("’", "'")
    text = _squeeze(_OTHER.sub(" ", text))
    text = _squeeze(_ARTICLE.sub("", text))
    if not 2 <= len(text) <= LONGEST or not re.search(r"\w", text):
        return ()
    found = [text]
    for change in (
        lambda said: said.replace("'", ""),
        lambda said: _squeeze(said.replace("-", " ")),
        lambda said: re.sub(r"[ -]", "", said),
        lambda said: said.translate(_UMLAUTS),
        _plain,
    ):
        found += [change(said) for said in tuple(found)]
    return tuple(dict.fromkeys(said for said in found if said))


@lru_cache(maxsize=16384)
def fold(text: str) -> str:
    """Return a text as it is compared: small letters and digits, single spaces."""
    text = unicodedata.normalize("NFC", text).lower().translate(_UMLAUTS)
    text = _plain(text).replace("'", "").replace("’", "")
    return _squeeze(re.sub(r"[^\w]|_", " ", text))


def longest_named[T](text: str, names: Mapping[str, Collection[T]]) -> tuple[T, ...]:
    """Return what the longest name in a text stands for; `names` are folded, as `text` is."""
    best = max(_within(text, names), key=len, default=None)
    return tuple(names[best]) if best is not None else ()


def _within(text: str, names: Mapping[str, object]) -> Iterator[str]:
    padded = f" {text} "
    return (name for name in names if f" {name} " in padded)


def _plain(text: str) -> str:
    """Return a text without marks on its letters."""
    apart = unicodedata.normalize("NFD", text.translate(_STROKES))
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def _squeeze(text: str) -> str:
    return " ".join(text.split())
