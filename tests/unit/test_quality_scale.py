"""The quality scale's 54 rules, each judged, each exemption with its reason."""

from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).resolve().parents[2] / "custom_components" / "home_cluster"
RULES: dict[str, Any] = yaml.safe_load((HERE / "quality_scale.yaml").read_text())[
    "rules"
]


def test_all_rules_are_judged() -> None:
    """Bronze, silver, gold, platinum."""
    assert len(RULES) == 20 + 10 + 21 + 3


@pytest.mark.parametrize("rule", RULES)
def test_an_exemption_has_its_reason(rule: str) -> None:
    """A rule is done, to do, or does not apply, and why."""
    judged = RULES[rule]
    if isinstance(judged, str):
        assert judged in ("done", "todo")
    else:
        assert judged["status"] in ("done", "exempt")
        assert judged["comment"]


@pytest.mark.parametrize(
    ("rule", "file"),
    [
        ("diagnostics", "diagnostics.py"),
        ("config-flow", "config_flow.py"),
        ("icon-translations", "icons.json"),
        ("brands", "brand/icon.png"),
    ],
)
def test_what_is_done_is_there(rule: str, file: str) -> None:
    """By the files that Home Assistant looks for."""
    assert RULES[rule] == "done"
    assert (HERE / file).is_file()


@pytest.mark.parametrize("what", ["triggers", "conditions"])
def test_each_trigger_and_condition_has_its_part_of_the_page(what: str) -> None:
    """The rules docs-triggers and docs-conditions."""
    assert RULES[f"docs-{what}"] == "done"
    page = (HERE.parents[1] / "docs" / "automations.md").read_text()
    described = yaml.safe_load((HERE / f"{what}.yaml").read_text())
    for key in (key for key in described if not key.startswith(".")):
        assert f"\n### `home_cluster.{key}`\n" in page


@pytest.mark.parametrize(
    "platform", ["binary_sensor", "button", "event", "number", "sensor", "switch"]
)
def test_each_platform_says_how_many_updates_run_at_once(platform: str) -> None:
    """The rule parallel-updates."""
    assert "\nPARALLEL_UPDATES = 0\n" in (HERE / f"{platform}.py").read_text()
