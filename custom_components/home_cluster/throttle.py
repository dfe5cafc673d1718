"""How often a device may be commanded: what is stuck must not thrash the cluster."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
import time
from typing import Final, NamedTuple

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_call_later

from .const import DOMAIN
from .devices import key_of
from .kube.schema import Ref
from .sentences import misuse

# An automation or a script writes its state in the context that its actions have.
_RUNNERS: Final = ("automation", "script")


class Limit(NamedTuple):
    """So many times, and then as often on average, in so many seconds."""

    times: int
    seconds: float


# Generous for people and for automations that know what they do.
COMMANDS: Final = Limit(30, 300)
RESTARTS: Final = Limit(6, 600)


class Bucket:
    """Tokens that come back with time."""

    def __init__(self, limit: Limit, now: float) -> None:
        """Start full."""
        self._limit = limit
        self._tokens = float(limit.times)
        self._at = now

    def take(self, now: float) -> float:
        """Take a token; return 0, or the seconds until there is one."""
        wait = self.wait(now)
        if not wait:
            self._tokens -= 1
        return wait

    def wait(self, now: float) -> float:
        """Return the seconds until there is a token."""
        times, seconds = self._limit
        self._tokens = min(
            times, self._tokens + max(0.0, now - self._at) * times / seconds
        )
        self._at = now
        return max(0.0, (1 - self._tokens) * seconds / times)


class Throttle:
    """The limits of one entry's devices, and a repair for each device that is commanded too often.

    The repair goes when the device was left alone for as long as its limit is about.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with everything allowed."""
        self._hass = hass
        self._entry = entry
        self._clock = clock
        self._buckets: dict[tuple[Ref, Limit], Bucket] = {}
        self._told: dict[str, CALLBACK_TYPE] = {}

    async def take(
        self, ref: Ref, name: str, limit: Limit, context: Context | None
    ) -> None:
        """Count a command; raises `ServiceValidationError` if there were too many, and says who asks."""
        if wait := self._bucket(ref, limit).take(self._clock()):
            await self._tell(ref, name, limit, context)
            raise _too_often(name, wait)

    def check(self, ref: Ref, name: str, limit: Limit) -> None:
        """Raise if there were too many commands for one more."""
        if wait := self._bucket(ref, limit).wait(self._clock()):
            raise _too_often(name, wait)

    @callback
    def stop(self) -> None:
        """Take back what was told."""
        for issue, timer in self._told.items():
            timer()
            ir.async_delete_issue(self._hass, DOMAIN, issue)
        self._told.clear()

    def _bucket(self, ref: Ref, limit: Limit) -> Bucket:
        now = self._clock()
        return self._buckets.setdefault((ref, limit), Bucket(limit, now))

    async def _tell(
        self, ref: Ref, name: str, limit: Limit, context: Context | None
    ) -> None:
        issue = f"too_often_{self._entry.entry_id}_{key_of(ref)}"
        who = await who_asks(self._hass, context)
        if (timer := self._told.get(issue)) is not None:
            timer()
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue,
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key="too_often" if who else "too_often_by_somebody",
            translation_placeholders={
                "device": name,
                "who": who,
                "times": str(limit.times),
                "minutes": f"{limit.seconds / 60:.0f}",
            },
        )
        self._told[issue] = async_call_later(
            self._hass, limit.seconds, partial(self._forget, issue)
        )

    @callback
    def _forget(self, issue: str, _now: datetime) -> None:
        self._told.pop(issue, None)
        ir.async_delete_issue(self._hass, DOMAIN, issue)


async def who_asks(hass: HomeAssistant, context: Context | None) -> str:
    """Return the automation, the script or the user that a context is of, "" if that is not known."""
    if context is None:
        return ""
    for state in hass.states.async_all(_RUNNERS):
        if state.context.id in (context.id, context.parent_id):
            return f"{state.name} ({state.entity_id})"
    if context.user_id is None:
        return ""
    user = await hass.auth.async_get_user(context.user_id)
    return (user.name or "") if user is not None else ""


def _too_often(name: str, wait: float) -> ServiceValidationError:
    return misuse("rate_limited", device=name, seconds=f"{max(1, wait):.0f}")
