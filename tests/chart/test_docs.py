"""What is written about the chart is so."""

from pathlib import Path
import re
from typing import Final

import pytest
import yaml

from testbed.program_images import PROGRAMS
from testbed.programs import program
from tools import chart as tool, values_table

from .chart import CHART, PRESETS, ROOT, render
from .houses import all_presets, preset

EXAMPLES: Final = sorted((CHART / "examples").glob("*.yaml"))
PAGE: Final = ROOT / "docs/chart.md"
README: Final = CHART / "README.md"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_can_be_installed(example: Path) -> None:
    assert render(yaml.safe_load(example.read_text())).objects


@pytest.mark.parametrize("page", [README, PAGE], ids=lambda path: path.name)
def test_every_house_on_the_pages_can_be_installed(page: Path) -> None:
    houses = re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
    assert houses
    for house in houses:
        assert render(yaml.safe_load(house)).of("Deployment")


def test_the_page_makes_the_secrets_that_the_example_asks_for() -> None:
    house = render(yaml.safe_load((CHART / "examples/secrets.yaml").read_text()))
    page = PAGE.read_text()
    made = re.findall(r"-n (\S+) create secret generic (\S+) --from-file (\S+)", page)
    pod = house.one("Deployment", "home-mqtt")["spec"]["template"]["spec"]
    (asked,) = [each["secret"] for each in pod["volumes"] if "secret" in each]
    assert set(made) == {("home-lighting", asked["secretName"], "passwd")}

    (text,) = re.findall(r"<<'END'\n(.*?)^END$", page, re.DOTALL | re.MULTILINE)
    store = yaml.safe_load(text)
    (wanted,) = house.of("ExternalSecret")
    assert wanted["spec"]["secretStoreRef"] == {
        "name": store["metadata"]["name"],
        "kind": store["kind"],
    }
    name, namespace = (wanted["metadata"][key] for key in ("name", "namespace"))
    assert f"-n {namespace} get externalsecret {name} " in page


def test_the_house_of_the_readme_has_twenty_lines() -> None:
    (house,) = re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(house.strip().splitlines()) <= 20


def test_the_tables_of_values_are_those_of_the_schema() -> None:
    text = README.read_text(encoding="utf-8")
    assert values_table.readme(text) == text, "run `python -m tools.values_table`"


def test_the_readme_says_of_every_preset_whether_its_program_was_seen_running() -> None:
    rows = re.findall(
        r"^\| \[(\S+)\]\(presets/(\S+)\.yaml\) \| (.*) \| (.*) \|$",
        README.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert [(name, file, title) for name, file, title, _ in rows] == [
        (name, name, preset(name)["title"]) for name in PRESETS
    ]
    seen = {name for name, *_, word in rows if re.match(r"yes\b", word)}
    assert seen == set(PROGRAMS)


def test_every_value_has_a_default_or_is_nobodys() -> None:
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(defaults) == set(schema["properties"]) - {"global"}


def test_one_file_makes_k3s_install_the_house(tmp_path: Path) -> None:
    archive = tool.package(program("helm"), tmp_path)
    values = EXAMPLES[0].read_text()
    namespace, chart = yaml.safe_load_all(tool.k3s_manifest(values, archive))
    assert namespace["kind"] == "Namespace"
    spec = chart["spec"]
    assert (chart["kind"], chart["apiVersion"]) == (
        "HelmChart",
        "helm.cattle.io/v1",
    )
    assert spec["targetNamespace"] == namespace["metadata"]["name"]
    assert spec["failurePolicy"] == "abort"
    assert yaml.safe_load(spec["valuesContent"]) == yaml.safe_load(values)
    assert "chart" not in spec
    name = chart["metadata"]["name"]
    page = PAGE.read_text()
    assert f"logs job/helm-install-{name}`" in page
    assert (
        f"-n {spec['targetNamespace']} delete secret -l owner=helm,name={name},status=failed"
        in page
    )
    assert f"-n {chart['metadata']['namespace']} delete helmchart {name}\n" in page
    # An object of the API server is at most some 1.5 MB.
    assert len(spec["chartContent"]) < 1_000_000


def test_with_internet_the_file_names_the_released_chart() -> None:
    _, chart = yaml.safe_load_all(tool.k3s_manifest("zones: {}"))
    assert chart["spec"]["chart"].startswith("oci://")
    assert chart["spec"]["version"] == tool.chart_version()


def test_the_list_of_images_is_complete() -> None:
    house = render(all_presets())
    used = {
        each["image"]
        for _, spec in house.pods()
        for each in (*spec["containers"], *spec.get("initContainers", ()))
    }
    assert set(tool.images(house.text)) == used


def test_the_list_of_all_images_is_that_of_all_presets() -> None:
    listed = (CHART / "images.txt").read_text().split()
    wanted = {**all_presets(), "usb": {"sticks": {"zigbee": "/dev/ttyUSB0"}}}
    wanted["vault"] = {"device": "vault"}
    wanted["devices"]["generic"]["vault"] = {"role": "x", "files": {}}
    needed = [
        image
        for image in tool.images(render(wanted).text)
        if not image.startswith("ghcr.io/me/")
    ]
    assert listed == needed, "\n".join(needed)
