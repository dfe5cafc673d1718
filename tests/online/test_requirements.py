"""What the integration requires can be installed beside the Home Assistants that it supports."""

import json
from pathlib import Path
import re
import subprocess

import pytest

from tools.setup.python import find_uv

INTEGRATION = Path(__file__).resolve().parents[2] / "custom_components" / "home_cluster"
KUBERNETES = re.search(
    r'"(kubernetes[<>=][^"]+)"', (INTEGRATION / "const.py").read_text()
)


@pytest.mark.parametrize("home_assistant", ["2026.10.4", "2026.11.0"])
def test_requirements_resolve_beside_home_assistant(home_assistant: str) -> None:
    """Home Assistant pins pydantic and aiohttp; ours must live with its pins."""
    assert KUBERNETES is not None
    wanted = [
        f"homeassistant=={home_assistant}",
        KUBERNETES[1],
        *json.loads((INTEGRATION / "manifest.json").read_text())["requirements"],
    ]
    resolved = subprocess.run(
        [find_uv(), "pip", "compile", "--quiet", "--python-version", "3.14.2", "-"],
        input="\n".join(wanted),
        capture_output=True,
        text=True,
        check=False,
    )
    assert resolved.returncode == 0, resolved.stderr
    assert re.search(r"^kubernetes==3[67]\.", resolved.stdout, re.MULTILINE)
    assert re.search(r"^msgspec==", resolved.stdout, re.MULTILINE)
