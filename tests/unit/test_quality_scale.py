"""The quality scale's 54 rules, each judged, each exemption with its reason."""

import ast
import json
from pathlib import Path
import re
import tomllib
from typing import Any

import pytest
import yaml

from custom_components.home_cluster.const import PLATFORMS
from homeassistant import components
from tools import coverage_gate
from tools.test import QUICK, WHOLE

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "custom_components" / "home_cluster"
RULES: dict[str, Any] = yaml.safe_load((HERE / "quality_scale.yaml").read_text())[
    "rules"
]


def is_done(rule: str) -> bool:
    """Say whether a rule is done, with or without a comment."""
    judged = RULES[rule]
    return (judged if isinstance(judged, str) else judged["status"]) == "done"


def test_all_rules_are_judged() -> None:
    """Bronze, silver, gold, platinum: those by which Home Assistant's own integrations are judged."""
    assert len(RULES) == 20 + 10 + 21 + 3
    theirs = Path(components.__path__[0]) / "portainer" / "quality_scale.yaml"
    assert set(RULES) == set(yaml.safe_load(theirs.read_text())["rules"])


@pytest.mark.parametrize("rule", RULES)
def test_an_exemption_has_its_reason(rule: str) -> None:
    """A rule is done, to do, or does not apply, and why."""
    judged = RULES[rule]
    if isinstance(judged, str):
        assert judged in ("done", "todo")
    else:
        assert judged["status"] in ("done", "exempt")
        assert judged["comment"]


def modules() -> dict[str, ast.Module]:
    """Return the modules of the integration by their paths."""
    return {
        str(path.relative_to(HERE)): ast.parse(path.read_text())
        for path in HERE.rglob("*.py")
    }


def functions(module: str) -> set[str]:
    """Return the names of the functions of a module, methods included."""
    return {
        node.name
        for node in ast.walk(ast.parse((HERE / module).read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def page(name: str) -> str:
    """Return a page of the documentation."""
    return (ROOT / name).read_text()


@pytest.mark.parametrize(
    ("rule", "file"),
    [
        ("brands", "brand/icon.png"),
        ("common-modules", "entity.py"),
        ("config-flow", "config_flow.py"),
        ("diagnostics", "diagnostics.py"),
        ("entity-translations", "translations/en.json"),
        ("icon-translations", "icons.json"),
    ],
)
def test_what_is_done_is_there(rule: str, file: str) -> None:
    """By the files that Home Assistant looks for."""
    assert is_done(rule)
    assert (HERE / file).is_file()


@pytest.mark.parametrize(
    ("rule", "module", "function"),
    [
        ("config-entry-unloading", "__init__.py", "async_unload_entry"),
        ("diagnostics", "diagnostics.py", "async_get_config_entry_diagnostics"),
        ("diagnostics", "diagnostics.py", "async_get_device_diagnostics"),
        ("reauthentication-flow", "config_flow.py", "async_step_reauth"),
        ("reconfiguration-flow", "config_flow.py", "async_step_reconfigure"),
        ("stale-devices", "__init__.py", "async_remove_config_entry_device"),
        ("entity-event-setup", "entity.py", "async_added_to_hass"),
        ("action-setup", "__init__.py", "async_setup"),
    ],
)
def test_home_assistant_finds_what_it_calls(
    rule: str, module: str, function: str
) -> None:
    """By the name that Home Assistant knows."""
    assert is_done(rule)
    assert function in functions(module)


def test_entities_have_names_of_their_own() -> None:
    """The rules has-entity-name and entity-unique-id: by the one class that all entities come from."""
    text = (HERE / "entity.py").read_text()
    assert "_attr_has_entity_name = True" in text
    assert "self._attr_unique_id = " in text


def test_nothing_is_polled() -> None:
    """The rule appropriate-polling: no entity has an update of its own.

    But the firmware, for the action `homeassistant.update_entity`: nothing else asks for it.
    """
    assert "_attr_should_poll = False" in (HERE / "entity.py").read_text()
    for name, module in modules().items():
        for node in ast.walk(module):
            if isinstance(node, ast.AsyncFunctionDef) and name != "update.py":
                assert node.name != "async_update", name


def test_the_entry_keeps_its_own_data() -> None:
    """The rules runtime-data and strict-typing: a typed entry, nothing of it in hass.data."""
    assert (
        "type HomeClusterConfigEntry = ConfigEntry[Hub]"
        in (HERE / "hub.py").read_text()
    )
    assert "entry.runtime_data = " in (HERE / "__init__.py").read_text()
    assert all(
        "hass.data[DOMAIN]" not in path.read_text() for path in HERE.rglob("*.py")
    )
    mypy = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    assert mypy["strict"] is True


def test_set_up_says_why_it_fails() -> None:
    """The rule test-before-setup: by Home Assistant's three errors."""
    text = (HERE / "__init__.py").read_text()
    for error in ("ConfigEntryAuthFailed", "ConfigEntryNotReady", "ConfigEntryError"):
        assert error in text


def test_nothing_waits_for_the_network_in_the_loop() -> None:
    """The rule async-dependency: aiohttp only; what runs in a process of its own may wait."""
    for name, module in modules().items():
        if name.endswith("_process.py"):
            continue
        for node in ast.walk(module):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom) and not node.level
                else []
            )
            top = {one.partition(".")[0] for one in names}
            assert not top & {"requests", "urllib3", "httpx"}, name


def test_every_error_is_a_translated_one() -> None:
    """The rules action-exceptions and exception-translations: no HomeAssistantError with bare words."""
    kinds = {"HomeAssistantError", "ServiceValidationError"}
    for name, module in modules().items():
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in kinds:
                    words = {word.arg for word in node.keywords}
                    assert {"translation_domain", "translation_key"} <= words, name


def test_the_session_is_home_assistants_or_for_one_cluster_alone() -> None:
    """The rule inject-websession: no client of ours opens a session behind Home Assistant's back."""
    for name, module in modules().items():
        for node in ast.walk(module):
            if isinstance(node, ast.Call):
                assert "ClientSession" not in ast.unparse(node.func).split("."), name


def test_an_entry_is_for_one_cluster_and_what_is_typed_is_tried() -> None:
    """The rules unique-config-entry and test-before-configure."""
    text = (HERE / "config_flow.py").read_text()
    assert "await self.async_set_unique_id(" in text
    assert "_abort_if_unique_id_configured(" in text
    assert "await connect" in text


def test_what_is_required_comes_from_the_index_of_packages() -> None:
    """The rules dependency-transparency and integration-owner."""
    manifest = json.loads((HERE / "manifest.json").read_text())
    assert manifest["requirements"]
    for requirement in manifest["requirements"]:
        assert re.fullmatch(r"[\w-]+[<>=!~\d.,]+", requirement), requirement
    assert manifest["codeowners"]


def test_coverage_is_held() -> None:
    """The rules test-coverage and config-flow-test-coverage: by a stage of the tests."""
    assert coverage_gate.LEAST >= 95
    assert "config_flow.py" in coverage_gate.WHOLE
    assert "coverage" in {stage.name for stage in QUICK}
    assert "coverage" in {stage.name for stage in WHOLE}


@pytest.mark.parametrize(
    ("rule", "mark"),
    [
        ("entity-category", "entity_category=EntityCategory."),
        ("entity-device-class", "device_class="),
        ("entity-disabled-by-default", "entity_registry_enabled_default=False"),
    ],
)
def test_descriptions_say_what_an_entity_is(rule: str, mark: str) -> None:
    """By the tables of the platforms."""
    assert is_done(rule)
    assert any(mark in (HERE / f"{one}.py").read_text() for one in PLATFORMS)


_LINK = "a_lost_link_makes_all_unavailable_and_a_found_one_right_at_once"


@pytest.mark.parametrize(
    ("rule", "file", "test"),
    [
        (
            "dynamic-devices",
            "test_devices.py",
            "a_workload_that_comes_becomes_a_device_at_once",
        ),
        ("entity-unavailable", "test_link.py", _LINK),
        ("log-when-unavailable", "test_link.py", _LINK),
        (
            "repair-issues",
            "test_rights.py",
            "a_missing_read_right_becomes_a_repair_that_names_the_rule",
        ),
    ],
)
def test_what_only_behaviour_shows_has_its_test(
    rule: str, file: str, test: str
) -> None:
    """By its name."""
    assert is_done(rule)
    text = (ROOT / "tests" / "integration" / file).read_text()
    assert f"async def test_{test}(" in text


def test_every_field_of_the_flow_is_described() -> None:
    """The rules config-flow, docs-installation-parameters and docs-configuration-parameters."""
    texts = json.loads((HERE / "translations" / "en.json").read_text())
    for flow in ("config", "options"):
        for name, step in texts[flow]["step"].items():
            fields = set(step.get("data", {}))
            assert fields == set(step.get("data_description", {})), (flow, name)


def test_each_action_has_its_part_of_the_documentation() -> None:
    """The rule docs-actions; it is done when the last one has."""
    pages = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    described = yaml.safe_load((HERE / "services.yaml").read_text())
    missing = [
        key
        for key in described
        if not key.startswith(".") and f"\n### `home_cluster.{key}`\n" not in pages
    ]
    assert is_done("docs-actions") is (not missing), missing


@pytest.mark.parametrize(
    ("rule", "name", "words"),
    [
        ("docs-high-level-description", "README.md", "Kubernetes"),
        ("docs-installation-instructions", "README.md", "## Install"),
        ("docs-removal-instructions", "README.md", "To remove it"),
        ("docs-supported-devices", "docs/entities.md", "Deployment"),
        ("docs-supported-functions", "docs/entities.md", "| entity |"),
        ("docs-troubleshooting", "docs/troubleshooting.md", "|"),
        ("docs-examples", "docs/examples.md", "## Blueprints"),
        ("docs-use-cases", "docs/examples.md", "what for"),
        ("docs-data-update", "docs/architecture.md", "watch"),
        ("docs-known-limitations", "docs/troubleshooting.md", "## Known limits"),
    ],
)
def test_the_documentation_has_what_a_rule_asks_for(
    rule: str, name: str, words: str
) -> None:
    """By the words that it cannot do without."""
    assert is_done(rule)
    assert words in page(name)


@pytest.mark.parametrize("what", ["triggers", "conditions"])
def test_each_trigger_and_condition_has_its_part_of_the_page(what: str) -> None:
    """The rules docs-triggers and docs-conditions."""
    assert RULES[f"docs-{what}"] == "done"
    described = yaml.safe_load((HERE / f"{what}.yaml").read_text())
    for key in (key for key in described if not key.startswith(".")):
        assert f"\n### `home_cluster.{key}`\n" in page("docs/automations.md")


@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_platform_says_how_many_updates_run_at_once(platform: str) -> None:
    """The rule parallel-updates."""
    assert "\nPARALLEL_UPDATES = 0\n" in (HERE / f"{platform}.py").read_text()
