"""The demo as a person starts and ends it: it serves Home Assistant, and leaves nothing behind."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
import os
from pathlib import Path
import re
import signal
import subprocess
import sys
import time
import urllib.request

import aiohttp
import pytest

from testbed.cluster import Cluster
from testbed.house_socket import HouseSocket

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def no_cluster(cluster: Cluster) -> Iterator[Cluster]:
    """The demo makes its own cluster; the one that other tests share is up again afterwards."""
    cluster.down()
    yield cluster
    cluster.up()


@pytest.mark.timeout(600)
def test_ctrl_c_leaves_nothing_behind(no_cluster: Cluster, tmp_path: Path) -> None:
    """No process, mount, namespace, link or cgroup is left, and nobody answers any more.

    Two Deployments of ten pods that only pretend are devices meanwhile.
    """
    with started(tmp_path, "--pods", "20") as demo:
        text = demo.until("Ctrl-C ends it all.")
        assert demo.answers()
        assert "Login: home   Password: " in text
        assert all(f"  {number}. " in text for number in (1, 2, 3))
        asyncio.run(until_crowd_shows(text, {"crowd-0000": 10, "crowd-0001": 10}))
        assert demo.interrupt() == 0
    assert no_cluster.leftovers() == []
    assert_nothing_runs_in(tmp_path)


@pytest.mark.timeout(600)
def test_home_assistant_is_a_pod_itself(no_cluster: Cluster, tmp_path: Path) -> None:
    """By the chart; and that leaves nothing behind either."""
    with started(tmp_path, "--on-cluster") as demo:
        text = demo.until("Ctrl-C ends it all.")
        assert demo.answers()
        assert "Login: home   Password: " in text
        assert demo.interrupt() == 0
    assert no_cluster.leftovers() == []
    assert_nothing_runs_in(tmp_path)


@pytest.mark.timeout(300)
def test_shows_the_users_own_cluster(cluster: Cluster, tmp_path: Path) -> None:
    """By the user's kubeconfig; that cluster is there afterwards as it was before."""
    with started(tmp_path, "--kubeconfig", str(cluster.admin_kubeconfig)) as demo:
        demo.until("Ctrl-C ends it all.")
        assert demo.answers()
        assert demo.interrupt() == 0
    assert cluster.api.ready()
    assert_nothing_runs_in(tmp_path)


@pytest.mark.timeout(300)
def test_says_what_is_wrong_with_a_kubeconfig(tmp_path: Path) -> None:
    """One sentence, exit code 1, and no traceback."""
    (tmp_path / "config").write_text("not: a kubeconfig")
    with started(tmp_path, "--kubeconfig", str(tmp_path / "config")) as demo:
        assert demo.process.wait(200) == 1
        text = demo.said.read_text()
    assert text.startswith("demo: ")
    assert "Traceback" not in text
    assert_nothing_runs_in(tmp_path)


class Demo:
    """The command, running; `said` is the file with what it printed."""

    def __init__(self, process: subprocess.Popen[bytes], said: Path) -> None:
        """Take over a process that was started."""
        self.process = process
        self.said = said

    def until(self, words: str) -> str:
        """Wait until the words are printed; all that was printed."""
        deadline = time.monotonic() + 400
        while words not in self.said.read_text():
            assert self.process.poll() is None, self.said.read_text()
            assert time.monotonic() < deadline, self.said.read_text()
            time.sleep(0.2)
        return self.said.read_text()

    def answers(self) -> bool:
        """Whether Home Assistant answers at the address that was printed."""
        url = re.search(r"running: (http://\S+)", self.said.read_text())
        assert url is not None
        with urllib.request.urlopen(f"{url[1]}/manifest.json") as answer:
            return bool(answer.status == 200)

    def interrupt(self) -> int:
        """Press Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(120)


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator[Demo]:
    """The demo, started with arguments; its files are in the folder."""
    said = folder / "said"
    with said.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "story", *arguments],
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(folder)},
            start_new_session=True,
        )
    try:
        yield Demo(process, said)
    finally:
        process.kill()
        process.wait()


async def until_crowd_shows(text: str, expected: dict[str, int]) -> None:
    """Wait until Home Assistant says so many ready pods of the crowd, by Deployment."""
    async with visitor(text) as house:
        deadline = time.monotonic() + 60
        while (seen := await crowd(house)) != expected:
            assert time.monotonic() < deadline, seen
            await asyncio.sleep(0.5)


async def crowd(house: HouseSocket) -> dict[str, int]:
    """The ready pods of each Deployment of the crowd, as its status says."""
    states = {state["entity_id"]: state for state in await house.call("get_states")}
    found = {}
    for entry in await house.call("config/entity_registry/list"):
        _, _, path = entry["unique_id"].partition("/deployment/crowd/")
        name, _, key = path.partition("/")
        if key == "status":
            attributes = states.get(entry["entity_id"], {}).get("attributes", {})
            found[name] = attributes.get("ready")
    return found


@asynccontextmanager
async def visitor(text: str) -> AsyncIterator[HouseSocket]:
    """A connection made with the address and the login that were printed."""
    printed = re.search(r"running: (\S+)\nLogin: (\S+)   Password: (\S+)", text)
    assert printed is not None, text
    url, username, password = printed.groups()
    async with aiohttp.ClientSession() as web:
        house = await HouseSocket.log_in(web, url, username, password)
        try:
            yield house
        finally:
            await house.close()


def assert_nothing_runs_in(folder: Path) -> None:
    """No process was started with a path in the folder, and no file of the demo is left there."""
    running = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            running.append(
                path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            )
        except OSError:
            continue
    assert not [command for command in running if str(folder) in command]
    assert not list(folder.glob("home-cluster-*"))
