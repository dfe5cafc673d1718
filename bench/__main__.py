"""Measure every figure that the project promises, beside what others reach."""

import argparse
import asyncio
from collections.abc import AsyncIterator, Sequence
import compileall
from contextlib import asynccontextmanager
from importlib.metadata import version
import json
import os
from pathlib import Path
import platform
import sys
from tempfile import TemporaryDirectory
import time
from typing import Any

from testbed.errors import TestbedError
from testbed.firehose import Firehose, serve
from testbed.house_socket import HouseError

from . import enabled, faults, figures, loaded, peers, real
from .house import BenchHouse, Missing
from .remote import Remote
from .rows import REFERENCE_FLOOR, Pace, Row, table, write

_SERVER = "bench.server"
_INTEGRATION = peers.ROOT / "custom_components" / "home_cluster"


def main(arguments: Sequence[str]) -> int:
    """Measure and show; 0 if every goal is reached."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the rows")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    rows, versions = asyncio.run(measure())
    seconds = round(time.monotonic() - began, 1)
    print(table(rows))
    missed = [row.name for row in rows if not row.ok]
    print(f"{len(rows) - len(missed)} reached, {len(missed)} missed, {seconds} s")
    if options.json:
        about = {"seconds": seconds, "versions": versions, "cores": os.cpu_count()}
        write(options.json, rows, about)
    return 1 if missed else 0


async def measure() -> tuple[list[Row], dict[str, str]]:
    """Measure everything; what cannot be measured is a row that misses."""
    # As it is in a house: Python compiles a module once, not at every start.
    compileall.compile_dir(_INTEGRATION, quiet=1)
    with TemporaryDirectory(prefix="home-cluster-bench-") as folder:
        bench = _Bench(Path(folder))
        for part in (bench.loaded, bench.enabled, bench.faulty, bench.real):
            try:
                await part()
            except (HouseError, Missing, OSError, TestbedError) as error:
                bench.rows.append(figures.not_measured(str(part.__doc__), str(error)))
        return [*bench.rows, figures.of_logs(bench.complaints)], bench.versions


class _Bench:
    """What is measured, part by part."""

    def __init__(self, folder: Path) -> None:
        self.rows: list[Row] = []
        self.complaints: list[str] = []
        self.versions = {
            "home_cluster": _version_of_ours(),
            "homeassistant": version("homeassistant"),
            "kr8s": version("kr8s"),
            "kubernetes client": version("kubernetes"),
            "python": platform.python_version(),
            "system": platform.platform(),
        }
        self._folder = folder
        self._pace = Pace(REFERENCE_FLOOR)

    async def loaded(self) -> None:
        """300 and 10,000 pods."""
        with serve(loaded.FEW, loaded.WORKLOADS, module=_SERVER) as server:
            _say("300 and 10,000 pods, read and followed by others")
            others = _others(server)
            _say("300 and 10,000 pods in Home Assistant")
            async with self._house("loaded") as house:
                seen = await loaded.measure(house, server)
        self._pace = seen.pace
        self.rows += figures.of_loaded(seen, others)

    async def enabled(self) -> None:
        """Every entity enabled."""
        _say("every entity enabled")
        with serve(loaded.MANY, loaded.WORKLOADS, module=_SERVER) as server:
            async with self._house("enabled") as house:
                seen = await enabled.measure(house, server)
        self.rows += figures.of_enabled(seen, self._pace)

    async def faulty(self) -> None:
        """Every fault, and rest."""
        _say("every fault, and rest")
        with serve(3 * faults.WORKLOADS, faults.WORKLOADS, module=_SERVER) as server:
            async with self._house("faulty") as house:
                self.rows += figures.of_faults(await faults.measure(house, server))

    async def real(self) -> None:
        """The real cluster."""
        _say("the real cluster")
        with real.cluster() as testbed:
            token = await asyncio.to_thread(real.prepare, testbed)
            async with self._house("real") as house:
                seen = await real.measure(house, testbed, token)
        self.versions["kubernetes"] = seen.version
        self.rows += figures.of_real(seen, self._pace)

    @asynccontextmanager
    async def _house(self, name: str) -> AsyncIterator[BenchHouse]:
        """A running Home Assistant; what its log holds against us is kept."""
        house = BenchHouse(self._folder / name)
        try:
            await house.start()
            yield house
        except BaseException:
            print(house.last_words(60), file=sys.stderr, flush=True)
            raise
        finally:
            await house.close()
            self.complaints += [one.text for one in house.complaints()]


def _others(server: Firehose) -> figures.Others:
    """Measure the others."""
    others = {
        loaded.FEW: {
            peer: peers.measure(peer, server, events)
            for peer, events in (("kubernetes.aio", 2000), ("kr8s", 500))
        }
    }
    Remote(server)("world", pods=loaded.MANY)
    others[loaded.MANY] = {"kubernetes.aio": peers.measure("kubernetes.aio", server)}
    return others


def _version_of_ours() -> str:
    manifest = (_INTEGRATION / "manifest.json").read_text()
    content: dict[str, Any] = json.loads(manifest)
    return str(content["version"])


def _say(what: str) -> None:
    print(f"· {what} …", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
