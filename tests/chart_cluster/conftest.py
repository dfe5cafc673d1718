"""One cluster and one release for all tests of the chart; they are told in order."""

from collections.abc import Iterator

import pytest

from testbed.cluster import Cluster
from testbed.pytest_plugin import open_sockets

from .account import Account
from .visit import ATTIC, HALL, Visit


@pytest.fixture(scope="session")
def visit() -> Iterator[Visit]:
    """The house, with the chart installed and Home Assistant Ready."""
    open_sockets()
    with Cluster().up((HALL, ATTIC)) as cluster:
        house = Visit(cluster)
        house.home.prepare(HALL)
        house.home.install(house.values)
        try:
            house.enter()
            yield house
        finally:
            house.close()


@pytest.fixture(autouse=True)
def sockets() -> None:
    """Let each test talk to the cluster."""
    open_sockets()


@pytest.fixture(scope="session")
def account(visit: Visit) -> Account:
    """Home Assistant's account, by a token of its own."""
    return Account(visit.cluster)
