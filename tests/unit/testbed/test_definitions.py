"""Other people's definitions: pinned, and called what the cluster calls them."""

import json
from pathlib import Path
import subprocess
from typing import Any

import pytest

from testbed import definitions
from testbed.definitions import DEFINITIONS
from testbed.errors import TestbedError

ROUTES = next(one for one in DEFINITIONS if "httproutes" in one.file)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Go says of a module with the definition; nothing is kept yet."""
    folder = tmp_path / "module"
    (folder / ROUTES.file).parent.mkdir(parents=True)
    (folder / ROUTES.file).write_text("kind: CustomResourceDefinition")
    said = {"Dir": str(folder), "Sum": ROUTES.sum}

    def go(command: list[Any], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(
            command, int("Error" in said), json.dumps(said), ""
        )

    monkeypatch.setattr(definitions, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(definitions, "find_uv", lambda: Path("uv"))
    monkeypatch.setattr(definitions, "find_go", lambda _: Path("go"))
    monkeypatch.setattr(subprocess, "run", go)
    return said


def test_their_names_are_the_clusters() -> None:
    assert [one.name for one in DEFINITIONS] == [
        "helmcharts.helm.cattle.io",
        "httproutes.gateway.networking.k8s.io",
        "externalsecrets.external-secrets.io",
    ]


def test_what_was_fetched_is_kept(module: dict[str, Any]) -> None:
    first = definitions.file(ROUTES)
    assert first.read_text() == "kind: CustomResourceDefinition"
    module["Error"] = "no network"
    assert definitions.file(ROUTES) == first


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"Sum": "h1:other"}, "is not what it was"), ({"Error": "no"}, "could not fetch")],
)
def test_what_cannot_be_trusted_or_had_is_refused(
    module: dict[str, Any], change: dict[str, str], sentence: str
) -> None:
    module.update(change)
    with pytest.raises(TestbedError, match=sentence):
        definitions.file(ROUTES)
