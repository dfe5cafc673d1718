"""What hassfest and HACS ask of the repository, as far as it can be judged without them.

Sources: script/hassfest/manifest.py of Home Assistant core, September 2026; the HACS action's checks.
"""

import json
from pathlib import Path
import re
import struct

import pytest

ROOT = Path(__file__).resolve().parents[2]
INTEGRATION = ROOT / "custom_components" / "home_cluster"
MANIFEST = json.loads((INTEGRATION / "manifest.json").read_text())
HACS = json.loads((ROOT / "hacs.json").read_text())


def test_keys_stand_in_order_and_are_known() -> None:
    """Domain, name, then by the alphabet; an unknown key is an error."""
    keys = list(MANIFEST)
    assert keys[:2] == ["domain", "name"]
    assert keys[2:] == sorted(keys[2:])
    assert set(keys) <= {
        *("domain", "name", "after_dependencies", "codeowners", "config_flow"),
        *("dependencies", "documentation", "integration_type", "iot_class"),
        *("issue_tracker", "loggers", "quality_scale", "requirements", "version"),
        *("zeroconf", "import_executor"),
    }


def test_tells_what_it_is() -> None:
    """A hub that is pushed to, in the folder of its domain."""
    assert MANIFEST["domain"] == INTEGRATION.name
    assert MANIFEST["integration_type"] == "hub"
    assert MANIFEST["iot_class"] == "local_push"
    assert MANIFEST["config_flow"] is True
    assert MANIFEST["codeowners"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", MANIFEST["version"])
    assert MANIFEST["documentation"].startswith("https://")
    assert "home-assistant.io" not in MANIFEST["documentation"]
    assert MANIFEST["issue_tracker"].startswith("https://")


def test_requires_nothing_big() -> None:
    """The official client's 75 MB are fetched only when somebody connects by kubeconfig."""
    assert [re.split(r"[<>=]", line)[0] for line in MANIFEST["requirements"]] == [
        "msgspec"
    ]
    assert all(" " not in line for line in MANIFEST["requirements"])


def test_no_dependency_can_take_it_down() -> None:
    """An integration of `after_dependencies` that fails to set up would take this one with it."""
    assert not MANIFEST.get("after_dependencies")
    assert not MANIFEST.get("dependencies")


def test_there_is_one_manifest_and_one_integration() -> None:
    """Hassfest validates every manifest.json it finds, HACS takes one integration."""
    ignored = {".venv", "node_modules"}
    found = [
        path
        for path in ROOT.rglob("manifest.json")
        if not ignored & set(path.relative_to(ROOT).parts)
    ]
    assert found == [INTEGRATION / "manifest.json"]
    assert [
        path.name
        for path in INTEGRATION.parent.iterdir()
        if path.is_dir() and path.name != "__pycache__"
    ] == ["home_cluster"]


def test_hacs_knows_the_keys_and_the_least_home_assistant() -> None:
    """An unknown key fails HACS' check."""
    assert set(HACS) <= {
        *(
            "name",
            "content_in_root",
            "country",
            "filename",
            "hacs",
            "hide_default_branch",
        ),
        *("homeassistant", "persistent_directory", "render_readme", "zip_release"),
    }
    assert HACS["name"] == MANIFEST["name"]
    assert HACS["homeassistant"] == "2026.10.0"
    assert HACS["zip_release"] is bool(HACS["filename"])


@pytest.mark.parametrize(
    ("name", "size"),
    [("icon.png", (256, 256)), ("icon@2x.png", (512, 512))],
)
def test_the_icon_has_the_size_that_is_asked_for(
    name: str, size: tuple[int, int]
) -> None:
    """Square, 256 and 512 pixels."""
    data = (INTEGRATION / "brand" / name).read_bytes()
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">II", data[16:24]) == size


@pytest.mark.parametrize(
    ("name", "height"),
    [("logo.png", 128), ("logo@2x.png", 256), ("dark_logo.png", 128)],
)
def test_the_logo_has_the_size_that_is_asked_for(name: str, height: int) -> None:
    """Wide; the shorter side is 128 to 256, twice that for @2x."""
    data = (INTEGRATION / "brand" / name).read_bytes()
    width, found = struct.unpack(">II", data[16:24])
    assert found == height
    assert width > found


def texts(value: object, path: str = "") -> list[tuple[str, str]]:
    """Every text of a translation file with its place."""
    if isinstance(value, dict):
        return [
            item
            for key, inner in value.items()
            for item in texts(inner, f"{path}.{key}")
        ]
    return [(path, str(value))]


def test_translations_hold_full_texts_without_addresses() -> None:
    """A custom integration has no strings.json; addresses are placeholders."""
    assert not (INTEGRATION / "strings.json").exists()
    for path in (INTEGRATION / "translations").glob("*.json"):
        for place, text in texts(json.loads(path.read_text())):
            assert not re.search(r"https?://|www\.", text), place
            assert "[%key:" not in text, place
            assert text == text.strip(), place
            assert text, place
            for name in re.findall(r"\{([^}]*)\}", text):
                assert name.isidentifier(), place


def test_the_readme_shows_a_picture_and_the_licence_is_osi() -> None:
    """Two checks of the HACS action."""
    assert re.search(
        r"!\[[^]]*\]\([^)]+\.(png|svg|gif)\)", (ROOT / "README.md").read_text()
    )
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
