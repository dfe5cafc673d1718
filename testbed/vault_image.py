"""HashiCorp Vault as an image: server and agent, built from Go modules (`modules/vault`)."""

import hashlib
from pathlib import Path
import shutil
from typing import Final

from .archive import kept_archive, write_archive
from .programs import program

REPOSITORY: Final = "home.local/vault"
TAG: Final = "1.14.1"


def archive() -> Path:
    """The image as an OCI archive, made at the first call and kept."""
    built = program("vault").resolve()
    key = hashlib.sha256(str(built).encode() + Path(__file__).read_bytes())
    name = f"{REPOSITORY}:{TAG}"

    def make(work: Path, target: Path) -> None:
        root = work / "root"
        (root / "bin").mkdir(parents=True)
        shutil.copy(built, root / "bin" / "vault")
        write_archive(target, name, [root], {"Env": ["PATH=/bin"]})

    return kept_archive(f"vault-{key.hexdigest()[:16]}.tar", name, make)
