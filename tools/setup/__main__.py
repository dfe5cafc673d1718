"""Prepare this machine: Python, packages, Go and, for the cluster, its programs; that needs root."""

import argparse
from collections.abc import Sequence
import os
from pathlib import Path
import subprocess
import sys
import time
from typing import Final

from .debian import (
    CLUSTER_PROGRAMS,
    install_packages,
    missing,
    missing_browser,
    require_root,
)
from .go import find_go
from .python import find_python, find_uv
from .report import ROOT, SetupError, finish, refusal
from .typescript import find_tsc
from .venv import VENV, make_venv

QUICK: Final = ("helm", "actionlint")
"""The program groups that tests without a cluster use; a minute, once."""


def main() -> int:
    """Do what is asked and tell what was done."""
    options = _options()
    start = time.monotonic()
    try:
        code = _prepare(python=options.python, quick=options.quick)
    except SetupError as error:
        return finish(error)
    except OSError as error:
        return finish(SetupError(refusal(error)))
    except KeyboardInterrupt:
        print("\nInterrupted. Start again: what was done is kept.", file=sys.stderr)
        return 130
    if code == 0:
        print(f"Ready after {time.monotonic() - start:.0f} s.", flush=True)
    return code


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/setup", description=__doc__)
    how_much = parser.add_mutually_exclusive_group()
    how_much.add_argument(
        "--python",
        action="store_true",
        help="only what a Home Assistant needs: Python and its packages",
    )
    how_much.add_argument(
        "--quick",
        action="store_true",
        help="only what the tests without a cluster need: that, a browser, TypeScript, Helm and actionlint",
    )
    return parser.parse_args()


def _prepare(*, python: bool, quick: bool) -> int:
    """Prepare as much as is asked for; 0 if all went well. Raises SetupError."""
    # Rights and packages first: nobody shall wait long to hear that they are missing.
    if not python and not quick:
        require_root()
        install_packages(sorted({*missing(CLUSTER_PROGRAMS), *missing_browser()}))
    if quick:
        install_packages(missing_browser())
    uv = find_uv()
    make_venv(uv, find_python(uv))
    if python:
        return 0
    go = find_go(uv)
    if quick:
        find_tsc()
    return _build(go, QUICK if quick else ())


def _build(go: Path, groups: Sequence[str]) -> int:
    """Build the cluster's programs, all without groups; the exit code of that."""
    env = {
        **os.environ,
        "PATH": f"{go.parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    command = [str(VENV / "bin" / "python"), "-m", "testbed", "build", *groups]
    with subprocess.Popen(command, cwd=ROOT, env=env) as builder:
        try:
            return builder.wait()
        except KeyboardInterrupt:
            # Ctrl-C reached it, too: it takes away what is half made.
            try:
                builder.wait(timeout=10)
            except subprocess.TimeoutExpired:
                builder.terminate()
                builder.wait()
            raise


if __name__ == "__main__":
    sys.exit(main())
