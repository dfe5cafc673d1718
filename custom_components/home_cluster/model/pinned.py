"""Volumes that can be used on one node only."""

from collections.abc import Iterable

from ..kube.schema import Node, Volume


def pinned_to(volume: Volume, nodes: Iterable[Node]) -> str:
    """Return the one node that a volume can be used on, "" if it is not bound to one."""
    for node in nodes if volume.hostname else ():
        if node.labels.get("kubernetes.io/hostname", node.name) == volume.hostname:
            return node.name
    return volume.hostname
