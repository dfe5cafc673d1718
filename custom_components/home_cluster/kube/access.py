"""What the account may do, and the YAML that lets it do more."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
import hashlib
from typing import Any, Final, NamedTuple, override

import msgspec
import yaml

from .client import Client
from .errors import NotFound, Unreadable
from .resources import RESOURCES
from .schema import Kind

# No namespace can have this name, so no RoleBinding is in it: what a rules review of it tells is
# what ClusterRoleBindings give, and that holds everywhere.
_NOWHERE: Final = "cluster/wide"

_SERVICE_ACCOUNT: Final = "system:serviceaccount:"


class Missing(NamedTuple):
    """A right that is not there; `namespace` None means in the whole cluster."""

    verb: str
    group: str
    resource: str
    namespace: str | None = None


class Right(NamedTuple):
    """Something an account may be able to do; a subresource is part of `resource`."""

    verb: str
    group: str
    resource: str


WANTED: Final = (
    *(
        Right(verb, resource.group, resource.plural)
        for resource in RESOURCES.values()
        for verb in ("get", "list", "watch")
    ),
    Right("patch", "apps", "deployments/scale"),
    Right("patch", "apps", "statefulsets/scale"),
    Right("patch", "apps", "deployments"),
    Right("patch", "apps", "statefulsets"),
    Right("patch", "apps", "daemonsets"),
    Right("patch", "batch", "cronjobs"),
    Right("patch", "batch", "jobs"),
    Right("create", "batch", "jobs"),
    Right("list", "apps", "replicasets"),
    Right("list", "apps", "controllerrevisions"),
    Right("create", "", "pods/eviction"),
    Right("delete", "", "pods"),
    Right("get", "", "pods/log"),
    Right("patch", "", "nodes"),
    Right("list", "metrics.k8s.io", "pods"),
    Right("list", "metrics.k8s.io", "nodes"),
    Right("patch", "autoscaling", "horizontalpodautoscalers"),
    Right("get", "", "nodes/stats"),
)
"""What is asked one by one where an authorizer cannot tell its rules."""


class _Rule(msgspec.Struct, rename="camel", frozen=True):
    verbs: list[str] | None = None
    api_groups: list[str] | None = None
    resources: list[str] | None = None
    resource_names: list[str] | None = None

    def allows(self, right: Right, name: str) -> bool:
        """Judge as RBAC does; `name` is "" for a whole collection."""
        _, _, subresource = right.resource.partition("/")
        return (
            not {"*", right.verb}.isdisjoint(self.verbs or ())
            and not {"*", right.group}.isdisjoint(self.api_groups or ())
            and not {
                "*",
                right.resource,
                f"*/{subresource}" if subresource else "*",
            }.isdisjoint(self.resources or ())
            and (not self.resource_names or name in self.resource_names)
        )


class _RulesStatus(msgspec.Struct, rename="camel"):
    resource_rules: list[_Rule] | None = None
    incomplete: bool = False


class _RulesReview(msgspec.Struct):
    status: _RulesStatus


class _AccessStatus(msgspec.Struct):
    allowed: bool = False


class _AccessReview(msgspec.Struct):
    status: _AccessStatus


class _UserInfo(msgspec.Struct):
    username: str = ""


class _SubjectStatus(msgspec.Struct, rename="camel"):
    user_info: _UserInfo


class _SubjectReview(msgspec.Struct):
    status: _SubjectStatus


@dataclass(frozen=True)
class _Place:
    """The rights in one namespace, or cluster-wide: rules, and what was answered one by one."""

    rules: tuple[_Rule, ...] = ()
    granted: frozenset[Right] = frozenset()

    def allows(self, right: Right, name: str) -> bool:
        return right in self.granted or any(
            rule.allows(right, name) for rule in self.rules
        )


@dataclass(frozen=True)
class Access:
    """What an account may do, cluster-wide (place None) and in the namespaces that were reviewed."""

    places: Mapping[str | None, _Place] = field(default_factory=dict)

    def allows(
        self,
        verb: str,
        resource: Kind | str,
        group: str = "",
        namespace: str | None = None,
        name: str = "",
    ) -> bool:
        """Say whether the account may do this, in a namespace or (None) in the whole cluster.

        `resource` is a kind, or a plural with an optional subresource such as "deployments/scale".
        Without `name` rights that hold for named objects only do not count. Of namespaces that
        were not reviewed only cluster-wide rights are known.
        """
        if isinstance(resource, Kind):
            group, resource = RESOURCES[resource].group, RESOURCES[resource].plural
        right = Right(verb, group, resource)
        return any(
            self.places[place].allows(right, name)
            for place in {None, namespace}
            if place in self.places
        )


async def review(client: Client, namespaces: Iterable[str]) -> Access:
    """Ask what the account may do: one request for the whole cluster and one a namespace.

    Where an authorizer cannot tell its rules, the rights in `WANTED` are asked for one by one.
    """
    everywhere = await _review(client, None, _Place())
    places: dict[str | None, _Place] = {None: everywhere}
    for namespace in dict.fromkeys(namespaces):
        places[namespace] = await _review(client, namespace, everywhere)
    return Access(places)


async def _review(client: Client, namespace: str | None, everywhere: _Place) -> _Place:
    """Review one place; what is allowed everywhere need not be asked there again."""
    spec: dict[str, Any] = {"namespace": namespace or _NOWHERE}
    told = (await _ask(client, "SelfSubjectRulesReview", spec, _RulesReview)).status
    place = _Place(tuple(told.resource_rules or ()))
    if not told.incomplete:
        return place
    granted = set()
    for right in WANTED:
        if place.allows(right, "") or everywhere.allows(right, ""):
            continue
        resource, _, subresource = right.resource.partition("/")
        attributes = {
            "verb": right.verb,
            "group": right.group,
            "resource": resource,
            "subresource": subresource,
            "namespace": namespace or "",
        }
        spec = {"resourceAttributes": attributes}
        if (
            await _ask(client, "SelfSubjectAccessReview", spec, _AccessReview)
        ).status.allowed:
            granted.add(right)
    return _Place(place.rules, frozenset(granted))


async def _ask[T](
    client: Client, kind: str, spec: Mapping[str, Any], shape: type[T]
) -> T:
    api = (
        "authentication.k8s.io/v1"
        if shape is _SubjectReview
        else "authorization.k8s.io/v1"
    )
    raw = await client.request(
        "POST",
        f"/apis/{api}/{kind.lower()}s",
        body=msgspec.json.encode({"apiVersion": api, "kind": kind, "spec": spec}),
    )
    try:
        return msgspec.json.decode(raw, type=shape)
    except msgspec.MsgspecError as error:
        raise Unreadable(f"a review that cannot be read: {error}") from error


async def account_name(client: Client) -> str:
    """Return the name by which the server knows us; "" if it is too old to tell (before 1.28)."""
    try:
        answer = await _ask(client, "SelfSubjectReview", {}, _SubjectReview)
    except NotFound:
        return ""
    return answer.status.user_info.username


def rbac_yaml(missing: Iterable[Missing], account: str = "") -> str:
    """Return the YAML that gives the missing rights, for `kubectl apply`.

    With `account` (see `account_name`) it binds them too; else a comment holds the command that
    does. What it makes is named after its content, so that applying it never replaces other rights.
    """
    places: dict[str, list[Missing]] = {}
    for right in sorted(
        set(missing), key=lambda right: (right.namespace or "", right[:3])
    ):
        places.setdefault(right.namespace or "", []).append(right)
    return "---\n".join(
        _grant(namespace, rights, account) for namespace, rights in places.items()
    )


def _grant(namespace: str, rights: list[Missing], account: str) -> str:
    rules = _rules(rights)
    digest = hashlib.sha256(repr((namespace, rules)).encode()).hexdigest()
    name = f"home-cluster-{digest[:8]}"
    kind = "Role" if namespace else "ClusterRole"
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    api = "rbac.authorization.k8s.io/v1"
    role = {"apiVersion": api, "kind": kind, "metadata": metadata, "rules": rules}
    if not account:
        place = (
            f" --namespace={namespace} --role={name}"
            if namespace
            else f" --clusterrole={name}"
        )
        return (
            f"# Then: kubectl create {kind.lower()}binding {name}{place} --serviceaccount=<namespace>:<name>\n"
            f"{_yaml(role)}"
        )
    binding = {
        "apiVersion": api,
        "kind": f"{kind}Binding",
        "metadata": metadata,
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": kind,
            "name": name,
        },
        "subjects": [_subject(account)],
    }
    return f"{_yaml(role)}---\n{_yaml(binding)}"


def _rules(rights: list[Missing]) -> list[dict[str, list[str]]]:
    """Return the fewest rules: resources of one group with the same verbs share one."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for right in rights:
        verbs.setdefault((right.group, right.resource), []).append(right.verb)
    resources: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), allowed in verbs.items():
        resources.setdefault((group, tuple(allowed)), []).append(resource)
    return [
        {"apiGroups": [group], "resources": names, "verbs": list(allowed)}
        for (group, allowed), names in resources.items()
    ]


def _subject(account: str) -> dict[str, str]:
    if account.startswith(_SERVICE_ACCOUNT):
        namespace, _, name = account.removeprefix(_SERVICE_ACCOUNT).partition(":")
        return {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": account}


def _yaml(document: Mapping[str, Any]) -> str:
    """Write YAML; lists of words on one line, a name such as `on` in quotes."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1000)


class _Dumper(yaml.SafeDumper):
    """Writes lists of words on one line, and no references to what was written before."""

    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True

    @override
    def represent_sequence(
        self, tag: str, sequence: Any, flow_style: bool | None = None
    ) -> Any:
        return super().represent_sequence(
            tag, sequence, flow_style=isinstance(sequence[0], str)
        )
