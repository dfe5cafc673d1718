"""The chart as people get it: packed, as one manifest for k3s, and the images that it needs.

`python -m tools.chart package dist`, `… k3s values.yaml`, `… images values.yaml`.
"""

import argparse
import base64
from collections.abc import Iterator
import io
import lzma
from pathlib import Path
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "charts" / "home-cluster"
INTEGRATION = ROOT / "custom_components" / "home_cluster"
PACKED = "charts/integration/files/integration.tar.xz"
LEFT_OUT = re.compile(r"__pycache__|\.pyc$|^brand/(?!icon\.png)|^quality_scale\.yaml$")
# As the chart's templates do it: whole lines of comment, and strings that are statements.
DOCSTRING = re.compile(r'^([ \t]*)"""(?s:.*?)"""[ \t]*$', re.MULTILINE)
COMMENT = re.compile(r"^[ \t]*#.*\n", re.MULTILINE)
MANIFEST = """\
# Put this file into /var/lib/rancher/k3s/server/manifests/ of a k3s server: {how}.
apiVersion: v1
kind: Namespace
metadata:
  name: home
---
apiVersion: helm.cattle.io/v1
kind: HelmChart
metadata:
  name: home
  namespace: kube-system
spec:
{source}
  targetNamespace: home
  # Never `reinstall`, which is k3s' default: it uninstalls what it cannot upgrade.
  failurePolicy: abort
  valuesContent: |-
{values}
"""


def files() -> Iterator[tuple[str, bytes]]:
    """The integration's files by name, programs without comments and docstrings."""
    for path in sorted(INTEGRATION.rglob("*")):
        name = path.relative_to(INTEGRATION).as_posix()
        if path.is_file() and not LEFT_OUT.search(name):
            content = path.read_bytes()
            yield (
                name,
                bare(content.decode()).encode() if path.suffix == ".py" else content,
            )


def bare(program: str) -> str:
    """A program without its comments and docstrings; it does the same."""
    return COMMENT.sub("", DOCSTRING.sub(r'\1""', program))


def compressed() -> bytes:
    """The integration as one archive; the same files give the same bytes."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, content in files():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.mode = 0o644
            tar.addfile(info, io.BytesIO(content))
    return lzma.compress(target.getvalue(), preset=9 | lzma.PRESET_EXTREME)


def stage(folder: Path) -> Path:
    """Lay the chart into a folder with the integration compressed, and return where."""
    chart = folder / CHART.name
    shutil.copytree(
        CHART, chart, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
    )
    packed = chart / PACKED
    packed.with_name("home_cluster").unlink()
    packed.write_bytes(compressed())
    return chart


def package(helm: str | Path, folder: Path) -> Path:
    """Pack the chart into a folder; returns the archive."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        said = subprocess.run(
            [helm, "package", stage(Path(work)), "--destination", folder],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    return Path(said.rpartition(": ")[2].strip())


def k3s_manifest(values: str, archive: Path | None = None) -> str:
    """One file for k3s' folder of manifests; with a packed chart it needs no internet for the chart."""
    if archive is None:
        version = chart_version()
        source = (
            "  chart: oci://ghcr.io/home-cluster/charts/home-cluster\n"
            f"  version: {version}"
        )
        how = "k3s installs Home Assistant and your devices, and does so again after every change"
    else:
        content = base64.b64encode(archive.read_bytes()).decode()
        source = f"  chartContent: {content}"
        how = "the chart is within it, so nothing but the images is fetched"
    indented = "\n".join(f"    {line}".rstrip() for line in values.strip().split("\n"))
    return MANIFEST.format(how=how, source=source, values=indented)


def chart_version() -> str:
    """The chart's version."""
    text = (CHART / "Chart.yaml").read_text(encoding="utf-8")
    match = re.search(r"^version: (\S+)$", text, re.MULTILINE)
    assert match
    return match[1]


def images(manifests: str) -> list[str]:
    """Every image that manifests name, sorted."""
    found = re.findall(r"^\s*(?:- )?image: \"?([^\"\s{]+)\"?$", manifests, re.MULTILINE)
    return sorted(set(found))


def main() -> int:
    """Do what is asked."""
    parser = argparse.ArgumentParser(prog="tools.chart", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    pack = commands.add_parser("package", help="pack the chart into a folder")
    pack.add_argument("folder", type=Path)
    k3s = commands.add_parser("k3s", help="print one manifest for k3s")
    k3s.add_argument("values", type=Path, help="your values file")
    k3s.add_argument("--archive", type=Path, help="a packed chart to put into it")
    listed = commands.add_parser("images", help="print the images of a values file")
    listed.add_argument("values", type=Path)
    parser.add_argument("--helm", default="helm")
    arguments = parser.parse_args()
    match arguments.command:
        case "package":
            print(package(arguments.helm, arguments.folder))
        case "k3s":
            values = arguments.values.read_text(encoding="utf-8")
            print(k3s_manifest(values, arguments.archive), end="")
        case "images":
            said = subprocess.run(
                [arguments.helm, "template", "home", CHART, "-f", arguments.values],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
            print("\n".join(images(said)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
