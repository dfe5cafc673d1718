"""The hints that a workload's labels and annotations give: untrusted text, validated."""

from collections.abc import Callable, Mapping
import re
from typing import Any, Final
from urllib.parse import urlsplit

from yarl import URL

from ..kube.schema import HINT_PREFIX
from .versions import DIGEST, MAJOR, MINOR, OFF, PATCH, is_safe_pattern
from .views import Control, Hints

DEVICE_LABEL: Final = f"{HINT_PREFIX}device"
SYSTEM_LABEL: Final = f"{HINT_PREFIX}system"

_LONGEST_TEXT: Final = 100
_LONGEST_URL: Final = 2000
_LONGEST_PATTERN: Final = 200
_ICON: Final = re.compile(r"mdi:[a-z0-9]+(?:-[a-z0-9]+)*")
_SERVED: Final = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+|integration:[a-z0-9_]+")
_POLICIES: Final = frozenset({OFF, DIGEST, PATCH, MINOR, MAJOR})


def parse(labels: Mapping[str, str], annotations: Mapping[str, str]) -> Hints:
    """Return the hints; a bad one is left out and named in `dropped`.

    The area is honoured only on a workload that is chosen by its own label, for each new text creates
    an area.
    """
    found: dict[str, Any] = {}
    dropped: list[str] = []

    def read(source: Mapping[str, str], key: str, to: Callable[[str], Any]) -> None:
        raw = source.get(HINT_PREFIX + key)
        if raw is None:
            return
        try:
            found[key.replace("-", "_")] = to(raw)
        except ValueError:
            dropped.append(key)

    read(labels, "device", _truth)
    read(labels, "zone", _text)
    for key, to in _ANNOTATIONS.items():
        read(annotations, key, to)

    controls, unknown = found.pop("controls", (None, ()))
    dropped.extend(f"controls: {word}" for word in unknown)
    if not found.get("device"):
        found.pop("area", None)
    return Hints(**found, controls=controls, dropped=tuple(dropped))


def labelled(labels: Mapping[str, str]) -> bool | None:
    """Return what the label `device` says: to be imported, not to be, or nothing."""
    raw = labels.get(DEVICE_LABEL)
    if raw is None:
        return None
    try:
        return _truth(raw)
    except ValueError:
        return None


def _truth(raw: str) -> bool:
    word = raw.strip().lower()
    if word not in ("true", "false"):
        raise ValueError(word)
    return word == "true"


def _text(raw: str) -> str:
    text = raw.strip()
    if not text or len(text) > _LONGEST_TEXT or not text.isprintable():
        raise ValueError(text)
    return text


def _icon(raw: str) -> str:
    icon = raw.strip()
    if not _ICON.fullmatch(icon):
        raise ValueError(icon)
    return icon


def _url(raw: str) -> str:
    url = raw.strip()
    if len(url) > _LONGEST_URL or not url.isprintable() or " " in url:
        raise ValueError(url)
    parts = urlsplit(url)
    # A name or password within the address would be shown to every user.
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or "@" in parts.netloc
    ):
        raise ValueError(url)
    _ = parts.port  # raises ValueError for one out of range
    # Home Assistant parses it so, and refuses the whole device for a host that yarl cannot take.
    if not URL(url).host:
        raise ValueError(url)
    return url


def _words(raw: str) -> list[str]:
    return [word for part in raw.split(",") if (word := part.strip())]


def _controls(raw: str) -> tuple[frozenset[Control], tuple[str, ...]]:
    """Return the known words, and the unknown ones.

    Whoever writes `controls` means to restrict: with unknown words only, nothing is allowed.
    """
    words = _words(raw.lower())
    known = {control.value for control in Control}
    return (
        frozenset(Control(word) for word in words if word in known),
        tuple(word[:_LONGEST_TEXT] for word in words if word not in known),
    )


def _serves(raw: str) -> tuple[str, ...]:
    words = _words(raw)
    if any(not _SERVED.fullmatch(word) for word in words):
        raise ValueError(raw)
    return tuple(words)


def _update(raw: str) -> str:
    policy = raw.strip()
    if policy in _POLICIES:
        return policy
    if not policy or len(policy) > _LONGEST_PATTERN or not is_safe_pattern(policy):
        raise ValueError(policy)
    return policy


_ANNOTATIONS: Final[Mapping[str, Callable[[str], Any]]] = {
    "name": _text,
    "area": _text,
    "icon": _icon,
    "url": _url,
    "model": _text,
    "manufacturer": _text,
    "controls": _controls,
    "serves": _serves,
    "update": _update,
    "protected": _truth,
    "held": _truth,
    "release-notes": _url,
}
