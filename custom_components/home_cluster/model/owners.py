"""Who else looks after an object: the tools that would undo a change made here."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from ..kube.schema import HINT_PREFIX, Described

_HELM_RELEASE: Final = "meta.helm.sh/release-name"
_HELM_NAMESPACE: Final = "meta.helm.sh/release-namespace"
_ARGO_TRACKING: Final = "argocd.argoproj.io/tracking-id"
_ARGO_INSTANCE: Final = "argocd.argoproj.io/instance"
_KUSTOMIZATION: Final = "kustomize.toolkit.fluxcd.io"
_FLUX_HELM: Final = "helm.toolkit.fluxcd.io"
_K3S_NAME: Final = "objectset.rio.cattle.io/owner-name"

# On what our own chart makes: the image that its values asked for. The chart leaves another one alone.
CHART_IMAGE: Final = f"{HINT_PREFIX}chart-image"


class Tool(StrEnum):
    """What makes objects what they are."""

    FLUX_HELM = "flux_helm_release"
    FLUX_KUSTOMIZATION = "flux_kustomization"
    ARGO = "argo_application"
    OPERATOR = "operator"
    HELM = "helm_release"
    K3S_MANIFEST = "k3s_manifest"


class Manager(NamedTuple):
    """Who manages an object: by what, under which name ("namespace/name" where there is one)."""

    tool: Tool
    name: str

    @property
    def words(self) -> str:
        """What people call it: "Flux Kustomization flux-system/apps"."""
        return f"{_WORDS[self.tool]}{self.name}"


_WORDS: Final[Mapping[Tool, str]] = {
    Tool.FLUX_HELM: "Flux HelmRelease ",
    Tool.FLUX_KUSTOMIZATION: "Flux Kustomization ",
    Tool.ARGO: "Argo CD application ",
    Tool.OPERATOR: "",
    Tool.HELM: "Helm release ",
    Tool.K3S_MANIFEST: "k3s manifest ",
}


def manager_of(described: Described) -> Manager | None:
    """Return who manages an object, None if nobody is known.

    A tool that reconciles all the time (Flux, Argo CD, an operator) is named before one that does
    so only when asked (Helm). What k3s' HelmChart makes bears Helm's marks only: its job runs plain Helm.
    """
    labels, annotations = described.labels, described.annotations
    both: Mapping[str, str] = {**annotations, **labels}
    if name := both.get(f"{_FLUX_HELM}/name"):
        place = both.get(f"{_FLUX_HELM}/namespace", "")
        return Manager(Tool.FLUX_HELM, _path(place, name))
    if name := both.get(f"{_KUSTOMIZATION}/name"):
        place = both.get(f"{_KUSTOMIZATION}/namespace", "")
        return Manager(Tool.FLUX_KUSTOMIZATION, _path(place, name))
    if tracking := annotations.get(_ARGO_TRACKING):
        return Manager(Tool.ARGO, tracking.partition(":")[0])
    if name := both.get(_ARGO_INSTANCE):
        return Manager(Tool.ARGO, name)
    if (owner := described.owner) is not None:
        return Manager(Tool.OPERATOR, f"{owner.kind} {owner.name}")
    if name := both.get(_K3S_NAME):
        return Manager(Tool.K3S_MANIFEST, name)
    if name := annotations.get(_HELM_RELEASE):
        return Manager(Tool.HELM, _path(annotations.get(_HELM_NAMESPACE, ""), name))
    return None


def managed_by(described: Described) -> str:
    """Return who manages an object, for people; "" if nobody is known."""
    manager = manager_of(described)
    return manager.words if manager is not None else ""


def takes_our_images(described: Described) -> bool:
    """Return whether who manages an object leaves an image alone that was installed here.

    Our own chart does, where Helm itself renders it: the others make their own copy of its templates.
    """
    manager = manager_of(described)
    return manager is None or (
        manager.tool is Tool.HELM and CHART_IMAGE in described.annotations
    )


def _path(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name
