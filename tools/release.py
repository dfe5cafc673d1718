"""Packs the integration as HACS installs it: home_cluster.zip and SHA256SUMS.

Runs on Python 3.11: `python3 -m tools.release v1.2.3 dist`.
"""

import argparse
import hashlib
import json
from pathlib import Path
import sys
import zipfile

ROOT = Path(__file__).resolve().parents[1]
INTEGRATION = ROOT / "custom_components" / "home_cluster"
ARCHIVE = "home_cluster.zip"
# A zip of the same files is the same to the byte, whenever it is made.
WHEN = (1980, 1, 1, 0, 0, 0)


def pack(tag: str, target: Path) -> Path:
    """Write the archive of the integration's files and its checksum into a folder.

    Returns the archive. Raises ValueError where the tag is not the manifest's version.
    """
    version = json.loads((INTEGRATION / "manifest.json").read_text(encoding="utf-8"))[
        "version"
    ]
    if tag.removeprefix("v") != version:
        raise ValueError(
            f"The tag is {tag}, but manifest.json says version {version}. "
            "Change the manifest, commit it, and tag that commit."
        )
    target.mkdir(parents=True, exist_ok=True)
    archive = target / ARCHIVE
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(INTEGRATION.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                info = zipfile.ZipInfo(str(path.relative_to(INTEGRATION)), WHEN)
                info.external_attr = 0o644 << 16
                info.compress_type = zipfile.ZIP_DEFLATED
                packed.writestr(info, path.read_bytes())
    checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
    (target / "SHA256SUMS").write_text(f"{checksum}  {ARCHIVE}\n", encoding="utf-8")
    return archive


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="tools.release", description=__doc__)
    parser.add_argument("tag")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    try:
        print(pack(arguments.tag, arguments.folder))
    except ValueError as error:
        sys.exit(str(error))
