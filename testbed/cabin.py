"""A second cluster beside the home: etcd and an API server with an authority of their own, and nothing else.

What is written into it stays as it was written, since no controller and no node is there.
"""

import shutil
from typing import Any, Final, Self

import yaml

from . import network
from .api import ADMIN, Api, admin_kubeconfig
from .cluster import Cluster
from .controlplane import (
    API,
    ETCD,
    apiserver_arguments,
    etcd_arguments,
    make_encryption,
)
from .network import MAX_NODES, Machine
from .pki import API_NAMES, Pki
from .system import run, wait_until

_MACHINE: Final = Machine("cabin", MAX_NODES + 1)
_PROGRAMS: Final = (ETCD, API)
_LEAVES: Final = (ADMIN, "kubelet-client", "front-proxy")


class Cabin:
    """Use it as a context while the home's cluster is up."""

    url: Final = f"https://{_MACHINE.address}:6443"

    def __init__(self, cluster: Cluster) -> None:
        """Nothing is made or started yet."""
        self._cluster = cluster
        self._folder = cluster.layout.root / "cabin"
        self._pki = Pki(self._folder / "pki")
        self._kubeconfig = self._folder / "admin.kubeconfig"
        self._encryption = self._folder / "encryption.json"
        self.api = Api(self._pki, _MACHINE.address)

    def __enter__(self) -> Self:
        """Bring it up; its API is ready on return."""
        self._issue()
        network.connect(_MACHINE, ())
        servers = {
            ETCD: etcd_arguments(self._folder / "etcd"),
            API: [
                *apiserver_arguments(self._pki, self._encryption),
                # The last word counts.
                *("--advertise-address", _MACHINE.address),
            ],
        }
        for name in _PROGRAMS:
            self._cluster.processes.start(
                f"cabin/{name}",
                [self._cluster.programs / name, *servers[name]],
                namespace=_MACHINE.namespace,
            )
        wait_until(
            "The readiness of the cabin's API server",
            self.api.ready,
            seconds=90,
            seen=lambda: self._cluster.processes.last_words(f"cabin/{API}"),
        )
        return self

    def __exit__(self, *_: object) -> None:
        """Take it down, with all that it holds."""
        for name in reversed(_PROGRAMS):
            self._cluster.processes.stop(f"cabin/{name}", grace=0)
        network.disconnect(_MACHINE)
        network.forget_pods(_MACHINE, ())
        shutil.rmtree(self._folder)

    @property
    def ca(self) -> str:
        """The certificate (PEM) that signed its API server's."""
        return self._pki.ca.read_text()

    def apply(self, objects: list[dict[str, Any]]) -> None:
        """Apply several objects."""
        self._kubectl("apply", "-f", "-", text=yaml.safe_dump_all(objects))

    def token(self, namespace: str, account: str) -> str:
        """A token of a service account, good for an hour."""
        return self._kubectl("create", "token", account, "-n", namespace).strip()

    def _kubectl(self, *arguments: str, text: str | None = None) -> str:
        program = self._cluster.programs / "kubectl"
        return run(program, "--kubeconfig", self._kubeconfig, *arguments, text=text)

    def _issue(self) -> None:
        self._pki.make_authority()
        self._pki.make_account_key()
        for name in _LEAVES:
            self._pki.make_leaf(name, name, group="system:masters")
        make_encryption(self._encryption)
        self._pki.make_leaf(API, API, names=(*API_NAMES, _MACHINE.address))
        admin_kubeconfig(self._pki, self._kubeconfig, self.url)
