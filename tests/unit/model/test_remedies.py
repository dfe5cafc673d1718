"""Who set something back, and the change that makes peace with each."""

import re
from typing import Any

import pytest
import yaml

from custom_components.home_cluster.kube.schema import Kind, Owner, Ref
from custom_components.home_cluster.kube.writers import Writer
from custom_components.home_cluster.model.remedies import (
    By,
    Undoer,
    remedy,
    told_as,
    who_undid,
)
from custom_components.home_cluster.model.undoing import Setting, Value

from .world import deployment

FRIDGE = Ref(Kind.DEPLOYMENT, "kitchen", "fridge")
FLUX = {
    "labels": {
        "kustomize.toolkit.fluxcd.io/name": "apps",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
    }
}
FLUX_HELM = {
    "labels": {
        "helm.toolkit.fluxcd.io/name": "fridge",
        "helm.toolkit.fluxcd.io/namespace": "kitchen",
    }
}
ARGO = {
    "annotations": {
        "argocd.argoproj.io/tracking-id": "home:apps/Deployment:kitchen/fridge"
    }
}
HELM = {
    "annotations": {
        "meta.helm.sh/release-name": "home",
        "meta.helm.sh/release-namespace": "kitchen",
    }
}
K3S = {"annotations": {"objectset.rio.cattle.io/owner-name": "fridge"}}
OPERATED = {"owner": Owner("Fridge", "big")}


@pytest.mark.parametrize(
    ("record", "writer", "scaler", "by", "name"),
    [
        (FLUX, "kustomize-controller", None, By.FLUX_KUSTOMIZATION, "flux-system/apps"),
        (FLUX_HELM, "helm-controller", None, By.FLUX_HELM, "kitchen/fridge"),
        (FLUX_HELM, "helm", None, By.FLUX_HELM, "kitchen/fridge"),
        (ARGO, "argocd-controller", None, By.ARGO, "home"),
        (ARGO, "argocd-application-controller", None, By.ARGO, "home"),
        (HELM, "helm", None, By.HELM, "kitchen/home"),
        (HELM, "Helm", None, By.HELM, "kitchen/home"),
        (K3S, "deploy@pi-attic", None, By.K3S, "fridge"),
        (OPERATED, "fridge-operator", None, By.OPERATOR, "Fridge big"),
        ({}, "kube-controller-manager", ("auto", ""), By.AUTOSCALER, "auto"),
        (FLUX, "kube-controller-manager", ("auto", ""), By.AUTOSCALER, "auto"),
        ({}, "kube-controller-manager", ("cold", "ScaledObject"), By.KEDA, "cold"),
        ({}, "keda", ("cold", "ScaledObject"), By.KEDA, "cold"),
        ({}, "keda", None, By.KEDA, "fridge"),
        # The writer is believed before the labels are.
        (HELM, "kustomize-controller", None, By.FLUX_KUSTOMIZATION, ""),
        (HELM, "fleetagent", None, By.WRITER, "fleetagent"),
        ({}, "node-fetch", None, By.WRITER, "node-fetch"),
        ({}, "[x](javascript:1)`", None, By.WRITER, "xjavascript:1"),
    ],
)  # fmt: skip
def test_who_it_was(
    record: dict[str, Any],
    writer: str | None,
    scaler: tuple[str, str] | None,
    by: By,
    name: str,
) -> None:
    found = who_undid(deployment(**record), Writer(writer) if writer else None, scaler)
    assert found == Undoer(by, name)


@pytest.mark.parametrize(
    ("scaler", "by"),
    [(("auto", ""), By.AUTOSCALER), (("auto", "ScaledObject"), By.KEDA)],
)
@pytest.mark.parametrize("record", [{}, FLUX])
def test_a_count_that_nobody_signed_is_its_autoscalers(
    record: dict[str, Any], scaler: tuple[str, str], by: By
) -> None:
    """Whoever made the workload left the count out."""
    found = who_undid(deployment(**record), None, scaler, scales=True)
    assert found == Undoer(by, "auto")


@pytest.mark.parametrize(
    ("record", "writer"),
    [
        ({}, None),
        # It would have signed: its manifest names no count.
        (FLUX, None),
        ({}, "kubectl"),
        ({}, "kubectl-edit"),
        (HELM, "kubectl-client-side-apply"),
        (FLUX, "k9s"),
    ],
)
def test_a_person_may_think_otherwise(
    record: dict[str, Any], writer: str | None
) -> None:
    assert (
        who_undid(deployment(**record), Writer(writer) if writer else None, None)
        is None
    )


def change(
    by: By,
    name: str,
    setting: Setting = Setting.REPLICAS,
    present: Value = 2,
    wanted: Value = 0,
    target: Ref = FRIDGE,
) -> Any:
    """Return the remedy: YAML read, a diff as its lines."""
    text = remedy(Undoer(by, name), target, setting, present, wanted)
    match = re.fullmatch(r"```(yaml|diff)\n(.*)\n```", text, re.DOTALL)
    if match is None:
        return text
    return yaml.safe_load(match[2]) if match[1] == "yaml" else match[2].split("\n")


def test_argo_cd_ignores_a_difference() -> None:
    assert change(By.ARGO, "home") == {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "home", "namespace": "argocd"},
        "spec": {
            "ignoreDifferences": [
                {
                    "group": "apps",
                    "kind": "Deployment",
                    "namespace": "kitchen",
                    "name": "fridge",
                    "jsonPointers": ["/spec/replicas"],
                }
            ],
            "syncPolicy": {"syncOptions": ["RespectIgnoreDifferences=true"]},
        },
    }
    image = change(By.ARGO, "team_home", Setting.IMAGE, "a:1", "a:2")
    assert image["metadata"] == {"name": "home", "namespace": "team"}
    (ignored,) = image["spec"]["ignoreDifferences"]
    assert ignored["jqPathExpressions"] == [".spec.template.spec.containers[].image"]


@pytest.mark.parametrize(
    ("setting", "pointer"),
    [
        (Setting.REPLICAS, "/spec/replicas"),
        (Setting.SUSPEND, "/spec/suspend"),
        (Setting.IMAGE, "/spec/template/spec/containers/0/image"),
        (Setting.NODES, "/spec/template/spec/nodeSelector"),
    ],
)
def test_flux_helm_ignores_drift(setting: Setting, pointer: str) -> None:
    found = change(By.FLUX_HELM, "kitchen/fridge", setting)
    assert found["kind"] == "HelmRelease"
    assert found["metadata"] == {"name": "fridge", "namespace": "kitchen"}
    assert found["spec"]["driftDetection"]["ignore"] == [
        {"paths": [pointer], "target": {"kind": "Deployment", "name": "fridge"}}
    ]


@pytest.mark.parametrize("by", [By.FLUX_KUSTOMIZATION, By.HELM, By.K3S])
def test_the_line_is_taken_out(by: By) -> None:
    assert change(by, "flux-system/apps") == [" spec:", "-  replicas: 2"]
    assert change(by, "a", Setting.SUSPEND, False, True) == [
        " spec:",
        "-  suspend: false",
    ]
    assert change(by, "a", Setting.NODES, True, False)[-1] == ("-      nodeSelector: …")


def test_flux_leaves_the_image_alone_and_applies_the_rest() -> None:
    found = change(
        By.FLUX_KUSTOMIZATION, "flux-system/apps", Setting.IMAGE, "a:1", "a:2"
    )
    assert found["kind"] == "Kustomization"
    assert found["metadata"] == {"name": "apps", "namespace": "flux-system"}
    (ignored,) = found["spec"]["ignore"]
    assert ignored["paths"] == ["/spec/template/spec/containers/0/image"]
    assert ignored["target"] == {
        "kind": "Deployment",
        "namespace": "kitchen",
        "name": "fridge",
    }


@pytest.mark.parametrize(
    ("by", "setting", "key"),
    [
        (By.FLUX_KUSTOMIZATION, Setting.IMAGE, "undone_by_flux_kustomization_image"),
        (By.FLUX_KUSTOMIZATION, Setting.REPLICAS, "undone_by_flux_kustomization"),
        (By.HELM, Setting.IMAGE, "undone_by_helm"),
    ],
)
def test_of_an_image_flux_is_told_of_in_other_words(
    by: By, setting: Setting, key: str
) -> None:
    assert told_as(Undoer(by, "a"), setting) == key


def test_an_image_is_changed_where_it_is_written() -> None:
    assert change(By.HELM, "a", Setting.IMAGE, "a:1`\n", "a:2") == [
        " spec:",
        "   template:",
        "     spec:",
        "       containers:",
        "-        - image: a:1",
        "+        - image: a:2",
    ]


@pytest.mark.parametrize(("wanted", "count"), [(3, 3), (0, 1), (True, 1)])
def test_an_autoscaler_is_held_by_its_limits(wanted: Value, count: int) -> None:
    found = change(By.AUTOSCALER, "auto", wanted=wanted)
    assert found["kind"] == "HorizontalPodAutoscaler"
    assert found["metadata"] == {"name": "auto", "namespace": "kitchen"}
    assert found["spec"] == {"minReplicas": count, "maxReplicas": count}


def test_keda_is_paused() -> None:
    """At no count: it would set that again whenever it starts."""
    found = change(By.KEDA, "fridge", wanted=0)
    assert (found["kind"], found["metadata"]["name"]) == ("ScaledObject", "fridge")
    assert found["metadata"]["annotations"] == {"autoscaling.keda.sh/paused": "true"}


@pytest.mark.parametrize("by", [By.OPERATOR, By.WRITER])
def test_of_others_no_manifest_is_known(by: By) -> None:
    assert change(by, "x") == ""


def test_everybody_has_a_name_for_people() -> None:
    assert Undoer(By.KEDA, "fridge").words == "KEDA fridge"
    assert Undoer(By.WRITER, "node-fetch").words == "node-fetch"
    assert Undoer(By.WRITER, "").words == "somebody else"
    assert Undoer(By.ARGO, "").words == "Argo CD application"
