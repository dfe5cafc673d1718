"""Who else looks after a workload."""

import pytest

from custom_components.home_cluster.kube.schema import Owner, Workload
from custom_components.home_cluster.model.owners import (
    CHART_IMAGE,
    managed_by,
    takes_our_images,
)

from .world import deployment


@pytest.mark.parametrize(
    ("workload", "who"),
    [
        (deployment(), ""),
        (
            deployment(
                annotations={
                    "meta.helm.sh/release-name": "home",
                    "meta.helm.sh/release-namespace": "kitchen",
                }
            ),
            "Helm release kitchen/home",
        ),
        (
            deployment(
                labels={
                    "kustomize.toolkit.fluxcd.io/name": "apps",
                    "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
                }
            ),
            "Flux Kustomization flux-system/apps",
        ),
        (
            deployment(
                labels={"helm.toolkit.fluxcd.io/name": "home"},
                annotations={"meta.helm.sh/release-name": "home"},
            ),
            "Flux HelmRelease home",
        ),
        (
            deployment(
                annotations={
                    "argocd.argoproj.io/tracking-id": "home:apps/Deployment:kitchen/fridge"
                }
            ),
            "Argo CD application home",
        ),
        (
            deployment(labels={"argocd.argoproj.io/instance": "home"}),
            "Argo CD application home",
        ),
        (deployment(owner=Owner("Mosquitto", "broker")), "Mosquitto broker"),
        (
            deployment(annotations={"objectset.rio.cattle.io/owner-name": "fridge"}),
            "k3s manifest fridge",
        ),
    ],
)
def test_names_the_tool_that_would_undo_a_change(workload: Workload, who: str) -> None:
    assert managed_by(workload) == who


@pytest.mark.parametrize(
    ("workload", "takes"),
    [
        (deployment(), True),
        (deployment(annotations={"meta.helm.sh/release-name": "home"}), False),
        (
            deployment(
                annotations={"meta.helm.sh/release-name": "home", CHART_IMAGE: "x"}
            ),
            True,
        ),
        (
            deployment(
                labels={"helm.toolkit.fluxcd.io/name": "home"},
                annotations={"meta.helm.sh/release-name": "home", CHART_IMAGE: "x"},
            ),
            False,
        ),
    ],
)
def test_our_own_chart_takes_images_from_here(workload: Workload, takes: bool) -> None:
    """Where Helm itself renders it."""
    assert takes_our_images(workload) is takes
