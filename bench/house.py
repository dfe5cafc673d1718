"""A real Home Assistant with the integration and the probe in it."""

import asyncio
from pathlib import Path
import time
from typing import Any, Final, override

from testbed.house import House
from testbed.house_flow import walk

_HERE: Final = Path(__file__).parent
_PROBE: Final = {
    "__init__.py": "probe.py",
    "gauge.py": "gauge.py",
    "manifest.json": "probe.json",
}


class Missing(Exception):
    """What a measurement waited for did not come."""


class BenchHouse(House):
    """A Home Assistant that is measured; its log is judged like any."""

    entry_id = ""

    async def probe(self, what: str, *, patience: float = 60, **fields: Any) -> Any:
        """Give the probe one of its commands; returns what it answers."""
        return await self.call(
            "bench_probe", timeout=patience, what=what, fields=fields
        )

    async def connect(
        self, url: str, ca: str, token: str, mode: str = "all", *namespaces: str
    ) -> None:
        """Connect to a cluster, and wait until its entry is loaded."""
        server = {"url": url, "token": token, "ca": ca, "verify_ssl": True}
        result = await walk(
            self,
            {
                "user": {"next_step_id": "token"},
                "token": server,
                "selection": {"mode": mode, "namespaces": list(namespaces)},
            },
        )
        if result["type"] != "create_entry":
            raise Missing(f"the config flow ended with {result}")
        self.entry_id = result["result"]["entry_id"]
        await self.until_loaded()

    async def until_loaded(self, seconds: float = 60) -> None:
        """Wait until the entry is loaded."""
        end = time.monotonic() + seconds
        while (state := await self.entry_state()) != "loaded":
            if time.monotonic() > end:
                raise Missing(f"the entry is {state}:\n{self.last_words()}")
            await asyncio.sleep(0.05)

    async def entry_state(self) -> str:
        """What Home Assistant says of the entry."""
        entries = await self.call("config_entries/get", domain="home_cluster")
        return str(
            next(
                (
                    entry["state"]
                    for entry in entries
                    if entry["entry_id"] == self.entry_id
                ),
                "absent",
            )
        )

    async def reload(self) -> None:
        """Reload the entry, and wait until it is loaded."""
        path = f"/api/config/config_entries/entry/{self.entry_id}/reload"
        await self.rest("POST", path)
        await self.until_loaded()

    async def forget(self) -> None:
        """Remove the entry with all that belongs to it."""
        await self.rest("DELETE", f"/api/config/config_entries/entry/{self.entry_id}")

    @override
    def _prepare(self) -> None:
        super()._prepare()
        probe = self.config / "custom_components" / "bench_probe"
        if probe.exists():
            return
        probe.mkdir()
        for name, source in _PROBE.items():
            (probe / name).symlink_to(_HERE / source)
        with (self.config / "configuration.yaml").open("a") as file:
            file.write("bench_probe:\n")
