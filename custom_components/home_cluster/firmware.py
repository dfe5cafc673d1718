"""The firmware of devices: which version they have, which they could have, and getting it."""

import logging
from typing import Any, Protocol, override

from homeassistant.core import callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from . import installing, update_checks
from .devices import Device, DeviceView, ref_of
from .kube.revisions import Revision
from .kube.schema import Ref
from .model.images import parse_image
from .model.updates import counts_digest, policy_of, version_words, with_version
from .model.versions import newer
from .model.views import WorkloadView
from .parts import Part
from .registry.errors import NotFound, RegistryError
from .registry.notes import release_notes, release_page
from .sentences import misuse
from .update_checks import Available, UpdateChecks

_LOGGER = logging.getLogger(__name__)


class Home(installing.Home, update_checks.Home, Protocol):
    """What the firmware needs of the hub."""


class Firmware(Part):
    """Says which versions a device has and could have, and installs them."""

    def __init__(self, home: Home) -> None:
        """Bind to the hub; nothing is asked before `start`."""
        self._hass = home.hass
        self._updates = UpdateChecks(home)
        self._installer = installing.Installer(home)
        self.checks = self._updates.wanted

    async def load(self) -> None:
        """Read what an earlier run found, so that a restart asks nobody."""
        await self._updates.load()

    async def save(self) -> None:
        """Write what is not on disk yet."""
        await self._updates.save()

    # What entities show.

    def installed(self, view: WorkloadView) -> str:
        """Return the version that a device has, in words."""
        image = parse_image(view.image)
        if not image.tag and image.digest:
            return image.version
        return version_words(
            image,
            image.tag or image.version,
            image.digest or view.digest,
            policy_of(view.hints.update, image),
        )

    def latest(self, view: WorkloadView) -> str | None:
        """Return the newest version there is for a device, in words; None before the first look."""
        known = self._updates.known(view.ref)
        if known is None or known.at is None:
            return None
        image = parse_image(view.image)
        if not known.tag or (known.digest and not (image.digest or view.digest)):
            # It has no version to compare, or nobody knows which one it runs.
            return self.installed(view)
        if known.tag != image.tag and not newer(image.tag, [known.tag], known.policy):
            # Somebody installed what is not offered.
            return self.installed(view)
        return version_words(image, known.tag, known.digest, known.policy)

    def available(self, ref: Ref) -> Available | None:
        """Return what is known of the versions of a device's image."""
        return self._updates.known(ref)

    def release_url(self, view: WorkloadView) -> str | None:
        """Return where the versions are described: by the hint, or by the image's own label."""
        if view.hints.release_notes:
            return view.hints.release_notes
        known = self._updates.known(view.ref)
        return release_page(known.source) if known is not None else None

    async def notes(self, view: WorkloadView) -> str | None:
        """Return what the newest version's release says, as far as its source is known and tells."""
        known = self._updates.known(view.ref)
        if known is None or not known.tag:
            return None
        session = async_get_clientsession(self._hass)
        return await release_notes(session, known.source, known.tag)

    def percent(self, ref: Ref) -> int | None:
        """Return how far an installation is, None if none is under way."""
        return self._installer.percent(ref)

    # What is done with it.

    async def install(self, view: WorkloadView, words: str | None) -> None:
        """Install the newest version, or the one that is named, and return when it runs.

        One that its registry does not have, or not for the device's nodes, is not even tried.
        """
        known = self._updates.known(view.ref)
        image = parse_image(view.image)
        if words in (None, self.latest(view)):
            if known is None or not known.tag:
                raise misuse("no_version_known", device=view.name)
            await self.set_image(
                view.ref, with_version(view.image, known.tag, known.digest)
            )
            return
        assert words is not None
        tag, _, short = words.partition("@")
        try:
            info = await self._updates.registries.image(
                image.registry, image.repository, tag
            )
        except NotFound as error:
            raise misuse("no_such_version", device=view.name, version=words) from error
        except RegistryError as error:
            # The nodes may have it all the same.
            _LOGGER.debug("Could not look at %s before it is installed: %s", tag, error)
            await self.set_image(view.ref, tag)
            return
        if lacking := self._updates.architectures(view) - info.architectures:
            raise misuse(
                "version_lacks_architecture",
                device=view.name,
                version=words,
                architectures=", ".join(sorted(lacking)),
            )
        if short and not info.digest.partition(":")[2].startswith(short):
            raise misuse("no_such_version", device=view.name, version=words)
        pinned = counts_digest(image, tag, policy_of(view.hints.update, image))
        await self.set_image(
            view.ref, with_version(view.image, tag, info.digest if pinned else "")
        )

    async def set_image(self, ref: Ref, words: str) -> dict[str, str]:
        """Have a device's main container run another image: a tag, a digest, or a whole reference."""
        return await self._installer.set_image(ref, words)

    async def rollback(self, ref: Ref, number: int | None = None) -> dict[str, Any]:
        """Bring back what a device was before: its previous revision, or one of this number."""
        return await self._installer.rollback(ref, number)

    def may_roll_back(self, ref: Ref) -> bool:
        """Say whether what a device was before can be brought back from here, as far as is known."""
        return self._installer.may_roll_back(ref)

    async def history(self, ref: Ref) -> list[Revision]:
        """Return what a device was before, the newest first."""
        return await self._installer.history(ref)

    async def check(self, ref: Ref) -> None:
        """Look now, unless the registry asked to be left alone; the outcome is what is shown."""
        await self._updates.check(ref)

    # Life.

    @callback
    @override
    def start(self) -> None:
        self._updates.start()

    @callback
    @override
    def stop(self) -> None:
        self._updates.stop()
        self._installer.stop()

    @callback
    @override
    def seen(self, device: Device, old: DeviceView | None) -> None:
        self._updates.seen(device, old)

    @callback
    @override
    def gone(self, key: str) -> None:
        self._updates.gone(key)
        if (ref := ref_of(key)) is not None:
            self._installer.gone(ref)
