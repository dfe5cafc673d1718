"""What the tests of a house on the real cluster share."""

from testbed.pytest_plugin import running_cluster

__all__ = ["running_cluster"]
