"""What Home Assistant's account may do, word by word."""

from itertools import product
from typing import Any, Final

import pytest
import yaml

from .chart import ROOT, Object, Rendered, Values, render
from .houses import HOUSE

NAME: Final = "home-home-assistant"
CONTROLS: Final = ("power", "replicas", "restart", "update", "run")

type Right = tuple[str, str, str]

READS: Final[set[Right]] = {
    *product(
        ("get", "list", "watch"),
        ("apps",),
        ("deployments", "statefulsets", "daemonsets"),
    ),
    *product(("get", "list", "watch"), ("batch",), ("cronjobs", "jobs")),
    *product(("get", "list", "watch"), ("autoscaling",), ("horizontalpodautoscalers",)),
    *product(
        ("get", "list", "watch"),
        ("",),
        ("pods", "persistentvolumeclaims", "events"),
    ),
    ("get", "", "pods/log"),
    ("list", "metrics.k8s.io", "pods"),
}
SCALE: Final[set[Right]] = {
    ("patch", "apps", "deployments/scale"),
    ("patch", "apps", "statefulsets/scale"),
}
WORDS: Final[dict[str, set[Right]]] = {
    "power": {*SCALE, ("patch", "batch", "cronjobs"), ("patch", "batch", "jobs")},
    "replicas": {*SCALE, ("patch", "autoscaling", "horizontalpodautoscalers")},
    "restart": {("create", "", "pods/eviction")},
    "update": {
        *product(("patch",), ("apps",), ("deployments", "statefulsets", "daemonsets")),
        ("patch", "batch", "cronjobs"),
        *product(("list",), ("apps",), ("replicasets", "controllerrevisions")),
    },
    "run": {("create", "batch", "jobs")},
}


def rights(role: Object) -> set[Right]:
    """All that a Role gives."""
    return {
        (verb, group, resource)
        for rule in role["rules"]
        for verb, group, resource in product(
            rule["verbs"], rule["apiGroups"], rule["resources"]
        )
    }


def controlled(*words: str, **integration: Any) -> Rendered:
    values = {"integration": {"control": list(words), **integration}}
    return render({"zones": {"hall": {}}, **values})


@pytest.mark.parametrize("words", [(), *((word,) for word in CONTROLS), CONTROLS])
def test_each_word_gives_its_rights_and_no_other(words: tuple[str, ...]) -> None:
    house = controlled(*words)
    expected = READS.union(*(WORDS[word] for word in words))
    for namespace in ("home", "home-hall"):
        assert rights(house.one("Role", NAME, namespace)) == expected


def test_reading_more_can_be_switched_off() -> None:
    house = controlled(logs=False, metrics=False, nodes=False)
    assert rights(house.one("Role", NAME, "home-hall")) == READS - {
        ("get", "", "pods/log"),
        ("list", "metrics.k8s.io", "pods"),
    }
    assert not house.of("ClusterRole")


def test_over_the_whole_cluster_it_may_see_nodes_and_no_more() -> None:
    (role,) = render().of("ClusterRole")
    assert rights(role) == {
        *product(("get", "list", "watch"), ("",), ("nodes",)),
        *product(("list", "watch"), ("",), ("persistentvolumes",)),
        ("get", "", "nodes/stats"),
        ("list", "metrics.k8s.io", "nodes"),
    }


def test_with_cordon_and_drain_its_rights_over_nodes_are_the_documented_ones() -> None:
    documented: set[Right] = set()
    for name in ("account", "nodes"):
        text = (ROOT / f"docs/rbac/{name}.yaml").read_text(encoding="utf-8")
        for each in yaml.safe_load_all(text):
            if each["kind"] == "ClusterRole":
                documented |= rights(each)
    (role,) = controlled(maintainNodes=True).of("ClusterRole")
    assert rights(role) == documented


@pytest.mark.parametrize("values", [{}, HOUSE, {"access": {"only": True}}])
def test_nothing_dangerous_is_ever_given(values: Values) -> None:
    house = render(
        {**values, "integration": {"maintainNodes": True}}
        if values != HOUSE
        else values
    )
    for role in (*house.of("Role"), *house.of("ClusterRole")):
        for verb, group, resource in rights(role):
            assert "*" not in (verb, group, resource)
            assert resource.partition("/")[0] not in {
                *("secrets", "configmaps", "serviceaccounts", "roles", "rolebindings"),
                *("clusterroles", "clusterrolebindings"),
            }
            assert resource not in {
                *("nodes/proxy", "pods/exec", "pods/attach", "pods/portforward"),
                *("pods/ephemeralcontainers", "services/proxy", "pods/proxy"),
            }
            assert verb not in {"delete", "deletecollection", "update", "escalate"}
            assert verb not in {"bind", "impersonate"}
            if verb == "create":
                assert resource in {"jobs", "pods/eviction"}


def test_the_cluster_is_known_again_by_one_name_only() -> None:
    (role,) = (
        each
        for each in render().of("Role")
        if each["metadata"]["namespace"] == "kube-system"
    )
    assert role["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["namespaces"],
            "resourceNames": ["kube-system"],
            "verbs": ["get"],
        }
    ]


def test_every_binding_is_for_home_assistants_account() -> None:
    house = render(HOUSE)
    for binding in (*house.of("RoleBinding"), *house.of("ClusterRoleBinding")):
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": NAME, "namespace": "home"}
        ]
        kind = binding["roleRef"]["kind"]
        assert house.one(
            kind,
            binding["roleRef"]["name"],
            binding["metadata"].get("namespace"),
        )


def test_with_all_words_the_account_is_the_documented_one_but_deletes_no_pods() -> None:
    documented: set[Right] = set()
    for name in ("devices", "devices-full"):
        text = (ROOT / f"docs/rbac/{name}.yaml").read_text(encoding="utf-8")
        (role,) = (each for each in yaml.safe_load_all(text) if each["kind"] == "Role")
        documented |= rights(role)
    given = rights(render(HOUSE).one("Role", NAME, "home-lighting"))
    assert given == documented - {("delete", "", "pods")}


def test_no_policy_is_without_its_binding_and_no_binding_without_its_policy() -> None:
    house = render(HOUSE)
    bindings = house.of("ValidatingAdmissionPolicyBinding")
    assert {each["spec"]["policyName"] for each in bindings} == house.names(
        "ValidatingAdmissionPolicy"
    )
    for each in bindings:
        assert each["spec"]["validationActions"] == ["Deny"]
        # Everywhere: a namespace that is not listed would not be held.
        assert ("matchResources" in each["spec"]) == ("paramRef" in each["spec"])


@pytest.mark.parametrize("policies", [True, False])
def test_every_workload_that_is_a_device_says_whether_policies_hold_it(
    policies: bool,
) -> None:
    house = render({**HOUSE, "integration": {"policies": policies}})
    devices = [
        each
        for each, _ in house.pods()
        if "home-cluster.github.io/device" in each["metadata"]["labels"]
    ]
    assert len(devices) > len(HOUSE["devices"])
    for each in devices:
        held = each["metadata"]["annotations"]["home-cluster.github.io/held"]
        assert held == str(policies).lower()


def test_the_policies_hold_this_account_and_fail_closed() -> None:
    for policy in render(HOUSE).of("ValidatingAdmissionPolicy"):
        assert policy["spec"]["failurePolicy"] == "Fail"
        (condition,) = policy["spec"]["matchConditions"]
        assert condition["expression"] == (
            f"request.userInfo.username == 'system:serviceaccount:home:{NAME}'"
        )


def test_jobs_are_held_to_the_cron_jobs_of_the_house() -> None:
    policy = render(HOUSE).one("ValidatingAdmissionPolicy", "home-run")
    known = {each["name"]: each["expression"] for each in policy["spec"]["variables"]}
    assert known["known"] == "['home-lighting/home-nightly']"


def test_other_peoples_jobs_are_not_in_the_way() -> None:
    # Where a binding with parameters finds none, the API server asks no policy whose Job it is.
    house = render(HOUSE)
    binding = house.one("ValidatingAdmissionPolicyBinding", "home-run-as-written")
    (where,) = binding["spec"]["matchResources"]["namespaceSelector"][
        "matchExpressions"
    ]
    assert where == {
        "key": "kubernetes.io/metadata.name",
        "operator": "In",
        "values": ["home-lighting"],
    }
    without = render({"zones": {"lighting": {}}})
    for kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"):
        assert without.names(kind) == house.names(kind) - {"home-run-as-written"}


def test_without_update_not_even_the_image_of_a_cron_job_is_free() -> None:
    def free(house: Rendered) -> str:
        policy = house.one("ValidatingAdmissionPolicy", "home-patch")
        (found,) = (
            each["expression"]
            for each in policy["spec"]["variables"]
            if each["name"] == "free"
        )
        return str(found)

    assert "['suspend'] : request" in free(controlled("power"))
    assert "['jobTemplate', 'suspend']" in free(controlled("power", "update"))


def test_two_releases_in_one_cluster_have_nothing_in_common() -> None:
    def things(release: str, namespace: str) -> set[tuple[str, str, str]]:
        return {
            (
                each["kind"],
                each["metadata"].get("namespace", ""),
                each["metadata"]["name"],
            )
            for each in render(HOUSE, release=release, namespace=namespace).objects
        }

    houses = [
        things("home", "home"),
        things("cabin", "home"),
        things("home", "cabin"),
        things("cabin", "cabin"),
    ]
    assert len(set().union(*houses)) == sum(map(len, houses))
