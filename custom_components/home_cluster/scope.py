"""What of the cluster is followed, by what the user chose and what the account may read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from .kube.access import Missing
from .kube.resources import RESOURCES
from .kube.schema import Kind
from .model.selection import MODE_ALL, MODE_NAMESPACES

# Up to this many chosen namespaces have watches of their own; for more, one for the cluster costs less.
FEW: Final = 3

READ_VERBS: Final = ("list", "watch")

# Followed where they may be; without them less is told, which is no fault.
OPTIONAL: Final = (Kind.VOLUME,)

_NAMESPACED: Final = tuple(kind for kind in Kind if RESOURCES[kind].namespaced)

type Namespaces = tuple[str, ...] | None
type Allows = Callable[[Missing], bool]


@dataclass(frozen=True, slots=True)
class Scope:
    """The collections to follow (namespaces, or None for all of the cluster) and what stands in the way."""

    kinds: Mapping[Kind, Namespaces] = field(default_factory=dict)
    missing: frozenset[Missing] = frozenset()

    def follows(self, kind: Kind, namespace: str) -> bool:
        """Say whether an object would be seen if it were there."""
        if kind not in self.kinds:
            return False
        namespaces = self.kinds[kind]
        return namespaces is None or namespace in namespaces

    def exceeds(self, other: Scope) -> bool:
        """Say whether something is followed here that is not followed there."""
        return any(
            kind not in other.kinds or not _within(namespaces, other.kinds[kind])
            for kind, namespaces in self.kinds.items()
        )


def scope(allows: Allows, mode: str, namespaces: Sequence[str]) -> Scope:
    """Choose the collections.

    Kinds that live in namespaces are followed in the chosen ones, or cluster-wide where everything
    was chosen; an account that may not read cluster-wide follows the namespaces that are named.
    """
    kinds: dict[Kind, Namespaces] = {}
    missing: set[Missing] = set()
    chosen = tuple(sorted(set(namespaces)))
    by_name = mode == MODE_NAMESPACES
    for kind in _NAMESPACED:
        everywhere = _missing(allows, kind, None)
        if not everywhere and (not by_name or len(chosen) > FEW):
            kinds[kind] = None
        elif chosen:
            lacking = {place: _missing(allows, kind, place) for place in chosen}
            if readable := tuple(place for place in chosen if not lacking[place]):
                kinds[kind] = readable
            missing.update(*lacking.values())
        elif not by_name:
            missing |= everywhere
    if lacks := _missing(allows, Kind.NODE, None):
        missing |= lacks
    else:
        kinds[Kind.NODE] = None
    for kind in OPTIONAL:
        if not _missing(allows, kind, None):
            kinds[kind] = None
    # Only where everything was chosen does a namespace's own label decide.
    if mode == MODE_ALL:
        if not (lacks := _missing(allows, Kind.NAMESPACE, None)):
            kinds[Kind.NAMESPACE] = None
        elif not chosen:
            missing |= lacks
    return Scope(kinds, frozenset(missing))


def _within(inner: Namespaces, outer: Namespaces) -> bool:
    return outer is None or (inner is not None and set(inner) <= set(outer))


def _missing(allows: Allows, kind: Kind, namespace: str | None) -> set[Missing]:
    resource = RESOURCES[kind]
    rights = (
        Missing(verb, resource.group, resource.plural, namespace) for verb in READ_VERBS
    )
    return {right for right in rights if not allows(right)}
