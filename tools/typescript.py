"""The types of the dashboard's JavaScript, by TypeScript's checker."""

import subprocess
import sys

from tools.setup.report import ROOT, SetupError, finish
from tools.setup.typescript import find_tsc


def main() -> int:
    """Check every module; 0 if all is well."""
    try:
        tsc = find_tsc()
    except SetupError as error:
        return finish(error)
    command = (str(tsc), "--project", "tools/jsconfig.json")
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
