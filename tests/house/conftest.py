"""What the tests of a house on the real cluster share."""

import pytest

from testbed.pytest_plugin import open_sockets, running_cluster

__all__ = ["running_cluster"]


@pytest.fixture(autouse=True)
def verify_cleanup() -> None:
    """Let each test talk to the cluster; what listens to the house stays from test to test."""
    open_sockets()
