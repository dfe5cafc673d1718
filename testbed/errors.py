"""What can go wrong, said in one sentence."""


class TestbedError(Exception):
    """Something failed; its text is one sentence for the person at the keyboard."""

    __test__ = False  # pytest takes every Test* class for a test
