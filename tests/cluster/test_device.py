"""The Go tests of the test device."""

import os
import subprocess

from testbed.images import DEVICE_SOURCE
from tools.setup.go import find_go
from tools.setup.python import find_uv


def test_the_device_passes_its_own_tests() -> None:
    """Without Go's vet: run by root, it replaces /dev/null by a file."""
    done = subprocess.run(
        [find_go(find_uv()), "test", "-vet=off", "./..."],
        cwd=DEVICE_SOURCE,
        env={**os.environ, "GOWORK": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
