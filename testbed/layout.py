"""Where a cluster keeps its files, and what later commands must know of it."""

from dataclasses import asdict, dataclass, field
import json
import os
from pathlib import Path
from typing import Final

from .errors import TestbedError
from .network import HOST, Machine

REGISTRY: Final = f"{HOST}:5000"
"""Address of the home's image registry; nodes trust it over plain HTTP."""

PRIVATE_REGISTRY: Final = f"{HOST}:5001"
"""Address of one that wants an account, likewise."""

# The longest path of a socket below a node's folder; a socket's path may have 107 characters.
_LONGEST_SOCKET: Final = "kubelet/pod-resources/kubelet.sock"


def default_state() -> Path:
    """The state folder of this user's test cluster."""
    if chosen := os.environ.get("HOME_CLUSTER_STATE"):
        return Path(chosen)
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "home-cluster" / "testbed"


@dataclass(frozen=True)
class NodeSettings:
    """A node as it was asked for."""

    name: str
    index: int
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def machine(self) -> Machine:
        """The node's place on the network."""
        return Machine(self.name, self.index)


@dataclass
class Settings:
    """What was asked for at `up` and changed since."""

    programs: str
    nodes: list[NodeSettings] = field(default_factory=list)
    node_grace: int = 20
    kernel: dict[str, str] = field(default_factory=dict)
    """Kernel parameters that kubelets change, as they were before."""


class Layout:
    """The files below a cluster's state folder."""

    def __init__(self, root: Path) -> None:
        """Nothing is made."""
        self.root = root.absolute()
        self.pki = self.root / "pki"
        self.control_plane = self.root / "control-plane"
        self.nodes = self.root / "nodes"
        self.images = self.root / "images"
        self.logs = self.root / "log"
        self.pids = self.root / "pids"
        self.admin_kubeconfig = self.root / "admin.kubeconfig"
        self._settings = self.root / "cluster.json"

    def node(self, name: str) -> Path:
        """The folder of a node: its disk, so to say."""
        return self.nodes / name

    def require_room(self, name: str) -> None:
        """Refuse a node whose sockets would have too long a path."""
        if len(str(self.node(name) / _LONGEST_SOCKET)) > 107:
            raise TestbedError(
                f"The state folder {self.root} has too long a path for the sockets of {name}: choose a shorter one by HOME_CLUSTER_STATE."
            )

    def kubeconfig(self, account: str) -> Path:
        """The kubeconfig of one of the cluster's own programs."""
        return self.root / "kubeconfigs" / account

    def save(self, settings: Settings) -> None:
        """Keep the settings for later commands."""
        self.root.mkdir(parents=True, exist_ok=True)
        partial = self._settings.with_suffix(".new")
        partial.write_text(json.dumps(asdict(settings), indent=1))
        partial.replace(self._settings)

    def load(self) -> Settings | None:
        """The settings of the cluster that is up, if one is."""
        try:
            data = json.loads(self._settings.read_text())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise TestbedError(
                f"{self._settings} is damaged: take the cluster down with `python -m testbed down`."
            ) from error
        nodes = [NodeSettings(**node) for node in data.pop("nodes")]
        return Settings(**data, nodes=nodes)
