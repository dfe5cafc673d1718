"""Fixtures for tests on the real cluster; a conftest imports those it uses."""

from collections.abc import Iterator
import re
import secrets

import pytest
import pytest_socket

from . import faults, network
from .cluster import Cluster


@pytest.fixture(scope="session")
def running_cluster() -> Iterator[Cluster]:
    """A cluster of two nodes for the whole run; one that was up before is used and stays up."""
    open_sockets()
    cluster = Cluster()
    was_up = cluster.is_up()
    try:
        yield cluster.up()
    finally:
        if not was_up:
            cluster.down()


@pytest.fixture
def cluster(running_cluster: Cluster) -> Iterator[Cluster]:
    """The cluster, whole before and after the test whatever the test does to it."""
    open_sockets()
    faults.mend(running_cluster)
    yield running_cluster
    faults.mend(running_cluster)


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace for this test alone, named after it."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    name = f"{words[:40].strip('-')}-{secrets.token_hex(3)}"
    cluster.kubectl("create", "namespace", name)
    # Until its account is there, pods are refused; no other sign tells when it is.
    cluster.kubectl(
        *("wait", "--for=create", "serviceaccount/default"),
        *("--namespace", name, "--timeout=60s"),
    )
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def open_sockets() -> None:
    """Let this test talk to the cluster, and to nothing beyond: Home Assistant's plugin forbids all."""
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts(
        ["127.0.0.1", "::1", f"{network.NETWORK}.0/24"], allow_unix_socket=True
    )
