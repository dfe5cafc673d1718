"""A package index as PyPI is one, with the packages that this integration needs; for clusters without internet.

`python -m testbed.package_index --listen HOST:PORT` serves wheels made of what is installed here.
"""

import argparse
import base64
from collections.abc import Sequence
import hashlib
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
import io
import json
from pathlib import Path
import re
from typing import Final, override
import zipfile

from packaging.requirements import Requirement

MANIFEST: Final = (
    Path(__file__).parents[1] / "custom_components" / "home_cluster" / "manifest.json"
)


def required() -> list[str]:
    """The names of the packages that the manifest requires."""
    manifest = json.loads(MANIFEST.read_text())
    return [Requirement(one).name for one in manifest["requirements"]]


def wheel(name: str) -> tuple[str, bytes]:
    """A wheel of an installed package: its file name and content."""
    found = metadata.distribution(name)
    about = next(
        file.parts[0]
        for file in found.files or ()
        if file.parts[0].endswith(".dist-info")
    )
    tags = re.findall(r"^Tag: (.+)$", found.read_text("WHEEL") or "", re.MULTILINE)
    buffer = io.BytesIO()
    record = []
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(found.files or (), key=str):
            if file.suffix == ".pyc" or file.name in {
                "RECORD",
                "REQUESTED",
                "INSTALLER",
            }:
                continue
            data = Path(str(found.locate_file(file))).read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
            record.append(f"{file},sha256={digest.decode().rstrip('=')},{len(data)}")
            archive.writestr(str(file), data)
        record.append(f"{about}/RECORD,,")
        archive.writestr(f"{about}/RECORD", "\n".join(record) + "\n")
    stem = about.removesuffix(".dist-info")
    return f"{stem}-{tags[0]}.whl", buffer.getvalue()


class Index:
    """Answers to what installers ask (PEP 503)."""

    def __init__(self, names: Sequence[str]) -> None:
        """Make a wheel of each of these installed packages."""
        self._wheels = {name.lower(): wheel(name) for name in names}

    def answer(self, path: str) -> tuple[str, bytes] | None:
        """The media type and body for a path; None for what there is not."""
        match path.strip("/").split("/"):
            case ["simple", name] if name in self._wheels:
                file, data = self._wheels[name]
                digest = hashlib.sha256(data).hexdigest()
                link = f'<a href="/wheels/{escape(file)}#sha256={digest}">{escape(file)}</a>'
                return "text/html", f"<!DOCTYPE html><body>{link}</body>".encode()
            case ["wheels", wanted]:
                for file, data in self._wheels.values():
                    if file == wanted:
                        return "application/octet-stream", data
        return None


def server(index: Index, host: str, port: int) -> ThreadingHTTPServer:
    """A server of the index."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self.wfile.write(self._answer())

        def _answer(self) -> bytes:
            found = index.answer(self.path)
            self.send_response(HTTPStatus.OK if found else HTTPStatus.NOT_FOUND)
            kind, body = found or ("text/plain", b"")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            return body

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Stay silent."""

    return ThreadingHTTPServer((host, port), Handler)


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(
        prog="python -m testbed.package_index", description=__doc__
    )
    parser.add_argument("--listen", required=True, metavar="HOST:PORT")
    host, _, port = parser.parse_args().listen.rpartition(":")
    server(Index(required()), host, int(port)).serve_forever()


if __name__ == "__main__":
    main()
