"""What the tests on the real cluster share."""

from testbed.pytest_plugin import cluster, namespace, running_cluster

__all__ = ["cluster", "namespace", "running_cluster"]
