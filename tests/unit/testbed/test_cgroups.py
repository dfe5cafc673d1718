"""Control groups of both versions, on folders that look like them."""

from pathlib import Path

import pytest

from testbed.cgroups import Cgroups


def hierarchy(folder: Path, **files: str) -> Path:
    """A cgroup folder with these files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.procs").write_text("")
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(text)
    return folder


@pytest.fixture
def version_1(tmp_path: Path) -> Path:
    """Two controllers and a link, as on Debian of old."""
    hierarchy(tmp_path / "pids")
    hierarchy(tmp_path / "cpu")
    (tmp_path / "cpuacct").symlink_to(tmp_path / "cpu")
    return tmp_path


def test_version_1_makes_the_node_in_every_hierarchy_once(version_1: Path) -> None:
    """A link to a hierarchy is no other one."""
    cgroups = Cgroups(version_1)
    cgroups.create("pi-attic")
    assert cgroups.entry_files("pi-attic") == [
        version_1 / name / "home-cluster/pi-attic/system/cgroup.procs"
        for name in ("cpu", "pids")
    ]
    assert len(cgroups.leftovers()) == 6


def test_removal_takes_all_of_a_node_and_leaves_the_others(version_1: Path) -> None:
    """A node leaves; its neighbour does not."""
    cgroups = Cgroups(version_1)
    cgroups.create("pi-attic")
    cgroups.create("pi-cellar")
    cgroups.remove("pi-attic")
    assert not (version_1 / "pids/home-cluster/pi-attic").exists()
    assert (version_1 / "pids/home-cluster/pi-cellar/system").is_dir()
    cgroups.remove()
    assert cgroups.leftovers() == []


def test_version_2_switches_the_controllers_on_from_the_top(tmp_path: Path) -> None:
    """A child has the controllers that its parent hands down."""
    parts = (
        "",
        "home-cluster",
        "home-cluster/pi-attic",
        "home-cluster/pi-attic/system",
    )
    for part in parts:  # the kernel makes the files of a new folder
        hierarchy(tmp_path / part, cgroup_controllers="memory pids rdma")
    cgroups = Cgroups(tmp_path)
    cgroups.create("pi-attic")
    switched = [(tmp_path / part / "cgroup.subtree_control") for part in parts]
    # A real file takes one controller after the other; this one keeps the last.
    assert [file.read_text() for file in switched[:-1]] == ["+pids"] * 3
    assert not switched[-1].exists()
    assert cgroups.entry_files("pi-attic") == [
        tmp_path / "home-cluster/pi-attic/system/cgroup.procs"
    ]


def test_processes_are_counted_over_the_whole_subtree(version_1: Path) -> None:
    """Pods are deeper than the node's own programs."""
    cgroups = Cgroups(version_1)
    cgroups.create("pi-attic")
    pod = version_1 / "pids/home-cluster/pi-attic/kubepods/pod1"
    pod.mkdir(parents=True)
    (pod / "cgroup.procs").write_text("41\n42\n")
    (version_1 / "cpu/home-cluster/pi-attic/system/cgroup.procs").write_text("42\n43\n")
    assert cgroups.pids("pi-attic") == {41, 42, 43}
    assert cgroups.pids() == {41, 42, 43}
    assert cgroups.pids("pi-cellar") == set()


def test_the_cgroup_root_is_the_kubelet_s_part_of_the_tree() -> None:
    """The kubelet's root is the folder that was made."""
    assert Cgroups.root("pi-attic") == "/home-cluster/pi-attic"
