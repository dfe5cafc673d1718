"""A Home Assistant that lives on the real cluster, for tests that ask what only it can tell."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
import copy
from functools import partial, wraps
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
import shutil
import threading
from typing import Any, Final, override

import aiohttp

from story import home
from story.automations import Automations
from story.inside import Inside
from story.stage import Stage
from story.steps.parts import device_manifest
from story.witness import Workload
from testbed.cluster import Cluster
from testbed.home import Home
from testbed.house import INTEGRATION
from testbed.house_socket import HouseSocket
from testbed.pytest_plugin import open_sockets

ZONE: Final = "workshop"
BLUEPRINTS: Final = (
    Path(__file__).parents[2] / "blueprints" / "automation" / "home_cluster"
)
PREFIX: Final = "home-cluster.github.io/"

# A minute of a watchdog lasts half a second, what a device is there for is missed at once, and a node is
# no flicker after ten seconds.
_HURRY: Final = {
    "guard.py": "_timedelta = timedelta\ntimedelta = lambda *, minutes: _timedelta(seconds=minutes / 2)\n",
    "model/serving.py": "GRACE = timedelta(0)\n",
    "model/situation.py": "FLICKER = timedelta(seconds=10)\n",
}

type Content = dict[str, Any]


class Household:
    """Home Assistant, connected with all rights in the zone; everything runs in `run`'s loop.

    `later` is what is to be done when it has been stopped.
    """

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        """Nothing is started yet."""
        self.cluster = cluster
        integration = folder / INTEGRATION.name
        unread = shutil.ignore_patterns("__pycache__")
        shutil.copytree(INTEGRATION, integration, ignore=unread)
        for name, line in _HURRY.items():
            with (integration / name).open("a") as file:
                file.write(line)
        self.stage = Stage(cluster, folder, integration=integration, namespaces=[ZONE])
        self.inside = self.stage.main
        self.made = Automations(self.inside)
        self.later = ExitStack()
        self._runner = asyncio.Runner()

    def run[T](self, act: Coroutine[Any, Any, T]) -> T:
        """Do something in the loop in which Home Assistant is listened to."""
        return self._runner.run(act)

    async def open(self) -> None:
        """Start and connect."""
        await self.stage.open()
        await self.stage.apply(home.full_rights([ZONE]))
        await self.stage.connected()

    def close(self) -> None:
        """Stop; the cluster keeps what was applied."""
        with self.later:
            self.run(self.stage.close())
            self._runner.close()

    def of_cluster(self, uid: str) -> Inside:
        """The same Home Assistant, asked about another cluster's devices."""
        other = copy.copy(self.inside)
        other.uid = uid
        return other

    async def device_id(self, workload: Workload) -> str:
        """The id of a workload's device."""
        return str((await self.inside.devices())[workload.path]["id"])

    async def says(self, entity: str, state: str, **attributes: Any) -> None:
        """Have an entity that another integration would have say something."""
        content = {"state": state, "attributes": attributes}
        await self.inside.house.rest("POST", f"/api/states/{entity}", content)

    async def automate(self, name: str, blueprint: str, **inputs: Any) -> None:
        """Import a blueprint as a person does, by its address, and have an automation by it."""
        path = f"home_cluster/{blueprint}.yaml"
        with _served(BLUEPRINTS) as address:
            found = await self.inside.house.call(
                "blueprint/import", url=f"{address}/{blueprint}.yaml"
            )
        assert found["validation_errors"] is None
        await self.inside.house.call(
            "blueprint/save",
            domain="automation",
            path=path,
            yaml=found["raw_data"],
            allow_override=True,
        )
        await self.made.use(name, path, **inputs)

    async def until_told(self, name: str, message: str, *, timeout: float = 60) -> None:
        """Wait until an automation has put this on the wall."""

        async def told() -> bool:
            return await self.made.said(name) == message

        await self.inside.until(f"{name} says {message!r}", told, timeout=timeout)

    async def repair(self, kind: str) -> Content | None:
        """The repair of a kind; None if there is none."""
        found = await self.inside.repairs()
        return next((one for one in found if one["translation_key"] == kind), None)

    async def until_repair(self, kind: str, *, timeout: float = 30) -> Content:
        """Wait for the repair of a kind, and return it."""
        found: list[Content] = []

        async def offered() -> bool:
            found.extend(filter(None, [await self.repair(kind)]))
            return bool(found)

        await self.inside.until(f"the repair {kind}", offered, timeout=timeout)
        return found[0]

    async def mend(self, issue: str) -> str:
        """Go through a repair's flow as a person does who submits it; how it ended."""
        path = "/api/repairs/issues/fix"
        about = {"handler": "home_cluster", "issue_id": issue}
        form = await self.inside.house.rest("POST", path, about)
        result = await self.inside.house.rest("POST", f"{path}/{form['flow_id']}", {})
        return str(result["type"])

    @asynccontextmanager
    async def guest(self) -> AsyncIterator[HouseSocket]:
        """Somebody who lives here, too, and is no administrator, at a screen of his own."""
        house = self.inside.house
        words: dict[str, Any] = {"username": "guest", "password": "let-me-in"}
        person = await house.call(
            "config/auth/create", name="Guest", group_ids=["system-users"]
        )
        provider = "config/auth_provider/homeassistant/create"
        await house.call(provider, user_id=person["user"]["id"], **words)
        async with aiohttp.ClientSession() as web:
            socket = await HouseSocket.log_in(web, house.url, **words)
            try:
                yield socket
            finally:
                await socket.close()

    async def pods(self, workload: Workload) -> set[str]:
        """The uids of its pods that are ready and stay."""
        found = await self.stage.witness.pods(workload)
        return {pod.uid for pod in found if pod.ready and not pod.ending}


@contextmanager
def inhabited(cluster: Cluster, folder: Path) -> Iterator[Household]:
    """A household that is not open yet: its zone is empty, around it are the registry and figures.

    Zone and account go with it.
    """
    open_sockets()
    around = Home(cluster)
    around.start_registry()
    around.start_metrics()
    # Of a run before it may still be on its way out; without an API that it knows of, none goes.
    cluster.kubectl("delete", "namespace", ZONE, "--ignore-not-found")
    cluster.kubectl("create", "namespace", ZONE)
    household = Household(cluster, folder)
    try:
        yield household
    finally:
        open_sockets()
        household.close()
        cluster.kubectl("delete", "namespace", ZONE, "--wait=false")
        account = str(home.RBAC / "account.yaml")
        cluster.kubectl("delete", "-f", account, "--ignore-not-found")


def at_home(
    act: Callable[[Household], Coroutine[Any, Any, None]],
) -> Callable[[Household], None]:
    """A test that runs in the loop of its household."""

    @wraps(act)
    def test(household: Household) -> None:
        household.run(act(household))

    return test


def deployment(name: str) -> Workload:
    """A Deployment of the zone."""
    return Workload("Deployment", ZONE, name)


def manifest(name: str, *, hints: dict[str, str] | None = None, **more: Any) -> Content:
    """A device of the zone with these hints; the rest is as for those of the story."""
    made = device_manifest(name, **more)
    made["metadata"]["namespace"] = ZONE
    made["metadata"]["annotations"] = {
        f"{PREFIX}{key}": text for key, text in (hints or {}).items()
    }
    return made


class _Quiet(SimpleHTTPRequestHandler):
    @override
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The address of a web server that holds a folder."""
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(_Quiet, directory=folder)
    ) as server:
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.05}
        )
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
