"""Which nodes the pods of a template may be on."""

import pytest

from custom_components.home_cluster.kube.schema import Requirement, Template, Toleration
from custom_components.home_cluster.model.placing import may_be_on

from .world import node

ATTIC = {"room": "attic", "cores": "4"}


@pytest.mark.parametrize(
    ("terms", "fits"),
    [
        ((), True),
        (((Requirement("room", "In", ("attic", "shed")),),), True),
        (((Requirement("room", "In", ("cellar",)),),), False),
        (((Requirement("floor", "In", ("",)),),), False),
        (((Requirement("room", "NotIn", ("attic",)),),), False),
        (((Requirement("floor", "NotIn", ("1",)),),), True),
        (((Requirement("room", "Exists"),),), True),
        (((Requirement("floor", "Exists"),),), False),
        (((Requirement("room", "DoesNotExist"),),), False),
        (((Requirement("floor", "DoesNotExist"),),), True),
        (((Requirement("cores", "Gt", ("2",)),),), True),
        (((Requirement("cores", "Gt", ("4",)),),), False),
        (((Requirement("cores", "Lt", ("8",)),),), True),
        (((Requirement("room", "Lt", ("8",)),),), False),
        (((Requirement("floor", "Gt", ("0",)),),), False),
        (((Requirement("room", "Resembles", ("attic",)),),), False),
        (((Requirement("metadata.name", "In", ("pi-attic",)),),), True),
        (((Requirement("metadata.name", "In", ("pi-cellar",)),),), False),
        # All of a term, any of the terms; one that asks for nothing is for no node.
        (((Requirement("room", "Exists"), Requirement("floor", "Exists")),), False),
        (((Requirement("floor", "Exists"),), (Requirement("room", "Exists"),)), True),
        (((),), False),
    ],
)
def test_the_required_affinity(
    terms: tuple[tuple[Requirement, ...], ...], fits: bool
) -> None:
    """As the scheduler reads it."""
    assert may_be_on(Template(node_terms=terms), node(labels=ATTIC)) is fits


def test_selector_and_affinity_both_count() -> None:
    """The one does not do for the other."""
    terms = ((Requirement("room", "Exists"),),)
    template = Template(node_selector=(("room", "cellar"),), node_terms=terms)
    assert not may_be_on(template, node(labels=ATTIC))


@pytest.mark.parametrize(
    ("tolerations", "fits"),
    [
        ((), False),
        ((Toleration("role", value="server"),), True),
        ((Toleration("role", value="other"),), False),
        ((Toleration("role", "Exists"),), True),
        ((Toleration("role", "Exists", effect="NoSchedule"),), True),
        ((Toleration("role", "Exists", effect="NoExecute"),), False),
        ((Toleration("other", "Exists"),), False),
        ((Toleration(operator="Exists"),), True),
    ],
)
def test_a_taint_keeps_pods_away_that_do_not_tolerate_it(
    tolerations: tuple[Toleration, ...], fits: bool
) -> None:
    """By key, value and effect."""
    server = node(taints=(("role", "server", "NoSchedule"),))
    assert may_be_on(Template(tolerations=tolerations), server) is fits


@pytest.mark.parametrize(
    "taint",
    [
        ("node.kubernetes.io/unreachable", "", "NoExecute"),
        ("node.kubernetes.io/unschedulable", "", "NoSchedule"),
        ("role", "server", "PreferNoSchedule"),
    ],
)
def test_what_passes_or_is_a_wish_keeps_nobody_away(
    taint: tuple[str, str, str],
) -> None:
    """A node that is away for a while must not change what is offered."""
    assert may_be_on(Template(), node(taints=(taint,)))
