"""The home's package index serves wheels that installers accept."""

import io
import re
import zipfile

import pytest

from testbed.package_index import Index, required, wheel


@pytest.fixture(scope="module")
def index() -> Index:
    return Index(required())


def test_it_serves_what_the_manifest_requires(index: Index) -> None:
    found = index.answer("/simple/msgspec/")
    assert found is not None
    kind, page = found
    assert kind == "text/html"
    link = re.search(rb'href="([^"#]+)#sha256=([0-9a-f]{64})"', page)
    assert link is not None
    assert index.answer(link[1].decode()) is not None


@pytest.mark.parametrize("path", ["/", "/simple/aiohttp/", "/wheels/other.whl"])
def test_it_has_nothing_else(index: Index, path: str) -> None:
    assert index.answer(path) is None


def test_a_wheel_lists_all_that_it_holds() -> None:
    name, data = wheel("msgspec")
    assert re.fullmatch(r"msgspec-[\d.]+-cp\d+-cp\d+-\w+\.whl", name)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = set(archive.namelist())
        (record,) = (one for one in names if one.endswith("/RECORD"))
        listed = {
            line.split(",")[0] for line in archive.read(record).decode().splitlines()
        }
    assert listed == names
    assert not any(one.endswith(".pyc") for one in names)
