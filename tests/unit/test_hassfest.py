"""What hassfest asks of an integration's files, reproduced: it cannot be run without Home Assistant's sources.

After script/hassfest of Home Assistant core, September 2026: json, manifest (test_manifest.py),
translations, icons, services, triggers, conditions, config_flow, config_schema, dependencies.
"""

import ast
from collections.abc import Iterator
import json
from pathlib import Path
import re
from typing import Any

import pytest
import yaml

from homeassistant.const import Platform
from homeassistant.helpers.selector import validate_selector
from homeassistant.util.yaml import load_yaml_dict

HERE = Path(__file__).resolve().parents[2] / "custom_components" / "home_cluster"
LANGUAGES = sorted(path.stem for path in (HERE / "translations").glob("*.json"))
EN: dict[str, Any] = json.loads((HERE / "translations" / "en.json").read_text())
ICONS: dict[str, Any] = json.loads((HERE / "icons.json").read_text())

# Parts of a custom integration's translations, as script/hassfest/translations.py knows them.
CATEGORIES = {
    *("common", "conditions", "config", "config_panel", "config_subentries", "device"),
    *("device_automation", "entity", "entity_component", "exceptions", "issues"),
    *("options", "selector", "services", "system_health", "title", "triggers"),
}
KEY = re.compile(r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?")

# What may be imported without being a dependency, as script/hassfest/dependencies.py has it.
FREE = {platform.value for platform in Platform} | {
    *("alert", "automation", "conversation", "default_config", "device_automation"),
    *("frontend", "group", "homeassistant", "input_boolean", "input_button"),
    *("input_datetime", "input_number", "input_select", "input_text", "media_source"),
    *("onboarding", "panel_custom", "persistent_notification", "plant", "script"),
    *("shopping_list", "sun", "system_health", "system_log", "timer", "webhook"),
    *("websocket_api", "zone"),
}


def leaves(value: Any, *path: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every text with its place."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, *path, key)
    else:
        yield path, value


def keys(value: Any) -> Iterator[str]:
    """Yield every key."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys(inner)


def described(file: str) -> dict[str, Any]:
    """Return what a YAML file describes, without its anchors."""
    path = HERE / file
    if not path.exists():
        return {}
    return {
        key: value or {}
        for key, value in load_yaml_dict(str(path)).items()
        if not key.startswith(".")
    }


def test_every_json_file_is_one() -> None:
    """And none names a key twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        assert len(found) == len(pairs), [key for key, _ in pairs]
        return found

    for path in HERE.rglob("*.json"):
        json.loads(path.read_text(), object_pairs_hook=once)


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_have_the_shape_that_is_asked_for(language: str) -> None:
    """Known parts, keys in small letters, texts without references, quotes around placeholders or HTML."""
    texts = json.loads((HERE / "translations" / f"{language}.json").read_text())
    assert set(texts) <= CATEGORIES
    for key in keys(texts):
        assert KEY.fullmatch(key), key
    for path, text in leaves(texts):
        place = ".".join(path)
        assert isinstance(text, str), place
        assert text, place
        assert text == text.strip(), place
        assert "[%key:" not in text, place
        assert not re.search(r"https?://|www\.", text), place
        assert not re.search(r"<(?!br\b)/?[a-z][^>]*>", text), place
        assert not re.search(r"'\{\w+\}'", text), place
        assert all(name.isidentifier() for name in re.findall(r"\{([^}]*)\}", text)), (
            place
        )


def test_states_have_no_placeholders() -> None:
    """Nobody would fill them in."""
    for path, text in leaves(EN["entity"]):
        if "state" in path:
            assert "{" not in text, path


@pytest.mark.parametrize("flow", ["config", "options"])
def test_fields_that_are_described_are_there(flow: str) -> None:
    """`data_description` explains fields of `data`, each step has a title or a description."""
    for name, step in EN.get(flow, {}).get("step", {}).items():
        assert set(step.get("data_description", {})) <= set(step.get("data", {})), name
        assert {"title", "description", "menu_options"} & set(step), name


def test_every_icon_is_one_of_home_assistants() -> None:
    """By its name in the frontend that is installed."""
    hass_frontend = pytest.importorskip("hass_frontend")
    folder = Path(hass_frontend.__file__).parent / "static" / "mdi"
    known = {
        f"mdi:{name}"
        for file in folder.glob("*.json")
        if isinstance(content := json.loads(file.read_text()), dict)
        for name in content
    }
    used = {text for _, text in leaves(ICONS)}
    used |= set(
        re.findall(
            r"mdi:[a-z0-9-]+",
            "".join(path.read_text() for path in (HERE / "frontend").glob("*.js")),
        )
    )
    assert used - known == set()


@pytest.mark.parametrize("platform", ICONS["entity"])
def test_a_states_icon_differs_from_the_default(platform: str) -> None:
    """Else it need not be named."""
    for key, icons in ICONS["entity"][platform].items():
        assert icons["default"] not in icons.get("state", {}).values(), key


@pytest.mark.parametrize(
    ("file", "category", "icon"),
    [
        ("services.yaml", "services", "service"),
        ("triggers.yaml", "triggers", "trigger"),
        ("conditions.yaml", "conditions", "condition"),
    ],
)
def test_what_is_described_has_texts_icons_and_selectors(
    file: str, category: str, icon: str
) -> None:
    """Each with its fields, no more and no less."""
    found = described(file)
    assert set(found) == set(EN.get(category, {}))
    assert set(found) == set(ICONS.get(category, {}))
    for name, what in found.items():
        texts = EN[category][name]
        assert texts["name"], name
        assert texts["description"], name
        assert ICONS[category][name][icon].startswith("mdi:"), name
        assert set(what) <= {"target", "fields"}, name
        fields = what.get("fields", {})
        assert set(fields) == set(texts.get("fields", {})), name
        for field, about in fields.items():
            assert {"name", "description"} <= set(texts["fields"][field]), field
            assert set(about) <= {
                *("advanced", "context", "default", "example", "filter"),
                *("required", "selector"),
            }, field
            selector = validate_selector(about["selector"])
            for kind, options in selector.items():
                if key := (options or {}).get("translation_key"):
                    assert key in EN["selector"], (field, kind)


def test_yaml_is_read_by_a_plain_reader_too() -> None:
    """Hassfest's own."""
    for path in HERE.glob("*.yaml"):
        assert yaml.safe_load(path.read_text())


def test_triggers_and_conditions_have_their_platforms() -> None:
    """A description without code, or code without a description, does nothing."""
    for platform in ("trigger", "condition"):
        assert (HERE / f"{platform}.py").exists() is (
            HERE / f"{platform}s.yaml"
        ).exists()
        if (HERE / f"{platform}.py").exists():
            text = (HERE / f"{platform}.py").read_text()
            assert f"async def async_get_{platform}s(" in text


def test_the_config_flow_is_there() -> None:
    """With a unique id, and texts for it."""
    text = (HERE / "config_flow.py").read_text()
    assert re.search(r"class \w+\(.*ConfigFlow.*domain=DOMAIN\)", text)
    assert "async_set_unique_id" in text
    assert {"step", "error", "abort"} <= set(EN["config"])


def test_yaml_that_is_read_has_a_schema() -> None:
    """An `async_setup` without CONFIG_SCHEMA lets anything into configuration.yaml."""
    text = (HERE / "__init__.py").read_text()
    assert ("async def async_setup(" in text) is ("CONFIG_SCHEMA" in text)


def imported(path: Path) -> Iterator[str]:
    """Yield the integrations that a module imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
            if node.module == "homeassistant.components":
                names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.startswith("homeassistant.components."):
                yield name.split(".")[2]


def test_no_integration_is_used_that_is_no_dependency() -> None:
    """But by the module that is a platform for it, or where Home Assistant always has it."""
    platforms = {path.stem for path in HERE.iterdir()}
    for path in HERE.rglob("*.py"):
        module = path.relative_to(HERE).parts[0].removesuffix(".py")
        used = set(imported(path)) - FREE - ({module} & platforms)
        # Ours only if the whole integration has a platform of that name.
        assert used <= platforms, (path.name, used)
