"""The volumes of a workload, as people see them."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Final

from ..kube.quantities import amount
from ..kube.schema import Key, VolumeClaim, Workload
from .pinned import pinned_to
from .selection import AnyWorkload
from .situation import FLICKER, Situation
from .views import Reason, VolumeState, VolumeView

_PHASES: Final = {
    "Bound": VolumeState.BOUND,
    "Pending": VolumeState.PENDING,
    "Lost": VolumeState.LOST,
}
# Of a claim's size this much may be taken up by the file system itself.
_OVERHEAD: Final = 0.2


def claim_names(
    workload: AnyWorkload, pods: Iterable[str], exists: Container[Key]
) -> dict[str, None]:
    """Return the names of a workload's claims, in an order that does not change.

    Those of its template, those that its pods mount (`pods`), and of a StatefulSet one for each
    number: for those that it asks for, and for those that are still there (`exists`) although it does
    not any more.
    """
    names = dict.fromkeys(workload.template.claims)
    if isinstance(workload, Workload):
        for template in workload.claim_templates:
            names.update(dict.fromkeys(_numbered(workload, template, exists)))
    names.update(dict.fromkeys(pods))
    return names


def _numbered(
    workload: Workload, template: str, exists: Container[Key]
) -> Iterator[str]:
    for number in count():
        name = f"{template}-{workload.name}-{number}"
        if number >= workload.desired and Key(workload.namespace, name) not in exists:
            return
        yield name


def volume_views(situation: Situation, reason: Reason) -> tuple[VolumeView, ...]:
    """Return the volumes of a workload whose health has this reason, one for each claim."""
    claims = {claim.name: claim for claim in situation.claims}
    return tuple(
        _view(name, claims.get(name), situation, reason)
        for name in situation.claim_names
    )


def _view(
    name: str, claim: VolumeClaim | None, situation: Situation, reason: Reason
) -> VolumeView:
    if claim is None:
        return VolumeView(claim=name)
    volume = situation.volumes.get(claim.volume)
    node = pinned_to(volume, situation.nodes.values()) if volume is not None else ""
    view = VolumeView(
        claim=name,
        state=_PHASES.get(claim.phase),
        capacity=amount(claim.capacity),
        requested=amount(claim.requested),
        storage_class=claim.storage_class,
        kind=volume.kind if volume is not None else "",
        # A local volume that a person made may be a disk of its own.
        folder=volume is not None and volume.kind == "local" and volume.provisioned,
        share=volume.share if volume is not None else "",
        node=node,
    )
    lost = situation.lost.get(node)
    if lost is not None and lost + FLICKER <= situation.now:
        return replace(view, state=VolumeState.ON_LOST_NODE)
    if reason is Reason.NFS_UNREACHABLE and _is_meant(claim, view, situation):
        return replace(view, state=VolumeState.UNREACHABLE)
    if claim.deleting is not None:
        return replace(view, state=VolumeState.DELETING)
    return view


def _is_meant(claim: VolumeClaim, view: VolumeView, situation: Situation) -> bool:
    """Say whether a server that does not answer is that of this claim."""
    if view.kind:
        return view.kind == "nfs"
    return bool(claim.volume) and any(
        f'"{claim.volume}"' in event.message for event in situation.events
    )


def next_change(situation: Situation, views: Iterable[VolumeView]) -> datetime | None:
    """Return when time alone makes a volume one of a lost node."""
    return min(
        (
            lost + FLICKER
            for view in views
            if (lost := situation.lost.get(view.node)) is not None
            and lost + FLICKER > situation.now
        ),
        default=None,
    )


def has_its_own(capacity: float, claimed: float | None) -> bool:
    """Say whether a file system of this capacity is the claim's own: it is about as large as the claim.

    A folder of a node, or of a server's share, tells the capacity of all of that disk.
    """
    return (
        claimed is not None and (1 - _OVERHEAD) * claimed <= capacity <= 1.1 * claimed
    )
