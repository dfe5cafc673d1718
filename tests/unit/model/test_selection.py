"""Which workloads become devices."""

import pytest

from custom_components.home_cluster.kube.schema import HINT_PREFIX, Namespace, Owner
from custom_components.home_cluster.model.selection import (
    MODE_ALL,
    MODE_LABELLED,
    MODE_NAMESPACES,
    AnyWorkload,
    selected,
    system_namespaces,
)

from .world import cron_job, deployment, job

YES = {f"{HINT_PREFIX}device": "true"}
NO = {f"{HINT_PREFIX}device": "false"}
SYSTEM = frozenset({"plumbing"})


@pytest.mark.parametrize(
    ("workload", "by_label", "by_namespace", "all_but_system"),
    [
        (deployment(), False, True, True),
        (deployment(labels=YES), True, True, True),
        (deployment(labels=NO), False, False, False),
        (deployment(namespace="garage"), False, False, True),
        (deployment(namespace="garage", labels=YES), True, False, True),
        (deployment(namespace="kube-system"), False, False, False),
        (deployment(namespace="kube-system", labels=YES), True, False, True),
        (deployment(namespace="plumbing"), False, False, False),
        (cron_job(), False, True, True),
        (job(owner=None), False, False, False),
        (job(owner=None, labels=YES), True, True, True),
        (job(labels=YES), False, False, False),
        (job(owner=Owner("Operator", "x"), labels=YES), False, False, False),
    ],
)
def test_the_label_speaks_against_the_mode(
    workload: AnyWorkload, by_label: bool, by_namespace: bool, all_but_system: bool
) -> None:
    assert selected(workload, MODE_LABELLED, ["kitchen"], SYSTEM) is by_label
    assert selected(workload, MODE_NAMESPACES, ["kitchen"], SYSTEM) is by_namespace
    assert selected(workload, MODE_ALL, [], SYSTEM) is all_but_system


def test_a_system_namespace_that_was_chosen_by_name_is_chosen() -> None:
    assert selected(
        deployment(namespace="plumbing"), MODE_NAMESPACES, ["plumbing"], SYSTEM
    )


def test_a_label_leads_out_of_the_system_but_not_out_of_the_chosen_namespaces() -> None:
    labelled = deployment(namespace="plumbing", labels=YES)
    assert selected(labelled, MODE_ALL, ["kitchen"], SYSTEM)
    assert selected(labelled, MODE_LABELLED, ["kitchen"], SYSTEM)
    assert not selected(labelled, MODE_NAMESPACES, ["kitchen"], SYSTEM)


def test_system_namespaces_are_told_by_their_label() -> None:
    def namespace(name: str, **labels: str) -> Namespace:
        return Namespace(name=name, uid=name, resource_version="1", labels=labels)

    key = f"{HINT_PREFIX}system"
    assert system_namespaces(
        [
            namespace("kitchen"),
            namespace("plumbing", **{key: "true"}),
            namespace("lan", **{key: ""}),
            namespace("media", **{key: "false"}),
        ]
    ) == {"plumbing", "lan"}
