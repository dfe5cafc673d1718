"""The chart, rendered by Helm itself, and its objects found again."""

import atexit
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
import json
from pathlib import Path
import shutil
import subprocess
import tempfile
from typing import Any, Final

import yaml

from testbed.programs import program

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "charts/home-cluster"
LINK: Final = "charts/integration/files/home_cluster"
PRESETS: Final = tuple(sorted(path.stem for path in (CHART / "presets").glob("*.yaml")))

type Values = Mapping[str, Any]
type Object = dict[str, Any]


class Refused(Exception):
    """Helm would not render; the text is what it said."""


@dataclass(frozen=True)
class Rendered:
    """The objects of a release."""

    text: str
    objects: tuple[Object, ...]

    def of(self, kind: str) -> tuple[Object, ...]:
        """All objects of a kind."""
        return tuple(each for each in self.objects if each["kind"] == kind)

    def one(self, kind: str, name: str, namespace: str | None = None) -> Object:
        """The object of that name; exactly one."""
        found = [
            each
            for each in self.of(kind)
            if each["metadata"]["name"] == name
            and namespace in (None, each["metadata"].get("namespace"))
        ]
        assert len(found) == 1, f"{kind} {name}: {len(found)}"
        return found[0]

    def names(self, kind: str) -> set[str]:
        """The names of all objects of a kind."""
        return {each["metadata"]["name"] for each in self.of(kind)}

    def pods(self) -> Iterator[tuple[Object, Object]]:
        """Every workload with the spec of its pods."""
        for each in self.objects:
            if (spec := pod_spec(each)) is not None:
                yield each, spec


def pod_spec(workload: Object) -> Object | None:
    """The spec of a workload's pods, None for what is no workload."""
    match workload["kind"]:
        case "Deployment" | "StatefulSet" | "DaemonSet" | "Job":
            return dict(workload["spec"]["template"]["spec"])
        case "CronJob":
            return dict(workload["spec"]["jobTemplate"]["spec"]["template"]["spec"])
        case _:
            return None


@cache
def _program() -> Path:
    return program("helm")


def helm(*arguments: str) -> str:
    """What Helm prints; raises `Refused` where it fails."""
    done = subprocess.run(
        [_program(), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Refused(done.stderr)
    return done.stdout


def template(
    values: Values | None = None,
    *options: str,
    release: str = "home",
    namespace: str = "home",
    chart: Path = CHART,
) -> str:
    """The manifests of a release, as text."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        # JSON is YAML that does not surprise.
        json.dump(values or {}, file, ensure_ascii=False)
        file.flush()
        return helm(
            *("template", release, str(chart), "--namespace", namespace),
            *("--values", file.name, *options),
        )


def render(
    values: Values | None = None,
    *options: str,
    release: str = "home",
    namespace: str = "home",
    chart: Path | None = None,
) -> Rendered:
    """The objects of a release, with a small integration unless it is another chart's."""
    chart = chart or light()
    return _render(json.dumps(values or {}), options, release, namespace, chart)


@cache
def light() -> Path:
    """The chart with an integration of one file: a tenth of the time to render and read."""
    folder = Path(tempfile.mkdtemp(prefix="home-cluster-chart-"))
    atexit.register(shutil.rmtree, folder)
    chart = folder / CHART.name
    shutil.copytree(CHART, chart, symlinks=True)
    link = chart / LINK
    link.unlink()
    link.mkdir()
    (link / "manifest.json").write_text("{}")
    return chart


@cache
def _render(
    values: str,
    options: tuple[str, ...],
    release: str,
    namespace: str,
    chart: Path,
) -> Rendered:
    text = template(
        json.loads(values), *options, release=release, namespace=namespace, chart=chart
    )
    objects = [each for each in yaml.load_all(text, yaml.CSafeLoader) if each]
    return Rendered(text, tuple(objects))
