"""What the end-to-end tests share: the cluster, and the demo home on it."""

import pytest

from testbed.cluster import Cluster
from testbed.home import Home
from testbed.pytest_plugin import cluster, namespace, running_cluster

__all__ = ["cluster", "demo_home", "namespace", "running_cluster"]


@pytest.fixture
def demo_home(cluster: Cluster) -> Cluster:
    """The cluster with every device of the demo home ready."""
    Home(cluster).up()
    return cluster
