"""Looking at the account's rights again and again, and saying what is missing."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
import logging
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_call_later

from .const import DOMAIN
from .holding import Holding
from .kube.access import Access, Missing, account_name, rbac_yaml, review
from .kube.client import Client
from .kube.errors import KubeError
from .kube.schema import Ref
from .model.views import Control, Need, NodeView, WorkloadView
from .rights import Rights
from .scope import Scope

_LOGGER = logging.getLogger(__name__)

# Three denials, this far apart, are sixteen seconds: more than an API server's start confuses anybody.
DOUBT_PAUSE: Final = timedelta(seconds=8)
AT_ONCE: Final = 8
# How long a start waits for dry runs, in seconds: a webhook of the cluster may be slow or away.
TRIAL_PATIENCE: Final = 3.0


def issue_id(entry_id: str) -> str:
    """Return the id of the repair that names missing rights."""
    return f"missing_rights_{entry_id}"


class Oversight:
    """Keeps an entry's `rights` up to date, with what the cluster's five-minute reviews tell.

    `steady` says whether a denial counts now (the cluster is there); `changed` hears when something
    else may be done or is sure now; `views` are the workloads and nodes that are devices.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        client: Client,
        rights: Rights,
        *,
        steady: Callable[[], bool],
        changed: Callable[[], None],
        views: Callable[[], Iterable[WorkloadView | NodeView]],
    ) -> None:
        """Bind to an entry; `look` comes first, then `start`."""
        self._hass = hass
        self._entry = entry
        self._client = client
        self._rights = rights
        self._steady = steady
        self._changed = changed
        self._views = views
        self._holding = Holding(hass, entry, client, rights.allows)
        self._unlooked = True
        self._followed: Scope | None = None
        self._sure = False
        self._different = False
        self._reported: frozenset[Missing] | None = None
        self._timer: CALLBACK_TYPE | None = None
        self._task: asyncio.Task[None] | None = None
        self._again = self._overdue = False

    async def review(self) -> Access:
        """Ask what the account may do; raises `KubeError`."""
        return await review(self._client, sorted(self._rights.places))

    async def look(self) -> None:
        """Ask for the first time; raises `KubeError`."""
        self._rights.take(await self.review())

    @callback
    def start(self, followed: Scope) -> None:
        """Settle what the first look left open.

        `followed` are the collections that are watched until the entry is reloaded.
        """
        self._followed = followed
        self.soon()

    @callback
    def take(self, access: Access) -> None:
        """Learn from a look; while the cluster is away a denial may come of its start."""
        if self._steady():
            self._unlooked = True
            self._learn(self._rights.take(access))
            self.soon()

    @callback
    def soon(self) -> None:
        """Look at what was not seen, try what was not tried, say what is sure; again soon if in doubt."""
        if self._followed is None:
            return
        self._cancel_timer()
        # What is at work may have begun before there was what it should look at.
        self._again = True
        self._start_work()

    @callback
    def stop(self) -> None:
        """Look no more."""
        self._followed = None
        self._cancel_timer()
        if self._task is not None:
            self._task.cancel()

    async def _settle(self) -> None:
        if not self._steady():
            return
        passed = await self.try_changes()
        sure = not self._rights.doubtful
        if passed or self._different or (sure and not self._sure):
            self._different = False
            self._changed()
        self._sure = sure
        await self._report()
        if self._unlooked or self._holding.doubtful:
            self._unlooked = False
            views = self._views()
            await self._holding.look(
                view for view in views if isinstance(view, WorkloadView)
            )
        if self._rights.doubtful or self._holding.doubtful:
            self._cancel_timer()
            self._timer = async_call_later(self._hass, DOUBT_PAUSE, self._due)

    def _learn(self, different: bool) -> None:
        """Have what is allowed now tried, before entities come or go by it."""
        if different:
            self._different = True
            self._rights.try_again()

    async def _look_again(self, *, denials_count: bool) -> None:
        try:
            access = await self.review()
        except KubeError as err:
            # A look that failed denies nothing.
            _LOGGER.debug("Could not look at the account's rights: %s", err)
            self._cancel_timer()
            self._timer = async_call_later(self._hass, DOUBT_PAUSE, self._due)
            return
        if self._steady():
            self._learn(self._rights.take(access, denials_count=denials_count))
        await self._settle()

    @callback
    def _due(self, _now: object) -> None:
        self._timer = None
        self._overdue = True
        self._start_work()

    def _start_work(self) -> None:
        if self._task is None or self._task.done():
            self._task = self._entry.async_create_background_task(
                self._hass, self._work(), "home_cluster rights", eager_start=False
            )

    async def _work(self) -> None:
        """Do what is asked for, and what is asked for meanwhile."""
        while self._again or self._overdue:
            counts, self._again, self._overdue = self._overdue, False, False
            # As often as new namespaces come, so their looks prove nothing about the others.
            if counts or self._rights.unseen:
                await self._look_again(denials_count=counts)
            else:
                await self._settle()

    async def try_at_first(self) -> None:
        """Try changes for as long as a start may take; what is not decided then is tried later."""
        try:
            async with asyncio.timeout(TRIAL_PATIENCE):
                await self.try_changes(at_first=True)
        except TimeoutError:
            self._rights.doubtful = True

    async def try_changes(self, *, at_first: bool = False) -> bool:
        """Find out by dry runs what admission policies let change; say whether any does.

        `at_first` leaves out what may come a moment later.
        """
        trials = [
            trial
            for view in self._views()
            for trial in self._rights.trials(view, at_first=at_first)
        ]
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(
            ref: Ref, control: Control | Need, patch: Mapping[str, Any]
        ) -> bool:
            try:
                async with gate:
                    passed = await self._client.dry_run(ref, patch)
            except KubeError as err:
                _LOGGER.debug("Could not try a change of %s: %s", ref.name, err)
                self._rights.doubtful = True
                return False
            self._rights.tried(ref, control, passed=passed)
            return passed

        return any(await asyncio.gather(*(one(*trial) for trial in trials)))

    async def _report(self) -> None:
        if self._followed is not None and self._rights.scope.exceeds(self._followed):
            self._hass.config_entries.async_schedule_reload(self._entry.entry_id)
            return
        missing = self._rights.scope.missing
        # What is granted is believed at once, what is denied is not.
        if missing == self._reported or (missing and self._rights.doubtful):
            return
        self._reported = missing
        if not missing:
            ir.async_delete_issue(self._hass, DOMAIN, issue_id(self._entry.entry_id))
            return
        try:
            account = await account_name(self._client)
        except KubeError:
            account = ""
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue_id(self._entry.entry_id),
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key="missing_rights",
            translation_placeholders={
                "cluster": self._entry.title,
                "missing": in_words(missing),
                "yaml": rbac_yaml(missing, account),
            },
        )

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer()
            self._timer = None


def in_words(missing: Iterable[Missing]) -> str:
    """Name what cannot be read, and where."""
    places: dict[str, set[str]] = {}
    for right in missing:
        places.setdefault(right.resource, set())
        if right.namespace is not None:
            places[right.resource].add(right.namespace)
    return ", ".join(
        f"`{resource}` ({', '.join(sorted(where))})" if where else f"`{resource}`"
        for resource, where in sorted(places.items())
    )
