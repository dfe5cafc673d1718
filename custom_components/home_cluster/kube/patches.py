"""The patches: what is changed of an object, and nothing else."""

from typing import Any, Final, NamedTuple

from .schema import OFF_SELECTOR

MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"


def node_selector_patch(*, on: bool) -> dict[str, Any]:
    """Return the merge patch that keeps a DaemonSet from every node, or takes that back."""
    # No node bears this label.
    selector = {OFF_SELECTOR: None if on else "true"}
    return {"spec": {"template": {"spec": {"nodeSelector": selector}}}}


def cordon_patch(*, cordoned: bool) -> dict[str, Any]:
    """Return the merge patch that closes a node to new pods, or opens it."""
    return {"spec": {"unschedulable": True if cordoned else None}}


class Bounds(NamedTuple):
    """The limits of an autoscaler; None leaves one as it is."""

    minimum: int | None = None
    maximum: int | None = None


def bounds_patch(bounds: Bounds) -> dict[str, Any]:
    """Return the merge patch that sets the limits of an autoscaler."""
    words = {"minReplicas": bounds.minimum, "maxReplicas": bounds.maximum}
    return {"spec": {word: count for word, count in words.items() if count is not None}}


def image_patch(container: str, image: str) -> dict[str, Any]:
    """Return the strategic merge patch that changes a container's image and nothing else."""
    containers = [{"name": container, "image": image}]
    return {"spec": {"template": {"spec": {"containers": containers}}}}
