"""A small Kubernetes API server on loopback: enough to be connected to.

Its accounts have rules as RBAC has, and what they may not do is answered with 403. It is not
meant for watching: faults of streams have their own model server.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
import json
import ssl
from typing import Any, Self

from aiohttp import web

from tests.integration.elsewhere import elsewhere
from tests.serving import serving

UID = "0d6a1c1e-5d0b-4c5e-9b47-0c1f7a3c9a11"
GIT_VERSION = "v1.37.2"
METRICS = "metrics.k8s.io"

_GROUPS: Mapping[str, str] = {
    "pods": "",
    "nodes": "",
    "events": "",
    "namespaces": "",
    "persistentvolumeclaims": "",
    "persistentvolumes": "",
    "deployments": "apps",
    "statefulsets": "apps",
    "daemonsets": "apps",
    "cronjobs": "batch",
    "jobs": "batch",
    "horizontalpodautoscalers": "autoscaling",
    "replicasets": "apps",
    "controllerrevisions": "apps",
}
_KINDS: Mapping[str, str] = {
    "pods": "Pod",
    "nodes": "Node",
    "events": "Event",
    "namespaces": "Namespace",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "persistentvolumes": "PersistentVolume",
    "deployments": "Deployment",
    "statefulsets": "StatefulSet",
    "daemonsets": "DaemonSet",
    "cronjobs": "CronJob",
    "jobs": "Job",
    "horizontalpodautoscalers": "HorizontalPodAutoscaler",
    "replicasets": "ReplicaSet",
    "controllerrevisions": "ControllerRevision",
}
WORKLOADS = ("deployments", "statefulsets", "daemonsets", "cronjobs", "jobs")
FOLLOWED = (
    *WORKLOADS,
    "pods",
    "events",
    "persistentvolumeclaims",
    "horizontalpodautoscalers",
)


@dataclass(frozen=True)
class Rule:
    """One RBAC rule; `namespace` is None for a ClusterRoleBinding.

    `group` is needed only where resources of two groups have one name.
    """

    verbs: tuple[str, ...]
    resources: tuple[str, ...]
    namespace: str | None = None
    names: tuple[str, ...] = ()
    group: str = ""

    def allows(
        self,
        verb: str,
        resource: str,
        namespace: str | None,
        name: str,
        group: str = "",
    ) -> bool:
        """Judge as RBAC does."""
        return (
            self.group == group
            and ("*" in self.verbs or verb in self.verbs)
            and ("*" in self.resources or resource in self.resources)
            and self.namespace in (None, namespace)
            and (not self.names or name in self.names)
        )

    def as_json(self) -> dict[str, Any]:
        """Return the rule as a SelfSubjectRulesReview tells it."""
        groups = sorted(
            {
                self.group or _GROUPS.get(resource.split("/")[0], "*")
                for resource in self.resources
            }
        )
        rule: dict[str, Any] = {
            "verbs": list(self.verbs),
            "apiGroups": groups,
            "resources": list(self.resources),
        }
        if self.names:
            rule["resourceNames"] = list(self.names)
        return rule


READ_UID = Rule(("get",), ("namespaces",), "kube-system")
READ_ALL = Rule(("get", "list", "watch"), (*FOLLOWED, "nodes", "namespaces"))


def reader_of(namespace: str) -> Rule:
    """Return the rule to follow one namespace."""
    return Rule(("get", "list", "watch"), FOLLOWED, namespace)


def workload(
    resource: str,
    namespace: str,
    name: str,
    *,
    labels: Mapping[str, str] | None = None,
    **spec: Any,
) -> tuple[str, dict[str, Any]]:
    """Return (resource, object) for `ApiServer.objects`."""
    return resource, {
        "metadata": {
            "namespace": namespace,
            "name": name,
            "uid": f"{resource}-{namespace}-{name}",
            "resourceVersion": "7",
            "labels": dict(labels or {}),
        },
        "spec": spec,
        "status": {},
    }


def namespace(name: str, **labels: str) -> tuple[str, dict[str, Any]]:
    """Return a namespace for `ApiServer.objects`."""
    return "namespaces", {
        "metadata": {
            "name": name,
            "uid": UID if name == "kube-system" else f"namespace-{name}",
            "resourceVersion": "3",
            "labels": labels,
        },
        "spec": {},
        "status": {"phase": "Active"},
    }


def home() -> list[tuple[str, dict[str, Any]]]:
    """Return the objects of a small home: three devices in two namespaces, and the system's own."""
    return [
        namespace("kube-system"),
        namespace("kitchen"),
        namespace("garden"),
        namespace("longhorn", **{"home-cluster.github.io/system": "true"}),
        workload(
            "deployments",
            "kitchen",
            "fridge",
            labels={"home-cluster.github.io/device": "true"},
            replicas=2,
        ),
        workload("statefulsets", "kitchen", "jazz", replicas=1),
        workload("daemonsets", "garden", "weather"),
        workload("deployments", "kube-system", "coredns", replicas=2),
        workload("deployments", "longhorn", "manager", replicas=1),
    ]


@dataclass
class ApiServer:
    """The server: its objects, its accounts, and what was asked of it."""

    context: ssl.SSLContext | None
    uid: str = UID
    account: str = "system:serviceaccount:home:home-assistant"
    tells_account: bool = True
    accounts: dict[str, tuple[Rule, ...]] = field(default_factory=dict)
    objects: list[tuple[str, dict[str, Any]]] = field(default_factory=home)
    certificate_account: tuple[Rule, ...] | None = None
    false_denials: int = 0
    broken: int | None = None
    # The metrics server's answers by plural; without any there is none. A number is an error's.
    figures: dict[str, list[Any] | int] = field(default_factory=dict)
    not_kubernetes: bool = False
    tokens_seen: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """The address to connect to."""
        return f"http{'s' if self.context else ''}://127.0.0.1:{self.port}"

    def serving(self) -> AbstractAsyncContextManager[Self]:
        """Serve on a free port of loopback, or again on the same."""
        return elsewhere(self._serving())

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[Self]:
        listening = serving(self._answer, port=self.port, context=self.context)
        async with listening as self.port:
            yield self

    def _rules(self, request: web.Request) -> tuple[Rule, ...] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer":
            self.tokens_seen.add(token)
            return self.accounts.get(token)
        if request.transport is not None and request.transport.get_extra_info(
            "peercert"
        ):
            return self.certificate_account
        return None

    async def _answer(self, request: web.Request) -> web.Response:
        self.requests.append(f"{request.method} {request.path}")
        if self.not_kubernetes:
            return web.Response(
                text="<html>Welcome to the router</html>", content_type="text/html"
            )
        if self.broken is not None:
            return _status(self.broken, "InternalError", "etcdserver: leader changed")
        rules = self._rules(request)
        if rules is None:
            return _status(401, "Unauthorized", "Unauthorized")
        parts = [part for part in request.path.split("/") if part]
        if parts[0] == "version":
            return web.json_response({"gitVersion": GIT_VERSION})
        if parts[0] in ("readyz", "livez"):
            return web.Response(text="ok")
        if parts[-1] == "selfsubjectreviews" and self.tells_account:
            who = {"userInfo": {"username": self.account}}
            return web.json_response(
                {**await request.json(), "status": who}, status=201
            )
        if parts[1:2] == ["authorization.k8s.io"]:
            return _review(parts[-1], await request.json(), rules)
        if parts[0] not in ("api", "apis"):
            return _status(
                404, "NotFound", "the server could not find the requested resource"
            )
        return self._read(parts, rules, request.query.get("fieldSelector", ""))

    def _read(
        self, parts: list[str], rules: tuple[Rule, ...], selector: str = ""
    ) -> web.Response:
        rest = parts[2:] if parts[0] == "api" else parts[3:]
        group = "" if parts[0] == "api" else parts[1]
        version = "/".join(
            part for part in (group, parts[1] if not group else parts[2]) if part
        )
        place: str | None = None
        if rest[0] == "namespaces" and len(rest) > 2:
            place, rest = rest[1], rest[2:]
        resource, name = rest[0], rest[1] if len(rest) > 1 else ""
        if resource == "namespaces" and name:
            place = name
        verb = "get" if name else "list"
        if group == METRICS:
            return self._read_figures(resource, place, rules)
        allowed = any(rule.allows(verb, resource, place, name) for rule in rules)
        if self.false_denials > 0:
            self.false_denials -= 1
            allowed = False
        if not allowed:
            return _status(
                403, "Forbidden", f'{resource} is forbidden: User "home" cannot {verb}'
            )
        if _GROUPS.get(resource) != group:
            return _status(
                404, "NotFound", "the server could not find the requested resource"
            )
        kind = _KINDS[resource]
        found = [
            {"apiVersion": version, "kind": kind, **obj}
            for kept, obj in self.objects
            if kept == resource
            and (
                resource == "namespaces"
                or place in (None, obj["metadata"].get("namespace"))
            )
            and name in ("", obj["metadata"]["name"])
            and _selects(selector, obj)
        ]
        if not name:
            return web.json_response(
                {
                    "apiVersion": version,
                    "kind": f"{kind}List",
                    "metadata": {"resourceVersion": "100"},
                    "items": found,
                }
            )
        if not found:
            return _status(404, "NotFound", f'{resource} "{name}" not found')
        if name == "kube-system":
            found[0]["metadata"] = {**found[0]["metadata"], "uid": self.uid}
        return web.json_response(found[0])

    def _read_figures(
        self, resource: str, place: str | None, rules: tuple[Rule, ...]
    ) -> web.Response:
        if not any(rule.allows("list", resource, place, "", METRICS) for rule in rules):
            return _status(403, "Forbidden", f"{resource}.{METRICS} is forbidden")
        found = self.figures.get(resource, 404)
        if isinstance(found, int):
            return _status(found, "ServiceUnavailable", "no figures")
        items = [
            item for item in found if place in (None, item["metadata"].get("namespace"))
        ]
        return web.json_response({"metadata": {}, "items": items})


def _selects(selector: str, obj: dict[str, Any]) -> bool:
    """Judge by a field selector such as "spec.nodeName=pi-attic"."""
    path, _, value = selector.partition("=")
    found: Any = obj
    for step in path.split(".") if path else ():
        found = found.get(step, {})
    return not selector or found == value


def _status(code: int, reason: str, message: str) -> web.Response:
    body = {
        "apiVersion": "v1",
        "kind": "Status",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
    }
    return web.Response(
        status=code, text=json.dumps(body), content_type="application/json"
    )


def _review(
    resource: str, body: dict[str, Any], rules: tuple[Rule, ...]
) -> web.Response:
    spec = body["spec"]
    if resource == "selfsubjectrulesreviews":
        place = spec["namespace"]
        answer: dict[str, Any] = {
            "resourceRules": [
                rule.as_json() for rule in rules if rule.namespace in (None, place)
            ],
            "nonResourceRules": [],
            "incomplete": False,
        }
    else:
        asked = spec["resourceAttributes"]
        name = asked["resource"]
        if asked.get("subresource"):
            name += f"/{asked['subresource']}"
        answer = {
            "allowed": any(
                rule.allows(
                    asked["verb"],
                    name,
                    asked.get("namespace") or None,
                    asked.get("name", ""),
                )
                for rule in rules
            )
        }
    return web.json_response({**body, "status": answer}, status=201)
