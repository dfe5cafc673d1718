"""Every object is what each version of Kubernetes takes, to the field."""

import json
from typing import Any, Final

import kubernetes_validate
import pytest
import yaml

from tests.chart.chart import CHART, Values, render
from tests.chart.houses import HOUSE, all_presets

VERSIONS: Final = ("1.33", "1.34", "1.35", "1.36", "1.37")
FOREIGN: Final = {"ExternalSecret", "HTTPRoute"}
"""Kinds that are no part of Kubernetes."""

HOUSES: Final[dict[str, Values]] = {
    "nothing said": {},
    "one of everything": HOUSE,
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
        if each["kind"] not in FOREIGN:
            check(json.dumps(each), version)


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
