"""Working, not just running: what the device is there for in Home Assistant, and whether it is there."""

from datetime import timedelta
from typing import Final

from .case import Case, Finding, Weight, latest, listed
from .views import Reason

# So long may it be away, and so long after the pods became ready it may still be on its way.
GRACE: Final = timedelta(minutes=2)
_NAMED: Final = 4


def not_serving(case: Case) -> Finding | None:
    """Ready pods, while what they are there for stays unavailable.

    Source: Home Assistant's own states of what the hint `serves` lists.
    """
    ready = latest(*(case.ready_since(pod) for pod in case.alive))
    missed = {
        one.what: since
        for one in case.situation.unserved
        if (since := latest(one.since, ready)) and case.passed(since + GRACE)
    }
    if not missed:
        return None
    names = sorted(missed)
    if len(names) > _NAMED:
        more = len(names) - _NAMED + 1
        names = [*names[: _NAMED - 1], f"{more} more"]
    verb = "is" if len(missed) == 1 else "are"
    return Finding(
        reason=Reason.SERVED_ENTITIES_UNAVAILABLE,
        message=f"It runs, but what it is there for does not work: {listed(names)} {verb} unavailable in Home Assistant.",
        advice="Look at its log, and in Home Assistant at the integration that these belong to; if it hangs, restart it.",
        weight=Weight.SOFT,
        since=min(missed.values()),
    )
