"""What is asked of one API server: one method for each thing that may be allowed or not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from .errors import Forbidden, Invalid, Unreachable, Unreadable
from .jobs import job_of
from .onnode import PodOnNode, decode_pods_on
from .patches import (
    MERGE_PATCH,
    RESTARTED_AT,
    STRATEGIC_PATCH,
    Bounds,
    bounds_patch,
    cordon_patch,
    image_patch,
    node_selector_patch,
)
from .resources import path as path_of
from .schema import Kind, Record, Ref
from .transport import CONNECT_TIMEOUT, FIELD_MANAGER, Transport
from .wire import decode_list, decode_object

PAGE: Final = 250

_SCALABLE: Final = frozenset({Kind.DEPLOYMENT, Kind.STATEFUL_SET})
_SUSPENDABLE: Final = frozenset({Kind.CRON_JOB, Kind.JOB})
_ROLLING: Final = frozenset({Kind.DEPLOYMENT, Kind.STATEFUL_SET, Kind.DAEMON_SET})
_ON_NODES: Final = frozenset({Kind.DAEMON_SET})


@dataclass(frozen=True)
class Scale:
    """What the API server answered: the desired number of pods, and the version it is of."""

    replicas: int
    resource_version: str


class _ScaleSpec(msgspec.Struct):
    replicas: int = 0


class _Metadata(msgspec.Struct, rename="camel"):
    uid: str = ""
    resource_version: str = ""


class _Scale(msgspec.Struct):
    metadata: _Metadata
    spec: _ScaleSpec


class _Named(msgspec.Struct):
    metadata: _Metadata


class _Version(msgspec.Struct, rename="camel"):
    git_version: str


class Client(Transport):
    """What is asked of one API server, as one account.

    Every method raises the errors of errors.py and nothing else.
    """

    async def version(self) -> str:
        """Return the server's version, such as v1.37.2."""
        return _read(await self.request("GET", "/version"), _Version).git_version

    async def ready(self) -> bool:
        """Ask /readyz: False if the server answers that it is not; raises if it does not answer."""
        try:
            await self.request("GET", "/readyz", timeout=CONNECT_TIMEOUT)
        except Unreachable as error:
            if error.status is None:
                raise
            return False
        return True

    async def cluster_uid(self) -> str:
        """Return what identifies the cluster: the uid of kube-system.

        Needs `get` on that one namespace.
        """
        raw = await self.request("GET", path_of(Kind.NAMESPACE, None, "kube-system"))
        if uid := _read(raw, _Named).metadata.uid:
            return uid
        raise Unreadable("kube-system without a uid")

    async def get(self, ref: Ref) -> Record:
        """Read one object."""
        return decode_object(ref.kind, await self.request("GET", _path(ref)))

    async def list_all(self, kind: Kind, namespace: str | None) -> list[Record]:
        """Read a whole collection, page by page; namespace None is the whole cluster.

        Raises `Expired` if the server forgot the collection in between.
        """
        records: list[Record] = []
        params: dict[str, str | int] = {"limit": PAGE}
        while True:
            raw = await self.request("GET", path_of(kind, namespace), params=params)
            page, _, token = decode_list(kind, raw)
            records += page
            if not token:
                return records
            params["continue"] = token

    async def scale(self, ref: Ref, replicas: int) -> Scale:
        """Set the desired number of pods.

        Needs `patch` on the workload's `scale` subresource and nothing else.
        """
        _expect(ref, _SCALABLE)
        raw = await self._patch(_path(ref, "scale"), {"spec": {"replicas": replicas}})
        answer = _read(raw, _Scale)
        return Scale(answer.spec.replicas, answer.metadata.resource_version)

    async def suspend(self, ref: Ref, suspended: bool) -> Record:
        """Suspend a CronJob or Job, or let it go on; needs `patch` on it."""
        _expect(ref, _SUSPENDABLE)
        raw = await self._patch(_path(ref), {"spec": {"suspend": suspended}})
        return decode_object(ref.kind, raw)

    async def select_nodes(self, ref: Ref, on: bool) -> Record:
        """Let a DaemonSet run on its nodes, or on none; needs `patch` on it."""
        _expect(ref, _ON_NODES)
        return decode_object(
            ref.kind, await self._patch(_path(ref), node_selector_patch(on=on))
        )

    async def cordon(self, node: str, cordoned: bool) -> Record:
        """Close a node to new pods, or open it; needs `patch` on it."""
        ref = Ref(Kind.NODE, "", node)
        raw = await self._patch(_path(ref), cordon_patch(cordoned=cordoned))
        return decode_object(Kind.NODE, raw)

    async def restart_rollout(self, ref: Ref) -> None:
        """Replace all pods as `kubectl rollout restart` does; needs `patch` on the workload."""
        _expect(ref, _ROLLING)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        template = {"metadata": {"annotations": {RESTARTED_AT: now}}}
        await self._patch(_path(ref), {"spec": {"template": template}})

    async def run_job(self, ref: Ref) -> Record:
        """Have a CronJob run now, by exactly its own Job, which is returned.

        Needs `get` on it and `create` on `jobs`.
        """
        _expect(ref, frozenset({Kind.CRON_JOB}))
        body = job_of(await self.request("GET", _path(ref)))
        raw = await self.request(
            "POST",
            path_of(Kind.JOB, ref.namespace),
            params={"fieldManager": FIELD_MANAGER},
            body=body,
        )
        return decode_object(Kind.JOB, raw)

    async def bound(self, scaler: Ref, bounds: Bounds) -> Record:
        """Set the limits of an autoscaler; needs `patch` on it."""
        _expect(scaler, frozenset({Kind.AUTOSCALER}))
        raw = await self._patch(_path(scaler), bounds_patch(bounds))
        return decode_object(scaler.kind, raw)

    async def set_image(self, ref: Ref, container: str, image: str) -> Record:
        """Have a container of a workload run another image; needs `patch` on the workload."""
        _expect(ref, _ROLLING)
        patch = image_patch(container, image)
        return await self.apply(ref, patch, content_type=STRATEGIC_PATCH)

    async def apply(
        self, ref: Ref, patch: Mapping[str, Any] | list[Any], *, content_type: str
    ) -> Record:
        """Patch an object and return it as it is then."""
        raw = await self._patch(_path(ref), patch, content_type)
        return decode_object(ref.kind, raw)

    async def dry_run(self, ref: Ref, patch: Mapping[str, Any]) -> bool:
        """Say whether a strategic merge patch would be let through, by RBAC and by every admission policy."""
        try:
            await self._patch(_path(ref), patch, STRATEGIC_PATCH, dryRun="All")
        except Forbidden, Invalid:
            return False
        return True

    async def dry_run_job(self, namespace: str, job: Mapping[str, Any]) -> bool:
        """Say whether a Job would be let through, by RBAC and by every admission policy."""
        try:
            await self.request(
                "POST",
                path_of(Kind.JOB, namespace),
                params={"fieldManager": FIELD_MANAGER, "dryRun": "All"},
                body=msgspec.json.encode(job),
            )
        except Forbidden, Invalid:
            return False
        return True

    async def evict(self, namespace: str, pod: str, *, uid: str) -> None:
        """Ask a pod to go; needs `create` on `pods/eviction`.

        Raises `TooManyRequests` with cause `DisruptionBudget` if a budget forbids it, `Conflict`
        if another pod has the name by now.
        """
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": namespace},
            "deleteOptions": {"preconditions": {"uid": uid}},
        }
        await self.request(
            "POST",
            path_of(Kind.POD, namespace, pod, "eviction"),
            params={"fieldManager": FIELD_MANAGER},
            body=msgspec.json.encode(eviction),
        )

    async def pods_on(self, node: str) -> list[PodOnNode]:
        """Read all pods on a node, of every namespace; needs `list` on pods in the whole cluster."""
        pods: list[PodOnNode] = []
        params: dict[str, str | int] = {
            "fieldSelector": f"spec.nodeName={node}",
            "limit": PAGE,
        }
        while True:
            raw = await self.request("GET", path_of(Kind.POD), params=params)
            page, token = decode_pods_on(raw)
            pods += page
            if not token:
                return pods
            params["continue"] = token

    async def delete_pod(
        self, namespace: str, pod: str, *, uid: str, grace: int | None = None
    ) -> None:
        """Delete a pod, budgets or not; needs `delete` on `pods`.

        Raises `Conflict` if another pod has the name by now.
        """
        options: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
        }
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        await self.request(
            "DELETE",
            path_of(Kind.POD, namespace, pod),
            body=msgspec.json.encode(options),
        )

    async def logs(
        self,
        namespace: str,
        pod: str,
        *,
        container: str,
        tail: int,
        limit: int,
        since: int | None = None,
        previous: bool = False,
    ) -> str:
        """Return the last `tail` lines that a container wrote, each with its time; needs `get` on `pods/log`.

        At most `limit` bytes: the server cuts off the newest. `since` is in seconds; `previous` is
        the run before the last restart. Raises `Invalid` if there is nothing to read yet.
        """
        params: dict[str, str | int] = {
            "container": container,
            "tailLines": tail,
            "limitBytes": limit,
            "timestamps": "true",
        }
        if since is not None:
            params["sinceSeconds"] = since
        if previous:
            params["previous"] = "true"
        raw = await self.request(
            "GET", path_of(Kind.POD, namespace, pod, "log"), params=params
        )
        return raw.decode(errors="replace")

    async def _patch(
        self,
        url: str,
        patch: Mapping[str, Any] | list[Any],
        content_type: str = MERGE_PATCH,
        **params: str,
    ) -> bytes:
        return await self.request(
            "PATCH",
            url,
            params={"fieldManager": FIELD_MANAGER, **params},
            body=msgspec.json.encode(patch),
            content_type=content_type,
        )


def _path(ref: Ref, subresource: str = "") -> str:
    return path_of(ref.kind, ref.namespace, ref.name, subresource)


def _expect(ref: Ref, kinds: frozenset[Kind]) -> None:
    if ref.kind not in kinds:
        raise ValueError(f"a {ref.kind} cannot do that")


def _read[T](raw: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=shape)
    except msgspec.MsgspecError as error:
        raise Unreadable(f"not an answer of Kubernetes: {error}") from error
