"""One timer for all views that change by time alone."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
import heapq
from typing import Final

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util import dt as dt_util

from .kube.schema import Ref

SOONEST: Final = timedelta(milliseconds=500)


class Rechecks:
    """Calls `due` with those whose moment has come."""

    def __init__(
        self, hass: HomeAssistant, due: Callable[[Iterable[Ref]], None]
    ) -> None:
        """Start empty."""
        self._hass = hass
        self._due = due
        self._moments: dict[Ref, datetime] = {}
        self._heap: list[tuple[datetime, Ref]] = []
        self._timer: CALLBACK_TYPE | None = None
        self._armed: datetime | None = None

    @callback
    def set(self, ref: Ref, moment: datetime | None) -> None:
        """Set the moment of one; None takes it back."""
        if moment is None:
            self._moments.pop(ref, None)
            return
        # A moment that has passed already must not be waited for over and over in no time.
        moment = max(moment, dt_util.utcnow() + SOONEST)
        if self._moments.get(ref) == moment:
            return
        self._moments[ref] = moment
        heapq.heappush(self._heap, (moment, ref))
        if self._armed is None or moment < self._armed:
            self._arm()

    @callback
    def stop(self) -> None:
        """Forget all."""
        self._moments.clear()
        self._arm()

    def _arm(self) -> None:
        """Set the timer for the earliest moment that still counts."""
        if self._timer is not None:
            self._timer()
            self._timer = None
        while self._heap and self._moments.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        self._armed = self._heap[0][0] if self._heap else None
        if self._armed is not None:
            self._timer = async_track_point_in_utc_time(
                self._hass, self._fire, self._armed
            )

    @callback
    def _fire(self, now: datetime) -> None:
        self._timer = self._armed = None
        due = []
        while self._heap and self._heap[0][0] <= now:
            moment, ref = heapq.heappop(self._heap)
            if self._moments.get(ref) == moment:
                del self._moments[ref]
                due.append(ref)
        self._due(due)
        if self._timer is None:
            self._arm()
