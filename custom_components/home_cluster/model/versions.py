"""The order of image tags: which of many is newer, and which are of the same kind at all."""

from collections.abc import Iterable
from functools import lru_cache
import re
from typing import Final, NamedTuple

# What `update` hints may say beside a regular expression.
OFF: Final = "off"
DIGEST: Final = "digest"
PATCH: Final = "patch"
MINOR: Final = "minor"
MAJOR: Final = "major"

# Earliest first.
_STAGES: Final = {
    **dict.fromkeys(
        (
            "canary",
            "dev",
            "develop",
            "development",
            "edge",
            "experimental",
            "insiders",
            "next",
            "nightly",
            "snapshot",
            "test",
            "testing",
            "unstable",
        ),
        0,
    ),
    **dict.fromkeys(("alpha", "a"), 1),
    **dict.fromkeys(("beta", "b"), 2),
    **dict.fromkeys(("ea", "milestone", "pre", "preview"), 3),
    **dict.fromkeys(("c", "cr", "rc"), 4),
}
# A single letter is a stage only where Python has it: 2026.11.0b3.
_STAGE: Final = re.compile(
    r"^([abc])(?=\d)(\d+)|[-_.+]?(?<![A-Za-z])("
    + "|".join(
        sorted((word for word in _STAGES if len(word) > 1), key=len, reverse=True)
    )
    + r")(?![A-Za-z])[-_.]?(\d*)",
    re.IGNORECASE,
)
# The number after such a word counts builds of the same thing; after any other word ("cuda12", "jdk21",
# "debian-12") it tells another thing.
_COUNTERS: Final = frozenset(
    {
        "alpine",
        "build",
        "hotfix",
        "ls",
        "p",
        "patch",
        "pl",
        "post",
        "r",
        "rev",
        "u",
        "update",
        "v",
    }
)
_MACHINES: Final = re.compile(
    r"(?:amd64|x86_64|i386|arm64v8|arm64|aarch64|arm32v[67]|armv7|armhf)(?=[-_.])"
)
_HASH: Final = re.compile(
    r"(?<![0-9A-Za-z])g?(?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{7,64}(?![0-9A-Za-z])"
)
_NO_HASH: Final = re.compile(r"\d+[abc]\d*")
_ESCAPED: Final = re.compile(r"\\.", re.DOTALL)
_IN_CLASS: Final = re.compile(r"\[\^?\]?[^\]]*\]")
_SIGNATURE: Final = re.compile(r"sha256-[0-9a-f]{64}")
_MAIN: Final = re.compile(
    r"(?P<date>(?:19|20)\d\d-[01]\d-[0-3]\d(?:T\d\d-\d\d-\d\dZ)?)(?!\d)|(?P<numbers>\d+(?:\.\d+)*)"
)
_PART: Final = re.compile(r"[A-Za-z]+|\d+(?:\.\d+)*|[^A-Za-z0-9]+")
_DIGITS: Final = re.compile(r"\d+")
_LONGEST_TAG: Final = 128
_LONGEST_NUMBER: Final = 20
_MOMENT: Final = 8

_FINAL: Final = (9, 0)


class Version(NamedTuple):
    """A tag, taken apart.

    Two are comparable if their `shape` is the same: prefix, suffix and how many numbers there are.
    `pre` is (stage, number) of a pre-release, greatest for a final one. `calendar`: the numbers are a date.
    """

    tag: str
    shape: str
    numbers: tuple[int, ...]
    pre: tuple[int, int]
    build: tuple[int, ...]
    calendar: bool

    @property
    def is_final(self) -> bool:
        """Whether it is no pre-release."""
        return self.pre == _FINAL

    @property
    def order(self) -> tuple[tuple[int, ...], tuple[int, int], tuple[int, ...]]:
        """What versions of the same shape are compared by."""
        return self.numbers, self.pre, self.build

    @property
    def is_exact(self) -> bool:
        """Whether such a tag stays what it is by custom, as 1.2.3 does and 1.2 does not."""
        if self.pre == (0, 0):
            # A channel such as `1.2.3-nightly`.
            return False
        return (
            len(self.numbers) >= 3
            or max(self.numbers) >= 10 ** (_MOMENT - 1)
            or "~" in self.shape
        )


@lru_cache(maxsize=1024)
def parse_version(tag: str) -> Version | None:
    """Take a tag apart; None if it has no version, such as `latest` or a commit."""
    if len(tag) > _LONGEST_TAG or _SIGNATURE.match(tag):
        return None
    text = _HASH.sub(
        lambda found: found[0] if _NO_HASH.fullmatch(found[0]) else "~", tag
    )
    machine = _MACHINES.match(text)
    main = _MAIN.search(text, machine.end() if machine else 0)
    if main is None or any(
        len(digits) > _LONGEST_NUMBER for digits in _DIGITS.findall(text)
    ):
        return None
    numbers = tuple(int(digits) for digits in _DIGITS.findall(main[0]))
    shape, pre, build = _rest(text[main.end() :])
    counted = "date" if main["date"] else ".".join("#" * len(numbers))
    if main["date"] and len(numbers) > 3:
        counted = "moment"
    return Version(
        tag,
        f"{text[: main.start()]}{counted}{shape}",
        numbers,
        pre,
        build,
        calendar=main["date"] is not None or _is_year(numbers[0]),
    )


def _is_year(number: int) -> bool:
    """Return whether a version that begins so is a date: 2026, 202611, 20261127, 202611271930."""
    digits = str(number)
    return len(digits) in (4, 6, 8, 10, 12, 14) and "1990" <= digits[:4] <= "2099"


def _rest(text: str) -> tuple[str, tuple[int, int], tuple[int, ...]]:
    """Return shape, pre-release and build numbers of what follows a version's own numbers."""
    pre = _FINAL
    if (stage := _STAGE.search(text)) is not None:
        word, number = stage[1] or stage[3], stage[2] or stage[4]
        pre = (_STAGES[word.lower()], int(number or 0))
        text = text[: stage.start()] + text[stage.end() :]
    shape, build, word = "", list[int](), ""
    for part in _PART.findall(text):
        if part[0].isdigit() and (
            not word or word in _COUNTERS or len(part) >= _MOMENT
        ):
            numbers = [int(digits) for digits in part.split(".")]
            build += numbers
            shape += ".".join("#" * len(numbers))
        else:
            shape += part
        if part[0].isalnum():
            word = part.lower() if part[0].isalpha() else ""
    return shape, pre, tuple(build)


def newer(installed: str, tags: Iterable[str], policy: str = MAJOR) -> list[str]:
    """Return the tags that may follow the installed one, the newest first.

    They have its shape and are what the policy allows: `patch`, `minor` (up to the next major),
    `major`, or a regular expression that the whole tag matches. Pre-releases follow only
    pre-releases. With `off` and `digest` nothing follows.
    """
    if policy in (OFF, DIGEST):
        return []
    if policy not in (PATCH, MINOR, MAJOR):
        return _matching(installed, tags, policy)
    now = parse_version(installed)
    if now is None:
        return []
    found = {
        version
        for tag in tags
        if (version := parse_version(tag)) is not None
        and version.shape == now.shape
        and version.calendar is now.calendar
        and version.order > now.order
        and (version.is_final or (not now.is_final and version.pre >= now.pre[:1]))
        and _allowed(now, version, policy)
    }
    return [version.tag for version in sorted(found, key=_by_order, reverse=True)]


def _by_order(version: Version) -> tuple[object, str]:
    return version.order, version.tag


def _allowed(now: Version, then: Version, policy: str) -> bool:
    """Return whether the policy lets one version follow another; a new year is no major version."""
    if policy == MAJOR or (policy == MINOR and now.calendar and then.calendar):
        return True
    same = 1 if policy == MINOR else 2
    return then.numbers[:same] == now.numbers[:same]


def _matching(installed: str, tags: Iterable[str], policy: str) -> list[str]:
    """Return the tags that match a pattern, by their numbers; those after the installed one, if it matches."""
    pattern = re.compile(policy)
    found = [
        tag
        for tag in tags
        if len(tag) <= _LONGEST_TAG and tag != installed and pattern.fullmatch(tag)
    ]
    if pattern.fullmatch(installed):
        found = [tag for tag in found if _natural(tag) > _natural(installed)]
    return sorted(found, key=lambda tag: (_natural(tag), tag), reverse=True)


def _natural(tag: str) -> tuple[tuple[int, ...], tuple[int, int]]:
    """Return what tags of a pattern are compared by: all their numbers, a pre-release before its final."""
    version = parse_version(tag)
    if version is None:
        return tuple(
            int(digits[:_LONGEST_NUMBER]) for digits in _DIGITS.findall(tag)
        ), _FINAL
    return version.numbers + version.build, version.pre


def may_move(tag: str) -> bool:
    """Return whether a tag stands for another image from time to time: `latest`, `16`, `2.7-alpine`."""
    version = parse_version(tag)
    return version is None or not version.is_exact


def is_safe_pattern(pattern: str) -> bool:
    """Return whether a regular expression can be matched in reasonable time, whatever the tags.

    Refused are repeated groups, references and looking around, and more repetitions than a tag needs.
    """
    try:
        re.compile(pattern)
    except re.error:
        return False
    bare = _IN_CLASS.sub("x", _ESCAPED.sub(_unescape, pattern))
    if re.search(r"\)(?:[*+]|\{)|\(\?(?!:|P<)|\(\?P=|\\", bare):
        return False
    unbounded = len(re.findall(r"[*+]|\{\d*,\d*\}", bare))
    return unbounded <= 4 and bare.count("?") <= 12


def _unescape(found: re.Match[str]) -> str:
    """Return what stands for an escaped character: a reference stays one."""
    return "\\" if found[0][1].isdigit() else "x"
