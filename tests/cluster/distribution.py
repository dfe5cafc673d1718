"""The real distribution registry, as a program on loopback."""

import os
from pathlib import Path
import socket
import subprocess
from typing import Any

from testbed.programs import program
from testbed.registry import RegistryClient, configuration
from testbed.system import wait_until


class Distribution:
    """Registries that keep their images in one folder; each is stopped by `stop`."""

    def __init__(self, folder: Path) -> None:
        """Start nothing yet."""
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, address: str, **ways: Any) -> None:
        """Serve at an address until it answers; `ways` are those of `configuration`."""
        file = configuration(self._folder / "registry", address, **ways)
        with (self._folder / "log").open("ab") as log:
            self._running.append(
                subprocess.Popen(
                    [program("registry"), "serve", file],
                    stdout=log,
                    stderr=log,
                    env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
                )
            )
        with RegistryClient(address) as client:
            wait_until("The registry", client.ready, seconds=30)

    def stop(self) -> None:
        """End all, and wait for that."""
        while self._running:
            process = self._running.pop()
            process.terminate()
            process.wait()


def free_address() -> str:
    """An address that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"
