"""Home Assistant as an image, made of packages: its own is not to be had without a container registry.

The interpreter and its libraries are those of this machine, Home Assistant and what a new home's
integrations need come from PyPI. Packages without wheels for this Python are stood in for.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
import fcntl
from functools import cache
import hashlib
from importlib import metadata
import io
import json
from pathlib import Path
import platform
import re
import shutil
import sys
import tarfile
import tempfile
from typing import Any, Final

from packaging.requirements import Requirement

from homeassistant.auth.mfa_modules import totp
from tools.setup.python import find_uv
from tools.setup.report import SetupError, cache_folder as setup_folder, run as fetch

from .errors import TestbedError
from .images import CONFIG, CREATED, INDEX, LAYER, MANIFEST, host_architecture
from .network import HOST
from .programs import cache_folder
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
)
_STUBS: Final = Path(__file__).with_name("stubs")
_STOOD_IN: Final = frozenset({"pymicro-vad", "pyspeex-noise"})
_LOADERS: Final = {
    "x86_64": "lib64/ld-linux-x86-64.so.2",
    "aarch64": "lib/ld-linux-aarch64.so.1",
}
_TIME: Final = 1767225600  # that of CREATED
_PREFIX: Final = Path("usr/local")
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
    folder = cache_folder().parent / "images"
    kept = folder / f"home-assistant-{VERSION}-{_key()}.tar"
    if kept.exists():
        return kept
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / "home-assistant.lock"):
        if not kept.exists():
            print(f"Making the image of Home Assistant {VERSION} once …", flush=True)
            with tempfile.TemporaryDirectory(dir=folder) as made:
                _make(Path(made), kept)
    return kept


def _make(work: Path, target: Path) -> None:
    system, packages = work / "system", work / "packages"
    site = packages / _PREFIX / f"lib/python{_python_version()}/site-packages"
    site.mkdir(parents=True)
    _install(site)
    _make_system(system)
    for file in _libraries(site.rglob("*.so*")):
        _copy_library(system, file)
    _try_out(work, system, packages)
    _write_archive(target, [system, packages])


def _key() -> str:
    """A hash of what decides what is in the image."""
    parts = [VERSION, sys.version, str(_interpreter()), *_requirements()]
    digest = hashlib.sha256("\n".join(parts).encode())
    for file in (Path(__file__), *sorted(_STUBS.glob("*.py"))):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


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


# --- the archive


def _write_archive(target: Path, layers: Sequence[Path]) -> None:
    """Write the folders as an image's layers; nothing of it is held in memory."""
    partial = target.with_suffix(".partial")
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        files = [_write_layer(layer, Path(folder) / layer.name) for layer in layers]
        descriptors = [_descriptor(file) for file in files]
        config = _json(
            {
                "created": CREATED,
                "architecture": host_architecture(),
                "os": "linux",
                "config": {
                    "Env": ["PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"],
                    "Entrypoint": ["python3", "-m", "homeassistant"],
                    "Cmd": ["--config", "/config"],
                    "WorkingDir": "/config",
                    "ExposedPorts": {"8123/tcp": {}},
                },
                "rootfs": {
                    "type": "layers",
                    "diff_ids": [one["digest"] for one in descriptors],
                },
            }
        )
        manifest = _json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": _described(config, CONFIG),
                "layers": descriptors,
            }
        )
        index = _json(
            {
                "schemaVersion": 2,
                "mediaType": INDEX,
                "manifests": [
                    {
                        **_described(manifest, MANIFEST),
                        "annotations": {
                            "io.containerd.image.name": NAME,
                            "org.opencontainers.image.ref.name": VERSION,
                        },
                    }
                ],
            }
        )
        with tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as tar:
            _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
            _add(tar, "index.json", index)
            for document in (config, manifest):
                _add(tar, _blob_name(_digest(document)), document)
            for file, descriptor in zip(files, descriptors, strict=True):
                tar.add(file, arcname=_blob_name(descriptor["digest"]))
    partial.replace(target)


def _write_layer(folder: Path, target: Path) -> Path:
    """Everything in the folder, owned by root."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if _LEFT_OUT.search(entry.name):
            return None
        entry.uid = entry.gid = 0
        entry.mtime = _TIME
        entry.uname = entry.gname = ""
        return entry

    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, arcname=path.name, filter=plain)
    return target


def _descriptor(file: Path) -> dict[str, Any]:
    with file.open("rb") as data:
        digest = hashlib.file_digest(data, "sha256").hexdigest()
    return {
        "mediaType": LAYER,
        "digest": f"sha256:{digest}",
        "size": file.stat().st_size,
    }


def _described(document: bytes, media_type: str) -> dict[str, Any]:
    return {
        "mediaType": media_type,
        "digest": _digest(document),
        "size": len(document),
    }


def _digest(document: bytes) -> str:
    return f"sha256:{hashlib.sha256(document).hexdigest()}"


def _blob_name(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _json(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":"), sort_keys=True).encode()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o644
    tar.addfile(entry, io.BytesIO(data))
