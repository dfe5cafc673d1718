"""Helm on the test cluster, with this repository's chart."""

from collections.abc import Mapping
import json
from pathlib import Path
import subprocess
from typing import Any, Final

import yaml

from .cluster import Cluster
from .errors import TestbedError
from .programs import program
from .system import Argument, environment

CHART: Final = Path(__file__).parents[1] / "charts" / "home-cluster"

type Values = Mapping[str, Any]


class Helm:
    """The releases in one namespace."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        """The cluster is up; the namespace need not be there."""
        self.namespace = namespace
        self._cluster = cluster

    def install(self, release: str, values: Values, *arguments: str) -> str:
        """Install the chart; what Helm says."""
        return self._with("install", release, values, "--create-namespace", *arguments)

    def upgrade(
        self, release: str, values: Values, *arguments: str, chart: Path = CHART
    ) -> str:
        """Upgrade a release, to another state of the chart if wished; what Helm says."""
        return self._with("upgrade", release, values, *arguments, chart=chart)

    def rollback(self, release: str, revision: int = 0) -> None:
        """Go back to a revision, or to the one before."""
        self("rollback", release, *((str(revision),) if revision else ()))

    def uninstall(self, release: str) -> None:
        """Uninstall, and wait until what is deleted is gone."""
        self("uninstall", release, "--wait", "--timeout", "320s", timeout=330)

    def revision(self, release: str) -> int:
        """The number of the release's present revision."""
        history = json.loads(self("history", release, "--output", "json"))
        return int(history[-1]["revision"])

    def __call__(
        self, *arguments: Argument, text: str | None = None, timeout: float = 120
    ) -> str:
        """Run any of Helm's commands; raises `TestbedError` with all that Helm said."""
        done = subprocess.run(
            [
                *map(str, (program("helm"), *arguments)),
                *("--kubeconfig", str(self._cluster.admin_kubeconfig)),
                *("--namespace", self.namespace),
            ],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            env=environment(),
        )
        if done.returncode:
            raise TestbedError(f"helm {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def _with(
        self,
        command: str,
        release: str,
        values: Values,
        *arguments: str,
        chart: Path = CHART,
    ) -> str:
        return self(
            *(command, release, str(chart), "--values", "-", *arguments),
            text=yaml.safe_dump(dict(values)),
        )
