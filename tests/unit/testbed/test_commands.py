"""The command line: what each command does, and that failures are one sentence."""

import errno
from pathlib import Path
import tempfile
from typing import Any

import pytest

from testbed import __main__ as commands, faults, owner, system
from testbed.cluster import Cluster
from testbed.errors import TestbedError


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[Any, ...]]:
    """What was done to the cluster, instead of doing it."""
    log: list[tuple[Any, ...]] = []
    monkeypatch.setenv("HOME_CLUSTER_STATE", str(tmp_path))

    def note(name: str) -> Any:
        def noted(_: Cluster, *words: Any, **options: Any) -> Path:
            log.append((name, *words, *options.values()))
            return tmp_path

        return noted

    for name in ("up", "down", "add_node", "remove_node", "kwok"):
        monkeypatch.setattr(Cluster, name, note(name))
    for name in (
        *("wifi_down", "wifi_up", "slow_link", "power_cut", "power_on", "restart"),
        *("freeze_api", "thaw_api", "snapshot", "restore", "rotate_certificates"),
        *("rotate_tokens", "small_volume", "mend"),
    ):
        monkeypatch.setattr(faults, name, note(name))
    return log


CASES = {
    "up": [("up", ("pi-attic", "pi-cellar"))],
    "up a b": [("up", ["a", "b"])],
    "down": [("down",)],
    "node add shed --label zone=garden": [("add_node", "shed", {"zone": "garden"})],
    "node remove shed": [("remove_node", "shed")],
    "kwok --nodes 3 --pods 30": [("kwok", 3, 30)],
    "mend": [("mend",)],
    "fault wifi a": [("wifi_down", "a")],
    "fault wifi a --mend": [("wifi_up", "a")],
    "fault wifi a --seconds 0": [("wifi_down", "a"), ("wifi_up", "a")],
    "fault slow a --delay 9 --loss 1.5": [("slow_link", "a", 9, 1.5)],
    "fault slow a --mend": [("slow_link", "a", 0, 0)],
    "fault power": [("power_cut",)],
    "fault power a b": [("power_cut", "a", "b")],
    "fault power --mend": [("power_on",)],
    "fault freeze --seconds 0": [("freeze_api",), ("thaw_api",)],
    "fault api": [("restart", "kube-apiserver", False)],
    "fault etcd --kill": [("restart", "etcd", True)],
    "fault snapshot f": [("snapshot", Path("f"))],
    "fault restore f --bump 7": [("restore", Path("f"), 7)],
    "fault certificates --new-authority": [("rotate_certificates", True)],
    "fault tokens": [("rotate_tokens",)],
}


@pytest.mark.parametrize("line", CASES)
def test_a_command_does_what_it_says(line: str, done: list[tuple[Any, ...]]) -> None:
    """And nothing else."""
    assert commands.main(line.split()) == 0
    assert done == CASES[line]


def test_a_failure_is_one_sentence_and_exit_code_1(
    done: list[tuple[Any, ...]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Never a traceback."""

    def fail(_: Cluster) -> None:
        raise TestbedError("The house is on fire.")

    monkeypatch.setattr(Cluster, "down", fail)
    assert commands.main(["down"]) == 1
    assert capsys.readouterr().err == "testbed: The house is on fire.\n"


def test_a_build_on_a_full_disk_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what to do."""

    def fail(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/cache")

    monkeypatch.setattr(commands.programs, "build", fail)
    assert commands.main(["build", "helm"]) == 1
    assert capsys.readouterr().err == (
        "testbed: /cache: No space left on device. "
        "Free some space and start again; what was done is kept.\n"
    )


@pytest.mark.parametrize("line", ["kubectl get nodes", "status", "node add shed"])
def test_without_a_cluster_a_command_says_how_to_get_one(
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The sentence holds the command."""
    # pytest's own folders can be too deep for a socket's path.
    with tempfile.TemporaryDirectory() as state:
        monkeypatch.setenv("HOME_CLUSTER_STATE", state)
        assert commands.main(line.split()) == 1
    assert "start one with `python -m testbed up`" in capsys.readouterr().err


def test_only_root_may_bring_it_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before anything is done."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(
        TestbedError, match="must run as root: start it again with sudo"
    ):
        system.require_machine()


def test_missing_packages_are_named_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of them in one sentence."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(system, "missing", lambda _: ["ipset", "runc"])
    with pytest.raises(TestbedError, match="`apt-get install ipset runc`"):
        system.require_machine()


@pytest.mark.parametrize("name", ["", "Attic", "a_b", "-a", "all", "control-plane"])
def test_a_bad_name_of_a_node_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kubernetes' rules, less two words of the command line."""
    monkeypatch.setattr("testbed.cluster.require_machine", lambda: None)
    with pytest.raises(TestbedError, match="cannot be a node's name"):
        Cluster(tmp_path).up([name])


def test_two_commands_do_not_change_the_cluster_at_once(tmp_path: Path) -> None:
    """The second is told to wait."""
    with (
        owner.exclusive(tmp_path),
        pytest.raises(TestbedError, match="wait until it has ended"),
        owner.exclusive(tmp_path),
    ):
        raise AssertionError("both held the lock")
    with owner.exclusive(tmp_path):
        assert owner.owner(tmp_path) is None


def test_only_one_cluster_is_up_on_a_machine(tmp_path: Path) -> None:
    """The refusal names the other, with the command that takes it down."""
    first, second = tmp_path / "first", tmp_path / "second"
    owner.claim(first, tmp_path)
    owner.claim(first, tmp_path)
    with pytest.raises(
        TestbedError, match=f"HOME_CLUSTER_STATE={first} python -m testbed down"
    ):
        owner.claim(second, tmp_path)
    owner.release(tmp_path)
    owner.claim(second, tmp_path)
    assert owner.owner(tmp_path) == second


def test_a_failing_command_is_quoted_by_its_last_words() -> None:
    """The cause is usually at the end."""
    with pytest.raises(TestbedError, match="failed: the end$"):
        system.run("sh", "-c", "echo begin >&2; echo the end >&2; exit 3")
    with pytest.raises(TestbedError, match="The program no-such-thing is missing"):
        system.run("no-such-thing")
    with pytest.raises(TestbedError, match="did not end within"):
        system.run("sleep", "9", timeout=0.1)


def test_waiting_says_what_for_and_what_was_last_seen() -> None:
    """A deadline, never a guess."""
    with pytest.raises(
        TestbedError, match=r"Light did not come within 0.05 s \(dark\)"
    ):
        system.wait_until(
            "Light", lambda: False, seconds=0.05, every=0.01, seen=lambda: "dark"
        )
    assert system.wait_until("Light", lambda: "bright", seconds=1) == "bright"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.04, "0.0 s"), (59.9, "59.9 s"), (200, "3 min 20 s")]
)
def test_durations_are_said_as_people_say_them(seconds: float, said: str) -> None:
    """In progress lines."""
    assert system.spoken_time(seconds) == said
