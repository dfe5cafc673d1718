"""Home Assistant as an image, made of packages: its own is not to be had without a container registry.

The interpreter and its libraries are those of this machine, Home Assistant and what a new home's
integrations need come from PyPI. Packages without wheels for this Python are stood in for.
"""

from collections.abc import Iterable
from functools import cache
import hashlib
from importlib import metadata
import json
from pathlib import Path
import platform
import re
import shutil
import sys
from typing import Any, Final

from packaging.requirements import Requirement

from homeassistant.auth.mfa_modules import totp
from tools.setup.python import find_uv
from tools.setup.report import SetupError, cache_folder as setup_folder, run as fetch

from .archive import kept_archive, write_archive
from .errors import TestbedError
from .network import HOST
from .system import run

VERSION: Final = metadata.version("homeassistant")
NAME: Final = f"ghcr.io/home-assistant/home-assistant:{VERSION}"
"""By the name that the chart uses: nodes that have it pull nothing."""

# Where the home's package index is: pods find packages there instead of at PyPI.
INDEX_PORT: Final = 5002

# What a new home has: the default configuration, and what is set up when it is onboarded.
_INTEGRATIONS: Final = (
    *("default_config", "automation", "scene", "script", "system_log", "tts"),
    *("backup", "frontend", "http", "met", "onboarding", "person", "recorder"),
    *("google_translate", "radio_browser", "shopping_list", "todo", "zone"),
    # Home Assistant sets these up for whoever may come.
    *("infrared", "radio_frequency"),
)
_STUBS: Final = Path(__file__).with_name("stubs")
_STOOD_IN: Final = frozenset({"pymicro-vad", "pyspeex-noise"})
_LOADERS: Final = {
    "x86_64": "lib64/ld-linux-x86-64.so.2",
    "aarch64": "lib/ld-linux-aarch64.so.1",
}
_PREFIX: Final = Path("usr/local")
PATH: Final = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
# Of no use where nothing is compiled, everybody speaks English and no old browser looks in.
_LEFT_OUT: Final = re.compile(
    r"(^|/)(config-3\.\d+-\w+-linux-gnu|frontend_es5|[^/]+\.a)$"
    r"|^usr/(include|share/(doc|man|perl5|locale))$"
    r"|/homeassistant/components/\w+/translations/(?!en\.json$)[^/]+$"
    r"|/hass_frontend/.*\.(gz|map)$"
)


def archive() -> Path:
    """The image as an OCI archive for `Node.import_image`, made at the first call and kept.

    Needs the internet to be made. Raises `TestbedError`.
    """
    return kept_archive(
        f"home-assistant-{VERSION}-{_key()}.tar", f"Home Assistant {VERSION}", _make
    )


def _make(work: Path, target: Path) -> None:
    system, packages = work / "system", work / "packages"
    site = packages / _PREFIX / f"lib/python{_python_version()}/site-packages"
    site.mkdir(parents=True)
    _install(site)
    _make_system(system)
    for file in _libraries(site.rglob("*.so*")):
        _copy_library(system, file)
    _try_out(work, system, packages)
    write_archive(
        target,
        NAME,
        [system, packages],
        {
            "Env": [f"PATH={PATH}"],
            "Entrypoint": ["python3", "-m", "homeassistant"],
            "Cmd": ["--config", "/config"],
            "WorkingDir": "/config",
            "ExposedPorts": {"8123/tcp": {}},
        },
        lambda name: _LEFT_OUT.search(name) is not None,
    )


def _key() -> str:
    """A hash of what decides what is in the image."""
    parts = [VERSION, sys.version, str(_interpreter()), *_requirements()]
    digest = hashlib.sha256("\n".join(parts).encode())
    for file in (Path(__file__), *sorted(_STUBS.glob("*.py"))):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


# --- Home Assistant


def _home_assistant() -> Path:
    return Path(
        str(metadata.distribution("homeassistant").locate_file("homeassistant"))
    )


@cache
def _integrations() -> dict[str, Any]:
    """The manifests of a new home's integrations and of those that they depend on."""
    todo, found = list(_INTEGRATIONS), dict[str, Any]()
    while todo:
        domain = todo.pop()
        if domain not in found:
            file = _home_assistant() / "components" / domain / "manifest.json"
            found[domain] = json.loads(file.read_text())
            todo += found[domain].get("dependencies", ())
            # Home Assistant wants the packages of these, too.
            todo += found[domain].get("after_dependencies", ())
    return found


def _requirements() -> list[str]:
    """What these require."""
    found = {
        requirement
        for manifest in _integrations().values()
        for requirement in manifest.get("requirements", ())
    }
    found.update(totp.REQUIREMENTS)
    return sorted(
        one for one in found if Requirement(one).name.lower() not in _STOOD_IN
    )


def _install(site: Path) -> None:
    """Install Home Assistant, what it needs and what stands in for the rest."""
    try:
        fetch(
            [
                *(find_uv(), "pip", "install", "--quiet", "--link-mode", "copy"),
                *("--target", site, "--python", sys.executable),
                *("--constraint", _home_assistant() / "package_constraints.txt"),
                *(f"homeassistant=={VERSION}", *_requirements()),
            ],
            mend="The image of Home Assistant is made of packages from PyPI, once: check that it is reachable.",
        )
    except SetupError as error:
        raise TestbedError(str(error)) from error
    for name in _STOOD_IN:
        module = name.replace("-", "_")
        shutil.copy(_STUBS / f"{module}.py", site)
        about = site / f"{module}-99.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {_stood_in_version(name)}\n"
        )
    # The folder is read-only in the pod: each start would compile everything again.
    run(
        *(sys.executable, "-m", "compileall", "-q", "-j", "2"),
        # The times of the files are not kept.
        *("--invalidation-mode", "unchecked-hash"),
        *("-x", f"/components/(?!({'|'.join(_integrations())})/)[^/]+/", site),
        timeout=900,
        check=False,
    )


def _stood_in_version(name: str) -> str:
    """The version that Home Assistant asks for."""
    for line in (
        (_home_assistant() / "package_constraints.txt").read_text().splitlines()
    ):
        if line.lower().startswith(f"{name}=="):
            return line.partition("==")[2].strip()
    raise TestbedError(f"Home Assistant {VERSION} does not name a version of {name}.")


# --- the system around it


def _interpreter() -> Path:
    return Path(sys.executable).resolve()


def _python_version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _make_system(system: Path) -> None:
    """A root folder with this machine's interpreter, its libraries and a shell."""
    interpreter = _interpreter()
    unpacked = interpreter.is_relative_to(setup_folder() / "python")
    if unpacked:
        _copy_tree(interpreter.parents[2], system)
    else:
        base = Path(sys.base_prefix)
        library = base / f"lib/python{_python_version()}"
        _copy_tree(library, system / library.relative_to("/"))
        _copy(interpreter, system / interpreter.relative_to("/"))
        for file in _libraries([interpreter, *library.rglob("*.so*")]):
            _copy_library(system, file)
    for name in ("bin", "lib", "lib64", "sbin"):
        (system / "usr" / name).mkdir(parents=True, exist_ok=True)
        if not (system / name).exists():
            (system / name).symlink_to(f"usr/{name}")
    if unpacked:
        _unpatch(system, system / "usr/bin" / interpreter.name)
    python = Path("/usr/bin") / interpreter.name if unpacked else interpreter
    _make_environment(system, python)
    _make_shell(system)
    for name, words in {
        "etc/uv/uv.toml": f'index-url = "http://{HOST}:{INDEX_PORT}/simple"\n',
        "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nhome:x:1000:1000:home:/config:/bin/sh\n",
        "etc/group": "root:x:0:\nhome:x:1000:\n",
        "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    }.items():
        (system / name).parent.mkdir(parents=True, exist_ok=True)
        (system / name).write_text(words)
    for name in ("config", "run", "tmp"):
        (system / name).mkdir(exist_ok=True)
        (system / name).chmod(0o1777)


def _make_environment(system: Path, python: Path) -> None:
    """A virtual environment at /usr/local, where the real image has its interpreter."""
    prefix = system / _PREFIX
    (prefix / "bin").mkdir(parents=True, exist_ok=True)
    (prefix / "pyvenv.cfg").write_text(
        f"home = {python.parent}\ninclude-system-site-packages = false\nversion = {platform.python_version()}\n"
    )
    for name in ("python", "python3", f"python{_python_version()}"):
        (prefix / "bin" / name).symlink_to(python)
    for name in ("uv", "hass"):
        (prefix / "bin" / name).symlink_to(
            f"../lib/python{_python_version()}/site-packages/bin/{name}"
        )


def _make_shell(system: Path) -> None:
    """Busybox and its commands."""
    busybox = shutil.which("busybox")
    if busybox is None:
        raise TestbedError(
            "The image of Home Assistant needs a shell: install busybox-static."
        )
    _copy(Path(busybox), system / "usr/bin/busybox")
    for file in _libraries([Path(busybox)]):
        _copy_library(system, file)
    for name in run(busybox, "--list").split():
        link = system / "usr/bin" / name
        if not link.exists():
            link.symlink_to("busybox")


def _unpatch(system: Path, python: Path) -> None:
    """Let an interpreter that was unpacked somewhere else use its libraries where they belong."""
    loader = Path(_LOADERS[platform.machine()])
    found = next((system / "usr/lib").glob(f"*-linux-gnu/{loader.name}"))
    link = system / "usr" / loader
    if not link.exists():
        link.symlink_to(Path("/") / found.relative_to(system))
    run("patchelf", "--set-interpreter", f"/{loader}", "--remove-rpath", python)


def _libraries(programs: Iterable[Path]) -> set[Path]:
    """The libraries that programs are linked to, as this machine finds them."""
    files = [str(file) for file in programs if file.is_file()]
    if not files:
        return set()
    said = run("ldd", *files, check=False)
    return {
        Path(path)
        for path in re.findall(r"^\s+(?:\S+ => )?(/\S+) \(0x", said, re.MULTILINE)
    }


def _copy_library(system: Path, file: Path) -> None:
    """Copy a library, unless there is one of its name already or it came with a package."""
    if "site-packages" in file.parts or next(
        (system / "usr/lib").glob(f"*/{file.name}"), None
    ):
        return
    _copy(file.resolve(), system / file.relative_to("/"))


def _copy(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, target)


def _copy_tree(folder: Path, target: Path) -> None:
    def left_out(where: str, names: list[str]) -> list[str]:
        inside = Path(where).relative_to(folder)
        return [name for name in names if _LEFT_OUT.search(str(inside / name))]

    shutil.copytree(folder, target, symlinks=True, ignore=left_out)


def _try_out(work: Path, system: Path, packages: Path) -> None:
    """Start Home Assistant's program in the finished root, before anybody waits for a pod."""
    root = work / "root"
    root.mkdir()
    for layer in (system, packages):
        run("cp", "-al", f"{layer}/.", root)
    said = run(
        *("chroot", root, "/usr/bin/env", "-i", "/usr/local/bin/python3", "-c"),
        "import ssl, sqlite3, numpy, aiohttp, homeassistant.bootstrap, homeassistant.const as const; print(const.__version__)",
        timeout=120,
    )
    if said.strip() != VERSION:
        raise TestbedError(
            f"The image holds Home Assistant {said.strip()}, not {VERSION}."
        )
