"""Kubernetes' way of writing amounts: "250m" of a core, "512Mi" of memory."""

from math import isfinite
import re
from typing import Final

_BINARY: Final = {f"{letter}i": 1024**power for power, letter in enumerate("KMGTPE", 1)}
_DECIMAL: Final = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "": 1,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
}
_FACTORS: Final = _BINARY | _DECIMAL
_QUANTITY: Final = re.compile(
    r"\+?(\d+\.?\d*|\.\d+)(?:([eE][+-]?\d{1,3})|([KMGTPE]i|[numkMGTPE]?))", re.ASCII
)


def amount(text: str) -> float | None:
    """Return an amount in its base unit (cores, bytes, pieces); None for what is none.

    Nothing that can be measured is below zero, so a negative one is none either.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    number, exponent, suffix = match.groups()
    found = float(f"{number}{exponent}") if exponent else float(number)
    found *= _FACTORS[suffix or ""]
    return found if isfinite(found) else None
