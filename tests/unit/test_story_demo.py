"""What the demo tells a person to type."""

import pytest

from story.demo import testbed_command as command


@pytest.mark.parametrize(("user", "sudo"), [(None, ""), ("anna", "sudo ")])
def test_a_second_terminal_is_told_to_use_sudo_as_the_first_did(
    monkeypatch: pytest.MonkeyPatch, user: str | None, sudo: str
) -> None:
    """Else it would look for the cluster in another home."""
    monkeypatch.delenv("SUDO_USER", raising=False)
    if user:
        monkeypatch.setenv("SUDO_USER", user)
    assert command() == f"{sudo}.venv/bin/python -m testbed"
