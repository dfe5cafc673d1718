"""All tests: style and types, units, Home Assistant, the real cluster.

The figures have a command of their own, scripts/bench: they want a machine that does nothing else.
"""

import argparse
import sys

from tools.lint import STAGES as LINT
from tools.stages import Stage, run_stages, tool

_WITHOUT_CLUSTER = (
    *(tool("pytest"), "tests/unit", "tests/integration", "tests/chart"),
    *("-n", "2", "--dist", "worksteal", "-q"),
)
QUICK = (*LINT, Stage("tests without a cluster", _WITHOUT_CLUSTER))
WHOLE = (
    *LINT,
    Stage(
        "tests without a cluster",
        (*_WITHOUT_CLUSTER, "--cov", "--cov-report", ""),
    ),
    Stage("coverage", (sys.executable, "-m", "tools.coverage_gate")),
    Stage("tests that need the internet", (tool("pytest"), "tests/online", "-q")),
    Stage(
        "the chart's judges",
        (
            tool("pytest"),
            "tests/judges",
            "-q",
            "-n",
            "2",
            "--dist",
            "loadfile",
            "--timeout",
            "900",
        ),
    ),
    # The story has a machine for itself: it has promises about time.
    *(
        Stage(name, (tool("pytest"), *paths, "-q", "--timeout", "3000"), apart=group)
        for group, name, paths in (
            (
                1,
                "the story and the demo",
                ("tests/e2e/test_story.py", "tests/e2e/test_demo.py"),
            ),
            (2, "the story can fail", ("tests/e2e/test_story_can_fail.py",)),
            (2, "tests on the real cluster", ("tests/cluster",)),
            (2, "the chart on the real cluster", ("tests/chart_cluster",)),
        )
    ),
)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="scripts/test", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="only what needs no cluster, in under 3 minutes",
    )
    sys.exit(run_stages(QUICK if parser.parse_args().quick else WHOLE))
