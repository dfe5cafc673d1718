"""Prepare this machine: Python, packages, Go and, for the cluster, its programs."""

import argparse
import os
import subprocess
import sys
import time
from typing import Final

from .debian import CLUSTER_PROGRAMS, PICTURE_PROGRAMS, install_packages, missing
from .go import find_go
from .python import find_python, find_uv
from .report import ROOT, SetupError, finish
from .venv import VENV, make_venv

QUICK: Final = ("helm",)
"""The program groups that tests without a cluster use; half a minute, once."""


def main() -> int:
    """Do what is asked and tell what was done."""
    parser = argparse.ArgumentParser(prog="scripts/setup", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="only what the tests without a cluster need: Python, its packages, and Helm",
    )
    quick = parser.parse_args().quick
    start = time.monotonic()
    try:
        if not quick:
            # Said before anything slow is done.
            install_packages(missing(CLUSTER_PROGRAMS | PICTURE_PROGRAMS))
        uv = find_uv()
        make_venv(uv, find_python(uv))
        go = find_go(uv)
    except SetupError as error:
        return finish(error)
    env = {
        **os.environ,
        "PATH": f"{go.parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    built = subprocess.run(
        [VENV / "bin" / "python", "-m", "testbed", "build", *(QUICK if quick else ())],
        cwd=ROOT,
        env=env,
        check=False,
    )
    if built.returncode:
        return built.returncode
    print(f"Ready after {time.monotonic() - start:.0f} s.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
