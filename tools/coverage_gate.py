"""Holds each module of the integration to its share of tested lines."""

import json
from pathlib import Path
import subprocess
import sys
import tempfile

from tools.setup.report import ROOT
from tools.stages import tool

INTEGRATION = "custom_components/home_cluster/"
LEAST = 95.0
WHOLE = ("config_flow.py", "options_flow.py")


def shortfalls(report: dict[str, dict[str, dict[str, dict[str, float]]]]) -> list[str]:
    """The modules of a coverage.py JSON report that are tested too little, a sentence each.

    More than LEAST percent is asked of each module, all of those in WHOLE; a module that the
    report does not know was never imported by a test.
    """
    found = []
    files = report["files"]
    for path in sorted((ROOT / INTEGRATION).rglob("*.py")):
        name = str(path.relative_to(ROOT))
        if name not in files:
            found.append(f"{name}: not measured")
            continue
        covered = files[name]["summary"]["percent_covered"]
        whole = name.removeprefix(INTEGRATION) in WHOLE
        if covered < 100 if whole else covered <= LEAST:
            found.append(
                f"{name}: {covered:.1f} %, {'100 %' if whole else f'more than {LEAST:.0f} %'} is asked"
            )
    return found


def main() -> int:
    """Judge the .coverage file of the last test run."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "coverage.json"
        command = [tool("coverage"), "json", "--quiet", "-o", str(target)]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            return 1
        found = shortfalls(json.loads(target.read_text(encoding="utf-8")))
    for line in found:
        print(line)
    if not found:
        print(f"every module of the integration is tested to more than {LEAST:.0f} %")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
