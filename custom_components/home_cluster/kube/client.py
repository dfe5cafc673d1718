"""Requests to one API server, over the session that it is given."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from ssl import CERT_REQUIRED, SSLContext
import time
from typing import Any, Final, NamedTuple

import aiohttp
import msgspec

from .answers import no_answer, refusal_of
from .credentials import Credentials, CredentialSource
from .errors import (
    Forbidden,
    Invalid,
    KubeError,
    Unauthorized,
    Unreachable,
    Unreadable,
    UntrustedCertificate,
)
from .jobs import job_of
from .onnode import PodOnNode, decode_pods_on
from .resources import path as path_of
from .schema import OFF_SELECTOR, Kind, Record, Ref
from .wire import decode_list, decode_object

FIELD_MANAGER: Final = "home-cluster"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
JSON: Final = "application/json"
RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"

TIMEOUT: Final = 15.0
CONNECT_TIMEOUT: Final = 5.0
SILENCE: Final = 75.0
_LIMITS: Final = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT)
PAGE: Final = 250
# How long fresh credentials that were refused are left alone.
RENEW_PAUSE: Final = 10.0

_SCALABLE: Final = frozenset({Kind.DEPLOYMENT, Kind.STATEFUL_SET})
_SUSPENDABLE: Final = frozenset({Kind.CRON_JOB, Kind.JOB})
_ROLLING: Final = frozenset({Kind.DEPLOYMENT, Kind.STATEFUL_SET, Kind.DAEMON_SET})

_ON_NODES: Final = frozenset({Kind.DAEMON_SET})

type Params = Mapping[str, str | int]


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


def node_selector_patch(*, on: bool) -> dict[str, Any]:
    """Return the merge patch that keeps a DaemonSet from every node, or takes that back."""
    # No node bears this label.
    selector = {OFF_SELECTOR: None if on else "true"}
    return {"spec": {"template": {"spec": {"nodeSelector": selector}}}}


def cordon_patch(*, cordoned: bool) -> dict[str, Any]:
    """Return the merge patch that closes a node to new pods, or opens it."""
    return {"spec": {"unschedulable": True if cordoned else None}}


class Bounds(NamedTuple):
    """The limits of an autoscaler; None leaves one as it is."""

    minimum: int | None = None
    maximum: int | None = None


def bounds_patch(bounds: Bounds) -> dict[str, Any]:
    """Return the merge patch that sets the limits of an autoscaler."""
    words = {"minReplicas": bounds.minimum, "maxReplicas": bounds.maximum}
    return {"spec": {word: count for word, count in words.items() if count is not None}}


def image_patch(container: str, image: str) -> dict[str, Any]:
    """Return the strategic merge patch that changes a container's image and nothing else."""
    containers = [{"name": container, "image": image}]
    return {"spec": {"template": {"spec": {"containers": containers}}}}


class Stream:
    """The body of an answer that goes on.

    `silence` is how many seconds may pass without a byte; it can be changed between reads.
    """

    def __init__(self, response: aiohttp.ClientResponse, silence: float) -> None:
        """Read from `response`."""
        self.silence = silence
        self._content = response.content

    async def read(self) -> bytes:
        """Return what has come, waiting for at least one byte; b"" at the end.

        Raises `Unreachable`: `cut` for a connection that broke, `silent` after too long a silence.
        """
        problem: Unreachable
        try:
            async with asyncio.timeout(self.silence):
                return await self._content.readany()
        except TimeoutError:
            problem = Unreachable(
                f"not a byte for {self.silence:.0f} s", reason="silent"
            )
        except (aiohttp.ClientError, OSError) as error:
            problem = Unreachable(
                f"the stream broke ({type(error).__name__})", reason="cut"
            )
        raise problem


class Client:
    """One API server, as one account.

    Every method raises the errors of errors.py and nothing else. A 401 is answered by renewing
    the credentials, once for all requests that it hits, and asking again.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        source: CredentialSource,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Use `session`, which is not closed, with credentials from `source`."""
        self._session = session
        self._source = source
        self._clock = clock
        self._renewing = asyncio.Lock()
        self._renewed: Credentials | None = None
        # When what was last used ends by its own account, in seconds since 1970.
        self.expires: float | None = None
        self._pause_until = 0.0

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        timeout: float = TIMEOUT,
    ) -> bytes:
        """Return the body of a good answer.

        `timeout` is how many seconds the answer may take to begin, and then to end.
        """
        credentials = await self._source.load()
        async with self._answer(
            credentials, method, path, params, body, content_type, timeout
        ) as response:
            problem: KubeError
            try:
                async with asyncio.timeout(timeout):
                    return await response.read()
            except (aiohttp.ClientError, OSError) as error:
                problem = no_answer(error, credentials.url)
            raise problem

    async def ask_node(self, address: str, port: int, path: str) -> bytes:
        """Return what a node's own agent answers, as the same account.

        Nothing is sent unless the agent's certificate is signed by what the API server's is trusted by:
        raises `UntrustedCertificate` if it is not, or if certificates are not verified at all.
        """
        credentials = await self._source.load()
        trust = credentials.ssl
        if isinstance(trust, SSLContext) and trust.verify_mode is not CERT_REQUIRED:
            raise UntrustedCertificate(
                "certificates of this cluster are not verified", reason="unverified"
            )
        host = f"[{address}]" if ":" in address else address
        node = replace(credentials, url=f"https://{host}:{port}", server_name=None)
        response = await self._send("GET", path, None, None, JSON, TIMEOUT, node)
        problem: KubeError
        async with response:
            try:
                async with asyncio.timeout(TIMEOUT):
                    return await response.read()
            except (aiohttp.ClientError, OSError) as error:
                problem = no_answer(error, node.url)
        raise problem

    @asynccontextmanager
    async def stream(
        self, path: str, *, params: Params | None = None, silence: float = SILENCE
    ) -> AsyncIterator[Stream]:
        """Open an answer that goes on; `silence` is also how long its beginning may take."""
        credentials = await self._source.load()
        async with self._answer(
            credentials, "GET", path, params, None, JSON, silence
        ) as response:
            yield Stream(response, silence)

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

    @asynccontextmanager
    async def _answer(
        self,
        credentials: Credentials,
        method: str,
        path: str,
        params: Params | None,
        body: bytes | None,
        content_type: str,
        timeout: float,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and give its good answer; the connection is kept after a clean end."""
        ask = partial(self._send, method, path, params, body, content_type, timeout)
        try:
            response = await ask(credentials)
        except Unauthorized as refusal:
            renewed = await self._renew(credentials)
            if renewed is credentials:
                raise refusal from None
            response = await ask(renewed)
        # Releases a connection whose answer was read to its end, closes any other.
        async with response:
            yield response

    async def _send(
        self,
        method: str,
        path: str,
        params: Params | None,
        body: bytes | None,
        content_type: str,
        timeout: float,
        credentials: Credentials,
    ) -> aiohttp.ClientResponse:
        self.expires = credentials.expires
        headers = {
            "Accept": JSON,
            "Accept-Encoding": "identity",
            "User-Agent": FIELD_MANAGER,
        }
        if credentials.token:
            headers["Authorization"] = f"Bearer {credentials.token}"
        if body is not None:
            headers["Content-Type"] = content_type
        problem: KubeError
        # A kept connection may have died unnoticed. aiohttp itself asks again for what HTTP calls
        # idempotent; our patches, which name a state, are as well.
        for again in (method == "PATCH", False):
            try:
                async with asyncio.timeout(timeout):
                    response = await self._session.request(
                        method,
                        credentials.url + path,
                        params=params,
                        data=body,
                        headers=headers,
                        ssl=True if credentials.ssl is None else credentials.ssl,
                        proxy=credentials.proxy,
                        server_hostname=credentials.server_name,
                        allow_redirects=False,
                        timeout=_LIMITS,
                    )
                    if response.status < 300:
                        if credentials is self._renewed:
                            self._renewed = None
                        return response
                    async with response:
                        refused = await response.read()
            except (aiohttp.ClientError, OSError) as error:
                problem = no_answer(error, credentials.url)
                if again and problem.reason == "cut":
                    continue
            else:
                problem = refusal_of(response, refused, credentials.token)
            break
        raise problem

    async def _renew(self, refused: Credentials) -> Credentials:
        """Return the credentials to use instead, or the same if there are no others."""
        async with self._renewing:
            current = await self._source.load()
            if current is not refused:
                return current
            # Renewing may run a program: not for every request while fresh ones are refused too.
            if refused is self._renewed and self._clock() < self._pause_until:
                return refused
            self._renewed = refused
            self._pause_until = self._clock() + RENEW_PAUSE
            self._renewed = await self._source.load(renew=True)
            return self._renewed


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
