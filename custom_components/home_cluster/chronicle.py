"""Telling what happens to devices, as it happens: never what was before, and never in a flood."""

from collections.abc import Callable
from typing import Final, override

from homeassistant.core import CALLBACK_TYPE, callback

from .devices import Device, DeviceView, key_of
from .kube.schema import Event, Ref
from .model.happenings import REPEATED, Happening, Past, What, happening_of
from .model.situation import Situation
from .model.views import WorkloadView
from .parts import Part

# The entity of a workload that tells.
EVENT: Final = "event"
# What happens again and again is told after these seconds, then after twice as many, up to an hour.
FIRST_PAUSE: Final = 60.0
LONGEST_PAUSE: Final = 3600.0

type Listener = Callable[[Happening], None]


class Chronicle(Part):
    """Hands happenings to the entities that tell them.

    `situation` returns a workload with all that belongs to it. While the cluster is not `steady`
    nothing is told: what is different when it is back is told then, once. `clock` counts seconds.
    """

    def __init__(
        self,
        situation: Callable[[Ref], Situation | None],
        steady: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        """Know nothing yet."""
        self._situation = situation
        self._steady = steady
        self._clock = clock
        self._listeners: dict[str, list[Listener]] = {}
        self._pasts: dict[str, Past] = {}
        self._pauses: dict[tuple[str, str], tuple[float, float]] = {}
        self._started = False

    def listen(self, device: str, key: str, listener: Listener) -> CALLBACK_TYPE:
        """Call the listener with what the entity of this key is to tell of a device, until told to stop."""
        listeners = self._listeners.setdefault(f"{device}/{key}", [])
        listeners.append(listener)
        return lambda: listeners.remove(listener)

    @callback
    def tell(self, device: str, happening: Happening, key: str = EVENT) -> None:
        """Have something told of a device by its entity of this key."""
        if self._started and not self._is_too_often(device, happening):
            for listener in tuple(self._listeners.get(f"{device}/{key}", ())):
                listener(happening)

    @override
    @callback
    def start(self) -> None:
        self._started = True

    @override
    @callback
    def stop(self) -> None:
        self._started = False
        self._pasts.clear()
        self._pauses.clear()

    @override
    @callback
    def seen(self, device: Device, old: DeviceView | None) -> None:
        view = device.view
        if not isinstance(view, WorkloadView) or not self._steady():
            return
        situation = self._situation(view.ref)
        if situation is None:
            return
        past = self._pasts.get(device.key)
        if past is None:
            self._pasts[device.key] = Past(view, situation)
            return
        for happening in past.look(view, situation):
            self.tell(device.key, happening)
            if happening.what == What.RECOVERED:
                self._forget_pauses(device.key)

    @override
    @callback
    def told(self, ref: Ref, event: Event) -> None:
        key = key_of(ref)
        if (
            key in self._pasts
            and self._steady()
            and (happening := happening_of(event)) is not None
        ):
            self.tell(key, happening)

    @override
    @callback
    def gone(self, key: str) -> None:
        self._pasts.pop(key, None)
        self._forget_pauses(key)

    def _is_too_often(self, device: str, happening: Happening) -> bool:
        """Say whether it was told a short while ago; each time it is told, the pause doubles."""
        if happening.what not in REPEATED:
            return False
        kind = (device, happening.what)
        now = self._clock()
        until, pause = self._pauses.get(kind, (now, FIRST_PAUSE))
        if now < until:
            return True
        if now > until + LONGEST_PAUSE:
            pause = FIRST_PAUSE
        self._pauses[kind] = (now + pause, min(pause * 2, LONGEST_PAUSE))
        return False

    def _forget_pauses(self, device: str) -> None:
        for what in REPEATED:
            self._pauses.pop((device, what), None)
