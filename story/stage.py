"""Where the story plays: the cluster, the witness, and one or more Home Assistants."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
import time
from typing import Any

import yaml

from testbed.cluster import Cluster
from testbed.home import Home
from testbed.house import INTEGRATION

from . import disturb, home
from .figures import Figures
from .inside import Inside
from .notes import Miss
from .pictures import Pictures
from .witness import Witness, Workload

# Long enough that nobody is told that it ends soon.
_TOKEN_SECONDS = 60 * 24 * 3600

# The controls that only large rights bring.
_LARGE = ("update", "hpa_min", "hpa_max", "run")


class Stage:
    """All that a step needs; use it as the story does, from `open` to `close`.

    `integration` is the code that the Home Assistants run: the tests put a broken one here and see
    the steps fail.
    """

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        *,
        pictures: Path | None = None,
        integration: Path = INTEGRATION,
        port: int | None = None,
        namespaces: Sequence[str] = home.NAMESPACES,
    ) -> None:
        """Play on a cluster that is up and holds the demo home."""
        self.cluster = cluster
        self.pictures = Pictures(pictures)
        self.figures = Figures()
        self.witness = Witness(cluster.admin_kubeconfig)
        self.insides: list[Inside] = []
        self.began = time.time()
        self._namespaces = list(namespaces)
        self._folder = folder
        self.integration = integration
        self.main = self.inside("main", port)

    def inside(
        self, name: str, port: int | None = None, *, language: str = "en"
    ) -> Inside:
        """A new Home Assistant, not started yet."""
        new = Inside(name, self._folder / name, self.integration, port, language)
        self.insides.append(new)
        return new

    async def open(self) -> None:
        """Make the account, and let the witness begin to watch."""
        await self.apply(home.smallest_account(self._namespaces))
        self.witness.watch_switches()

    async def close(self) -> None:
        """Stop everything that this object started; the cluster stays."""
        for inside in self.insides:
            await inside.house.close()
        self.witness.close()

    async def apply(self, objects: Sequence[dict[str, Any]]) -> None:
        """Have the administrator apply manifests."""
        await asyncio.to_thread(self.cluster.apply, objects)

    async def token(
        self, account: str = home.ACCOUNT, seconds: int = _TOKEN_SECONDS
    ) -> str:
        """A fresh token of a service account, for so long."""
        return await asyncio.to_thread(
            self.cluster.service_account_token,
            home.ACCOUNT_NAMESPACE,
            account,
            seconds,
        )

    async def connect(
        self,
        inside: Inside,
        method: str,
        account: str = home.ACCOUNT,
        seconds: int = _TOKEN_SECONDS,
    ) -> str:
        """Connect a running Home Assistant with an account's token; returns the entry's title."""
        ca, token = self.cluster.ca.read_text(), await self.token(account, seconds)
        answer: dict[str, Any] = {"url": self.cluster.url, "token": token, "ca": ca}
        answer["verify_ssl"] = True
        if method == "kubeconfig":
            answer = {
                "kubeconfig": home.account_kubeconfig(self.cluster.url, ca, token)
            }
        selection = {"mode": "namespaces", "namespaces": self._namespaces}
        result = await inside.connect(method, answer, selection)
        await inside.learn_uid()
        return str(result["title"])

    async def connected(self) -> Inside:
        """The main Home Assistant, started and connected if it is not yet."""
        if not self.main.house.running:
            await self.main.start()
        if not self.main.entry_id:
            await self.connect(self.main, "token")
        return self.main

    async def at_rest(self, *, timeout: float = 90) -> None:
        """Wait until every device of the home is well, for the witness and for Home Assistant."""
        deadline = time.monotonic() + timeout
        while unrest := [*await self._unready(), *self._complaining()]:
            if time.monotonic() > deadline:
                raise Miss(
                    f"the home did not come to rest in {timeout:.0f} s: {'; '.join(unrest)}"
                )
            await asyncio.sleep(0.5)

    async def agreed(self, workloads: Sequence[Workload] = home.DEVICES) -> list[str]:
        """What Home Assistant says otherwise than the witness now sees; empty if they agree."""
        differences = []
        for workload in workloads:
            if workload is home.BACKUP:
                continue  # its runs begin and end by the clock
            found = await self.witness.read(workload)
            ready = self.witness.ready_of(found)
            desired = self.witness.desired_of(found)
            said = self.main.ready(workload)
            if said != ready:
                differences.append(
                    f"{workload.path}: {ready} ready, Home Assistant says {said}"
                )
            power = self.main.said(workload, "power")
            if power is not None and power != ("on" if desired else "off"):
                differences.append(
                    f"{workload.path}: {desired} wanted, the switch says {power}"
                )
        return differences

    @contextmanager
    def window(
        self, name: str, *allows: str, of: str = "", settle: float = 0
    ) -> Iterator[None]:
        """A time in which some states are no lie, whichever Home Assistant says them."""
        with ExitStack() as stack:
            for inside in self.insides:
                stack.enter_context(
                    inside.recorder.window(name, *allows, of=of, settle=settle)
                )
            yield

    @contextmanager
    def large_rights_go(self) -> Iterator[None]:
        """A time in which large rights are taken back: their controls go at one of the next looks at rights."""
        with ExitStack() as stack:
            for key in _LARGE:
                stack.enter_context(
                    self.window("large rights go", "removed", of=f"/{key}", settle=360)
                )
            yield

    async def mend(self) -> None:
        """Put the home right after a step that missed, so that the next one can begin."""
        with suppress(Exception):
            await disturb.mend(self.cluster)
            workloads = [one for one in home.manifests() if one["kind"] in home.KINDS]
            text = yaml.safe_dump_all(workloads)
            await asyncio.to_thread(
                self.cluster.kubectl, "replace", "-f", "-", text=text
            )
            await asyncio.to_thread(Home(self.cluster).deploy)

    async def away(self) -> bool:
        """Whether the API server does not answer, or says that it is not ready."""
        return not await self.witness.ready()

    async def until_ready(self, *, timeout: float = 90) -> float:
        """Wait until /readyz is 200; the time at which it was."""
        deadline = time.monotonic() + timeout
        while not await self.witness.ready():
            if time.monotonic() > deadline:
                raise Miss(f"the API server was not ready again in {timeout:.0f} s")
            await asyncio.sleep(0.05)
        return time.time()

    async def until_agreed(
        self, *, timeout: float, since: float | None = None
    ) -> tuple[list[str], float]:
        """Wait until Home Assistant and the witness agree, or the time is over.

        Returns the differences that are left, and the seconds since `since` (or since the call).
        """
        since = since or time.time()
        deadline = time.monotonic() + timeout
        while (differences := await self.agreed()) and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        return differences, time.time() - since

    async def _unready(self) -> list[str]:
        found = []
        for workload in home.DEVICES:
            if workload is home.BACKUP:
                continue
            seen = await self.witness.read(workload)
            ready, desired = self.witness.ready_of(seen), self.witness.desired_of(seen)
            if ready != desired or desired == 0:
                found.append(f"{workload.path} has {ready} of {desired}")
        return found

    def _complaining(self) -> list[str]:
        return [
            f"{workload.path} is {self.main.said(workload, 'status')}, problem "
            f"{self.main.said(workload, 'problem')}"
            for workload in home.DEVICES
            if self.main.said(workload, "problem") != "off"
        ]
