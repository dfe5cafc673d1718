"""Where each kind lives in the API: its group, version, plural, and whether it has namespaces."""

from typing import Final, NamedTuple
from urllib.parse import quote

from .schema import Kind


class Resource(NamedTuple):
    """A kind's place in the API; `group` is "" for the core group."""

    group: str
    version: str
    plural: str
    namespaced: bool = True


RESOURCES: Final = {
    Kind.POD: Resource("", "v1", "pods"),
    Kind.NODE: Resource("", "v1", "nodes", namespaced=False),
    Kind.DEPLOYMENT: Resource("apps", "v1", "deployments"),
    Kind.STATEFUL_SET: Resource("apps", "v1", "statefulsets"),
    Kind.DAEMON_SET: Resource("apps", "v1", "daemonsets"),
    Kind.CRON_JOB: Resource("batch", "v1", "cronjobs"),
    Kind.JOB: Resource("batch", "v1", "jobs"),
    Kind.VOLUME_CLAIM: Resource("", "v1", "persistentvolumeclaims"),
    Kind.EVENT: Resource("", "v1", "events"),
    Kind.AUTOSCALER: Resource("autoscaling", "v2", "horizontalpodautoscalers"),
    Kind.NAMESPACE: Resource("", "v1", "namespaces", namespaced=False),
    Kind.VOLUME: Resource("", "v1", "persistentvolumes", namespaced=False),
}

UNMARKED: Final = frozenset({Kind.EVENT})
"""Kinds of which the API server keeps no cache: their watches bring no bookmark after the first."""


def path(
    kind: Kind, namespace: str | None = None, name: str = "", subresource: str = ""
) -> str:
    """Return the URL path of a collection, an object, or a subresource of it.

    The namespace "" or None means the whole cluster.
    """
    resource = RESOURCES[kind]
    parts = [
        "/api" if resource.group == "" else f"/apis/{resource.group}",
        resource.version,
    ]
    if resource.namespaced and namespace:
        parts += ["namespaces", quote(namespace, safe="")]
    parts.append(resource.plural)
    if name:
        parts.append(quote(name, safe=""))
    if subresource:
        parts.append(subresource)
    return "/".join(parts)
