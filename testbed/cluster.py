"""The test cluster as a whole."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
import re
import shutil
import time
from typing import Any, Final, Self

import yaml

from . import addons, kwok, network, owner, programs
from .api import Api, ApiError
from .cgroups import Cgroups
from .controlplane import CONTROLLERS, ControlPlane
from .errors import TestbedError
from .layout import REGISTRY, Layout, NodeSettings, Settings, default_state
from .network import MAX_NODES, THE_CONTROL_PLANE, Machine
from .node import Node, mounts_below, remove_log_links, unmount_below
from .pki import URL
from .process import Processes
from .system import (
    joined,
    kernel_parameters,
    require_machine,
    run,
    set_kernel_parameters,
    spoken_time,
    wait_until,
)

NODES: Final = ("pi-attic", "pi-cellar")
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
_RESERVED: Final = (network.CONTROL_PLANE, "all")


class Cluster:
    """A real Kubernetes cluster on this machine, known by its state folder.

    The object keeps nothing in memory: several of them, in several processes, see the same cluster.
    """

    registry = REGISTRY
    url = URL

    def __init__(self, state: Path | None = None) -> None:
        """Use the default state folder, or another."""
        self.layout = Layout(state or default_state())
        self.processes = Processes(self.layout.pids, self.layout.logs)

    def __enter__(self) -> Self:
        """For `with Cluster().up() as cluster`."""
        return self

    def __exit__(self, *error: object) -> None:
        """Take the cluster down."""
        self.down()

    # --- up and down

    def up(self, nodes: Sequence[str] = NODES) -> Self:
        """Bring the cluster up with these nodes, all of them Ready and names resolved.

        A cluster that is up already is left as it is, and nodes that it lacks are added.
        If that fails nothing stays behind but the logs.
        """
        require_machine()
        for name in nodes:
            self._check_name(name)
        with owner.exclusive():
            owner.claim(self.layout.root)
            # After a reboot the state is there, but nothing of the cluster.
            if self.layout.load() is not None and network.exists():
                missing = [name for name in nodes if name not in self.node_names()]
                self._add_nodes([(name, {}) for name in missing])
                return self
            try:
                self._make(nodes)
            except BaseException:
                self._clear()
                raise
        return self

    def down(self) -> None:
        """Take the cluster down. No process, mount, namespace, link, route or cgroup stays."""
        require_machine()
        with owner.exclusive():
            if owner.owner() not in {None, self.layout.root}:
                owner.claim(self.layout.root)  # refuses, and names the other
            self._clear()

    def is_up(self) -> bool:
        """Whether this state folder's cluster was brought up and not taken down."""
        return self.layout.load() is not None

    # --- nodes

    def node_names(self) -> list[str]:
        """The real nodes, in the order they came."""
        return [node.name for node in self.settings.nodes]

    def node(self, name: str) -> Node:
        """A real node by its name."""
        return self._node(self._node_settings(name))

    def machine(self, name: str) -> Machine:
        """A node, or the control plane by the name `control-plane`."""
        if name == network.CONTROL_PLANE:
            return THE_CONTROL_PLANE
        return self._node_settings(name).machine

    def machines(self) -> list[Machine]:
        """Every machine on the bridge."""
        return [THE_CONTROL_PLANE, *(node.machine for node in self.settings.nodes)]

    def add_node(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Add a node with these labels; it is Ready on return."""
        self._check_name(name)
        if name in self.node_names():
            raise TestbedError(f"There is a node {name} already.")
        with owner.exclusive():
            self._add_nodes([(name, dict(labels or {}))])

    def remove_node(self, name: str) -> None:
        """Take a node away for good, as if its machine was given away."""
        with owner.exclusive():
            settings, machine = self.settings, self.machine(name)
            node = self.node(name)
            node.power_off()
            unmount_below(self.layout.node(name))
            shutil.rmtree(self.layout.node(name))
            settings.nodes = [one for one in settings.nodes if one.name != name]
            self.layout.save(settings)
            network.forget_pods(machine, self.machines())
        self.api.delete(f"/api/v1/nodes/{name}")

    def wait_nodes_ready(
        self, names: Iterable[str] | None = None, seconds: float = 60
    ) -> None:
        """Wait until these nodes (or all) are Ready."""
        wanted = list(self.node_names() if names is None else names)

        def states() -> dict[str, str]:
            return {name: self.node_state(name) for name in wanted}

        wait_until(
            f"Readiness of {joined(wanted)}",
            lambda: set(states().values()) <= {"True"},
            seconds=seconds,
            seen=lambda: str(states()),
        )

    def node_state(self, name: str) -> str:
        """The status of the node's Ready condition: True, False, Unknown, or Absent."""
        found = self.api.find(f"/api/v1/nodes/{name}") or {}
        conditions = found.get("status", {}).get("conditions", [])
        states = [one["status"] for one in conditions if one["type"] == "Ready"]
        return states[0] if states else "Absent"

    # --- use

    @property
    def settings(self) -> Settings:
        """What the cluster is; raises `TestbedError` if none is up."""
        settings = self.layout.load()
        if settings is None:
            raise TestbedError(
                "No test cluster is up: start one with `python -m testbed up`."
            )
        return settings

    @property
    def control_plane(self) -> ControlPlane:
        """The machine with etcd and the API server."""
        return ControlPlane(self.layout, self.processes, self.settings)

    @property
    def api(self) -> Api:
        """A small client with admin rights."""
        return self.control_plane.api

    @property
    def programs(self) -> Path:
        """The folder with the cluster's programs."""
        return Path(self.settings.programs)

    @property
    def admin_kubeconfig(self) -> Path:
        """A kubeconfig with admin rights, everything embedded."""
        return self.layout.admin_kubeconfig

    @property
    def ca(self) -> Path:
        """The certificate (PEM) that signed the API server's."""
        return self.control_plane.pki.ca

    def kubectl(
        self,
        *arguments: str,
        text: str | None = None,
        check: bool = True,
        timeout: float = 120,
    ) -> str:
        """Run kubectl with admin rights; its output."""
        account = ("--kubeconfig", self.admin_kubeconfig)
        program = self.programs / "kubectl"
        return run(
            program, *account, *arguments, text=text, check=check, timeout=timeout
        )

    def apply(
        self, manifest: str | Mapping[str, Any] | Sequence[Mapping[str, Any]]
    ) -> None:
        """Apply YAML text, an object, or several."""
        if not isinstance(manifest, str):
            objects = [manifest] if isinstance(manifest, Mapping) else list(manifest)
            manifest = yaml.safe_dump_all(objects)
        self.kubectl("apply", "-f", "-", text=manifest)

    def service_account_token(
        self, namespace: str, name: str, seconds: int = 3600
    ) -> str:
        """A token of the service account, good for that long (600 s at least)."""
        return self.kubectl(
            *("create", "token", name, "-n", namespace, f"--duration={seconds}s")
        ).strip()

    def load_images(self, archive: Path) -> None:
        """Give the images of an OCI archive to every node, now and when nodes are added."""
        kept = self.layout.images / archive.name
        if kept != archive:
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(archive, kept)
        for name in self.node_names():
            self.node(name).import_image(kept)

    def set_node_grace(self, seconds: int) -> None:
        """Change after how many silent seconds a node counts as unknown."""
        settings = self.settings
        if settings.node_grace != seconds:
            settings.node_grace = seconds
            self.layout.save(settings)
            self.control_plane.stop(CONTROLLERS)
            self.control_plane.start()

    def kwok(self, *, nodes: int, pods: int = 0, namespace: str = "crowd") -> None:
        """Add that many nodes of thin air, and pods on them; all are ready on return."""
        self.set_node_grace(kwok.NODE_GRACE)
        kwok.start(self.processes, self.layout.kubeconfig("kwok"))
        for number in range(nodes):
            self.api.create("/api/v1/nodes", kwok.node(number))
        if pods:
            self.apply(list(kwok.deployments(namespace, pods)))
            kwok.wait_pods(self.api, namespace, pods)

    def end_kwok(self, namespace: str = "crowd") -> None:
        """Let the fake nodes and pods vanish."""
        self.kubectl("delete", "namespace", namespace, "--ignore-not-found")
        self.kubectl("delete", "nodes", "-l", kwok.SELECTOR)
        self.processes.stop("kwok")
        self.set_node_grace(Settings.node_grace)

    def status(self) -> dict[str, str]:
        """Every part of the cluster and how it is, for people."""
        settings = self.settings
        parts = {"API": "ready" if self.api.ready() else "not ready"}
        for name in self.processes.names():
            running = self.processes.running(name)
            parts[name] = "running" if running else "stopped"
        for node in settings.nodes:
            try:
                state = {"True": "Ready", "False": "not Ready"}.get(
                    found := self.node_state(node.name), found
                )
            except ApiError:
                state = "not known: the API does not answer"
            parts[f"node {node.name} ({node.machine.address})"] = state
        return parts

    def leftovers(self) -> list[str]:
        """All that is on the machine because of this or another test cluster; empty after `down`."""
        found = network.leftovers() + Cgroups().leftovers()
        found += [f"mount {mount}" for mount in mounts_below(self.layout.root)]
        return found + [
            f"process {name}"
            for name in self.processes.names()
            if self.processes.running(name)
        ]

    # --- inside

    def _make(self, nodes: Sequence[str]) -> None:
        start = time.monotonic()
        self._clear()
        owner.claim(self.layout.root)
        shutil.rmtree(self.layout.logs, ignore_errors=True)
        built = programs.build()
        settings = Settings(programs=str(built), kernel=kernel_parameters())
        self.layout.save(settings)
        network.make_bridge()
        network.connect(THE_CONTROL_PLANE, ())
        control_plane = self.control_plane
        control_plane.prepare()
        control_plane.start()
        _say("control plane ready", start)
        addons.write_images(self.layout.images, built)
        self.apply(addons.manifests())
        self._add_nodes([(name, {}) for name in nodes])
        if nodes:
            self.wait_rollout("kube-system", "deployment/coredns")
        _say(f"{joined(nodes)} Ready" if nodes else "no nodes", start)

    def wait_rollout(self, namespace: str, workload: str, seconds: int = 90) -> None:
        """Wait until a workload's pods are ready."""
        self.kubectl(
            *("rollout", "status", workload, "-n", namespace, f"--timeout={seconds}s"),
            timeout=seconds + 10,
        )

    def _add_nodes(self, wanted: Sequence[tuple[str, dict[str, str]]]) -> None:
        settings = self.settings
        added = []
        for name, labels in wanted:
            taken = {node.index for node in settings.nodes}
            index = next(i for i in range(1, MAX_NODES + 2) if i not in taken)
            if index > MAX_NODES:
                raise TestbedError(f"There can be {MAX_NODES} real nodes at most.")
            node = NodeSettings(name, index, labels)
            settings.nodes.append(node)
            self.layout.save(settings)
            added.append(self._node(node))
        for one in added:
            one.prepare()
            one.power_on(self.machines())
            for archive in sorted(self.layout.images.glob("*.tar")):
                one.import_image(archive)
        for one in added:
            one.join()
        self.wait_nodes_ready([one.name for one in added])

    def _clear(self) -> None:
        """Remove everything of a cluster from the machine, whether it is whole or half made."""
        try:
            settings = self.layout.load()
        except TestbedError:  # damaged: then only the kernel's parameters stay changed
            settings = None
        for name in self.processes.names():
            self.processes.stop(name, grace=0)
        cgroups = Cgroups()
        cgroups.kill()
        if settings is not None:
            for node in settings.nodes:
                self._node(node).remove_sockets()
        network.clear()
        unmount_below(self.layout.root)
        cgroups.remove()
        remove_log_links(self.layout.root)
        if settings is not None:
            set_kernel_parameters(settings.kernel)
        if self.layout.root.is_dir():
            for path in self.layout.root.iterdir():
                if path == self.layout.logs:
                    continue  # to read what went wrong
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        owner.release()

    def _check_name(self, name: str) -> None:
        if not _NAME.fullmatch(name) or name in _RESERVED:
            raise TestbedError(
                f"{name!r} cannot be a node's name: use up to 32 small letters, digits and hyphens, not {joined(_RESERVED)}."
            )
        self.layout.require_room(name)

    def _node_settings(self, name: str) -> NodeSettings:
        for node in self.settings.nodes:
            if node.name == name:
                return node
        raise TestbedError(
            f"There is no node {name}; there are {joined(self.node_names()) or 'none'}."
        )

    def _node(self, settings: NodeSettings) -> Node:
        return Node(settings, self.layout, self.processes, self.programs)


def _say(what: str, start: float) -> None:
    print(f"testbed: {what} after {spoken_time(time.monotonic() - start)}", flush=True)
