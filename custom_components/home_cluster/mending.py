"""What people can mend from Home Assistant: repairs that come when they can act, and go when it is over."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import (
    async_track_point_in_utc_time,
    async_track_time_interval,
)
from homeassistant.util import dt as dt_util

from .const import CONF_METHOD, CONF_STATIC, DOMAIN, METHOD_TOKEN
from .devices import Device, DeviceView, key_of
from .kube.access import Missing
from .kube.schema import Kind, Pod, Ref, Workload
from .model.case import SETTLE
from .model.index import pod_home
from .model.situation import Situation, condition, is_over
from .model.views import Reason, WorkloadView
from .parts import Part
from .rights import DELETE, Rights
from .wording import sentence_of

STUCK_POD: Final = "stuck_pod"
WEDGED: Final = "wedged_rollout"
CREDENTIAL: Final = "credential_expiring"
IN_USE: Final = "device_in_use"

# What a repair's flow is told.
DATA_ENTRY: Final = "entry_id"
DATA_KEY: Final = "key"
DATA_POD: Final = "pod"
DATA_UID: Final = "uid"
DATA_HOLDER: Final = "holder"

# How long before its end a credential that nobody renews is to be replaced.
SOON: Final = timedelta(days=14)
LOOK_EVERY: Final = timedelta(hours=1)

# With these a pod may be what hangs.
_HANGING: Final = frozenset(
    {Reason.STUCK_TERMINATING, Reason.NODE_LOST, Reason.VOLUME_ON_LOST_NODE}
)


def issue_of(kind: str, entry_id: str, key: str = "") -> str:
    """Return the id of a repair; one of each kind for an entry or a device."""
    return f"{kind}_{entry_id}_{key}" if key else f"{kind}_{entry_id}"


def is_kept_by_hand(data: Mapping[str, object]) -> bool:
    """Say whether an entry holds its credential itself, so that nobody but its user renews it."""
    return data[CONF_METHOD] == METHOD_TOKEN or CONF_STATIC in data


def overdue(pod: Pod, now: datetime) -> bool:
    """Say whether a pod should have ended a minute ago and has not; one that only waits for a finalizer has."""
    return (
        pod.deleting is not None and not is_over(pod) and pod.deleting + SETTLE <= now
    )


def wedged(workload: object) -> bool:
    """Say whether a rollout has been given up by its controller, which leaves it as it is."""
    if not isinstance(workload, Workload) or workload.kind is not Kind.DEPLOYMENT:
        return False
    progressing = condition(workload.conditions, "Progressing")
    return progressing is not None and progressing.reason == "ProgressDeadlineExceeded"


def holder(situation: Situation) -> tuple[str, Pod] | None:
    """Return the hardware that a pod waits for, and the pod of another workload that has it."""
    own = {pod.uid for pod in situation.pods}
    wanted = {what for pod in situation.pods if not pod.node for what in pod.hardware}
    return next(
        (
            (what, pod)
            for what, pod in situation.holders
            if what in wanted and pod.uid not in own
        ),
        None,
    )


class Mending(Part):
    """Makes and withdraws the repairs of one entry.

    `situation` returns a workload with all that belongs to it, `expires` when the credential in use
    ends, `may_roll_back` whether what a workload was before can be brought back from here, `view` a
    workload that is a device, `may_switch` whether it can be switched from here.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        rights: Rights,
        *,
        situation: Callable[[Ref], Situation | None],
        expires: Callable[[], datetime | None],
        may_roll_back: Callable[[Ref], bool],
        view: Callable[[Ref], WorkloadView | None],
        may_switch: Callable[[Ref], bool],
    ) -> None:
        """Know of nothing to mend."""
        self._hass = hass
        self._entry = entry
        self._rights = rights
        self._situation = situation
        self._expires = expires
        self._may_roll_back = may_roll_back
        self._view = view
        self._may_switch = may_switch
        self._issues: set[str] = set()
        self._timers: dict[str, CALLBACK_TYPE] = {}
        self._clock: CALLBACK_TYPE | None = None

    @override
    @callback
    def start(self) -> None:
        self._clock = async_track_time_interval(
            self._hass, self._look_at_credential, LOOK_EVERY
        )
        self._look_at_credential(dt_util.utcnow())

    @override
    @callback
    def stop(self) -> None:
        if self._clock is not None:
            self._clock()
            self._clock = None
        for timer in self._timers.values():
            timer()
        self._timers.clear()
        for issue in tuple(self._issues):
            self._withdraw(issue)

    @override
    @callback
    def seen(self, device: Device, old: DeviceView | None) -> None:
        if isinstance(device.view, WorkloadView):
            self._look(device)

    @override
    @callback
    def gone(self, key: str) -> None:
        self._disarm(key)
        for kind in (STUCK_POD, WEDGED, IN_USE):
            self._withdraw(issue_of(kind, self._entry.entry_id, key))

    def _look(self, device: Device) -> None:
        view = device.view
        assert isinstance(view, WorkloadView)
        self._disarm(device.key)
        health = view.health
        situation = self._situation(view.ref) if health.problem else None
        hanging = situation if health.reason in _HANGING else None
        self._look_for_stuck(device, view, hanging)
        waiting = situation if health.reason is Reason.DEVICE_IN_USE else None
        self._look_for_holder(device, view, waiting)
        issue = issue_of(WEDGED, self._entry.entry_id, device.key)
        if (
            situation is not None
            and wedged(situation.workload)
            and self._may_roll_back(view.ref)
        ):
            about = {DATA_KEY: device.key}
            why = sentence_of(self._hass, health)
            words = {"device": view.name, "image": view.image, "why": why}
            self._tell(issue, WEDGED, about, words)
        else:
            self._withdraw(issue)

    def _look_for_stuck(
        self, device: Device, view: WorkloadView, situation: Situation | None
    ) -> None:
        """A pod that hangs is to be deleted by force only if the account may do that."""
        issue = issue_of(STUCK_POD, self._entry.entry_id, device.key)
        pods = situation.pods if situation is not None else ()
        leaving = [pod for pod in pods if pod.deleting is not None and not is_over(pod)]
        may = self._rights.allows(Missing(*DELETE, view.ref.namespace))
        now = dt_util.utcnow()
        stuck = next((pod for pod in leaving if overdue(pod, now)), None)
        if not may or stuck is None:
            self._withdraw(issue)
            if may and leaving:
                due = min(pod.deleting for pod in leaving if pod.deleting) + SETTLE
                self._timers[device.key] = async_track_point_in_utc_time(
                    self._hass, partial(self._look_later, device), due
                )
            return
        self._tell(
            issue,
            STUCK_POD,
            {DATA_KEY: device.key, DATA_POD: stuck.name, DATA_UID: stuck.uid},
            {"device": view.name, "pod": stuck.name, "node": stuck.node or "–"},
        )

    def _look_for_holder(
        self, device: Device, view: WorkloadView, situation: Situation | None
    ) -> None:
        """Who has the hardware is to be switched off only if it is a device that may be."""
        issue = issue_of(IN_USE, self._entry.entry_id, device.key)
        found = holder(situation) if situation is not None else None
        ref = pod_home(found[1]) if found is not None else None
        other = self._view(ref) if ref is not None else None
        if (
            found is None
            or other is None
            or not other.power
            or not self._may_switch(other.ref)
        ):
            self._withdraw(issue)
            return
        about = {DATA_KEY: device.key, DATA_HOLDER: key_of(other.ref)}
        words = {"device": view.name, "what": found[0], "holder": other.name}
        self._tell(issue, IN_USE, about, words)

    @callback
    def _look_later(self, device: Device, _now: datetime) -> None:
        self._timers.pop(device.key, None)
        self._look(device)

    @callback
    def _look_at_credential(self, now: datetime) -> None:
        """What is read from elsewhere is renewed there; what the entry holds is not."""
        issue = issue_of(CREDENTIAL, self._entry.entry_id)
        end = self._expires()
        if end is None or end - now > SOON or not is_kept_by_hand(self._entry.data):
            self._withdraw(issue)
            return
        self._tell(
            issue,
            CREDENTIAL,
            {},
            {
                "cluster": self._entry.title,
                "date": dt_util.as_local(end).strftime("%Y-%m-%d %H:%M"),
            },
        )

    def _disarm(self, key: str) -> None:
        if (timer := self._timers.pop(key, None)) is not None:
            timer()

    def _tell(
        self,
        issue: str,
        kind: str,
        data: Mapping[str, str],
        words: Mapping[str, str],
    ) -> None:
        self._issues.add(issue)
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue,
            data={DATA_ENTRY: self._entry.entry_id, **data},
            is_fixable=True,
            severity=ir.IssueSeverity.WARNING,
            translation_key=kind,
            translation_placeholders={**words},
        )

    def _withdraw(self, issue: str) -> None:
        if issue in self._issues:
            self._issues.discard(issue)
            ir.async_delete_issue(self._hass, DOMAIN, issue)
