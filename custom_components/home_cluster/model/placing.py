"""Which nodes the pods of a template may be on: by what it asks for, and by what keeps others away.

Source: Kubernetes' scheduler, its filters NodeAffinity and TaintToleration.
"""

from contextlib import suppress
from typing import Final

from ..kube.schema import Node, Requirement, Template, Toleration

_NAME: Final = "metadata.name"
_REPELS: Final = frozenset({"NoSchedule", "NoExecute"})
# What Kubernetes itself says of a node that is away, closed or short of something: it passes.
_PASSING: Final = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")


def may_be_on(template: Template, node: Node) -> bool:
    """Say whether a node takes such pods, were it well and had it room."""
    labels = {**node.labels, _NAME: node.name}
    return (
        dict(template.node_selector).items() <= labels.items()
        and _fits(template.node_terms, labels)
        and all(
            any(_tolerates(one, taint) for one in template.tolerations)
            for taint in node.taints
            if taint[2] in _REPELS and not taint[0].startswith(_PASSING)
        )
    )


def _fits(terms: tuple[tuple[Requirement, ...], ...], labels: dict[str, str]) -> bool:
    """Say whether all of one term holds; a term that asks for nothing is for no node."""
    return not terms or any(
        term and all(_holds(one, labels) for one in term) for term in terms
    )


def _holds(one: Requirement, labels: dict[str, str]) -> bool:
    there = one.key in labels
    label = labels.get(one.key, "")
    match one.operator:
        case "In":
            return there and label in one.values
        case "NotIn":
            return not there or label not in one.values
        case "Exists":
            return there
        case "DoesNotExist":
            return not there
        case "Gt" | "Lt" if there and one.values:
            with suppress(ValueError):
                more = int(label) - int(one.values[0])
                return more > 0 if one.operator == "Gt" else more < 0
    return False


def _tolerates(one: Toleration, taint: tuple[str, str, str]) -> bool:
    key, value, effect = taint
    return (
        one.effect in ("", effect)
        and one.key in ("", key)
        and (one.operator == "Exists" or (bool(one.key) and one.value == value))
    )
