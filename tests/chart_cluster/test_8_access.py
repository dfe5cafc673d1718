"""Home Assistant elsewhere: an account for it and no more, and it connects by what the notes print."""

import asyncio
import base64
from collections.abc import Iterator
import json
from pathlib import Path
import re
import shlex
import time
from typing import Any, Final

import pytest

from story.inside import Inside
from story.witness import Workload
from testbed.helm import Helm
from testbed.house import INTEGRATION
from testbed.network import HOST
from testbed.pytest_plugin import open_sockets
from tests.chart.chart import render
from tests.rights import NEVER_GIVEN, may, placed

from .account import given
from .visit import Visit

pytestmark = pytest.mark.timeout(300)

RELEASE: Final = "cellar"
ZONE: Final = "cellar-bar"
ACCOUNT: Final = f"system:serviceaccount:{RELEASE}:{RELEASE}-home-assistant"
LAMP: Final = Workload("Deployment", ZONE, "cellar-lamp")
YEAR: Final = 365 * 24 * 3600


@pytest.fixture(scope="module")
def values(visit: Visit) -> dict[str, Any]:
    """A second house on the cluster: one device, and no Home Assistant."""
    lamp = visit.values["devices"]["lamp"]
    return {
        "access": {"only": True, "from": [f"{HOST}/32"]},
        "zones": {"bar": {}},
        "devices": {"lamp": {**lamp, "zone": "bar"}},
    }


@pytest.fixture(scope="module")
def notes(visit: Visit, values: dict[str, Any]) -> Iterator[str]:
    """What `helm install` says."""
    open_sockets()
    helm = Helm(visit.cluster, RELEASE)
    yield helm.install(RELEASE, values)
    helm.uninstall(RELEASE)


def line(notes: str, word: str) -> str:
    """What the notes have beside a word."""
    found = re.search(rf"^  {word} +(.+)$", notes, re.MULTILINE)
    assert found, notes
    return found[1]


def printed(visit: Visit, notes: str, word: str) -> str:
    """What the command beside a word prints."""
    program, *arguments = shlex.split(line(notes, word))
    assert program == "kubectl"
    return visit.cluster.kubectl(*arguments)


def test_the_account_may_do_what_is_written_and_nothing_that_hurts(
    visit: Visit, notes: str, values: dict[str, Any]
) -> None:
    """In its own zones; in those of the house beside them it sees nothing."""
    rights = given(render(values, release=RELEASE, namespace=RELEASE))
    assert {place for (*_, place), _ in rights} == {RELEASE, ZONE, "kube-system", ""}
    assert [one for one in rights if not may(visit.cluster, ACCOUNT, *one)] == []
    hurts = {placed(one, ACCOUNT, ZONE) for one in NEVER_GIVEN}
    hurts.add(("list", "", "pods", "home-lighting"))
    assert [one for one in sorted(hurts) if may(visit.cluster, ACCOUNT, one)] == []


def test_its_token_ends_within_a_year(visit: Visit, notes: str) -> None:
    """And lies nowhere in the cluster."""
    _, claims, _ = printed(visit, notes, "Token").split(".")
    said = json.loads(base64.urlsafe_b64decode(f"{claims}=="))
    assert said["sub"] == ACCOUNT
    assert 0.9 * YEAR < said["exp"] - time.time() <= YEAR
    assert visit.cluster.kubectl("get", "secrets", "-n", RELEASE, "-o", "name") == (
        f"secret/sh.helm.release.v1.{RELEASE}.v1\n"
    )


def test_home_assistant_connects_by_what_the_notes_print(
    visit: Visit, notes: str, tmp_path: Path
) -> None:
    """On a machine of its own: it sees the device, and switches it."""
    token = {
        "url": printed(visit, notes, "Address"),
        "ca": printed(visit, notes, "Certificate"),
        "token": printed(visit, notes, "Token"),
        "verify_ssl": True,
    }
    namespaces = line(notes, "Namespaces").split(", ")
    elsewhere = Inside("elsewhere", tmp_path, INTEGRATION)

    async def live() -> None:
        try:
            await elsewhere.start()
            await elsewhere.connect(
                "token", token, {"mode": "namespaces", "namespaces": namespaces}
            )
            await elsewhere.learn_uid()
            await elsewhere.until_said(LAMP, "status", "running", timeout=60)
            await elsewhere.switch(LAMP, on=False)
            await elsewhere.until_said(LAMP, "status", "off")
            devices = await elsewhere.devices()
            assert [one for one in devices if one.startswith("deployment/")] == [
                LAMP.path
            ]
            assert await elsewhere.repairs() == []
            assert elsewhere.house.complaints() == []
        finally:
            await elsewhere.house.close()

    asyncio.run(live())
    found = visit.get("deployment", LAMP.name, ZONE)
    assert found["spec"]["replicas"] == 0
