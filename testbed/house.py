"""A real, headless Home Assistant as a process, used through its public API only."""

import asyncio
import ctypes
import json
import os
from pathlib import Path
import signal
import socket
import sys
from typing import Any, Final, override

from .house_client import HouseClient
from .house_log import Complaint, complaints
from .house_socket import HouseError

ROOT: Final = Path(__file__).resolve().parents[1]
INTEGRATION: Final = ROOT / "custom_components" / "home_cluster"
_STUBS: Final = Path(__file__).with_name("stubs")
_PR_SET_PDEATHSIG: Final = 1

# default_config needs Bluetooth, DHCP and more of the machine than a test should touch.
_CONFIGURATION: Final = """\
homeassistant:
  name: Home
  unit_system: metric
  country: GB
  time_zone: UTC
  language: {language}
frontend:
config:
api:
history:
logbook:
energy:
my:
system_health:
conversation:
automation: !include automations.yaml
script:
scene:
recorder:
  commit_interval: 1
logger:
  default: warning
  logs:
    custom_components.home_cluster: info
"""

# All of the first start's questions but the owner: answered through the API, they would set up
# integrations that want the internet.
_ANSWERED: Final = {
    "version": 4,
    "minor_version": 1,
    "key": "onboarding",
    "data": {"done": ["core_config", "analytics", "integration"]},
}


class House(HouseClient):
    """A Home Assistant with a folder of its own and, if wanted, the integration linked into it.

    Starting it for the first time also onboards it: there is then an owner (`username`,
    `password`) and a long-lived token that outlives restarts.
    """

    def __init__(
        self,
        folder: Path,
        *,
        integration: Path | None = INTEGRATION,
        port: int | None = None,
        password: str | None = None,
        language: str = "en",
    ) -> None:
        """Use `folder` for everything; `integration` is the code to link in, `port` any free one."""
        self.port = port or free_port()
        super().__init__(f"http://127.0.0.1:{self.port}", password=password)
        self.config = folder / "config"
        self.log = folder / "home-assistant.log"
        self._integration = integration
        self._language = language
        self._process: asyncio.subprocess.Process | None = None

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """The process id while it runs."""
        if self._process is None:
            raise HouseError("Home Assistant is not running", "stopped")
        return self._process.pid

    async def start(self, *, timeout: float = 120) -> None:
        """Start, onboard if new, and return when Home Assistant says that it is running."""
        self._prepare()
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "homeassistant", "--config", str(self.config)),
                *("--skip-pip", "--log-no-color"),
                cwd=self.config,
                env=_environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        try:
            async with asyncio.timeout(timeout):
                await self._enter()
        except TimeoutError as err:
            raise HouseError(
                f"Home Assistant did not start in {timeout:.0f} s:\n{self.last_words()}",
                "timeout",
            ) from err

    async def stop(self, *, timeout: float = 120) -> None:
        """Stop cleanly: everything is written to disk. Nothing to do when it does not run."""
        await self._end(signal.SIGTERM, timeout)

    async def kill(self) -> None:
        """Stop as a power cut does."""
        await self._end(signal.SIGKILL, 10)

    async def restart(self) -> None:
        """Stop cleanly and start again."""
        await self.stop()
        await self.start()

    @override
    async def close(self) -> None:
        """Stop, and give back what this object holds."""
        await self.stop()
        await super().close()

    def complaints(self) -> list[Complaint]:
        """What the log holds against this integration."""
        return complaints(self.log)

    def last_words(self, lines: int = 15) -> str:
        """The end of the log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    @override
    def _check_alive(self) -> None:
        if not self.running:
            raise HouseError(
                f"Home Assistant ended by itself:\n{self.last_words()}", "ended"
            )

    def _prepare(self) -> None:
        """Write the configuration of a new house; an old one stays as it is."""
        storage = self.config / ".storage"
        if storage.exists():
            return
        storage.mkdir(parents=True)
        (self.config / "configuration.yaml").write_text(
            _CONFIGURATION.format(language=self._language)
        )
        (self.config / "automations.yaml").write_text("[]\n")
        (storage / "http").write_text(json.dumps(_http_settings(self.port)))
        (storage / "onboarding").write_text(json.dumps(_ANSWERED))
        if self._integration:
            components = self.config / "custom_components"
            components.mkdir()
            (components / self._integration.name).symlink_to(
                self._integration.resolve()
            )

    async def _end(self, how: signal.Signals, timeout: float) -> None:
        await self._leave()
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.send_signal(how)
        try:
            async with asyncio.timeout(timeout):
                await process.wait()
        except TimeoutError as err:
            process.kill()
            await process.wait()
            raise HouseError(
                f"Home Assistant did not stop in {timeout:.0f} s:\n{self.last_words()}",
                "timeout",
            ) from err


def free_port() -> int:
    """A TCP port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _http_settings(port: int) -> dict[str, Any]:
    """The web server's settings as Home Assistant stores them.

    Settings from YAML are only on trial for five minutes, then it restarts itself on its default port.
    """
    stable = {
        "server_port": port,
        "server_host": ["127.0.0.1"],
        "cors_allowed_origins": [],
        "login_attempts_threshold": -1,
        "ip_ban_enabled": True,
        "ssl_profile": "modern",
        "use_x_frame_options": True,
        "created_at": "2026-01-01T00:00:00+00:00",
        "error": None,
        "error_message": None,
    }
    return {
        "version": 2,
        "minor_version": 2,
        "key": "http",
        "data": {"stable": stable, "pending": None, "yaml_migration_done": True},
    }


def _environment() -> dict[str, str]:
    """Ours, without what would tell Home Assistant of another cluster or of a container."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("KUBE")
        and name not in {"VIRTUAL_ENV", "PYTEST_CURRENT_TEST"}
    }
    # Its own log file starts anew at each start; ours holds them all.
    return {
        **env,
        "PYTHONPATH": str(_STUBS),
        "PYTHONUNBUFFERED": "1",
        "HA_DISABLE_LOG_FILE": "1",
    }


def _end_with_parent() -> None:
    """Have the kernel end Home Assistant when whoever started it is gone."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
