"""Which versions of the devices' images there are: their registries are looked at once a day."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
import logging
import random
from typing import Any, Final, Protocol, TypedDict, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util

from .const import (
    CONF_ADDRESS,
    CONF_PASSWORD,
    CONF_REGISTRIES,
    CONF_UPDATE_CHECKS,
    CONF_UPDATES,
    CONF_USERNAME,
    DOMAIN,
)
from .devices import Device, DeviceView, key_of, ref_of
from .kube.cluster import Cluster
from .kube.schema import Kind, Node, Ref, Workload
from .model.images import parse_image
from .model.index import Index
from .model.updates import architectures, policy_of
from .model.versions import OFF
from .model.views import Control, WorkloadView
from .newest import SOURCE, URL_LABEL, Newest, Query, find_newest
from .parts import Part
from .registry.auth import Credential
from .registry.client import Registries
from .registry.errors import RegistryError, TooManyRequests, Unreachable
from .rights import ROLLING
from .roster import Roster

_LOGGER = logging.getLogger(__name__)

VERSION: Final = 1
LATER: Final = 30

# One look a day; the first of a device a while after the start, none at the same moment as another's.
INTERVAL: Final = timedelta(hours=24)
JITTER: Final = timedelta(hours=1)
SOON: Final = (timedelta(seconds=30), timedelta(minutes=5))
CHANGED: Final = (timedelta(seconds=5), timedelta(seconds=30))
# After a failure: an hour, then ever longer.
RETRY: Final = timedelta(hours=1)
# How long a registry is left alone that does not say how long.
PAUSE: Final = timedelta(hours=1)


class _Stored(TypedDict):
    """What is known of a device's image, as it is on disk."""

    image: str
    policy: str
    architectures: list[str]
    at: str
    tag: str
    digest: str
    source: str
    passed_over: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Available:
    """What is known of the versions of a device's image.

    `tag` (with `digest` where that counts) is the newest there is for it, "" before the first look.
    `error` says why the last look failed, "" if it did not; what was known before stays.
    """

    image: str
    policy: str
    tag: str = ""
    digest: str = ""
    source: str = ""
    passed_over: str = ""
    architectures: frozenset[str] = frozenset()
    at: datetime | None = None
    error: str = ""


@dataclass(slots=True)
class _Plan:
    """When a device's image is looked at again, and how often that failed in a row."""

    due: datetime
    failures: int = 0


@dataclass(slots=True)
class _Found:
    """What one round of looks found: devices share images and registries."""

    newest: dict[Query, Newest] = field(default_factory=dict)
    trouble: dict[str, Unreachable] = field(default_factory=dict)


class Home(Protocol):
    """What looking for versions needs of the hub."""

    hass: HomeAssistant
    entry: ConfigEntry
    cluster: Cluster
    index: Index
    roster: Roster

    def view(self, ref: Ref) -> WorkloadView | None:
        """Return a workload that is a device."""

    def offers(self, ref: Ref, control: Control) -> bool:
        """Say whether a device may be controlled so."""


class UpdateChecks(Part):
    """Looks for newer versions, once a day, and keeps what was found.

    Nothing is lost when a registry is away: what was known stays, with a note that it may be old.
    """

    def __init__(
        self, home: Home, *, chance: Callable[[float, float], float] = random.uniform
    ) -> None:
        """Bind to the hub; nothing is asked before `start`."""
        self._home = home
        self._hass = hass = home.hass
        self._entry = entry = home.entry
        self._chance = chance
        options = entry.options.get(CONF_UPDATES, {})
        self.wanted: bool = options.get(CONF_UPDATE_CHECKS, True)
        self.registries = Registries(
            async_get_clientsession(hass), _credentials(options)
        )
        self._store = firmware_store(hass, entry.entry_id)
        self._stored: dict[str, _Stored] = {}
        self._known: dict[Ref, Available] = {}
        self._plans: dict[Ref, _Plan] = {}
        self._paused: dict[str, datetime] = {}
        self._complained: dict[str, str] = {}
        self._timer: CALLBACK_TYPE | None = None
        self._round: asyncio.Task[None] | None = None
        self._looking = asyncio.Lock()
        self._started = False

    async def load(self) -> None:
        """Read what an earlier run found, so that a restart asks nobody."""
        if self.wanted:
            self._stored = await self._store.async_load() or {}

    async def save(self) -> None:
        """Write what is not on disk yet."""
        if self._known:
            await self._store.async_save(self._data())

    def known(self, ref: Ref) -> Available | None:
        """Return what is known of the versions of a device's image."""
        return self._known.get(ref)

    def architectures(self, view: WorkloadView) -> frozenset[str]:
        """Return those of all nodes that a device may run on."""
        record = self._home.index.workload(view.ref)
        if not isinstance(record, Workload):
            return frozenset()
        nodes = self._home.cluster.store(Kind.NODE).values()
        return architectures(
            record.template, [node for node in nodes if isinstance(node, Node)]
        )

    @callback
    @override
    def start(self) -> None:
        self._started = True
        self._arm()

    @callback
    @override
    def stop(self) -> None:
        self._started = False
        if self._timer is not None:
            self._timer()
            self._timer = None
        if self._round is not None:
            self._round.cancel()

    @callback
    @override
    def seen(self, device: Device, old: DeviceView | None) -> None:
        view = device.view
        if not self.wanted or not isinstance(view, WorkloadView):
            return
        ref = view.ref
        known = self._known.get(ref)
        image = parse_image(view.image)
        policy = policy_of(view.hints.update, image)
        if ref.kind not in ROLLING or not view.image or policy == OFF:
            self._forget(ref)
            return
        if known is not None and (known.image, known.policy) == (view.image, policy):
            return
        if known is None:
            self._known[ref] = self._recall(view, policy)
            at = self._known[ref].at
            self._plans[ref] = _Plan(
                self._after(*SOON)
                if at is None
                else max(at + INTERVAL, self._after(*SOON))
            )
        else:
            self._known[ref] = _carried_over(known, view.image, policy)
            self._plans[ref] = _Plan(self._after(*CHANGED))
        self._arm()

    @callback
    @override
    def gone(self, key: str) -> None:
        if (ref := ref_of(key)) is not None:
            self._forget(ref)

    async def check(self, ref: Ref) -> None:
        """Look now, unless the registry asked to be left alone; the outcome is what is shown."""
        if ref in self._known:
            await self._look(ref, _Found())
            self._arm()

    def _forget(self, ref: Ref) -> None:
        self._known.pop(ref, None)
        self._plans.pop(ref, None)

    def _recall(self, view: WorkloadView, policy: str) -> Available:
        """Return what an earlier run found, if it is of the image that the device has now."""
        stored = self._stored.get(key_of(view.ref))
        bare = Available(image=view.image, policy=policy)
        if stored is None or (stored["image"], stored["policy"]) != (
            view.image,
            policy,
        ):
            return bare
        return replace(
            bare,
            tag=stored["tag"],
            digest=stored["digest"],
            source=stored["source"],
            passed_over=stored["passed_over"],
            architectures=frozenset(stored["architectures"]),
            at=dt_util.parse_datetime(stored["at"]),
        )

    def _after(self, least: timedelta, most: timedelta) -> datetime:
        seconds = self._chance(least.total_seconds(), most.total_seconds())
        return dt_util.utcnow() + timedelta(seconds=seconds)

    def _arm(self) -> None:
        """Have the next look begin when it is due."""
        if self._timer is not None:
            self._timer()
            self._timer = None
        if not self._started or not self._plans:
            return
        due = min(plan.due for plan in self._plans.values())
        delay = max(0.0, (due - dt_util.utcnow()).total_seconds())
        self._timer = async_call_later(self._hass, delay, self._due)

    @callback
    def _due(self, _now: datetime) -> None:
        self._timer = None
        if self._round is None or self._round.done():
            self._round = self._entry.async_create_background_task(
                self._hass, self._look_round(), "home_cluster firmware"
            )

    async def _look_round(self) -> None:
        """Look at all that is due, one after another."""
        now = dt_util.utcnow()
        found = _Found()
        for ref in [ref for ref, plan in self._plans.items() if plan.due <= now]:
            if ref in self._plans:
                await self._look(ref, found)
        self._arm()

    async def _look(self, ref: Ref, found: _Found) -> None:
        """Look at one device's image; `found` is what the same round found for others."""
        async with self._looking:
            known, view = self._known.get(ref), self._home.view(ref)
            if known is None or view is None:
                self._forget(ref)
                return
            if not self._home.offers(ref, Control.UPDATE):
                # Nobody is shown what there is: no registry needs to be asked.
                self._plans[ref].due = dt_util.utcnow() + RETRY
                return
            query = Query(
                parse_image(view.image), known.policy, self.architectures(view)
            )
            try:
                newest = await self._ask(query, found)
            except RegistryError as error:
                self._failed(ref, query.image.registry, error)
                return
            if self._known.get(ref) != known:
                # Another image by now, which is looked at on its own.
                return
            if self._complained.pop(query.image.registry, None):
                _LOGGER.info("The registry %s answers again", query.image.registry)
            self._known[ref] = replace(
                known,
                tag=newest.tag,
                digest=newest.digest,
                source=newest.labels.get(SOURCE) or newest.labels.get(URL_LABEL) or "",
                passed_over=newest.passed_over,
                architectures=query.architectures,
                at=dt_util.utcnow(),
                error="",
            )
            self._plans[ref] = _Plan(self._after(INTERVAL - JITTER, INTERVAL + JITTER))
            self._store.async_delay_save(self._data, LATER)
        self._home.roster.wake(key_of(ref))

    async def _ask(self, query: Query, found: _Found) -> Newest:
        """Ask the registry, unless it is known what it would say."""
        registry = query.image.registry
        until = self._paused.get(registry)
        if until is not None and dt_util.utcnow() < until:
            raise TooManyRequests("it wants to be asked less often")
        if (trouble := found.trouble.get(registry)) is not None:
            raise trouble
        if (newest := found.newest.get(query)) is not None:
            return newest
        try:
            newest = await find_newest(self.registries, query)
        except Unreachable as error:
            found.trouble[registry] = error
            raise
        found.newest[query] = newest
        return newest

    def _failed(self, ref: Ref, registry: str, error: RegistryError) -> None:
        """Keep what was known, say why there is nothing newer, and try again later."""
        now = dt_util.utcnow()
        words = f"{registry}: {error}"
        plan = self._plans[ref]
        plan.failures += 1
        wait = min(RETRY * 2 ** (plan.failures - 1), INTERVAL)
        if isinstance(error, TooManyRequests):
            if error.retry_after is not None or registry not in self._paused:
                pause = (
                    PAUSE
                    if error.retry_after is None
                    else min(timedelta(seconds=error.retry_after), INTERVAL)
                )
                self._paused[registry] = now + pause
            wait = self._paused[registry] - now
        plan.due = now + wait * self._chance(1, 1.1)
        if self._complained.get(registry) != str(error):
            self._complained[registry] = str(error)
            _LOGGER.info(
                "Could not look for new versions of %s at the registry %s",
                self._known[ref].image,
                words,
            )
        self._known[ref] = replace(self._known[ref], error=words)
        self._home.roster.wake(key_of(ref))

    @callback
    def _data(self) -> dict[str, _Stored]:
        return {
            key_of(ref): {
                "image": known.image,
                "policy": known.policy,
                "architectures": sorted(known.architectures),
                "at": known.at.isoformat(),
                "tag": known.tag,
                "digest": known.digest,
                "source": known.source,
                "passed_over": known.passed_over,
            }
            for ref, known in self._known.items()
            if known.at is not None
        }


def firmware_store(hass: HomeAssistant, entry_id: str) -> Store[dict[str, _Stored]]:
    """Return the file of an entry."""
    return Store(hass, VERSION, f"{DOMAIN}.{entry_id}.firmware", atomic_writes=True)


def _credentials(options: Mapping[str, Any]) -> dict[str, Credential]:
    return {
        one[CONF_ADDRESS]: Credential(
            one.get(CONF_USERNAME, ""), one.get(CONF_PASSWORD, "")
        )
        for one in options.get(CONF_REGISTRIES, ())
    }


def _carried_over(known: Available, reference: str, policy: str) -> Available:
    """Return what is still true of the newest version after a device got another image."""
    old, new = parse_image(known.image), parse_image(reference)
    bare = Available(image=reference, policy=policy)
    if (old.registry, old.repository) != (new.registry, new.repository):
        return bare
    if policy != known.policy and known.tag != new.tag:
        return bare
    return replace(known, image=reference, policy=policy)
