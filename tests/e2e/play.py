"""Plays chosen steps of the story on a cluster that is up, with any copy of the integration."""

import argparse
import asyncio
from pathlib import Path

from story.run import play, report, write
from story.stage import Stage
from story.steps import STEPS
from testbed.cluster import Cluster


async def main(integration: Path, numbers: list[int], folder: Path, file: Path) -> None:
    """Write the report of these steps, of the record and of the log."""
    stage = Stage(Cluster(), folder, integration=integration)
    try:
        await stage.open()
        results = await play(stage, [step for step in STEPS if step.number in numbers])
        write(file, report(results, stage))
    finally:
        await stage.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--integration", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("steps", type=int, nargs="+")
    chosen = parser.parse_args()
    asyncio.run(main(chosen.integration, chosen.steps, chosen.folder, chosen.file))
