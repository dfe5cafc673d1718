"""Programs that outlive the command that started them, and are never mistaken for others."""

import json
import os
from pathlib import Path
import select
import signal
import subprocess
import sys

import pytest

from testbed.errors import TestbedError
from testbed.process import Processes
from testbed.system import wait_until

STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.05; done"


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    """No program yet."""
    return Processes(tmp_path / "pids", tmp_path / "log")


def test_a_program_is_found_and_stopped_by_a_later_command(
    processes: Processes, tmp_path: Path
) -> None:
    """The record on disk is all that a command needs."""
    processes.start("lamp/bulb", ["sleep", "60"])
    pid = processes.pid("lamp/bulb")
    later = Processes(tmp_path / "pids", tmp_path / "log")
    assert later.names() == ["lamp/bulb"]
    assert later.running("lamp/bulb")
    later.stop("lamp/bulb")
    assert not Path(f"/proc/{pid}").exists()
    assert later.names() == []


def test_a_program_started_by_another_process_is_found(
    processes: Processes, tmp_path: Path
) -> None:
    """`up` ends long before `down` begins."""
    code = (
        "from pathlib import Path; from testbed.process import Processes; "
        f"Processes(Path({str(tmp_path / 'pids')!r}), Path({str(tmp_path / 'log')!r})).start('lamp', ['sleep', '60'])"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
    assert processes.running("lamp")
    processes.stop("lamp")
    assert not processes.running("lamp")


def test_a_program_keeps_nothing_open_that_its_starter_was_given(
    processes: Processes,
) -> None:
    """A caller's lock is free, and its pipe at an end, when the command has ended."""
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    processes.start("lamp", ["sleep", "60"])
    os.close(writing)
    assert select.select([reading], [], [], 5)[0]
    assert os.read(reading, 1) == b""
    os.close(reading)
    processes.stop("lamp")


def test_a_program_has_a_session_of_its_own_and_no_input(processes: Processes) -> None:
    """Ctrl-C at the terminal is for the command alone."""
    processes.start("lamp", ["sleep", "60"])
    pid = processes.pid("lamp")
    assert os.getsid(pid) == pid
    assert Path(f"/proc/{pid}/fd/0").readlink() == Path(os.devnull)
    processes.stop("lamp")


def test_output_and_errors_go_to_the_log(processes: Processes) -> None:
    """The last line is what an error's sentence quotes."""
    processes.start("lamp", ["sh", "-c", "echo out; echo broken filament >&2"])
    wait_until("The end", lambda: not processes.running("lamp"), seconds=10)
    assert processes.log("lamp").read_text() == "out\nbroken filament\n"
    assert processes.last_words("lamp") == "broken filament"
    with pytest.raises(TestbedError, match="lamp is not running; see .*lamp.log"):
        processes.pid("lamp")


def test_a_stubborn_program_is_killed_after_the_grace(processes: Processes) -> None:
    """On return it is gone in any case."""
    processes.start("lamp", ["sh", "-c", STUBBORN])
    wait_until(
        "The trap",
        lambda: processes.log("lamp").read_text() == "ready\n",
        seconds=10,
    )
    processes.stop("lamp", grace=0.2)
    assert not processes.running("lamp")


def test_a_process_that_got_the_number_is_left_alone(
    processes: Processes, tmp_path: Path
) -> None:
    """The start time tells it from ours."""
    with subprocess.Popen(["sleep", "60"]) as stranger:
        processes.start("lamp", ["true"])
        file = tmp_path / "pids" / "lamp.json"
        file.write_text(
            json.dumps(
                {**json.loads(file.read_text()), "pid": stranger.pid, "started": 1}
            )
        )
        assert not processes.running("lamp")
        processes.stop("lamp")
        assert stranger.poll() is None
        stranger.terminate()


def test_a_record_from_before_a_reboot_means_nothing(
    processes: Processes, tmp_path: Path
) -> None:
    """Numbers and clock ticks begin anew."""
    processes.start("lamp", ["sleep", "60"])
    file = tmp_path / "pids" / "lamp.json"
    record = file.read_text()
    file.write_text(json.dumps({**json.loads(record), "boot": "another"}))
    assert not processes.running("lamp")
    file.write_text(record)
    processes.stop("lamp")


def test_a_name_cannot_run_twice(processes: Processes) -> None:
    """The first would be forgotten, and stay for ever."""
    processes.start("lamp", ["sleep", "60"])
    with pytest.raises(TestbedError, match="lamp is running already"):
        processes.start("lamp", ["sleep", "60"])
    processes.stop("lamp")


def test_a_restart_repeats_the_start(processes: Processes) -> None:
    """Same words, same environment, another process."""
    processes.start(
        "lamp",
        ["sh", "-c", "echo $COLOUR; sleep 60"],
        env={"COLOUR": "red", "PATH": "/bin:/usr/bin"},
    )
    first = processes.pid("lamp")
    wait_until(
        "The first line",
        lambda: processes.log("lamp").read_text() == "red\n",
        seconds=10,
    )
    processes.restart("lamp", grace=1)
    assert processes.pid("lamp") != first
    wait_until(
        "Both lines",
        lambda: processes.log("lamp").read_text() == "red\nred\n",
        seconds=10,
    )
    processes.stop("lamp")


def test_signals_reach_the_program(processes: Processes) -> None:
    """A stopped API server is how it hangs."""
    processes.start("lamp", ["sleep", "60"])
    processes.send("lamp", signal.SIGSTOP)
    stat = Path(f"/proc/{processes.pid('lamp')}/stat")
    wait_until(
        "The halt",
        lambda: stat.read_text().rpartition(")")[2].split()[0] == "T",
        seconds=5,
    )
    processes.stop("lamp", grace=0)


def test_a_damaged_record_is_said_in_a_sentence(
    processes: Processes, tmp_path: Path
) -> None:
    """With the file to remove."""
    (tmp_path / "pids").mkdir()
    (tmp_path / "pids" / "lamp.json").write_text("{}")
    with pytest.raises(TestbedError, match="lamp.json is damaged"):
        processes.running("lamp")
