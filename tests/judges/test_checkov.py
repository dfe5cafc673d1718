"""checkov, a judge of manifests, finds nothing that is not explained beside the workload."""

import json
from pathlib import Path
import subprocess
import sys
from typing import Any, Final

import pytest

from testbed.errors import TestbedError
from tests.chart.chart import template
from tests.chart.houses import HOUSE, all_presets
from tools.setup.python import find_uv
from tools.setup.report import cache_folder

VERSION: Final = "3.3.30"
PINNED: Final = {"CKV_K8S_15", "CKV_K8S_43"}
"""Not always pulled, and tags beside digests: said of every workload."""


def checkov() -> Path:
    """The program, in an environment of its own: it pins what Home Assistant pins otherwise."""
    folder = cache_folder() / f"checkov-{VERSION}"
    program = folder / "bin/checkov"
    if not program.exists():
        uv = find_uv()
        for command in (
            [
                uv,
                "venv",
                "--quiet",
                "--allow-existing",
                "--python",
                sys.executable,
                folder,
            ],
            [
                *(uv, "pip", "install", "--quiet", "--python", folder / "bin/python"),
                f"checkov=={VERSION}",
            ],
        ):
            if subprocess.run(command, check=False).returncode:
                raise TestbedError("checkov could not be installed from PyPI.")
    return program


@pytest.fixture(scope="module", params=["a house", "all presets"])
def report(request: pytest.FixtureRequest, tmp_path_factory: Any) -> dict[str, Any]:
    values = HOUSE if request.param == "a house" else all_presets()
    folder = tmp_path_factory.mktemp("manifests")
    # Text that looks like a template makes checkov skip a whole file, so the integration is left out.
    text = template({**values, "integration": {"delivery": "none"}})
    (folder / "house.yaml").write_text(text)
    said = subprocess.run(
        [
            checkov(),
            "-d",
            folder,
            "--framework",
            "kubernetes",
            "--skip-download",
            "-o",
            "json",
        ],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    return dict(json.loads(said))


def test_it_looked_at_everything(report: dict[str, Any]) -> None:
    assert report["summary"]["resource_count"] > 40
    assert report["summary"]["parsing_errors"] == 0


def test_it_finds_nothing(report: dict[str, Any]) -> None:
    failed = report["results"]["failed_checks"]
    assert not [f"{each['check_id']} {each['resource']}" for each in failed]


def test_every_exception_has_its_reason_and_home_assistant_has_three(
    report: dict[str, Any],
) -> None:
    exceptions: dict[str, set[str]] = {}
    for each in report["results"]["skipped_checks"]:
        assert each["check_result"]["suppress_comment"]
        exceptions.setdefault(each["resource"], set()).add(each["check_id"])
    (assistant,) = (
        found for name, found in exceptions.items() if "StatefulSet.home." in name
    )
    assert len(assistant - PINNED) <= 3
