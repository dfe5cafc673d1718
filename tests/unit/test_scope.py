"""What is followed, by choice and by right."""

from collections.abc import Callable

import pytest

from custom_components.home_cluster.kube.access import Missing
from custom_components.home_cluster.kube.resources import RESOURCES
from custom_components.home_cluster.kube.schema import Kind
from custom_components.home_cluster.scope import OPTIONAL, Scope, scope

NAMESPACED = {kind for kind in Kind if RESOURCES[kind].namespaced}


def account(
    *places: str | None, nodes: bool = True, volumes: bool = False
) -> Callable[[Missing], bool]:
    """Return an account that may read in some namespaces (None: everywhere)."""

    def allows(right: Missing) -> bool:
        if right.resource in ("nodes", "namespaces"):
            return nodes
        if right.resource == "persistentvolumes":
            return volumes
        return None in places or right.namespace in places

    return allows


@pytest.mark.parametrize("mode", ["all", "labelled"])
def test_everything_is_followed_cluster_wide_where_it_may_be(mode: str) -> None:
    """One watch a kind."""
    found = scope(account(None), mode, [])
    assert set(found.kinds.values()) == {None}
    assert set(found.kinds) == NAMESPACED | {Kind.NODE} | (
        {Kind.NAMESPACE} if mode == "all" else set()
    )
    assert not found.missing


def test_a_few_chosen_namespaces_have_their_own_watches() -> None:
    """Even of an account that may read all."""
    found = scope(account(None), "namespaces", ["b", "a"])
    assert {found.kinds[kind] for kind in NAMESPACED} == {("a", "b")}
    assert Kind.NAMESPACE not in found.kinds


def test_many_chosen_namespaces_share_one_watch_where_that_may_be() -> None:
    """Where it may not, each has its own."""
    many = ["a", "b", "c", "d"]
    assert scope(account(None), "namespaces", many).kinds[Kind.POD] is None
    assert scope(account(*many), "namespaces", many).kinds[Kind.POD] == tuple(many)


def test_what_may_not_be_read_is_named() -> None:
    """One namespace of two, and the nodes."""
    found = scope(account("a", nodes=False), "namespaces", ["a", "b"])
    assert found.kinds[Kind.POD] == ("a",)
    assert Kind.NODE not in found.kinds
    assert Missing("watch", "", "pods", "b") in found.missing
    assert Missing("list", "", "nodes", None) in found.missing
    assert not any(right.namespace == "a" for right in found.missing)


def test_an_account_of_namespaces_follows_those_that_are_named() -> None:
    """Whatever the mode; the label of namespaces then decides nothing."""
    found = scope(account("a"), "all", ["a"])
    assert found.kinds[Kind.DEPLOYMENT] == ("a",)
    assert not found.missing
    without = scope(account("a", nodes=False), "all", ["a"])
    assert {right.resource for right in without.missing} == {"nodes"}


def test_an_account_that_may_read_nothing_misses_everything() -> None:
    """Cluster-wide."""
    found = scope(account(nodes=False), "all", [])
    assert not found.kinds
    assert {right.namespace for right in found.missing} == {None}
    assert len(found.missing) == 2 * (len(Kind) - len(OPTIONAL))


def test_volumes_are_followed_where_they_may_be_and_missed_nowhere() -> None:
    """Without them less is told."""
    assert scope(account("a", volumes=True), "all", ["a"]).kinds[Kind.VOLUME] is None
    without = scope(account("a"), "all", ["a"])
    assert Kind.VOLUME not in without.kinds
    assert not without.missing


def test_it_knows_what_it_would_see() -> None:
    """By kind and namespace."""
    found = Scope({Kind.POD: None, Kind.JOB: ("a",)})
    assert found.follows(Kind.POD, "x")
    assert found.follows(Kind.JOB, "a")
    assert not found.follows(Kind.JOB, "b")
    assert not found.follows(Kind.NODE, "")


@pytest.mark.parametrize(
    ("more", "less"),
    [
        (Scope({Kind.POD: None}), Scope()),
        (Scope({Kind.POD: None}), Scope({Kind.POD: ("a",)})),
        (Scope({Kind.POD: ("a", "b")}), Scope({Kind.POD: ("a",)})),
    ],
)
def test_it_knows_when_there_is_more_to_follow(more: Scope, less: Scope) -> None:
    """So that the entry is set up again; less is no reason."""
    assert more.exceeds(less)
    assert not less.exceeds(more)
    assert not more.exceeds(more)
