"""Which workloads become devices."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from ..kube.schema import CronJob, Job, Namespace, Workload
from .hints import SYSTEM_LABEL, labelled

type AnyWorkload = Workload | CronJob | Job

# The modes: by the label alone, namespaces that were chosen by name, everything but the system's.
MODE_LABELLED: Final = "labelled"
MODE_NAMESPACES: Final = "namespaces"
MODE_ALL: Final = "all"


def selected(
    workload: AnyWorkload,
    mode: str,
    namespaces: Collection[str],
    system_namespaces: Collection[str],
) -> bool:
    """Return whether a workload becomes a device.

    The label `device` speaks against the mode, either way; but of namespaces that were chosen by
    name nothing leads out, for the account need not be able to look beyond them. A Job is a device
    only with the label "true" and without an owner: one-time names would fill the registries.
    """
    if mode == MODE_NAMESPACES and workload.namespace not in namespaces:
        return False
    wish = labelled(workload.labels)
    if isinstance(workload, Job):
        return wish is True and workload.owner is None
    if wish is not None:
        return wish
    if mode == MODE_ALL:
        return not is_system(workload.namespace, system_namespaces)
    return mode == MODE_NAMESPACES


def is_system(namespace: str, system_namespaces: Collection[str]) -> bool:
    """Return whether a namespace belongs to the cluster itself."""
    return namespace.startswith("kube-") or namespace in system_namespaces


def system_namespaces(namespaces: Iterable[Namespace]) -> frozenset[str]:
    """Return those that are labelled as the system's."""
    return frozenset(
        namespace.name for namespace in namespaces if _marked(namespace.labels)
    )


def _marked(labels: Mapping[str, str]) -> bool:
    return labels.get(SYSTEM_LABEL, "false").lower() != "false"
