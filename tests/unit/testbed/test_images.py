"""Images are what a registry and a container engine expect."""

from collections.abc import Iterator
import hashlib
import io
import json
from pathlib import Path
import tarfile
from typing import Any

import pytest

from testbed import images
from testbed.images import Image, make_image, make_index, write_archive

LABELS = {"org.opencontainers.image.version": "v1.0.0"}


def fridge(architecture: str = "amd64", program: bytes = b"program") -> Image:
    return make_image(
        {"/device": program},
        ["/device"],
        command=["run"],
        architecture=architecture,
        labels=LABELS,
    )


def documents(image: Image) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every (manifest, configuration) below an image or an index."""
    top = image.manifest
    for manifest in [
        json.loads(image.blobs[one["digest"]]) for one in top.get("manifests", ())
    ] or [top]:
        yield manifest, json.loads(image.blobs[manifest["config"]["digest"]])


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Device programs that only tell what they are, on a machine of amd64."""
    monkeypatch.setattr(
        images,
        "device_program",
        lambda version, architecture: f"{version} {architecture}".encode(),
    )
    monkeypatch.setattr(images.platform, "machine", lambda: "x86_64")


def test_the_same_input_gives_the_same_digest() -> None:
    assert fridge().digest == fridge().digest
    assert fridge().digest != fridge(program=b"other").digest


def test_every_reference_leads_to_what_it_says() -> None:
    index = make_index([fridge("amd64"), fridge("arm64")], labels=LABELS)
    for digest, data in index.blobs.items():
        assert digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
    for part in index.manifest["manifests"]:
        manifest = json.loads(index.blobs[part["digest"]])
        assert part["size"] == len(index.blobs[part["digest"]])
        for one in (manifest["config"], *manifest["layers"]):
            assert one["size"] == len(index.blobs[one["digest"]])


def test_an_index_tells_its_architectures() -> None:
    index = make_index([fridge("amd64"), fridge("arm64")], labels=LABELS)
    told = [part["platform"]["architecture"] for part in index.manifest["manifests"]]
    meant = [config["architecture"] for _, config in documents(index)]
    assert told == meant == ["amd64", "arm64"]
    assert index.manifest["mediaType"] == images.INDEX


def test_an_image_runs_its_program_as_a_user_without_rights() -> None:
    ((manifest, config),) = documents(fridge())
    assert config["config"]["Entrypoint"] == ["/device"]
    assert config["config"]["Cmd"] == ["run"]
    assert config["config"]["User"] == "65532:65532"
    assert config["config"]["Labels"] == manifest["annotations"] == LABELS


def test_a_layer_holds_the_program_executable_and_without_a_date() -> None:
    image = fridge()
    ((manifest, config),) = documents(image)
    layer = image.blobs[manifest["layers"][0]["digest"]]
    assert config["rootfs"]["diff_ids"] == [manifest["layers"][0]["digest"]]
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        (entry,) = tar.getmembers()
        assert (entry.name, entry.mode, entry.uid, entry.mtime) == (
            "device",
            0o755,
            0,
            0,
        )
        content = tar.extractfile(entry)
        assert content is not None
        assert content.read() == b"program"


def test_an_archive_is_an_oci_layout_with_the_images_names(tmp_path: Path) -> None:
    image = fridge()
    archive = write_archive(
        tmp_path / "sub" / "fridge.tar", {"home.local/fridge:v1": image}
    )
    with tarfile.open(archive) as tar:
        entries = {
            entry.name: content.read()
            for entry in tar.getmembers()
            if (content := tar.extractfile(entry))
        }
    assert json.loads(entries.pop("oci-layout")) == {"imageLayoutVersion": "1.0.0"}
    (named,) = json.loads(entries.pop("index.json"))["manifests"]
    assert named["digest"] == image.digest
    assert named["annotations"]["io.containerd.image.name"] == "home.local/fridge:v1"
    assert named["annotations"]["org.opencontainers.image.ref.name"] == "v1"
    assert entries == {
        f"blobs/{digest.replace(':', '/')}": data
        for digest, data in image.blobs.items()
    }


@pytest.mark.usefixtures("programs")
def test_the_home_has_every_version_of_every_device_for_both_architectures() -> None:
    home = images.home_images()
    for device in images.DEVICES:
        for version in images.VERSIONS:
            image = home[f"home/{device}:{version}"]
            assert [config["architecture"] for _, config in documents(image)] == [
                "amd64",
                "arm64",
            ]
            for manifest, config in documents(image):
                labels = config["config"]["Labels"]
                assert labels["org.opencontainers.image.title"] == device
                assert labels["org.opencontainers.image.version"] == version
                assert labels["org.opencontainers.image.source"] == images.SOURCE
                layer = image.blobs[manifest["layers"][0]["digest"]]
                assert f"{version} {config['architecture']}".encode() in layer


@pytest.mark.usefixtures("programs")
def test_one_tag_of_the_fridge_is_for_other_machines_only() -> None:
    image = images.home_images()[f"home/fridge:{images.FOREIGN}"]
    assert [config["architecture"] for _, config in documents(image)] == ["arm64"]


@pytest.mark.usefixtures("programs")
def test_one_tag_of_the_fridge_claims_the_wrong_architecture() -> None:
    image = images.home_images()[f"home/fridge:{images.MISLABELLED}"]
    ((manifest, config),) = documents(image)
    assert config["architecture"] == "amd64"
    assert b"arm64" in image.blobs[manifest["layers"][0]["digest"]]
