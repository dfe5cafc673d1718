"""Keep the integration's packages on the config volume, so that a start needs no internet.

Runs in Home Assistant's own image, before every start of the pod, and never fails: without packages
Home Assistant starts, and this integration alone waits for the internet.
"""

import importlib.metadata
import json
from pathlib import Path
import re
import shutil
import subprocess
import sys

STAMP = "requirements.txt"
KEPT = 3
PATIENCE = 180


def main(config: Path, delivered: Path) -> None:
    """Have the packages in a folder of this Home Assistant and this Python, and `current` point to it."""
    base = config / ".home_cluster"
    base.mkdir(parents=True, exist_ok=True)
    # A copy that HACS laid down wins, as it does in Home Assistant.
    for folder in (config / "custom_components/home_cluster", delivered):
        if (folder / "manifest.json").exists():
            manifest = json.loads(
                (folder / "manifest.json").read_text(encoding="utf-8")
            )
            break
    else:
        print("There is no integration here yet.")
        return
    wanted = "\n".join(sorted(manifest.get("requirements", []))) + "\n"
    python = f"py{sys.version_info.major}{sys.version_info.minor}"
    version = importlib.metadata.version("homeassistant")
    target = base / f"{version}-{python}"
    if not complete(target, wanted):
        try:
            fetch(target, wanted)
        except (OSError, subprocess.SubprocessError) as error:
            print(f"The packages could not be fetched now: {error}")
            target = newest(base, python) or target
    if target.is_dir():
        point(base / "current", target.name)
        tidy(base, target)
    else:
        (base / "current").unlink(missing_ok=True)


def complete(target: Path, wanted: str) -> bool:
    """Whether a folder was made for these requirements."""
    stamp = target / STAMP
    return stamp.exists() and stamp.read_text(encoding="utf-8") == wanted


def fetch(target: Path, wanted: str) -> None:
    """Install what the image lacks, in versions that fit Home Assistant's own."""
    made = target.with_name(f".{target.name}")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    package = importlib.metadata.distribution("homeassistant")
    constraints = Path(
        str(package.locate_file("homeassistant/package_constraints.txt"))
    )
    pins = uv(
        *("pip", "compile", "--quiet", "--no-header", "--no-annotate"),
        *("--constraint", str(constraints), "-"),
        stdin=wanted,
    )
    missing = [pin for pin in pins.split("\n") if pin.strip() and not present(pin)]
    if missing:
        uv(
            *("pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"),
            *("--target", str(made), *missing),
        )
    (made / STAMP).write_text(wanted, encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    made.rename(target)
    print(f"Packages: {' '.join(missing) or 'the image has them all'}")


def uv(*arguments: str, stdin: str = "") -> str:
    """Run uv for this Python, and return what it printed."""
    command = [sys.executable, "-m", "uv", *arguments]
    return subprocess.run(
        [*command, "--no-cache", "--python", sys.executable],
        input=stdin,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=PATIENCE,
    ).stdout


def present(pin: str) -> bool:
    """Whether the image itself has this version."""
    match = re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", pin.strip())
    if match is None:
        return False
    try:
        return importlib.metadata.version(match[1]) == match[2]
    except importlib.metadata.PackageNotFoundError:
        return False


def newest(base: Path, python: str) -> Path | None:
    """The folder made last for the same Python; another one's libraries would not load."""
    folders = [path for path in base.glob(f"[!.]*-{python}") if path.is_dir()]
    return max(folders, key=lambda path: path.stat().st_mtime, default=None)


def point(link: Path, name: str) -> None:
    """Let a link name a folder, with no moment in between."""
    made = link.with_name(f".{link.name}")
    made.unlink(missing_ok=True)
    made.symlink_to(name)
    made.replace(link)


def tidy(base: Path, current: Path) -> None:
    """Remove the folders of versions long gone."""
    folders = sorted(
        (path for path in base.glob("[!.]*-py3*") if path.is_dir() and path != current),
        key=lambda path: path.stat().st_mtime,
    )
    for old in folders[: max(0, len(folders) - KEPT + 1)]:
        shutil.rmtree(old, ignore_errors=True)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    # Nothing here may keep Home Assistant from starting.
    except Exception as error:
        print(f"Packages were left as they are: {error!r}")
