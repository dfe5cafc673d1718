"""A Python that Home Assistant runs on: found, fetched by uv, or unpacked from Debian's packages."""

from pathlib import Path
import platform
import re
import shutil
import subprocess
import tempfile

from .debian import install_packages
from .report import SetupError, cache_folder, digest, have, run, step

NEEDED = (3, 14, 2)
SUITE = "forky"
PACKAGES = ("python3.14-venv", "libpython3.14-dev")
PROGRAM = "usr/bin/python3.14"
APT = Path("/etc/apt")


def version_of(python: str | Path) -> tuple[int, ...] | None:
    """The version of an interpreter that starts, else None."""
    try:
        said = subprocess.run(
            [
                str(python),
                "-c",
                "import sys, ssl, sqlite3; print(*sys.version_info[:3])",
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return tuple(int(part) for part in said.split())


def good(python: str | Path) -> bool:
    """Whether Home Assistant runs on this interpreter."""
    version = version_of(python)
    return version is not None and version >= NEEDED


def find_uv() -> str:
    """The uv program: on PATH, in our cache, or installed there from PyPI."""
    if found := shutil.which("uv"):
        return found
    folder = cache_folder() / "uv"
    program = folder / "bin" / "uv"
    if not program.exists():
        with step("installing uv from PyPI"):
            if subprocess.run(
                ["python3", "-m", "pip", "--version"], capture_output=True, check=False
            ).returncode:
                install_packages(["python3-pip"])
            run(
                [
                    "python3",
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--target",
                    folder,
                    "uv",
                ],
                mend="Check that PyPI is reachable, or install uv yourself and start again.",
            )
    return str(program)


def find_python(uv: str) -> Path:
    """An interpreter of at least version NEEDED.

    Raises SetupError where none is installed, uv cannot fetch one and this is not Debian.
    """
    private = (
        cache_folder()
        / "python"
        / digest(SUITE, *PACKAGES, platform.machine())
        / PROGRAM
    )
    for candidate in ("python3.14", "python3", str(private)):
        found = shutil.which(candidate)
        if found and good(found):
            have(f"Python at {found}")
            return Path(found)
    if fetched := fetch_python(uv):
        return fetched
    if not is_debian():
        raise SetupError(
            "Home Assistant needs Python 3.14.2 or newer, which uv could not fetch from here. "
            "Install python3.14 with your system's package manager and start again."
        )
    with step(f"unpacking Python 3.14 from Debian {SUITE}, privately"):
        unpack_from_debian(private)
    if not good(private):
        raise SetupError(
            f"The Python unpacked into {private.parents[2]} does not start. Remove that folder and start again."
        )
    return private


def fetch_python(uv: str) -> Path | None:
    """An interpreter that uv fetches; None where it cannot, or not within ten minutes."""
    mend = "Run `uv python install 3.14`."
    try:
        with step("asking uv for Python 3.14"):
            run(
                [uv, "python", "install", "3.14"],
                mend=mend,
                env={"UV_HTTP_RETRIES": "1"},
                seconds=600,
            )
    except SetupError:
        # Its downloads are not reachable from everywhere.
        return None
    fetched = run([uv, "python", "find", "3.14"], mend=mend).strip()
    return Path(fetched) if good(fetched) else None


def is_debian() -> bool:
    """Whether this system's packages come from Debian itself."""
    try:
        release = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return False
    return re.search(r"^ID=\"?debian\"?$", release, re.MULTILINE) is not None


def debian_source() -> str:
    """The machine's own Debian archive as a deb822 stanza for SUITE.

    Raises SetupError where apt's sources name no Debian archive.
    """
    uri = keyring = None
    for path in sorted((APT / "sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", path.read_text(encoding="utf-8")):
            fields = dict(
                re.findall(r"^([A-Za-z-]+):[ \t]*(.+)$", stanza, re.MULTILINE)
            )
            address = fields.get("URIs", "").split()
            if (
                uri is None
                and address
                and re.search(r"/debian/?$", address[0])
                and "main" in fields.get("Components", "")
            ):
                uri, keyring = address[0], fields.get("Signed-By")
    lists = [
        APT / "sources.list",
        *sorted((APT / "sources.list.d").glob("*.list")),
    ]
    for path in (entry for entry in lists if entry.exists()):
        for line in path.read_text(encoding="utf-8").splitlines():
            match = re.match(
                r"deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+/debian/?)\s+\S+\s+.*\bmain\b",
                line,
            )
            if uri is None and match:
                uri = match["uri"]
                signed = re.search(r"signed-by=(\S+)", match["options"] or "")
                keyring = signed[1] if signed else None
    if uri is None:
        raise SetupError(
            "apt's sources name no Debian archive. Install Python 3.14 yourself and start again."
        )
    stanza = f"Types: deb\nURIs: {uri}\nSuites: {SUITE}\nComponents: main\n"
    return stanza + (f"Signed-By: {keyring}\n" if keyring else "")


def unpack_from_debian(program: Path) -> None:
    """Unpack PACKAGES of SUITE with all they need, and make the interpreter use only those libraries."""
    if not shutil.which("patchelf"):
        install_packages(["patchelf"])
    root = program.parents[2]
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent) as work_name:
        work = Path(work_name)
        for folder in ("lists/partial", "cache/archives/partial", "parts", "root"):
            (work / folder).mkdir(parents=True)
        # apt drops its rights to this user while it fetches.
        work.chmod(0o755)
        (work / "status").touch()
        (work / "forky.sources").write_text(debian_source(), encoding="utf-8")
        apt = [
            "apt-get",
            *("-o", f"Dir::Etc::sourcelist={work}/forky.sources"),
            *("-o", f"Dir::Etc::sourceparts={work}/parts"),
            *("-o", f"Dir::State::lists={work}/lists"),
            *("-o", f"Dir::Cache={work}/cache"),
            *("-o", f"Dir::State::status={work}/status"),
            *("-o", "Debug::NoLocking=true"),
        ]
        mend = (
            "Check that the machine's Debian archive is reachable (`apt-get update`)."
        )
        run([*apt, "update"], mend=mend)
        run(
            [
                *apt,
                "install",
                "--yes",
                "--no-install-recommends",
                "--download-only",
                *PACKAGES,
            ],
            mend=mend,
        )
        for package in sorted((work / "cache/archives").glob("*.deb")):
            run(["dpkg-deb", "--extract", package, work / "root"], mend="Install dpkg.")
        unpacked = work / "root"
        libraries = next((unpacked / "usr/lib").glob("*-linux-gnu*"))
        loader = next(libraries.glob("ld-linux*.so.*"), None)
        if loader is None:
            raise SetupError(
                f"Debian {SUITE}'s libc holds no loader for {platform.machine()}. Install Python 3.14 yourself."
            )
        final = root / "usr/lib" / libraries.name
        run(
            [
                "patchelf",
                *("--set-interpreter", final / loader.name),
                *("--force-rpath", "--set-rpath", final),
                unpacked / PROGRAM,
            ],
            mend="Install patchelf.",
        )
        shutil.rmtree(root, ignore_errors=True)
        unpacked.rename(root)
