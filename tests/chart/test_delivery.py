"""The integration inside the chart, and the chart as a package."""

import ast
import base64
import gzip
import json
from pathlib import Path
import re
import subprocess
import sys
import tarfile
import tempfile
from typing import Any, Final

import pytest
import yaml

from testbed.programs import program
from tools import chart as chart_tool

from .chart import CHART, LINK, ROOT, Values, helm, render, template
from .houses import HOUSE, all_presets

INTEGRATION: Final = ROOT / "custom_components/home_cluster"
NAME: Final = "home-home-assistant"
LEFT_OUT: Final = re.compile(
    r"__pycache__|\.pyc$|^brand/(?!icon\.png)|^quality_scale\.yaml$"
)


def files() -> dict[str, bytes]:
    """The integration's files as Home Assistant's container sees them."""
    home = render(chart=CHART)
    (volume,) = (
        each
        for each in home.one("StatefulSet", NAME)["spec"]["template"]["spec"]["volumes"]
        if each["name"] == "integration"
    )
    found = {}
    for source in volume["projected"]["sources"]:
        content = home.one("ConfigMap", source["configMap"]["name"])
        for item in source["configMap"]["items"]:
            assert item["path"] not in found
            if item["key"] in content["data"]:
                found[item["path"]] = content["data"][item["key"]].encode()
            else:
                found[item["path"]] = base64.b64decode(
                    content["binaryData"][item["key"]]
                )
    return found


def source() -> dict[str, bytes]:
    """The integration's files in the repository, without those that are left out."""
    return {
        name: path.read_bytes()
        for path in sorted(INTEGRATION.rglob("*"))
        if path.is_file()
        and not LEFT_OUT.search(name := path.relative_to(INTEGRATION).as_posix())
    }


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart as releases pack it, unpacked."""
    folder = tmp_path_factory.mktemp("ready")
    archive = chart_tool.package(program("helm"), folder)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / "home-cluster"


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart as Helm packs a checkout, unpacked."""
    folder = tmp_path_factory.mktemp("packed")
    helm("package", str(CHART), "--destination", str(folder))
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as tar:
        assert not [each.name for each in tar if each.issym() or each.islnk()]
        tar.extractall(folder, filter="data")
    return folder / "home-cluster"


def doing(program: bytes) -> str:
    """What a program does: its syntax without docstrings."""
    tree = ast.parse(program)
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [  # type: ignore[attr-defined]
                each
                for each in body
                if not (
                    isinstance(each, ast.Expr)
                    and isinstance(each.value, ast.Constant)
                    and isinstance(each.value.value, str)
                )
            ]
    return ast.dump(tree)


@pytest.mark.parametrize("form", ["checkout", "packed"])
def test_home_assistant_gets_the_repositorys_files_that_do_the_very_same(
    form: str,
) -> None:
    delivered = files() if form == "checkout" else dict(chart_tool.files())
    for name, content in source().items():
        if name.endswith(".py"):
            assert doing(delivered[name]) == doing(content), name
        else:
            assert delivered[name] == content
    assert delivered.keys() == source().keys()


def test_the_packed_chart_holds_them_as_files(packed: Path) -> None:
    inner = packed / LINK
    assert {
        path.relative_to(inner).as_posix(): path.read_bytes()
        for path in inner.rglob("*")
        if path.is_file()
    } == source()
    assert template(chart=packed) == template()


def test_from_the_packed_chart_it_comes_compressed_and_is_the_same(
    ready: Path, tmp_path: Path
) -> None:
    home = render(chart=ready)
    packed = home.one("ConfigMap", f"{NAME}-integration")["binaryData"]
    archive = tmp_path / "integration.tar.xz"
    archive.write_bytes(base64.b64decode(packed["integration.tar.xz"]))
    spec = home.one("StatefulSet", NAME)["spec"]["template"]["spec"]
    (unpack,) = (each for each in spec["initContainers"] if each["name"] == "unpack")
    python, *arguments = unpack["command"][:-2]
    assert python == "python3"
    target = tmp_path / "home_cluster"
    subprocess.run([sys.executable, *arguments, str(archive), str(target)], check=True)
    laid = {
        path.relative_to(target).as_posix(): path.read_bytes()
        for path in target.rglob("*")
        if path.is_file()
    }
    assert laid == dict(chart_tool.files())


def test_the_integration_is_packed_to_the_same_bytes_whenever_it_is_done(
    ready: Path,
) -> None:
    packed = (ready / chart_tool.PACKED).read_bytes()
    assert chart_tool.compressed() == packed


@pytest.mark.parametrize("form", ["checkout", "packed"])
def test_no_config_map_is_larger_than_600_kb(form: str, ready: Path) -> None:
    house = render(all_presets(), chart=ready if form == "packed" else CHART)
    for each in house.of("ConfigMap"):
        size = sum(len(text.encode()) for text in each.get("data", {}).values()) + sum(
            len(base64.b64decode(text)) for text in each.get("binaryData", {}).values()
        )
        assert size <= 600_000, each["metadata"]["name"]


def release(values: Values, chart: Path) -> dict[str, Any]:
    """A release as Helm hands it to its storage."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(values, file)
        file.flush()
        said = helm(
            *("install", "home", str(chart), "--namespace", "home"),
            *("--values", file.name, "--dry-run=client", "--output", "json"),
        )
    stored: dict[str, Any] = json.loads(said)
    return stored


@pytest.mark.parametrize("form", ["checkout", "packed"])
def test_a_release_with_all_presets_and_languages_is_stored_in_700_kb(
    form: str, ready: Path
) -> None:
    stored = release(all_presets(), ready if form == "packed" else CHART)
    assert stored["chart"]["templates"]
    # As Helm does it for its Secret, of which the API server takes 1 MiB.
    text = json.dumps(stored, ensure_ascii=False, separators=(",", ":")).encode()
    assert len(base64.b64encode(gzip.compress(text, 9))) <= 700_000


@pytest.mark.parametrize("form", ["checkout", "packed"])
def test_a_release_holds_the_integration_once(form: str, ready: Path) -> None:
    stored = release({}, ready if form == "packed" else CHART)
    assert "kind: ConfigMap" in stored["manifest"]
    kept = {each["name"] for each in stored["chart"]["files"]}
    assert "README.md" in kept
    assert not {name for name in kept if "integration" in name or LINK in name}


def test_home_assistant_restarts_when_the_integration_changes_and_only_then(
    packed: Path,
) -> None:
    def checksum() -> str:
        (found,) = re.findall(
            r'checksum/integration: "([0-9a-f]+)"', template(chart=packed)
        )
        return str(found)

    before = checksum()
    assert checksum() == before
    manifest = packed / LINK / "manifest.json"
    manifest.write_text(manifest.read_text().replace("0.1.0", "0.1.1"))
    assert checksum() != before


def test_what_people_read_is_in_the_packed_chart(ready: Path) -> None:
    for name in ("README.md", "images.txt", "examples/house.yaml"):
        assert (ready / name).read_bytes() == (CHART / name).read_bytes()


def test_a_package_without_the_integration_is_refused(
    packed: Path, tmp_path: Path
) -> None:
    (packed / LINK / "manifest.json").rename(tmp_path / "manifest.json")
    with pytest.raises(Exception, match="The chart holds no integration"):
        template(chart=packed)


def test_the_same_values_render_the_same() -> None:
    assert template(HOUSE) == template(HOUSE)


def test_nothing_of_a_template_is_left_in_what_is_rendered() -> None:
    values = {**all_presets(), "integration": {"delivery": "none"}}
    text = template(values)
    assert "{{" not in text
    assert "<no value>" not in text
    assert "%!" not in text


def test_chart_and_integration_are_released_together() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    manifest = json.loads((INTEGRATION / "manifest.json").read_text())
    files = yaml.safe_load((CHART / "charts/integration/Chart.yaml").read_text())
    assert chart["version"] == files["version"] == manifest["version"]


def test_every_template_says_first_what_it_renders_and_when() -> None:
    for path in (CHART / "templates").rglob("*"):
        if path.suffix in (".yaml", ".tpl"):
            first = path.read_text().splitlines()[0]
            assert re.match(r"\{\{-? ?/\* .+\. ?\*/", first), path


def test_helm_lint_finds_nothing() -> None:
    said = helm("lint", "--strict", str(CHART))
    assert "1 chart(s) linted, 0 chart(s) failed" in said
