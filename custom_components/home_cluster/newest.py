"""Which version of an image is the newest that a device may get: one look at its registry."""

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

from .model.images import Image
from .model.updates import counts_digest
from .model.versions import OFF, newer
from .registry.client import Registries
from .registry.documents import ImageInfo
from .registry.errors import NotFound, RegistryError

SOURCE: Final[str] = "org.opencontainers.image.source"
URL_LABEL: Final[str] = "org.opencontainers.image.url"
# So many versions are asked for their architectures before it is taken that none fits.
MOST_TRIED: Final = 10


class Query(NamedTuple):
    """What is looked for: the newest of an image, by a policy, for all of these architectures."""

    image: Image
    policy: str
    architectures: frozenset[str]


class Newest(NamedTuple):
    """What was found: a tag, its digest where that counts, and the labels of the image.

    `passed_over` is a newer tag that lacks an architecture of the device's nodes, "" if there is none.
    """

    tag: str
    digest: str
    labels: Mapping[str, str]
    passed_over: str = ""


async def find_newest(registries: Registries, query: Query) -> Newest:
    """Look at the registry; raises `RegistryError`.

    A version must exist for all architectures that the device's nodes have, but for those that the
    installed one lacks as well: it does not run there anyhow.
    """
    image, policy, _ = query
    installed = image.tag or ("" if image.digest else "latest")
    passed_over = ""
    if installed and policy != OFF:
        listed = await registries.tags(image.registry, image.repository)
        # Ten thousand tags take a quarter of a second: not in the loop.
        tags = await asyncio.to_thread(newer, installed, listed, policy)
        wanted = await _wanted(registries, query, installed) if tags else frozenset()
        for tag in tags[:MOST_TRIED]:
            try:
                info = await registries.image(image.registry, image.repository, tag)
            except NotFound:
                # Listed, and deleted since.
                continue
            if wanted <= info.architectures:
                return _newest(query, tag, info, passed_over)
            passed_over = passed_over or tag
    if not installed or not counts_digest(image, installed, policy):
        return Newest(installed, "", {}, passed_over)
    info = await registries.image(image.registry, image.repository, installed)
    return _newest(query, installed, info, passed_over)


def _newest(query: Query, tag: str, info: ImageInfo, passed_over: str) -> Newest:
    digest = info.digest if counts_digest(query.image, tag, query.policy) else ""
    labels = {
        key: info.labels[key] for key in (SOURCE, URL_LABEL) if key in info.labels
    }
    return Newest(tag, digest, labels, passed_over)


async def _wanted(
    registries: Registries, query: Query, installed: str
) -> frozenset[str]:
    """Return the architectures that a version must have."""
    image, _, architectures = query
    if len(architectures) < 2:
        return architectures
    try:
        info = await registries.image(
            image.registry, image.repository, image.digest or installed
        )
    except RegistryError:
        return architectures
    return architectures & info.architectures or architectures
