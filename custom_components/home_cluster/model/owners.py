"""Who else looks after an object: the tools that would undo a change made here."""

from collections.abc import Mapping
from typing import Final

from ..kube.schema import Described

_HELM_RELEASE: Final = "meta.helm.sh/release-name"
_HELM_NAMESPACE: Final = "meta.helm.sh/release-namespace"
_ARGO_TRACKING: Final = "argocd.argoproj.io/tracking-id"
_ARGO_INSTANCE: Final = "argocd.argoproj.io/instance"
_KUSTOMIZATION: Final = "kustomize.toolkit.fluxcd.io"
_FLUX_HELM: Final = "helm.toolkit.fluxcd.io"
_K3S_NAME: Final = "objectset.rio.cattle.io/owner-name"


def managed_by(described: Described) -> str:
    """Return who manages an object, for people: "Flux Kustomization flux-system/apps"; "" if nobody is known.

    A tool that reconciles all the time (Flux, Argo CD, an operator) is named before one that does
    so only when asked (Helm).
    """
    labels, annotations = described.labels, described.annotations
    both: Mapping[str, str] = {**annotations, **labels}
    if name := both.get(f"{_FLUX_HELM}/name"):
        return (
            f"Flux HelmRelease {_path(both.get(f'{_FLUX_HELM}/namespace', ''), name)}"
        )
    if name := both.get(f"{_KUSTOMIZATION}/name"):
        return f"Flux Kustomization {_path(both.get(f'{_KUSTOMIZATION}/namespace', ''), name)}"
    if tracking := annotations.get(_ARGO_TRACKING):
        return f"Argo CD application {tracking.partition(':')[0]}"
    if name := both.get(_ARGO_INSTANCE):
        return f"Argo CD application {name}"
    if described.owner is not None:
        return f"{described.owner.kind} {described.owner.name}"
    if name := annotations.get(_HELM_RELEASE):
        return f"Helm release {_path(annotations.get(_HELM_NAMESPACE, ''), name)}"
    if name := both.get(_K3S_NAME):
        return f"k3s manifest {name}"
    return ""


def _path(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name
