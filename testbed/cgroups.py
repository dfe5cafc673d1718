"""Control groups: one subtree for each node, on hosts with version 1 (or hybrid) and version 2.

A kubelet kills every pod cgroup under its root that it does not know, so each node needs a root
of its own. All that a node runs, pods included, is in its subtree: that is how a power cut finds it.
"""

from collections.abc import Iterator
import os
from pathlib import Path
import signal
from typing import Final

from .errors import TestbedError
from .system import wait_until

MOUNT: Final = Path("/sys/fs/cgroup")
# Two clusters on one machine, each in a network of its own, need a root each.
ROOT: Final = os.environ.get("HOME_CLUSTER_CGROUP", "home-cluster")
SYSTEM: Final = "system"
# Those that a kubelet wants below its root wherever the machine has them.
_CONTROLLERS: Final = ("cpuset", "cpu", "hugetlb", "io", "memory", "pids")


class Cgroups:
    """The cgroup subtrees of the test cluster below a cgroup mount."""

    def __init__(self, mount: Path = MOUNT) -> None:
        """Look at the mount once; it does not change while a machine is up."""
        self._mount = mount
        self._unified = (mount / "cgroup.controllers").exists()

    @staticmethod
    def root(node: str) -> str:
        """The `cgroupRoot` of the node's kubelet."""
        return f"/{ROOT}/{node}"

    def create(self, node: str) -> None:
        """Make the node's subtree in every hierarchy."""
        for hierarchy in self._hierarchies():
            for part in (ROOT, f"{ROOT}/{node}", f"{ROOT}/{node}/{SYSTEM}"):
                folder = hierarchy / part
                try:
                    folder.mkdir(exist_ok=True)
                except OSError as error:
                    raise TestbedError(
                        f"No cgroup can be made below {hierarchy} ({error.strerror}): the machine or container must allow it."
                    ) from error
                self._inherit(folder)

    def entry_files(self, node: str) -> list[Path]:
        """Files into which a process writes its id to belong to the node's system."""
        return [
            hierarchy / ROOT / node / SYSTEM / "cgroup.procs"
            for hierarchy in self._hierarchies()
        ]

    def pids(self, node: str = "") -> set[int]:
        """All processes of the node, or of all nodes."""
        found: set[int] = set()
        for folder in self._folders(node):
            try:
                found.update(map(int, (folder / "cgroup.procs").read_text().split()))
            except OSError:  # removed while we looked, or a threaded cgroup
                continue
        return found

    def kill(self, node: str = "") -> None:
        """Kill all processes of the node, or of all nodes, until none is left."""

        def gone() -> bool:
            pids = self.pids(node)
            for pid in pids:
                self._kill(pid, node)
            return not pids

        wait_until(
            f"The end of all processes of {node or 'the nodes'}", gone, seconds=20
        )

    def remove(self, node: str = "") -> None:
        """Remove the emptied subtree of the node, or of all."""

        def gone() -> bool:
            for folder in self._folders(node):
                try:
                    folder.rmdir()
                except OSError:  # the kernel still counts a dead process in it
                    return False
            return True

        wait_until(
            f"Removal of the cgroups of {node or 'the cluster'}", gone, seconds=20
        )

    def leftovers(self) -> list[str]:
        """Every cgroup of a test cluster on this machine."""
        return [f"cgroup {folder}" for folder in self._folders("")]

    def _hierarchies(self) -> list[Path]:
        if self._unified:
            return [self._mount]
        folders = {folder.resolve() for folder in self._mount.iterdir()}
        return sorted(
            folder for folder in folders if (folder / "cgroup.procs").exists()
        )

    def _folders(self, node: str) -> Iterator[Path]:
        """The subtree's folders, the deepest first."""
        for hierarchy in self._hierarchies():
            top = hierarchy / ROOT / node
            if top.is_dir():
                for folder, _, _ in os.walk(top, topdown=False):
                    yield Path(folder)

    def _inherit(self, folder: Path) -> None:
        """Make the folder usable: v1 cpusets start empty, v2 controllers are switched on by the parent."""
        for name in ("cpuset.cpus", "cpuset.mems"):
            file = folder / name
            if not self._unified and file.exists() and not file.read_text().strip():
                file.write_text((folder.parent / name).read_text())
        if self._unified:
            available = (folder.parent / "cgroup.controllers").read_text().split()
            for controller in _CONTROLLERS:
                if controller in available:
                    (folder.parent / "cgroup.subtree_control").write_text(
                        f"+{controller}"
                    )

    def _kill(self, pid: int, node: str) -> None:
        """Kill the process if it (and not another that got its number) is still the node's."""
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            if f"/{ROOT}/{node}" in Path(f"/proc/{pid}/cgroup").read_text():
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        except FileNotFoundError, ProcessLookupError:
            pass
        finally:
            os.close(handle)
