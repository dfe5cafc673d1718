"""Kinds that are no part of Kubernetes: where a cluster lacks one, the installation ends with a sentence."""

from typing import Final

import pytest

from .chart import Refused, Values, render
from .houses import A_CLUSTER, EXTERNAL_SECRET, FOREIGN, HTTP_ROUTE, NETWORK

SENTENCES: Final = {
    HTTP_ROUTE: [
        "homeAssistant.route: this cluster has no HTTPRoute (gateway.networking.k8s.io/v1). Install the Gateway API",
        "Device jazz: route: this cluster has no HTTPRoute (gateway.networking.k8s.io/v1). Install the Gateway API",
    ],
    EXTERNAL_SECRET: [
        "Device jazz: secrets.login: this cluster has no ExternalSecret (external-secrets.io/v1). Install the External Secrets Operator",
    ],
    NETWORK: [
        "homeAssistant.network: mode multus, and this cluster has no NetworkAttachmentDefinition (k8s.cni.cncf.io/v1). Install Multus",
    ],
}


def said(values: Values, *kinds: str) -> list[str]:
    """What Helm says of the cluster instead of rendering for one that has these kinds."""
    with pytest.raises(Refused) as refused:
        render(values, "--api-versions", ",".join((*A_CLUSTER, *kinds)))
    return [
        line.strip()
        for line in str(refused.value).splitlines()
        if "this cluster has no" in line
    ]


@pytest.mark.parametrize("kind", SENTENCES)
def test_a_missing_kind_is_named_with_its_mend(kind: str) -> None:
    told = said(FOREIGN, *(SENTENCES.keys() - {kind}))
    assert len(told) == len(SENTENCES[kind])
    for line, sentence in zip(told, SENTENCES[kind], strict=True):
        assert line.startswith(sentence)


def test_an_older_version_of_a_kind_is_not_taken_for_it() -> None:
    beta = EXTERNAL_SECRET.replace("/v1/", "/v1beta1/")
    (line,) = said(FOREIGN, HTTP_ROUTE, NETWORK, beta)
    assert "0.16 or newer" in line


def test_away_from_a_cluster_nothing_is_missing() -> None:
    house = render(FOREIGN)
    assert house.names("HTTPRoute") == {"home-home-assistant", "home-jazz"}
    assert house.names("ExternalSecret") == {"home-jazz-login"}


def test_home_assistants_own_wishes_do_not_count_where_it_is_not() -> None:
    elsewhere = {"homeAssistant": FOREIGN["homeAssistant"], "access": {"only": True}}
    assert render(elsewhere, "--api-versions", ",".join(A_CLUSTER)).objects
