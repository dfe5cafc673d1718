"""Image references: `[registry[:port]/]name[:tag][@digest]`."""

from typing import Final, NamedTuple

_DOCKER_HUB: Final = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})


class Image(NamedTuple):
    """An image reference, taken apart; what is not said is "".

    `registry` is "docker.io" where none is named, `repository` then has "library/" for official images.
    """

    registry: str
    repository: str
    tag: str
    digest: str

    @property
    def version(self) -> str:
        """What people call the version: the tag, else the digest's first twelve digits, else "latest"."""
        if self.tag:
            return self.tag
        if self.digest:
            return self.digest.partition(":")[2][:12]
        return "latest"

    @property
    def short(self) -> str:
        """The last part of the repository's path."""
        return self.repository.rpartition("/")[2]


def parse_image(reference: str) -> Image:
    """Take a reference apart; what is no reference comes back as a repository of that text."""
    rest, _, digest = reference.partition("@")
    head, slash, tail = rest.rpartition("/")
    tail, _, tag = tail.partition(":")
    path = f"{head}{slash}{tail}"
    first, slash, remainder = path.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        if first not in _DOCKER_HUB:
            return Image(first, remainder, tag, digest)
        path = remainder
    if "/" not in path:
        path = f"library/{path}"
    return Image("docker.io", path, tag, digest)
