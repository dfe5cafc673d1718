"""The demo home from the command line: to play with, or to have its story told."""

import argparse
import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
import shutil
import signal
import sys
import tempfile
from typing import Any, Final

from testbed.chart_home import ATTIC, HALL
from testbed.cluster import Cluster
from testbed.errors import TestbedError
from testbed.home import Home
from testbed.house_socket import HouseError

from .demo import DemoError, show_chart, show_cluster, show_home
from .run import play, report, write
from .stage import Stage

_CROWD: Final = "crowd"


def main() -> int:
    """Run the demo until Ctrl-C, or the story to its end; 0 if all went well."""
    options = _options()
    signal.signal(signal.SIGTERM, _interrupt)
    folder = Path(tempfile.mkdtemp(prefix="home-cluster-demo-"))
    try:
        if options.kubeconfig:
            return _until_interrupted(show_cluster(options.kubeconfig, folder))
        return _on_the_testbed(options, folder)
    except KeyboardInterrupt:
        return 130 if options.story else 0
    except (DemoError, HouseError, TestbedError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _on_the_testbed(options: argparse.Namespace, folder: Path) -> int:
    cluster = Cluster()
    was_up = cluster.is_up()
    try:
        if options.on_cluster:
            cluster.up((HALL, ATTIC))
            return _until_interrupted(show_chart(cluster))
        cluster.up()
        Home(cluster).up()
        if options.pods:
            cluster.kwok(
                nodes=options.pods // 100 + 1, pods=options.pods, namespace=_CROWD
            )
        if options.story:
            return _until_interrupted(_tell(cluster, folder, options.story))
        more = [_CROWD] if options.pods else []
        return _until_interrupted(show_home(cluster, folder, more))
    finally:
        # One Ctrl-C ends it; another must not leave half of it behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if not was_up:
            print("demo: taking everything down", flush=True)
            cluster.down()


async def _tell(cluster: Cluster, folder: Path, file: Path) -> int:
    """Play the whole story; 0 if no step missed."""
    stage = Stage(cluster, folder, pictures=file.absolute().parent)
    try:
        await stage.open()
        results = await play(stage)
        write(file, report(results, stage))
    finally:
        await stage.close()
    missed = [result.name for result in results if not result.ok]
    print(
        f"story: {len(results) - len(missed)} of {len(results)} steps came out; see {file}"
    )
    return 1 if missed else 0


def _until_interrupted(work: Coroutine[Any, Any, int | None]) -> int:
    """Run to the end; an interrupt cancels the work, which cleans up after itself."""

    async def run() -> int:
        task = asyncio.ensure_future(work)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        with suppress(asyncio.CancelledError):
            return await task or 0
        raise KeyboardInterrupt

    return asyncio.run(run())


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument(
        "--kubeconfig", type=Path, metavar="FILE", help="show your own cluster instead"
    )
    parser.add_argument(
        "--on-cluster",
        action="store_true",
        help="Home Assistant itself is a pod, by the chart",
    )
    parser.add_argument(
        "--pods",
        type=int,
        default=0,
        metavar="N",
        help="add N pods that only pretend (kwok)",
    )
    parser.add_argument(
        "--story",
        type=Path,
        metavar="FILE",
        help="tell the story without a person: write FILE as JSON and pictures beside it",
    )
    options = parser.parse_args()
    if options.kubeconfig and (options.pods or options.story):
        parser.error("--kubeconfig goes with neither --pods nor --story")
    if options.on_cluster and (options.kubeconfig or options.pods or options.story):
        parser.error("--on-cluster goes with none of the others")
    if options.kubeconfig and not options.kubeconfig.is_file():
        parser.error(f"There is no file {options.kubeconfig}")
    return options


if __name__ == "__main__":
    sys.exit(main())
