"""Manifests, indexes and configurations of images, as far as they are used."""

from typing import Final, NamedTuple

import msgspec
from msgspec import Struct, field

from .errors import Malformed

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
ACCEPT: Final = f"{OCI_INDEX}, {DOCKER_LIST}, {OCI_MANIFEST}, {DOCKER_MANIFEST}"


class Platform(Struct, frozen=True, gc=False):
    """What an image runs on, in the words of Kubernetes' node labels: linux, arm64."""

    os: str = ""
    architecture: str = ""


class Descriptor(Struct, frozen=True, gc=False, rename="camel"):
    """What a document refers to."""

    digest: str = ""
    platform: Platform | None = None


class Manifest(Struct, frozen=True, gc=False):
    """A manifest (it has a `config`) or an index (it has `manifests`)."""

    config: Descriptor | None = None
    manifests: list[Descriptor] | None = None
    annotations: dict[str, str] | None = None


class _Labels(Struct, frozen=True, gc=False):
    labels: dict[str, str] | None = field(default=None, name="Labels")


class Configuration(Struct, frozen=True, gc=False):
    """An image's configuration."""

    os: str = ""
    architecture: str = ""
    config: _Labels | None = None

    @property
    def labels(self) -> dict[str, str]:
        """The image's labels."""
        return (self.config.labels if self.config else None) or {}


class TagList(Struct, frozen=True, gc=False):
    """A page of tags."""

    tags: list[str] | None = None


class Token(Struct, frozen=True, gc=False):
    """An answer of a token service; `expires_in` are seconds."""

    token: str = ""
    access_token: str = ""
    expires_in: float | None = None


class ImageInfo(NamedTuple):
    """An image: its digest, the architectures it exists for, and the labels of one of them."""

    digest: str
    architectures: frozenset[str]
    labels: dict[str, str]


def read[T](raw: bytes, shape: type[T], what: str) -> T:
    """Read a document; raises `Malformed`."""
    try:
        return msgspec.json.decode(raw, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Malformed(f"it sent {what} that cannot be read") from error
