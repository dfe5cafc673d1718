"""Every object is what each version of Kubernetes takes, to the field, whatever else a cluster knows."""

import json
from typing import Any, Final

import kubernetes_validate
import pytest
import yaml

from tests.chart.chart import CHART, Refused, Rendered, Values, render
from tests.chart.houses import (
    A_CLUSTER,
    EXTERNAL_SECRET,
    FOREIGN,
    HOUSE,
    HTTP_ROUTE,
    NETWORK,
    all_presets,
)

VERSIONS: Final = ("1.33", "1.34", "1.35", "1.36", "1.37")
NO_PART_OF_KUBERNETES: Final = {"ExternalSecret", "HTTPRoute"}
EXTENSIONS: Final[dict[str, tuple[str, ...]]] = {
    "nothing more": (),
    "metrics": ("metrics.k8s.io/v1beta1", "metrics.k8s.io/v1beta1/PodMetrics"),
    "Gateway API": (HTTP_ROUTE,),
    "External Secrets": (EXTERNAL_SECRET,),
    "Multus": (NETWORK,),
    "all": (HTTP_ROUTE, EXTERNAL_SECRET, NETWORK),
}

HOUSES: Final[dict[str, Values]] = {
    "nothing said": {},
    "one of everything": HOUSE,
    "foreign kinds": FOREIGN,
    "all presets": all_presets(),
    "access only": {"access": {"only": True}, "zones": {"hall": {}}},
    "host network": {"homeAssistant": {"network": {"mode": "host"}}},
    "image volume": {
        "integration": {"delivery": "image", "image": {"reference": "a/b:1"}}
    },
    **{
        path.stem: yaml.safe_load(path.read_text())
        for path in (CHART / "examples").glob("*.yaml")
    },
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("house", HOUSES)
def test_each_version_takes_every_object(house: str, version: str) -> None:
    options = ("--kube-version", f"{version}.0")
    for each in render(HOUSES[house], *options).objects:
        if each["kind"] not in NO_PART_OF_KUBERNETES:
            check(json.dumps(each), version)


def wanted(house: Rendered) -> set[str]:
    """What is no part of Kubernetes, and a house wants of its cluster."""
    kinds = {
        f"{each['apiVersion']}/{each['kind']}"
        for each in house.objects
        if each["kind"] in NO_PART_OF_KUBERNETES
    }
    return kinds | ({NETWORK} if "k8s.v1.cni.cncf.io/networks" in house.text else set())


@pytest.mark.parametrize("extensions", EXTENSIONS)
@pytest.mark.parametrize("house", HOUSES)
def test_each_cluster_gets_the_same_house_or_a_sentence_for_all_that_it_lacks(
    house: str, extensions: str
) -> None:
    everywhere = render(HOUSES[house])
    there = EXTENSIONS[extensions]
    options = ("--api-versions", ",".join((*A_CLUSTER, *there)))
    missing = wanted(everywhere) - set(there)
    if not missing:
        assert render(HOUSES[house], *options).text == everywhere.text
        return
    with pytest.raises(Refused) as refused:
        render(HOUSES[house], *options)
    for one in missing:
        version, _, kind = one.rpartition("/")
        assert f"this cluster has no {kind} ({version})." in str(refused.value)


_checked: set[tuple[str, str]] = set()


def check(content: str, version: str) -> None:
    """Validate an object, once."""
    if (content, version) in _checked:
        return
    found: dict[str, Any] = json.loads(content)
    try:
        kubernetes_validate.validate(found, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        name = f"{found['kind']} {found['metadata']['name']}"
        pytest.fail(f"{name} in {version}: {error.message} at {list(error.path)}")
    _checked.add((content, version))
