"""All tests: style and types, units, Home Assistant, the real cluster.

The figures have a command of their own, scripts/bench: they want a machine that does nothing else.
"""

import argparse
from dataclasses import replace
import sys

from tools.lint import STAGES as LINT
from tools.stages import Stage, end_as_by_ctrl_c, run_stages, tool


def _without_cluster() -> tuple[Stage, ...]:
    """The tests without a cluster, first because they take longest, and beside them the rest."""
    command = (
        *(tool("pytest"), "tests/unit", "tests/integration", "tests/chart"),
        *("-n", "2", "--dist", "worksteal", "-q", "--cov", "--cov-report", ""),
    )
    stages = (Stage("tests without a cluster", command), *LINT)
    return (
        *(replace(stage, beside=1) for stage in stages),
        Stage("coverage", (sys.executable, "-m", "tools.coverage_gate")),
    )


def _with_cluster(name: str, path: str, *, beside: int = 0) -> Stage:
    """Tests with a cluster of their own."""
    command = (tool("pytest"), path, "-q", "--timeout", "3000")
    return Stage(name, command, beside=beside, apart=True)


QUICK = _without_cluster()
WHOLE = (
    *QUICK,
    Stage("tests that need the internet", (tool("pytest"), "tests/online", "-q")),
    Stage(
        "the chart's judges",
        (
            *(tool("pytest"), "tests/judges", "-q", "--timeout", "900"),
            *("-n", "2", "--dist", "loadfile"),
        ),
    ),
    # The story has a machine for itself: it has promises about time.
    _with_cluster("the story", "tests/e2e/test_story.py"),
    # The longest first.
    _with_cluster("the story can fail", "tests/e2e/test_story_can_fail.py", beside=2),
    _with_cluster("the chart on the real cluster", "tests/chart_cluster", beside=2),
    _with_cluster("tests on the real cluster", "tests/cluster", beside=2),
    _with_cluster("a house on the real cluster", "tests/house", beside=2),
    _with_cluster("the demo", "tests/e2e/test_demo.py", beside=2),
)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="scripts/test", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="only what needs no cluster, in under 3 minutes",
    )
    stages = QUICK if parser.parse_args().quick else WHOLE
    end_as_by_ctrl_c()
    sys.exit(run_stages(stages))
