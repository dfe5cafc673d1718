"""OCI images, made without a container engine: the test device under several names, and pause.

Everything is reproducible: the same sources and the same Go give the same digests.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
import hashlib
import io
import json
import os
from pathlib import Path
import platform
import subprocess
import tarfile
from typing import Any, Final

from tools.setup.go import find_go
from tools.setup.python import find_uv
from tools.setup.report import SetupError

from .errors import TestbedError
from .programs import cache_folder, program

INDEX: Final = "application/vnd.oci.image.index.v1+json"
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"
LAYER: Final = "application/vnd.oci.image.layer.v1.tar"

SOURCE: Final = "https://github.com/home-cluster/home-cluster"
CREATED: Final = "2026-01-01T00:00:00Z"
NOBODY: Final = "65532:65532"

DEVICE_SOURCE: Final = Path(__file__).parent / "device"
VERSIONS: Final = ("v1.0.0", "v1.1.0", "v1.2.0", "v2.0.0")
ARCHITECTURES: Final = ("amd64", "arm64")
DEVICES: Final = ("fridge", "jazz", "weather", "backup", "broker", "camera", "drought")
PAUSE_NAME: Final = "home.local/pause:1"

# Two ways in which an image is for the wrong machine: it says so, and the pull fails; or it does not,
# and the program cannot be executed.
FOREIGN: Final = "v1.2.0-foreign"
MISLABELLED: Final = "v1.2.0-mislabelled"


@dataclass(frozen=True, slots=True)
class Image:
    """An image manifest or an index with all that it refers to.

    `descriptor` names the top document; `blobs` holds every document and layer by digest.
    """

    descriptor: Mapping[str, Any]
    blobs: Mapping[str, bytes] = field(repr=False)

    @property
    def digest(self) -> str:
        """The digest by which the image can be pulled, "sha256:…"."""
        return str(self.descriptor["digest"])

    @property
    def manifest(self) -> dict[str, Any]:
        """The top document."""
        document: dict[str, Any] = json.loads(self.blobs[self.digest])
        return document


def _blob(data: bytes, media_type: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return {"mediaType": media_type, "digest": digest, "size": len(data)}, {
        digest: data
    }


def _document(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":"), sort_keys=True).encode()


def _layer(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, data in sorted(files.items()):
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def make_image(
    files: Mapping[str, bytes],
    entrypoint: Sequence[str],
    *,
    architecture: str,
    labels: Mapping[str, str],
    command: Sequence[str] = (),
) -> Image:
    """An image of one layer with executable files at the given paths, run as a user without rights."""
    layer, layer_blob = _blob(_layer(files), LAYER)
    config, config_blob = _blob(
        _document(
            {
                "created": CREATED,
                "architecture": architecture,
                "os": "linux",
                "config": {
                    "User": NOBODY,
                    "Env": ["PATH=/"],
                    "Entrypoint": list(entrypoint),
                    "Cmd": list(command),
                    "ExposedPorts": {"8080/tcp": {}},
                    "Labels": dict(labels),
                },
                "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
                "history": [{"created": CREATED, "created_by": "testbed.images"}],
            }
        ),
        CONFIG,
    )
    manifest, manifest_blob = _blob(
        _document(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": config,
                "layers": [layer],
                "annotations": dict(labels),
            }
        ),
        MANIFEST,
    )
    manifest["platform"] = {"architecture": architecture, "os": "linux"}
    return Image(manifest, {**layer_blob, **config_blob, **manifest_blob})


def make_index(images: Iterable[Image], *, labels: Mapping[str, str]) -> Image:
    """One name for the images of several architectures."""
    parts = tuple(images)
    index, index_blob = _blob(
        _document(
            {
                "schemaVersion": 2,
                "mediaType": INDEX,
                "manifests": [dict(part.descriptor) for part in parts],
                "annotations": dict(labels),
            }
        ),
        INDEX,
    )
    blobs = dict(index_blob)
    for part in parts:
        blobs.update(part.blobs)
    return Image(index, blobs)


def write_archive(path: Path, images: Mapping[str, Image]) -> Path:
    """Write named images as an OCI layout in a tar, as `ctr images import` takes it."""
    manifests = [
        {
            **image.descriptor,
            "annotations": {
                "io.containerd.image.name": name,
                "org.opencontainers.image.ref.name": name.rsplit(":", 1)[1],
            },
        }
        for name, image in images.items()
    ]
    entries = {
        "oci-layout": _document({"imageLayoutVersion": "1.0.0"}),
        "index.json": _document(
            {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
        ),
    }
    for image in images.values():
        for digest, data in image.blobs.items():
            entries[f"blobs/{digest.replace(':', '/')}"] = data
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with tarfile.open(partial, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in sorted(entries.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
    return partial.replace(path)


@cache
def device_program(version: str, architecture: str) -> bytes:
    """The device program with that firmware version, statically linked.

    Raises `TestbedError` with the compiler's words.
    """
    folder = cache_folder() / f"device-{_sources_key()}"
    target = folder / f"{version}-{architecture}"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.{os.getpid()}")
        built = subprocess.run(
            [
                *(
                    str(_go()),
                    "build",
                    "-trimpath",
                    "-buildvcs=false",
                    "-o",
                    str(partial),
                ),
                *("-ldflags", f"-s -w -X main.version={version}", "."),
            ],
            cwd=DEVICE_SOURCE,
            env={
                **os.environ,
                "CGO_ENABLED": "0",
                "GOWORK": "off",
                "GOOS": "linux",
                "GOARCH": architecture,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if built.returncode:
            said = built.stderr.strip().splitlines()
            raise TestbedError(f"Go could not build the test device ({said[-1]}).")
        partial.replace(target)
    return target.read_bytes()


@cache
def _go() -> Path:
    try:
        return find_go(find_uv())
    except SetupError as error:
        raise TestbedError(str(error)) from error


@cache
def _sources_key() -> str:
    """What the program depends on besides its version and architecture, as a short text."""
    key = hashlib.sha256()
    for source in sorted(DEVICE_SOURCE.glob("*")):
        if not source.name.endswith("_test.go"):
            key.update(source.name.encode() + b"\0" + source.read_bytes())
    return key.hexdigest()[:16]


def _labels(title: str, version: str) -> dict[str, str]:
    prefix = "org.opencontainers.image."
    return {
        f"{prefix}title": title,
        f"{prefix}version": version,
        f"{prefix}source": SOURCE,
        f"{prefix}created": CREATED,
        f"{prefix}licenses": "MIT",
        f"{prefix}vendor": "Home Cluster",
        f"{prefix}description": "A test device of the Home Cluster project.",
    }


def host_architecture() -> str:
    """This machine's architecture, as images name it."""
    return {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


def foreign_architecture() -> str:
    """An architecture whose programs this machine cannot run."""
    return next(one for one in ARCHITECTURES if one != host_architecture())


def _device(name: str, version: str, architecture: str, *, said: str = "") -> Image:
    """The device for an architecture; `said` is what the image calls it, if that is not true."""
    return make_image(
        {"/device": device_program(version, architecture)},
        ["/device"],
        command=["run"],
        architecture=said or architecture,
        labels=_labels(name, version),
    )


def device_image(
    name: str, version: str, architectures: Sequence[str] = ARCHITECTURES
) -> Image:
    """An index of the device program for the architectures."""
    return make_index(
        (_device(name, version, architecture) for architecture in architectures),
        labels=_labels(name, version),
    )


def mislabelled_image(name: str, version: str) -> Image:
    """An image that claims to be for this machine and holds a program for another."""
    return _device(name, version, foreign_architecture(), said=host_architecture())


def pause_image() -> Image:
    """The image that holds a pod's namespaces, for this machine."""
    return make_image(
        {"/pause": program("pause").read_bytes()},
        ["/pause"],
        architecture=host_architecture(),
        labels=_labels("pause", "1"),
    )


def home_images(devices: Sequence[str] = DEVICES) -> dict[str, Image]:
    """Every image of the demo home as "home/<device>:<tag>".

    The fridge also comes in the two tags that this machine cannot run.
    """
    images = {
        f"home/{device}:{version}": device_image(device, version)
        for device in devices
        for version in VERSIONS
    }
    if "fridge" in devices:
        images |= {
            f"home/fridge:{FOREIGN}": device_image(
                "fridge", FOREIGN, [foreign_architecture()]
            ),
            f"home/fridge:{MISLABELLED}": mislabelled_image("fridge", MISLABELLED),
        }
    return images
