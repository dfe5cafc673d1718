"""Rights: how they are learnt, how rules are judged, and the YAML that mends what is missing."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
import pytest
import yaml

from custom_components.home_cluster.kube.access import (
    WANTED,
    Access,
    Missing,
    account_name,
    rbac_yaml,
    review,
)
from custom_components.home_cluster.kube.client import Client
from custom_components.home_cluster.kube.credentials import Credentials
from custom_components.home_cluster.kube.errors import Forbidden, Unreadable
from custom_components.home_cluster.kube.schema import Kind

from .loopback import Fixed, Server, always, status

pytestmark = pytest.mark.usefixtures("socket_enabled")

type Rule = dict[str, Any]


def rule(verbs: str, groups: str, resources: str, names: Sequence[str] = ()) -> Rule:
    """Return a rule from words; the core group is `core`."""
    made: Rule = {
        "verbs": verbs.split(),
        "apiGroups": ["" if group == "core" else group for group in groups.split()],
        "resources": resources.split(),
    }
    return made | ({"resourceNames": list(names)} if names else {})


@dataclass
class Authorizer:
    """An API server that knows its rules, or answers one question at a time.

    `places` holds the rules of namespaces, and under "" those that hold everywhere.
    """

    places: Mapping[str, list[Rule]]
    incomplete: bool = False
    allowed: set[tuple[str, str, str, str]] = field(default_factory=set)
    asked: list[tuple[str, str, str, str]] = field(default_factory=list)

    async def __call__(self, request: web.Request) -> web.Response:
        """Answer a review."""
        body = await request.json()
        spec = body["spec"]
        assert body["apiVersion"] in request.path
        assert request.path.endswith(f"/{body['kind'].lower()}s")
        answer: dict[str, Any]
        if body["kind"] == "SelfSubjectReview":
            answer = {"userInfo": {"username": "system:serviceaccount:home:assistant"}}
        elif body["kind"] == "SelfSubjectRulesReview":
            assert spec["namespace"]
            rules = [*self.places.get("", []), *self.places.get(spec["namespace"], [])]
            answer = {
                "resourceRules": [] if self.incomplete else rules,
                "nonResourceRules": None,
                "incomplete": self.incomplete,
            }
        else:
            asked = spec["resourceAttributes"]
            resource = "/".join(filter(None, (asked["resource"], asked["subresource"])))
            question = (asked["namespace"], asked["verb"], asked["group"], resource)
            self.asked.append(question)
            everywhere = ("", *question[1:])
            answer = {"allowed": not self.allowed.isdisjoint({question, everywhere})}
        return web.json_response(body | {"status": answer}, status=201)


@asynccontextmanager
async def client_of(answer: Any) -> AsyncIterator[tuple[Client, Server]]:
    """Give a client of a server that answers so."""
    async with Server(answer).serving() as server, aiohttp.ClientSession() as session:
        yield Client(session, Fixed(Credentials(server.url))), server


async def access_of(places: Mapping[str, list[Rule]], *namespaces: str) -> Access:
    """Return what a server with these rules allows."""
    async with client_of(Authorizer(places)) as (client, _):
        return await review(client, namespaces)


@pytest.mark.parametrize(
    ("given", "question", "allowed"),
    [
        (rule("list", "core", "pods"), ("list", "pods", ""), True),
        (rule("list", "core", "pods"), ("watch", "pods", ""), False),
        (rule("list", "core", "pods"), ("list", "nodes", ""), False),
        (rule("list", "core", "pods"), ("list", "pods", "metrics.k8s.io"), False),
        (rule("*", "core", "pods"), ("delete", "pods", ""), True),
        (rule("list", "*", "pods"), ("list", "pods", "metrics.k8s.io"), True),
        (rule("list", "core", "*"), ("list", "pods", ""), True),
        (rule("create", "core", "*"), ("create", "pods/eviction", ""), True),
        (
            rule("patch", "apps", "deployments"),
            ("patch", "deployments/scale", "apps"),
            False,
        ),
        (
            rule("patch", "apps", "deployments/scale"),
            ("patch", "deployments/scale", "apps"),
            True,
        ),
        (
            rule("patch", "apps", "deployments/scale"),
            ("patch", "deployments", "apps"),
            False,
        ),
        (
            rule("patch", "apps", "*/scale"),
            ("patch", "statefulsets/scale", "apps"),
            True,
        ),
        (rule("patch", "apps", "*/scale"), ("patch", "statefulsets", "apps"), False),
        (
            rule("patch", "apps", "*/scale"),
            ("patch", "statefulsets/status", "apps"),
            False,
        ),
        (
            rule("patch", "apps", "deployments/*"),
            ("patch", "deployments/scale", "apps"),
            False,
        ),
        (
            rule("get", "core", "namespaces", ["kube-system"]),
            ("get", "namespaces", ""),
            False,
        ),
    ],
)
async def test_a_rule_is_judged_as_rbac_does(
    given: Rule, question: tuple[str, str, str], allowed: bool
) -> None:
    assert (await access_of({"": [given]})).allows(*question) is allowed


async def test_a_rule_for_named_objects_holds_for_them_only() -> None:
    access = await access_of({"": [rule("get", "core", "namespaces", ["kube-system"])]})
    assert access.allows("get", "namespaces", "", None, "kube-system")
    assert not access.allows("get", "namespaces", "", None, "kitchen")


async def test_a_kind_stands_for_its_group_and_plural() -> None:
    access = await access_of({"": [rule("list", "apps", "deployments")]})
    assert access.allows("list", Kind.DEPLOYMENT)
    assert not access.allows("list", Kind.POD)


async def test_rights_in_a_namespace_end_there() -> None:
    access = await access_of(
        {"kitchen": [rule("list", "core", "pods")]}, "kitchen", "garden"
    )
    assert access.allows("list", "pods", "", "kitchen")
    assert not access.allows("list", "pods", "", "garden")
    assert not access.allows("list", "pods", "", "attic")
    assert not access.allows("list", "pods")


async def test_a_cluster_role_bound_in_a_namespace_gives_nothing_of_the_cluster() -> (
    None
):
    access = await access_of({"kitchen": [rule("list", "core", "nodes")]}, "kitchen")
    assert not access.allows("list", Kind.NODE)


async def test_rights_in_the_whole_cluster_hold_in_namespaces_nobody_asked_about() -> (
    None
):
    access = await access_of({"": [rule("list", "core", "pods")]})
    assert access.allows("list", "pods", "", "attic")


async def test_a_review_is_one_request_a_place() -> None:
    async with client_of(Authorizer({})) as (client, server):
        await review(client, ["kitchen", "garden", "kitchen"])
    assert [asked.path.rpartition("/")[2] for asked in server.asked] == [
        "selfsubjectrulesreviews"
    ] * 3
    # No namespace is called so: it can have no rules of its own.
    assert "/" in server.asked[0].json["spec"]["namespace"]


async def test_where_rules_cannot_be_told_each_right_is_asked_for() -> None:
    authorizer = Authorizer(
        {},
        incomplete=True,
        allowed={
            ("", "list", "", "pods"),
            ("kitchen", "patch", "apps", "deployments/scale"),
        },
    )
    async with client_of(authorizer) as (client, _):
        access = await review(client, ["kitchen"])
    assert access.allows("list", Kind.POD)
    assert access.allows("list", Kind.POD, "", "kitchen")
    assert access.allows("patch", "deployments/scale", "apps", "kitchen")
    assert not access.allows("patch", "deployments/scale", "apps")
    assert not access.allows("delete", "pods", "", "kitchen")
    everywhere = [question for question in authorizer.asked if question[0] == ""]
    assert len(everywhere) == len(WANTED)
    # What is allowed everywhere is not asked again.
    assert ("kitchen", "list", "", "pods") not in authorizer.asked


async def test_a_review_that_is_denied_or_nonsense_is_an_error() -> None:
    async with client_of(always(status(403, "Forbidden"), 403)) as (client, _):
        with pytest.raises(Forbidden):
            await review(client, [])
    async with client_of(always({"kind": "Pod"})) as (client, _):
        with pytest.raises(Unreadable):
            await review(client, [])


async def test_the_server_tells_who_we_are_to_it() -> None:
    async with client_of(Authorizer({})) as (client, _):
        assert await account_name(client) == "system:serviceaccount:home:assistant"
    async with client_of(always(status(404, "NotFound"), 404)) as (client, _):
        assert await account_name(client) == ""


# The YAML

LIST_PODS = Missing("list", "", "pods", "kitchen")
WATCH_PODS = Missing("watch", "", "pods", "kitchen")
SCALE = Missing("patch", "apps", "deployments/scale", "kitchen")
GET_NODES = Missing("get", "", "nodes")
ACCOUNT = "system:serviceaccount:home:assistant"


def documents(
    missing: Sequence[Missing], account: str = ACCOUNT
) -> list[dict[str, Any]]:
    """Return what the YAML holds."""
    return list(yaml.safe_load_all(rbac_yaml(missing, account)))


def test_missing_rights_become_a_role_and_its_binding() -> None:
    role, binding = documents([SCALE, WATCH_PODS, LIST_PODS, LIST_PODS])
    assert role["kind"] == "Role"
    assert role["metadata"]["namespace"] == "kitchen"
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]},
        {"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["patch"]},
    ]
    assert binding["kind"] == "RoleBinding"
    assert binding["metadata"] == role["metadata"]
    assert binding["roleRef"]["kind"] == "Role"
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "assistant", "namespace": "home"}
    ]


def test_missing_rights_in_the_whole_cluster_become_a_cluster_role() -> None:
    role, binding = documents([GET_NODES])
    assert (role["kind"], binding["kind"]) == ("ClusterRole", "ClusterRoleBinding")
    assert "namespace" not in role["metadata"]


def test_resources_with_the_same_verbs_share_a_rule() -> None:
    role, _ = documents([LIST_PODS, Missing("list", "", "events", "kitchen")])
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["events", "pods"], "verbs": ["list"]}
    ]


def test_each_place_has_its_own_role() -> None:
    kinds = [document["kind"] for document in documents([LIST_PODS, GET_NODES])]
    assert kinds == ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]


def test_other_rights_are_never_replaced_and_the_same_keep_their_name() -> None:
    def name(*missing: Missing) -> str:
        return str(documents(missing)[0]["metadata"]["name"])

    assert name(LIST_PODS) != name(WATCH_PODS)
    assert name(LIST_PODS, SCALE) == name(SCALE, LIST_PODS)
    assert name(LIST_PODS) != name(LIST_PODS._replace(namespace="garden"))


def test_a_person_is_bound_as_a_user() -> None:
    _, binding = documents([GET_NODES], "kubernetes-admin")
    assert binding["subjects"] == [
        {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "User",
            "name": "kubernetes-admin",
        }
    ]


@pytest.mark.parametrize("namespace", ["on", "123", "null", "1e3"])
def test_a_namespace_that_yaml_would_take_for_something_else_stays_its_name(
    namespace: str,
) -> None:
    role, binding = documents([LIST_PODS._replace(namespace=namespace)])
    assert role["metadata"]["namespace"] == namespace
    assert binding["metadata"]["namespace"] == namespace


@pytest.mark.parametrize(
    ("missing", "command"),
    [
        (
            LIST_PODS,
            "kubectl create rolebinding {name} --namespace=kitchen --role={name} ",
        ),
        (GET_NODES, "kubectl create clusterrolebinding {name} --clusterrole={name} "),
    ],
)
def test_without_an_account_the_command_that_binds_is_told(
    missing: Missing, command: str
) -> None:
    text = rbac_yaml([missing])
    (role,) = yaml.safe_load_all(text)
    assert command.format(name=role["metadata"]["name"]) in text


def test_nothing_missing_needs_nothing() -> None:
    assert rbac_yaml([]) == ""
