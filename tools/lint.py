"""Style, types, of the dashboard's modules too, and the direction of imports."""

import sys

from tools.stages import Stage, run_stages, tool

STAGES = (
    Stage("ruff check", (tool("ruff"), "check", ".")),
    Stage("ruff format", (tool("ruff"), "format", "--check", ".")),
    Stage(
        "mypy --strict",
        (tool("mypy"), "bench", "custom_components", "story", "testbed", "tools"),
    ),
    Stage("imports", (tool("lint-imports"),)),
    Stage("tsc --checkJs", (tool("python"), "-m", "tools.typescript")),
)

if __name__ == "__main__":
    sys.exit(run_stages(STAGES))
