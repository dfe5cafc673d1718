"""The cluster's programs, built from pinned Go modules and kept by version."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
import fcntl
import hashlib
import os
from pathlib import Path
import shutil
import subprocess
import tempfile
import threading
import time
from typing import Final

from tools.setup.go import find_go
from tools.setup.python import find_uv
from tools.setup.report import SetupError

from .errors import TestbedError
from .system import joined, spoken_time

MODULES: Final = Path(__file__).parent / "modules"
KUBERNETES: Final = "v1.37.2"
_STAMP: Final = "k8s.io/component-base/version.git"


@dataclass(frozen=True, kw_only=True)
class Group:
    """Programs of one go.mod."""

    programs: tuple[str, ...]
    packages: tuple[str, ...] = ("tool",)
    ldflags: str = "-s -w"
    renamed: Mapping[str, str] = field(default_factory=dict)
    minutes: float = 1
    """How long a first build takes on two cores, to say beforehand."""


GROUPS: Final[Mapping[str, Group]] = {
    "etcd": Group(programs=("etcd", "etcdctl", "etcdutl"), renamed={"server": "etcd"}),
    "cni": Group(programs=("bridge", "host-local", "loopback", "portmap")),
    "containerd": Group(
        programs=("containerd", "containerd-shim-runc-v2", "ctr"), minutes=1.5
    ),
    "kubernetes": Group(
        programs=(
            "kube-apiserver",
            "kube-controller-manager",
            "kube-proxy",
            "kube-scheduler",
            "kubectl",
            "kubelet",
        ),
        ldflags=f"-s -w -X {_STAMP}Version={KUBERNETES} -X {_STAMP}Major=1 -X {_STAMP}Minor={KUBERNETES.split('.')[1]}",
        minutes=9,
    ),
    "coredns": Group(programs=("coredns",), minutes=4),
    "netpol": Group(programs=("netpol",), packages=(".",), minutes=1.5),
    "pause": Group(programs=("pause",), packages=(".",), minutes=0.1),
    "registry": Group(programs=("registry",), minutes=1.5),
    "vault": Group(programs=("vault",), packages=(".",), minutes=5),
    "kwok": Group(programs=("kwok",), minutes=2),
    "helm": Group(programs=("helm",), minutes=0.5),
    "actionlint": Group(programs=("actionlint",), minutes=0.5),
}
CLUSTER: Final = (
    "etcd",
    "cni",
    "containerd",
    "kubernetes",
    "coredns",
    "netpol",
    "pause",
)
"""Groups that every cluster needs; set-up builds the others too: tests that run apart have no internet."""


def cache_folder() -> Path:
    """Where built programs are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "home-cluster" / "programs"


def build(groups: Iterable[str] = CLUSTER) -> Path:
    """Build what is not built yet; a folder with the programs of all these groups.

    Progress is printed only when something is built. An interrupted build goes on where
    it stopped, because Go keeps what it compiled.
    """
    wanted = tuple(dict.fromkeys(groups))
    if unknown := [name for name in wanted if name not in GROUPS]:
        raise TestbedError(
            f"There is no program group {joined(unknown)}; there are {joined(list(GROUPS))}."
        )
    folders = {name: cache_folder() / f"{name}-{_version(name)}" for name in wanted}
    absent = [name for name, folder in folders.items() if not folder.is_dir()]
    if absent:
        go = _go()
        if len(absent) > 1:
            minutes = sum(GROUPS[name].minutes for name in absent)
            print(
                f"Building {joined(absent)} once for this machine: about {minutes:.0f} min on two cores.",
                flush=True,
            )
        for name in absent:
            _build(go, name, folders[name])
    return _links(folders)


def program(name: str) -> Path:
    """One program, built if need be."""
    group = next(group for group, made in GROUPS.items() if name in made.programs)
    return build([group]) / name


def _version(name: str) -> str:
    """A hash of all that decides what a group's programs are."""
    group = GROUPS[name]
    digest = hashlib.sha256(
        repr(
            (
                group.programs,
                group.packages,
                group.ldflags,
                sorted(group.renamed.items()),
            )
        ).encode()
    )
    for file in sorted((MODULES / name).iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _go() -> Path:
    try:
        return find_go(find_uv())
    except SetupError as error:
        raise TestbedError(str(error)) from error


def _build(go: Path, name: str, folder: Path) -> None:
    group = GROUPS[name]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_suffix(".lock")):
        if folder.is_dir():  # another process built it meanwhile
            return
        start = time.monotonic()
        print(f"{name}: building {joined(group.programs)} …", flush=True)
        made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{name}-"))
        try:
            command = [
                *(str(go), "build", "-v", "-trimpath", "-ldflags", group.ldflags),
                *("-o", f"{made}/", *group.packages),
            ]
            _compile(command, MODULES / name, name, start)
            for old, new in group.renamed.items():
                (made / old).rename(made / new)
            made.chmod(0o755)
            made.rename(folder)
        except BaseException:
            shutil.rmtree(made)
            raise
        print(f"{name}: built in {spoken_time(time.monotonic() - start)}.", flush=True)


def _compile(command: list[str], cwd: Path, name: str, start: float) -> None:
    """Run Go; say every 30 seconds how far it is. `-v` names each package it compiled."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []

    def listen() -> None:
        assert process.stderr is not None
        lines.extend(process.stderr)

    said = 30.0
    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        while listener.is_alive():
            listener.join(timeout=1)
            past = time.monotonic() - start
            if past >= said and listener.is_alive():
                print(
                    f"{name}: {len(lines)} packages, {spoken_time(past)} …", flush=True
                )
                said += 30
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if code:
        words = [line.strip() for line in lines if ": " in line]
        raise TestbedError(
            f"Go could not build {name} ({words[-1] if words else f'exit code {code}'}); start again to go on where it stopped."
        )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _links(folders: Mapping[str, Path]) -> Path:
    """One folder with a link to each program; several checkouts may use the cache at once."""
    key = hashlib.sha256(" ".join(folder.name for folder in folders.values()).encode())
    links = cache_folder() / f"bin-{key.hexdigest()[:16]}"
    if not links.is_dir():
        made = Path(tempfile.mkdtemp(dir=cache_folder(), prefix=".bin-"))
        made.chmod(0o755)
        for name, folder in folders.items():
            for one in GROUPS[name].programs:
                (made / one).symlink_to(folder / one)
        try:
            made.rename(links)
        except OSError:  # another process was first
            shutil.rmtree(made)
    return links
