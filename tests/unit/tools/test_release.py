"""The release archive holds what HACS installs, and is the same each time."""

import hashlib
import json
from pathlib import Path
import zipfile

import pytest

from tools.release import INTEGRATION, pack

VERSION = json.loads((INTEGRATION / "manifest.json").read_text())["version"]


def test_archive_holds_the_integration_at_its_root(tmp_path: Path) -> None:
    """HACS unpacks the archive into custom_components/home_cluster."""
    with zipfile.ZipFile(pack(f"v{VERSION}", tmp_path)) as archive:
        names = archive.namelist()
        assert "manifest.json" in names
        assert "kube/schema.py" in names
        assert (
            archive.read("manifest.json")
            == (INTEGRATION / "manifest.json").read_bytes()
        )
    assert not [name for name in names if "__pycache__" in name]


def test_the_same_files_give_the_same_archive_and_checksum(tmp_path: Path) -> None:
    """A release can be checked by making it again."""
    first = pack(VERSION, tmp_path / "a").read_bytes()
    second = pack(VERSION, tmp_path / "b").read_bytes()
    assert first == second
    said = (tmp_path / "a" / "SHA256SUMS").read_text()
    assert said == f"{hashlib.sha256(first).hexdigest()}  home_cluster.zip\n"


def test_refuses_a_tag_that_is_not_the_manifests_version(tmp_path: Path) -> None:
    """Else HACS would show one version and install another."""
    with pytest.raises(
        ValueError, match=f"v9.9.9, but manifest.json says version {VERSION}"
    ):
        pack("v9.9.9", tmp_path)
    assert not list(tmp_path.iterdir())
