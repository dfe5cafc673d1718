"""Getting another image onto a device and seeing it through: installed when it runs, undone when it does not."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import logging
from typing import Any, Final, Protocol

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from .const import CONF_ALLOW_OWNED, CONF_AUTO_ROLLBACK, CONF_UPDATES, DOMAIN
from .devices import key_of
from .kube.client import Client
from .kube.errors import Conflict, KubeError, NotFound, TooManyRequests
from .kube.revisions import Revision, bring_back, forget_change, revisions
from .kube.schema import Kind, Pod, Record, Ref, Workload
from .model.images import parse_image
from .model.index import Index
from .model.owners import CHART_IMAGE, manager_of, takes_our_images
from .model.progress import Following
from .model.situation import is_ready
from .model.undoing import Setting, Value
from .model.updates import named_image
from .model.views import Control, Health, WorkloadView
from .rights import ROLLING, Rights, history_right, patch_right
from .roster import Roster
from .sentences import INSTALL, ROLL_BACK, gone, in_words, misuse, unreachable
from .wording import Words, words_of

_LOGGER = logging.getLogger(__name__)

# How often it is asked how far a rollout is while nothing tells.
BLIND: Final = timedelta(seconds=30)


class Home(Protocol):
    """What installing needs of the hub."""

    hass: HomeAssistant
    entry: ConfigEntry
    client: Client
    rights: Rights
    roster: Roster
    index: Index

    @property
    def available(self) -> bool:
        """Whether what is shown is what the cluster says now."""

    def view(self, ref: Ref) -> WorkloadView | None:
        """Return a workload that is a device."""

    def commanded(self, ref: Ref, setting: Setting, wanted: Value) -> None:
        """Take note of what the cluster has just accepted."""

    def pods(self, ref: Ref) -> tuple[Pod, ...]:
        """Return the pods that it has now."""

    def offers(self, ref: Ref, control: Control) -> bool:
        """Say whether a device may be controlled so."""

    def listen_pods(self, ref: Ref, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call the listener at every change of the workload or its pods."""


@dataclass(slots=True)
class _Running:
    """An installation that is under way."""

    percent: int
    task: asyncio.Task[Any]
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Installer:
    """Installs images and goes back to earlier ones, one at a time for each device.

    All methods return when the cluster has done it, and raise `HomeAssistantError` when it has not or
    `ServiceValidationError` when it was not asked to, both in words.
    """

    def __init__(self, home: Home) -> None:
        """Bind to the hub."""
        options = home.entry.options.get(CONF_UPDATES, {})
        self._home = home
        self._undoes: bool = options.get(CONF_AUTO_ROLLBACK, True)
        self._allows_owned: bool = options.get(CONF_ALLOW_OWNED, False)
        self._running: dict[Ref, _Running] = {}
        # What did not come to run is nothing to go back to.
        self._failures: dict[Ref, set[str]] = {}

    @callback
    def stop(self) -> None:
        """Wait for nothing any more; what the cluster was told, it does."""
        for running in self._running.values():
            running.task.cancel()

    @callback
    def gone(self, ref: Ref) -> None:
        """A device was removed: who installs something on it need not wait."""
        self._failures.pop(ref, None)
        if (running := self._running.get(ref)) is not None:
            running.changed.set()

    def percent(self, ref: Ref) -> int | None:
        """Return how far an installation is, None if there is none."""
        running = self._running.get(ref)
        return running.percent if running is not None else None

    async def set_image(self, ref: Ref, words: str) -> dict[str, str]:
        """Have a device's main container run another image: a tag, a digest, or a whole reference."""
        view = self._want(ref, INSTALL)
        try:
            image = named_image(view.image, words)
        except ValueError:
            raise misuse("not_an_image", device=view.name, image=words) from None
        await self._alone(view, self._install(view, image))
        return {"from": view.image, "to": image}

    async def history(self, ref: Ref) -> list[Revision]:
        """Return what a device was before, the newest first."""
        view = self._view(ref, ROLL_BACK)
        with in_words(view, ROLL_BACK, history_right(ref.kind)):
            return await revisions(self._home.client, ref, view.uid)

    def may_roll_back(self, ref: Ref) -> bool:
        """Say whether it is of use to ask for a rollback, as far as can be known without asking the cluster."""
        record = self._home.index.workload(ref)
        return (
            ref not in self._running
            and record is not None
            and self._home.offers(ref, Control.UPDATE)
            and self._home.rights.may_read_history(ref)
            and (self._allows_owned or takes_our_images(record))
        )

    async def rollback(self, ref: Ref, number: int | None = None) -> dict[str, Any]:
        """Bring back what a device was before: its previous revision, or one of this number."""
        view = self._want(ref, ROLL_BACK)
        known = await self.history(ref)
        if number is None:
            failed = self._failures.get(ref, set())
            before = [
                one for one in known[1:] if one.image(view.container) not in failed
            ]
            if not before:
                raise misuse("nothing_before", device=view.name)
            wanted = before[0]
        else:
            found = next((one for one in known if one.number == number), None)
            if found is None:
                raise misuse("no_such_revision", device=view.name, revision=str(number))
            wanted = found
        image = wanted.image(view.container) or view.image
        await self._alone(view, self._bring_back(view, wanted, image))
        return {"from": view.image, "to": image, "revision": wanted.number}

    def _view(self, ref: Ref, action: str) -> WorkloadView:
        """Return the device, if it is one that images are installed on."""
        view = self._home.view(ref)
        if view is None:
            raise gone(ref, None, action)
        if not self._home.available:
            raise unreachable(view, action)
        if ref.kind not in ROLLING or not view.container:
            raise misuse("not_updatable", device=view.name)
        return view

    def _want(self, ref: Ref, action: str) -> WorkloadView:
        """Return the device, if its image may be changed here."""
        view = self._view(ref, action)
        if not self._home.offers(ref, Control.UPDATE):
            raise misuse("update_not_offered", device=view.name)
        record = self._home.index.workload(ref)
        if (
            record is not None
            and not takes_our_images(record)
            and not self._allows_owned
        ):
            manager = manager_of(record)
            assert manager is not None
            raise misuse(
                f"owned_by_{manager.tool}",
                device=view.name,
                owner=manager.name,
                container=view.container,
            )
        return view

    async def _alone(self, view: WorkloadView, work: Coroutine[Any, Any, None]) -> None:
        """Do it, if nothing else is being installed there; all listeners see how far it is."""
        ref = view.ref
        if ref in self._running:
            work.close()
            raise misuse("already_updating", device=view.name)
        task = self._home.entry.async_create_background_task(
            self._home.hass,
            work,
            f"home_cluster install {view.name}",
            eager_start=False,
        )
        self._running[ref] = _Running(0, task)
        task.add_done_callback(lambda _: self._ended(ref))
        self._wake(ref)
        try:
            # Who asked may go away; what was begun is seen through.
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.cancelled():
                raise
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="update_left",
                translation_placeholders={"device": view.name},
            ) from None

    @callback
    def _ended(self, ref: Ref) -> None:
        self._running.pop(ref, None)
        self._wake(ref)

    async def _install(self, view: WorkloadView, image: str) -> None:
        """Change the image; undo that if it does not come to run, and the user wants so."""
        client, ref = self._home.client, view.ref
        failure = await self._change(
            view, INSTALL, lambda: client.set_image(ref, view.container, image)
        )
        if failure is not None:
            self._failures.setdefault(ref, set()).add(image)
            undone = await self._undo(view) if self._undoes else None
            raise _failed(view, image, self._words(failure), undone)

    async def _bring_back(
        self, view: WorkloadView, revision: Revision, image: str
    ) -> None:
        client, ref = self._home.client, view.ref
        failure = await self._change(
            view, ROLL_BACK, lambda: bring_back(client, ref, revision)
        )
        if failure is not None:
            raise _failed(view, image, self._words(failure), None)

    async def _change(
        self, view: WorkloadView, action: str, change: Callable[[], Awaitable[Record]]
    ) -> Health | None:
        """Make one change and follow its rollout; the health that says why it failed."""
        ref = view.ref
        before = self._home.pods(ref)
        with in_words(view, action, patch_right(ref.kind)):
            changed = await change()
        await self._leave_to_chart(ref)
        assert isinstance(changed, Workload)
        # Who sets it back within minutes is to be named.
        image = dict(changed.template.containers)[view.container]
        self._home.commanded(ref, Setting.IMAGE, image)
        return await self._follow(
            view, action, Following(changed, before, dt_util.utcnow())
        )

    async def _leave_to_chart(self, ref: Ref) -> None:
        """Let our chart's next release change the image without a conflict with us."""
        record = self._home.index.workload(ref)
        if record is None or CHART_IMAGE not in record.annotations:
            return
        try:
            await forget_change(self._home.client, ref)
        except KubeError as error:
            # The image is changed; only the chart's next upgrade may have to force it.
            _LOGGER.warning(
                "The next release of the chart of %s may meet a conflict: %s",
                ref.name,
                error,
            )

    async def _undo(self, view: WorkloadView) -> bool:
        """Give a device back the image that it had; say whether it runs again."""
        failed = [
            pod
            for pod in self._home.pods(view.ref)
            if not is_ready(pod) and pod.deleting is None
        ]
        try:
            failure = await self._change(
                view, INSTALL, lambda: self._put_back(view, failed)
            )
        except HomeAssistantError as error:
            _LOGGER.warning("Could not undo the update of %s: %s", view.name, error)
            return False
        return failure is None

    async def _put_back(self, view: WorkloadView, failed: list[Pod]) -> Record:
        client, ref = self._home.client, view.ref
        changed = await client.set_image(ref, view.container, view.image)
        if ref.kind is Kind.STATEFUL_SET and self._home.rights.may_evict(ref.namespace):
            # Its controller waits for a pod that can never be ready before it replaces it.
            for pod in failed:
                try:
                    await client.evict(pod.namespace, pod.name, uid=pod.uid)
                except NotFound, Conflict, TooManyRequests:
                    continue
        return changed

    async def _follow(
        self, asked: WorkloadView, action: str, following: Following
    ) -> Health | None:
        """Wait until the rollout is done, or is known to have failed."""
        ref = asked.ref
        changed = self._running[ref].changed
        unsubscribe = self._home.listen_pods(ref, changed.set)
        try:
            while True:
                changed.clear()
                now = dt_util.utcnow()
                view, record = self._home.view(ref), self._home.index.workload(ref)
                if view is None:
                    raise gone(ref, asked, action)
                if not self._home.available or not isinstance(record, Workload):
                    # Nobody knows how far it is; the cluster goes on meanwhile.
                    following.hold(now)
                    await _wait(changed, now + BLIND)
                    continue
                progress = following.step(
                    record, self._home.pods(ref), view.health, now
                )
                if progress.done or progress.failure is not None:
                    return progress.failure
                self._running[ref].percent = progress.percent
                self._wake(ref)
                await _wait(changed, progress.look or now + BLIND)
        finally:
            unsubscribe()

    def _words(self, failure: Health) -> Words:
        return words_of(self._home.hass, failure)

    def _wake(self, ref: Ref) -> None:
        self._home.roster.wake(key_of(ref))


async def _wait(changed: asyncio.Event, until: datetime) -> None:
    """Wait until the device changes, or until that moment."""
    try:
        async with asyncio.timeout((until - dt_util.utcnow()).total_seconds()):
            await changed.wait()
    except TimeoutError:
        return


def _failed(
    view: WorkloadView, image: str, why: Words, undone: bool | None
) -> HomeAssistantError:
    """Return the error that names why an image does not run, and what became of the device."""
    end = {None: "", True: "_undone", False: "_not_undone"}[undone]
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=f"update_failed{end}",
        translation_placeholders={
            "device": view.name,
            "version": parse_image(image).version,
            "before": parse_image(view.image).version,
            "reason": why.reason,
            "message": why.message,
            "advice": f"{why.advice} ({why.details})" if why.details else why.advice,
        },
    )
