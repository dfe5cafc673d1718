"""What of an image's updates concerns a workload: its policy, its nodes' architectures, its version in words."""

from collections.abc import Iterable
from typing import Final

from ..kube.schema import Node, Template
from .images import Image, parse_image
from .placing import may_be_on
from .versions import DIGEST, MAJOR, MINOR, may_move

# Whose data the next major version cannot read without somebody's help.
_STEADY: Final = frozenset(
    {
        "cassandra",
        "couchdb",
        "elasticsearch",
        "etcd",
        "influxdb",
        "mariadb",
        "mongo",
        "mongodb",
        "mysql",
        "nextcloud",
        "opensearch",
        "postgis",
        "postgres",
        "postgresql",
        "timescaledb",
    }
)
_SHOWN: Final = 12


def policy_of(hint: str, image: Image) -> str:
    """Return the policy of an image: what the hint says, else any later version.

    A database stays below its next major version unless the hint says otherwise.
    """
    return hint or (MINOR if image.short in _STEADY else MAJOR)


def counts_digest(image: Image, tag: str, policy: str) -> bool:
    """Return whether a version of an image is more than its tag: pinned, or of a tag that moves."""
    return bool(image.digest) or policy == DIGEST or may_move(tag)


def version_words(image: Image, tag: str, digest: str, policy: str) -> str:
    """Return what people call a version: "v1.2.0", or "latest@1f2e3d4c5b6a" where the tag says too little."""
    if not digest or not counts_digest(image, tag, policy):
        return tag
    return f"{tag}@{digest.partition(':')[2][:_SHOWN]}"


def repository_of(reference: str) -> str:
    """Return a reference less its tag and digest, as it is written."""
    rest, _, _ = reference.partition("@")
    head, slash, tail = rest.rpartition("/")
    return f"{head}{slash}{tail.partition(':')[0]}"


def with_version(reference: str, tag: str, digest: str = "") -> str:
    """Return the reference of another version in the same repository, pinned if there is a digest.

    The repository stays as it is written: an admission policy compares its text.
    """
    end = f":{tag}" if tag else ""
    return f"{repository_of(reference)}{end}{f'@{digest}' if digest else ''}"


def named_image(reference: str, words: str) -> str:
    """Return the reference that somebody means who names a tag, a digest or a whole image.

    Raises `ValueError` for what can be none of them.
    """
    words = words.strip()
    if not words or not words.isascii() or any(one in words for one in " \t\n\"'"):
        raise ValueError(words)
    if words.startswith("sha256:"):
        return with_version(reference, parse_image(reference).tag, words)
    if "/" in words or ":" in words:
        return words
    return with_version(reference, words)


def architectures(template: Template, nodes: Iterable[Node]) -> frozenset[str]:
    """Return the architectures of the nodes that a workload's pods may be on."""
    return frozenset(
        node.architecture
        for node in nodes
        if node.architecture and may_be_on(template, node)
    )
