"""A small cluster on loopback that lives: it is watched, it is patched, its pods follow.

It speaks HTTP as the API server does (lists, WatchList streams, bookmarks, scale, merge patches,
evictions, dry runs) over `api_server.ApiServer`, whose accounts and rules hold here as well.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
import json
import ssl
from typing import Any, NamedTuple, Self, override

from aiohttp import web

from tests.integration.api_server import _KINDS, UID, ApiServer, _status, namespace

PREFIX = "home-cluster.github.io/"
END = "k8s.io/initial-events-end"

_API = {
    "deployments": "apps/v1",
    "statefulsets": "apps/v1",
    "daemonsets": "apps/v1",
    "cronjobs": "batch/v1",
    "jobs": "batch/v1",
    "horizontalpodautoscalers": "autoscaling/v2",
}


def now(ago: float = 0) -> str:
    """Return the time, or that of so many seconds ago, as Kubernetes writes it."""
    return (datetime.now(UTC) - timedelta(seconds=ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Watcher:
    """One open watch."""

    resource: str
    namespace: str | None
    events: asyncio.Queue[tuple[str, dict[str, Any]] | None] = field(
        default_factory=asyncio.Queue
    )


class Snapshot(NamedTuple):
    """What there was at a version."""

    version: int
    live: dict[tuple[str, str, str], dict[str, Any]]


@dataclass
class LiveServer(ApiServer):
    """The cluster. Objects are kept by (resource, namespace, name) in `live`."""

    authority: str = ""
    live: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    watchers: list[Watcher] = field(default_factory=list)
    patches: list[tuple[str, Any]] = field(default_factory=list)
    evictions: list[str] = field(default_factory=list)
    # The pods that were deleted, with the grace that was asked for.
    deletions: list[tuple[str, int | None]] = field(default_factory=list)
    # The Jobs that were sent, as they came.
    made: list[dict[str, Any]] = field(default_factory=list)
    # Answered to commands of a kind ("scale", "patch", "create", "eviction", "dry") instead of obeying; "log", too.
    refuse: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    # The admission policies that are in force: "patch", "run", "run-as-written".
    policies: set[str] = field(default_factory=set)
    refuse_details: dict[str, Any] = field(default_factory=dict)
    # Called before the answer to a command, while its events are out already.
    before_answer: Callable[[], Any] | None = None
    hold_events: bool = False
    pods_follow: bool = True
    # What containers wrote, by pod and container; a previous run's by (pod, container + "/previous").
    written: dict[tuple[str, str], str] = field(default_factory=dict)
    _held: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    _versions: Iterator[int] = field(default_factory=lambda: count(1000))
    _pod_numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _version: int = 1000
    _runner: web.AppRunner | None = None

    # The world.

    def put(
        self, resource: str, namespace: str, name: str, **parts: Any
    ) -> dict[str, Any]:
        """Create an object, or replace its parts (metadata is merged)."""
        key = (resource, namespace, name)
        old = self.live.get(key)
        obj = (
            deepcopy(old)
            if old
            else {"metadata": {"uid": f"{name}-{next(self._versions)}"}}
        )
        metadata = {**obj["metadata"], **parts.pop("metadata", {}), "name": name}
        if namespace:
            metadata["namespace"] = namespace
        metadata.setdefault("creationTimestamp", now())
        obj.update(parts)
        obj["metadata"] = metadata
        if not old or obj.get("spec") != old.get("spec"):
            metadata["generation"] = metadata.get("generation", 0) + 1
        self._version = next(self._versions)
        metadata["resourceVersion"] = str(self._version)
        self.live[key] = obj
        self._tell("MODIFIED" if old else "ADDED", resource, obj)
        return obj

    def delete(self, resource: str, namespace: str, name: str) -> None:
        """Delete an object."""
        obj = self.live.pop((resource, namespace, name))
        self._version = next(self._versions)
        obj["metadata"]["resourceVersion"] = str(self._version)
        self._tell("DELETED", resource, obj)

    def snapshot(self) -> Snapshot:
        """Save what there is now."""
        return Snapshot(self._version, deepcopy(self.live))

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot; what was not told by then never is, and who watches has to begin anew."""
        self._version, self.live = snapshot
        self._held = []
        self.cut()

    def cut(self) -> None:
        """End all watches."""
        for watcher in tuple(self.watchers):
            watcher.events.put_nowait(None)

    def workload(
        self,
        resource: str,
        namespace: str,
        name: str,
        *,
        replicas: int | None = None,
        labels: dict[str, str] | None = None,
        hints: dict[str, str] | None = None,
        image: str = "registry.home/fridge:v1.0.0",
        **spec: Any,
    ) -> dict[str, Any]:
        """Create or change a workload; its pods follow."""
        template = {"spec": {"containers": [{"name": "agent", "image": image}]}}
        if resource == "cronjobs":
            spec = {"schedule": "0 3 * * *", "suspend": False, **spec}
            spec["jobTemplate"] = {"spec": {"template": template}}
        else:
            spec["template"] = {**template, **spec.pop("template", {})}
        if replicas is not None:
            spec["replicas"] = replicas
        obj = self.put(
            resource,
            namespace,
            name,
            spec=spec,
            status={},
            metadata={
                "labels": {f"{PREFIX}device": "true"} if labels is None else labels,
                "annotations": {
                    f"{PREFIX}{key}": text for key, text in (hints or {}).items()
                },
            },
        )
        self.reconcile(resource, namespace, name)
        return obj

    def scale(self, resource: str, namespace: str, name: str, replicas: int) -> None:
        """Ask for so many pods, as somebody else may."""
        spec = {**self.live[resource, namespace, name]["spec"], "replicas": replicas}
        self.put(resource, namespace, name, spec=spec)
        self.reconcile(resource, namespace, name)

    def autoscaler(
        self,
        namespace: str,
        name: str,
        minimum: int = 1,
        maximum: int = 3,
        *,
        metadata: dict[str, Any] | None = None,
        **status: Any,
    ) -> None:
        """Create or change the autoscaler of a Deployment of the same name."""
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        spec = {
            "scaleTargetRef": target,
            "minReplicas": minimum,
            "maxReplicas": maximum,
        }
        self.put(
            "horizontalpodautoscalers",
            namespace,
            name,
            metadata=metadata or {},
            spec=spec,
            status=status,
        )

    def node(
        self, name: str, *, ready: str = "True", ago: float = 3600, **conditions: str
    ) -> None:
        """Create or change a node; conditions by name, such as DiskPressure="True"."""
        known = {
            "Ready": ready,
            "MemoryPressure": "False",
            "DiskPressure": "False",
            "PIDPressure": "False",
            **conditions,
        }
        self.put(
            "nodes",
            "",
            name,
            spec={},
            status={
                "allocatable": {"cpu": "4", "memory": "4Gi", "pods": "110"},
                "nodeInfo": {
                    "kubeletVersion": "v1.37.2",
                    "architecture": "arm64",
                    "osImage": "Debian GNU/Linux 13",
                    "bootID": "boot-1",
                },
                "conditions": [
                    {"type": kind, "status": status, "lastTransitionTime": now(ago)}
                    for kind, status in known.items()
                ],
            },
        )

    def pods_of(self, namespace: str, name: str) -> list[dict[str, Any]]:
        """Return a workload's pods."""
        return [
            obj
            for (resource, place, pod), obj in sorted(self.live.items())
            if resource == "pods" and place == namespace and pod.startswith(f"{name}-")
        ]

    def crash(self, namespace: str, pod: str, *, ago: float = 300) -> None:
        """Have a pod crash in a loop, for so many seconds already."""
        self.put(
            "pods",
            namespace,
            pod,
            status=crash_loop(ago),
            metadata={"creationTimestamp": now(ago)},
        )

    def pod(
        self,
        namespace: str,
        owner: str,
        *,
        resource: str = "deployments",
        **changes: Any,
    ) -> dict[str, Any]:
        """Create a running, ready pod of a workload; `changes` are its status's parts."""
        name = f"{owner}-abc-{next(self._pod_numbers)}"
        kind, owner_name = _KINDS[resource], owner
        if resource == "deployments":
            kind, owner_name = "ReplicaSet", f"{owner}-abc"
        return self.put(
            "pods",
            namespace,
            name,
            metadata={
                "labels": {"pod-template-hash": "abc"},
                "ownerReferences": [
                    {"kind": kind, "name": owner_name, "controller": True, "uid": "x"}
                ],
            },
            spec={
                "nodeName": "pi-attic",
                "containers": [
                    {"name": "agent", "image": "registry.home/fridge:v1.0.0"}
                ],
            },
            status=pod_status(**changes),
        )

    def reconcile(self, resource: str, namespace: str, name: str) -> None:
        """Do what the controllers do: as many ready pods as are asked for, and a status."""
        if not self.pods_follow or resource not in (
            "deployments",
            "statefulsets",
            "daemonsets",
        ):
            return
        obj = self.live[(resource, namespace, name)]
        wanted = obj["spec"].get("replicas", 1)
        if resource == "daemonsets" and obj["spec"]["template"]["spec"].get(
            "nodeSelector"
        ):
            wanted = 0
        pods = self.pods_of(namespace, name)
        for pod in pods[wanted:]:
            self.delete("pods", namespace, pod["metadata"]["name"])
        for _ in range(wanted - len(pods)):
            self.pod(namespace, name, resource=resource)
        counts = {
            "replicas": wanted,
            "readyReplicas": wanted,
            "updatedReplicas": wanted,
            "availableReplicas": wanted,
        }
        if resource == "daemonsets":
            counts = {
                "desiredNumberScheduled": wanted,
                "currentNumberScheduled": wanted,
                "numberReady": wanted,
                "updatedNumberScheduled": wanted,
                "numberAvailable": wanted,
            }
        self.put(
            resource,
            namespace,
            name,
            status={"observedGeneration": obj["metadata"]["generation"], **counts},
        )

    def release(self) -> None:
        """Send the events that were held back."""
        self.hold_events = False
        held, self._held = self._held, []
        for event in held:
            self._send(*event)

    # Going away and coming back.

    async def down(self) -> None:
        """Refuse connections and cut those that are open."""
        assert self._runner is not None
        self.cut()
        await self._runner.cleanup()
        self._runner = None

    async def up(self) -> None:
        """Listen, at the same address as before."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(
            app, shutdown_timeout=0.01, handler_cancellation=True
        )
        await self._runner.setup()
        site = web.TCPSite(
            self._runner,
            "127.0.0.1",
            self.port,
            ssl_context=self.context,
            reuse_address=True,
        )
        await site.start()
        self.port = self._runner.addresses[0][1]

    @override
    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """Serve on a free port of loopback."""
        await self.up()
        try:
            yield self
        finally:
            if self._runner is not None:
                await self.down()

    # Answers.

    @override
    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.objects = [(resource, obj) for (resource, _, _), obj in self.live.items()]
        parts = [part for part in request.path.split("/") if part]
        command = (
            request.method in ("PATCH", "POST", "DELETE")
            and "authorization.k8s.io" not in parts
        )
        if not command and parts[-1] == "log":
            return self._log(request, parts)
        if not command and "watch" not in request.query:
            return await super()._answer(request)
        rules = self._rules(request)
        self.requests.append(f"{request.method} {request.path}")
        if rules is None:
            return _status(401, "Unauthorized", "Unauthorized")
        if parts[-1] == "selfsubjectreviews":
            return web.json_response({"status": {"userInfo": {"username": "home"}}})
        rest = parts[2:] if parts[0] == "api" else parts[3:]
        place: str | None = None
        if rest[0] == "namespaces" and len(rest) > 2:
            place, rest = rest[1], rest[2:]
        resource, name = rest[0], rest[1] if len(rest) > 1 else ""
        part = f"/{rest[2]}" if len(rest) > 2 else ""
        verb = {"PATCH": "patch", "POST": "create", "DELETE": "delete"}.get(
            request.method, "watch"
        )
        if not any(rule.allows(verb, resource + part, place, name) for rule in rules):
            return _status(
                403, "Forbidden", f'User "home" cannot {verb} {resource}{part}'
            )
        if verb == "watch":
            return await self._watch(request, resource, place)
        response = await self._command(request, resource, place or "", name, part)
        if self.before_answer is not None:
            await self.before_answer()
        return response

    def _log(self, request: web.Request, parts: list[str]) -> web.Response:
        """Answer what a container wrote: the first `limitBytes` of the last `tailLines`."""
        self.requests.append(f"GET {request.path_qs}")
        place, pod = parts[3], parts[5]
        if not any(
            rule.allows("get", "pods/log", place, pod)
            for rule in self._rules(request) or ()
        ):
            return _status(403, "Forbidden", 'User "home" cannot get pods/log')
        if "log" in self.refuse:
            return _status(*self.refuse["log"])
        container = request.query["container"]
        if "previous" in request.query:
            container += "/previous"
        text = self.written.get((pod, container))
        if text is None:
            return _status(
                400, "BadRequest", f'container "{container}" is waiting to start'
            )
        lines = text.splitlines(keepends=True)[-int(request.query["tailLines"]) :]
        return web.Response(
            body="".join(lines).encode()[: int(request.query["limitBytes"])]
        )

    def _forbids(self, resource: str, body: dict[str, Any]) -> bool:
        """Whether a policy in force denies a change of metadata, or a Job that nobody wrote."""
        metadata = body.get("metadata", {})
        if resource == "jobs" and "template" in body.get("spec", {}):
            rule = "run-as-written" if metadata.get("ownerReferences") else "run"
            return rule in self.policies
        return "annotations" in metadata and "patch" in self.policies

    async def _command(
        self, request: web.Request, resource: str, place: str, name: str, part: str
    ) -> web.Response:
        dry = "dryRun" in request.query
        named = {"POST": "create", "DELETE": "delete"}.get(request.method, "patch")
        kind = "dry" if dry else part.removeprefix("/") or named
        if kind in self.refuse:
            code, reason, message = self.refuse[kind]
            body = {
                "kind": "Status",
                "status": "Failure",
                "code": code,
                "reason": reason,
                "message": message,
                "details": self.refuse_details,
            }
            return web.json_response(body, status=code)
        if dry and self._forbids(resource, await request.json()):
            return _status(422, "Invalid", "ValidatingAdmissionPolicy denied request")
        if dry and request.method == "POST":
            return web.json_response({}, status=201)
        if request.method == "POST" and resource == "jobs":
            return web.json_response(self.make_job(place, await request.json()))
        obj = self.live.get((resource, place, name))
        if obj is None:
            return _status(404, "NotFound", f'{resource} "{name}" not found')
        body = await request.json()
        if request.method == "DELETE":
            if body["preconditions"]["uid"] != obj["metadata"]["uid"]:
                return _status(
                    409, "Conflict", "the UID in the precondition is not the pod's"
                )
            self.deletions.append((name, body.get("gracePeriodSeconds")))
            self.delete("pods", place, name)
            self._replace(place, obj["metadata"]["ownerReferences"][0])
            return web.json_response({"kind": "Status", "status": "Success"})
        if part == "/eviction":
            if body["deleteOptions"]["preconditions"]["uid"] != obj["metadata"]["uid"]:
                return _status(
                    409, "Conflict", "the UID in the precondition is not the pod's"
                )
            self.evictions.append(name)
            self.delete("pods", place, name)
            owner = obj["metadata"]["ownerReferences"][0]
            self._replace(place, owner)
            return web.json_response(
                {"kind": "Status", "status": "Success"}, status=201
            )
        try:
            changed = patched(obj, body, request.content_type)
        except ValueError as err:
            return _status(422, "Invalid", str(err))
        if not dry:
            self.patches.append((request.path, body))
            obj = self.put(
                resource,
                place,
                name,
                spec=changed["spec"],
                metadata=changed["metadata"],
            )
            self.reconcile(resource, place, name)
        version = obj["metadata"]["resourceVersion"]
        if part == "/scale":
            return web.json_response(
                {
                    "metadata": {
                        "uid": obj["metadata"]["uid"],
                        "resourceVersion": version,
                    },
                    "spec": {"replicas": changed["spec"]["replicas"]},
                }
            )
        return web.json_response(obj)

    def make_job(self, place: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create a Job that somebody sent, under a name of its own; its pod does not come."""
        metadata = dict(body["metadata"])
        name = f"{metadata.pop('generateName')}{next(self._pod_numbers):05}"
        self.made.append(body)
        return self.put(
            "jobs", place, name, metadata=metadata, spec=body["spec"], status={}
        )

    def _replace(self, place: str, owner: dict[str, str]) -> None:
        for resource, kind in _KINDS.items():
            name = owner["name"].removesuffix("-abc")
            wanted = "Deployment" if owner["kind"] == "ReplicaSet" else owner["kind"]
            if kind == wanted and (resource, place, name) in self.live:
                self.reconcile(resource, place, name)

    async def _watch(
        self, request: web.Request, resource: str, place: str | None
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        watcher = Watcher(resource, place)
        api, kind = _API.get(resource, "v1"), _KINDS[resource]
        lines = []
        if request.query.get("sendInitialEvents") == "true":
            for (kept, where, _), obj in self.live.items():
                if kept == resource and place in (None, where):
                    lines.append(
                        _line("ADDED", {"apiVersion": api, "kind": kind, **obj})
                    )
            bookmark = {
                "resourceVersion": str(self._version),
                "annotations": {END: "true"},
            }
            lines.append(
                _line(
                    "BOOKMARK", {"apiVersion": api, "kind": kind, "metadata": bookmark}
                )
            )
        self.watchers.append(watcher)
        try:
            await response.prepare(request)
            await response.write(b"".join(lines))
            while (event := await watcher.events.get()) is not None:
                word, obj = event
                await response.write(
                    _line(word, {"apiVersion": api, "kind": kind, **obj})
                )
        finally:
            self.watchers.remove(watcher)
        if request.transport is not None:
            request.transport.abort()
        return response

    def _tell(self, word: str, resource: str, obj: dict[str, Any]) -> None:
        event = (word, resource, deepcopy(obj))
        if self.hold_events:
            self._held.append(event)
        else:
            self._send(*event)

    def _send(self, word: str, resource: str, obj: dict[str, Any]) -> None:
        for watcher in self.watchers:
            if watcher.resource == resource and watcher.namespace in (
                None,
                obj["metadata"].get("namespace"),
            ):
                watcher.events.put_nowait((word, obj))


def pod_status(
    *,
    ready: bool = True,
    phase: str = "Running",
    state: dict[str, Any] | None = None,
    restarts: int = 0,
    last: dict[str, Any] | None = None,
    ago: float = 0,
) -> dict[str, Any]:
    """Return the status of a pod with one container."""
    return {
        "phase": phase,
        "startTime": now(),
        "conditions": [
            {
                "type": "Ready",
                "status": "True" if ready else "False",
                "lastTransitionTime": now(ago),
            }
        ],
        "containerStatuses": [
            {
                "name": "agent",
                "image": "registry.home/fridge:v1.0.0",
                "ready": ready,
                "started": ready,
                "restartCount": restarts,
                "state": state or {"running": {"startedAt": now()}},
                "lastState": last or {},
            }
        ],
    }


def crash_loop(ago: float) -> dict[str, Any]:
    """Return the status of a pod that has kept crashing for so many seconds."""
    end = {
        "reason": "Error",
        "exitCode": 3,
        "startedAt": now(ago),
        "finishedAt": now(ago),
    }
    return pod_status(
        ready=False,
        restarts=5,
        state={"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}},
        last={"terminated": end},
        ago=ago,
    )


def home[S: LiveServer](
    context: ssl.SSLContext | None = None,
    kind: type[S] = LiveServer,  # type: ignore[assignment]
) -> S:
    """Return a small home that nobody has connected to yet."""
    server = kind(context, objects=[])
    for name in ("kube-system", "kitchen", "garden"):
        _, obj = namespace(name)
        server.put(
            "namespaces", "", name, **{key: obj[key] for key in ("spec", "status")}
        )
    server.live["namespaces", "", "kube-system"]["metadata"]["uid"] = UID
    server.node("pi-attic")
    server.node("pi-cellar")
    server.workload(
        "deployments",
        "kitchen",
        "fridge",
        replicas=2,
        hints={
            "name": "Fridge",
            "area": "Kitchen",
            "icon": "mdi:fridge",
            "url": "http://fridge.local/",
            "manufacturer": "Frost & Sons",
        },
    )
    server.workload("statefulsets", "kitchen", "jazz", replicas=1)
    server.workload("daemonsets", "garden", "weather", replicas=None)
    server.workload("cronjobs", "garden", "backup")
    return server


def patched(obj: dict[str, Any], patch: Any, content_type: str) -> dict[str, Any]:
    """Apply a patch of any kind, as far as the integration sends it."""
    if content_type == "application/json-patch+json":
        result = deepcopy(obj)
        for step in patch:
            *way, last = step["path"].strip("/").split("/")
            place: Any = result
            for part in way:
                place = place[int(part) if isinstance(place, list) else part]
            at: Any = int(last) if isinstance(place, list) else last
            if step["op"] == "replace":
                place[at] = step["value"]
            elif step["op"] == "remove":
                del place[at]
            elif place[at] != step["value"]:
                raise ValueError("the test failed")
        return result
    changed: dict[str, Any] = merge(
        obj, patch, by_name=content_type == "application/strategic-merge-patch+json"
    )
    return changed


def merge(target: Any, patch: Any, *, by_name: bool = False) -> Any:
    """Apply a JSON merge patch; or a strategic one, which has lists of things with names."""
    if by_name and isinstance(patch, list) and isinstance(target, list):
        known = {one["name"]: one for one in target}
        named = {one["name"]: merge(known.get(one["name"]), one) for one in patch}
        return list({**known, **named}.values())
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value, by_name=by_name)
    return result


def _line(word: str, obj: dict[str, Any]) -> bytes:
    return json.dumps({"type": word, "object": obj}).encode() + b"\n"
