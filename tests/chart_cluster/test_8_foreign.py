"""What others act on (k3s, a gateway, the External Secrets Operator), judged by their own definitions."""

from collections.abc import Iterator
import json
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from testbed import definitions
from testbed.api import ApiError
from testbed.errors import TestbedError
from testbed.helm import Helm
from testbed.programs import program
from tests.chart.chart import CHART, render
from tests.chart.houses import FOREIGN
from tools.chart import k3s_manifest, package

from .visit import Visit

# The last of these waits for the cluster to be taken down, too.
pytestmark = pytest.mark.timeout(400)

PLURALS: Final = {
    "ExternalSecret": "externalsecrets",
    "HTTPRoute": "httproutes",
    "HelmChart": "helmcharts",
}


RELEASE: Final = "inn"


@pytest.fixture(scope="module")
def known(visit: Visit) -> Iterator[None]:
    """The kinds, for as long as these tests need them."""
    for one in definitions.DEFINITIONS:
        # What applying from here leaves in an annotation would be too long for it.
        visit.cluster.kubectl(
            "apply", "--server-side", "-f", str(definitions.file(one))
        )
    names = [one.name for one in definitions.DEFINITIONS]
    visit.cluster.kubectl(
        "wait", "--for=condition=Established", "--timeout=60s", "crd", *names
    )
    yield
    visit.cluster.kubectl("delete", "crd", *names)


def test_without_its_kinds_the_installation_is_refused(visit: Visit) -> None:
    """A sentence for each, and nothing is made."""
    with pytest.raises(TestbedError) as refused:
        Helm(visit.cluster, RELEASE).install(RELEASE, FOREIGN)
    for kind in ("HTTPRoute", "ExternalSecret", "NetworkAttachmentDefinition"):
        assert f"this cluster has no {kind} (" in str(refused.value)
    assert visit.cluster.api.find(f"/api/v1/namespaces/{RELEASE}") is None


@pytest.mark.usefixtures("known")
def test_with_them_it_is_not(visit: Visit) -> None:
    """Once their definitions are there; nobody here defines networks."""
    assistant = {"route": FOREIGN["homeAssistant"]["route"]}
    said = Helm(visit.cluster, RELEASE).install(
        RELEASE, {**FOREIGN, "homeAssistant": assistant}, "--dry-run=server"
    )
    assert said.count("\nkind: HTTPRoute\n") == 2
    assert "\nkind: ExternalSecret\n" in said


def judge(visit: Visit, found: dict[str, Any]) -> None:
    """Have the API server take an object to the last field, without keeping it; raises `ApiError`."""
    # Of all its namespaces this one is there.
    found = {**found, "metadata": {**found["metadata"], "namespace": "default"}}
    visit.cluster.api.request(
        "POST",
        f"/apis/{found['apiVersion']}/namespaces/default/{PLURALS[found['kind']]}"
        "?dryRun=All&fieldValidation=Strict",
        json.dumps(found).encode(),
    )


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("HTTPRoute", ["home-home-assistant", "home-jazz"]),
        ("ExternalSecret", ["home-jazz-login"]),
    ],
)
def test_its_program_takes_it(visit: Visit, kind: str, names: list[str]) -> None:
    """As the chart writes it, and not with a field that there is not."""
    written = render(FOREIGN).of(kind)
    assert sorted(each["metadata"]["name"] for each in written) == names
    for each in written:
        judge(visit, each)
    with pytest.raises(ApiError, match="unknown field"):
        judge(visit, {**written[0], "spec": {**written[0]["spec"], "hostname": "x"}})


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("offline", [True, False], ids=["offline", "online"])
def test_k3s_takes_the_one_file(visit: Visit, tmp_path: Path, offline: bool) -> None:
    """With the chart within it, too, and room for what k3s makes of it."""
    archive = package(program("helm"), tmp_path) if offline else None
    values = (CHART / "examples" / "house.yaml").read_text()
    namespace, written = yaml.safe_load_all(k3s_manifest(values, archive))
    assert namespace["metadata"]["name"] == written["spec"]["targetNamespace"]
    judge(visit, written)
    # The helm controller keeps it in a ConfigMap of its own.
    assert len(written["spec"].get("chartContent", "")) < 1 << 20
    with pytest.raises(ApiError, match="failurePolicy"):
        judge(visit, {**written, "spec": {**written["spec"], "failurePolicy": "hope"}})
