"""What did not work, in plain words: the errors that people read instead of the cluster's."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .const import DOMAIN
from .kube.access import Right
from .kube.errors import (
    Conflict,
    Forbidden,
    KubeError,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unreachable,
)
from .kube.schema import Ref
from .model.views import WorkloadView
from .rights import rule_of

TURN_ON: Final = "turn_on"
TURN_OFF: Final = "turn_off"
SET_REPLICAS: Final = "set_replicas"
RESTART: Final = "restart"
ASK: Final = "ask"
RUN: Final = "run"
SET_BOUNDS: Final = "set_bounds"
INSTALL: Final = "install"
ROLL_BACK: Final = "roll_back"

ACTIONS: Final = (
    TURN_ON,
    TURN_OFF,
    SET_REPLICAS,
    RESTART,
    ASK,
    RUN,
    SET_BOUNDS,
    INSTALL,
    ROLL_BACK,
)

# Which words an error becomes, the first that fits.
_CAUSES: Final = (
    (Unreachable, "unreachable"),
    (Unauthorized, "signed_out"),
    (Forbidden, "not_allowed"),
    (NotFound, "gone"),
    (Conflict, "conflict"),
    (TooManyRequests, "busy"),
    (KubeError, "refused"),
)
CAUSES: Final = ("link_down", "budget", *(cause for _, cause in _CAUSES))


@contextmanager
def in_words(
    view: WorkloadView, action: str, right: Right | None = None
) -> Iterator[None]:
    """Turn an error of the cluster into a sentence about the device.

    `action` is one of `ACTIONS`; `right` is what the account needs for it.
    """
    try:
        yield
    except KubeError as err:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key=f"{action}_{cause_of(err)}",
            translation_placeholders={
                **words_of(view.ref, view),
                "error": err.message,
                "rule": rule_of(right) if right is not None else "–",
            },
        ) from err


def cause_of(err: KubeError) -> str:
    """Return which of `CAUSES` an error is."""
    if isinstance(err, TooManyRequests) and err.cause == "DisruptionBudget":
        return "budget"
    return next(cause for kind, cause in _CAUSES if isinstance(err, kind))


def unreachable(view: WorkloadView, action: str) -> HomeAssistantError:
    """Return the error that the cluster cannot be reached now."""
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=f"{action}_link_down",
        translation_placeholders=words_of(view.ref, view),
    )


def gone(ref: Ref, view: WorkloadView | None, action: str) -> HomeAssistantError:
    """Return the error that the device is not there any more; `view` is what was last seen of it."""
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=f"{action}_gone",
        translation_placeholders=words_of(ref, view),
    )


def misuse(key: str, **words: str) -> ServiceValidationError:
    """Return the error that tells the caller what is wrong with a call."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=words,
    )


def words_of(ref: Ref, view: WorkloadView | None) -> dict[str, str]:
    """Return the words that every sentence about a device may use."""
    return {
        "device": view.name if view is not None else ref.name,
        "namespace": ref.namespace,
    }
