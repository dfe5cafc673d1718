"""Images of folders, written as OCI archives without ever being held in memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
import fcntl
import hashlib
import io
import json
from pathlib import Path
import tarfile
import tempfile
from typing import Any, Final

from .images import CONFIG, CREATED, INDEX, LAYER, MANIFEST, host_architecture
from .programs import cache_folder

_TIME: Final = 1767225600  # that of CREATED

type Make = Callable[[Path, Path], None]


def kept_archive(name: str, what: str, make: Make) -> Path:
    """The archive of this file name, made at the first call and kept.

    `make` gets a folder to work in and the file to write; `what` says what it makes.
    """
    folder = cache_folder().parent / "images"
    kept = folder / name
    if kept.exists():
        return kept
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / f"{name}.lock"):
        if not kept.exists():
            print(f"Making the image of {what} once …", flush=True)
            with tempfile.TemporaryDirectory(dir=folder) as made:
                make(Path(made), kept)
    return kept


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_archive(
    target: Path,
    name: str,
    layers: Sequence[Path],
    config: Mapping[str, Any],
    left_out: Callable[[str], bool] = lambda _: False,
) -> None:
    """Write the folders as the layers of an image of this name, but for the paths that are `left_out`.

    `config` is the image's: Entrypoint, Env and so on.
    """
    partial = target.with_suffix(".partial")
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        files = [
            _write_layer(layer, Path(folder) / layer.name, left_out) for layer in layers
        ]
        descriptors = [_descriptor(file) for file in files]
        about = _json(
            {
                "created": CREATED,
                "architecture": host_architecture(),
                "os": "linux",
                "config": dict(config),
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
                "config": _described(about, CONFIG),
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
                            "io.containerd.image.name": name,
                            "org.opencontainers.image.ref.name": name.rpartition(":")[
                                2
                            ],
                        },
                    }
                ],
            }
        )
        with tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as tar:
            _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
            _add(tar, "index.json", index)
            for document in (about, manifest):
                _add(tar, _blob_name(_digest(document)), document)
            for file, descriptor in zip(files, descriptors, strict=True):
                tar.add(file, arcname=_blob_name(descriptor["digest"]))
    partial.replace(target)


def _write_layer(folder: Path, target: Path, left_out: Callable[[str], bool]) -> Path:
    """Everything in the folder, owned by root."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if left_out(entry.name):
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
