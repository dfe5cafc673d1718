"""Set-up: what is found, what is said, and in which words."""

from collections.abc import Callable
import errno
import os
from pathlib import Path
import shutil
import subprocess
import sys
from typing import NoReturn

import pytest

from testbed.browser import Browser, BrowserError
from tools.coverage_gate import INTEGRATION, shortfalls
from tools.setup import __main__ as setup, debian, go, python
from tools.setup.report import ROOT, SetupError, digest, run

SOURCES = {
    "a deb822 file": (
        "debian.sources",
        "Types: deb\n# a comment\nURIs: http://ftp.example.org/debian\nSuites: bookworm bookworm-updates\n"
        "Components: main\nSigned-By: /usr/share/keyrings/key.gpg\n\nTypes: deb\n"
        "URIs: http://ftp.example.org/debian-security\nSuites: bookworm-security\nComponents: main\n",
    ),
    "a one-line file": (
        "debian.list",
        "# deb http://old.example.org/debian bookworm main\n"
        "deb https://packages.example.com/apt other main\n"
        "deb [arch=amd64 signed-by=/usr/share/keyrings/key.gpg] http://ftp.example.org/debian bookworm main\n",
    ),
}


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An apt configuration of our own; its folder of sources."""
    folder = tmp_path / "etc" / "apt" / "sources.list.d"
    folder.mkdir(parents=True)
    monkeypatch.setattr(python, "APT", folder.parent)
    return folder


@pytest.mark.parametrize(("name", "text"), SOURCES.values(), ids=SOURCES.keys())
def test_takes_the_machines_own_archive_with_the_suite_swapped(
    apt: Path, name: str, text: str
) -> None:
    """No mirror is written down; the archive's own key is kept."""
    (apt / name).write_text(text)
    assert python.debian_source() == (
        "Types: deb\nURIs: http://ftp.example.org/debian\nSuites: forky\nComponents: main\n"
        "Signed-By: /usr/share/keyrings/key.gpg\n"
    )


def test_says_so_where_apt_knows_no_debian_archive(apt: Path) -> None:
    """One sentence instead of a traceback."""
    (apt / "other.list").write_text("deb https://packages.example.com/apt other main\n")
    with pytest.raises(
        SetupError, match="name no Debian archive. Install Python 3.14 yourself"
    ):
        python.debian_source()


def test_names_missing_packages_and_the_command_for_those_who_are_not_root(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A missing right gives the line to type."""
    monkeypatch.setattr(debian.os, "geteuid", lambda: 1000)
    with pytest.raises(SetupError) as caught:
        debian.install_packages(
            debian.missing({"no-such-program": "some-package", "sh": "dash"})
        )
    assert str(caught.value) == (
        "These packages are missing: some-package. "
        "Run: sudo sh -c 'apt-get update && apt-get install --yes some-package'"
    )


def test_installs_nothing_where_nothing_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A second set-up needs no rights."""
    monkeypatch.setattr(debian.os, "geteuid", lambda: 1000)
    debian.install_packages(debian.missing({"sh": "dash"}))


@pytest.mark.parametrize("name", [None, *debian.BROWSERS])
async def test_set_up_and_the_test_bed_know_the_same_browsers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    """What set-up takes for a browser is started, and what it misses is named by both."""
    monkeypatch.setenv("PATH", str(tmp_path))
    if name is None:
        assert debian.missing_browser() == ["chromium"]
        with pytest.raises(BrowserError, match="apt-get install chromium"):
            await Browser().__aenter__()
        return
    program = tmp_path / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert debian.missing_browser() == []
    with pytest.raises(BrowserError, match="ended by itself"):
        await Browser().__aenter__()


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26)),
        ("go version go1.27rc1 linux/arm64", (1, 27)),
        ("something else", ()),
    ],
)
def test_reads_the_version_of_go(
    tmp_path: Path, said: str, version: tuple[int, ...]
) -> None:
    """Releases and candidates."""
    program = tmp_path / "go"
    program.write_text(f"#!/bin/sh\necho '{said}'\n")
    program.chmod(0o755)
    assert go.version_of(program) == version


def test_an_interpreter_without_ssl_or_that_does_not_start_is_no_good(
    tmp_path: Path,
) -> None:
    """Home Assistant could not run on it."""
    broken = tmp_path / "python3.14"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    assert not python.good(broken)
    assert not python.good(tmp_path / "absent")
    assert python.good(sys.executable)


def test_a_failed_command_says_what_to_do_and_what_was_said() -> None:
    """The last lines of the program stand below our sentence."""
    with pytest.raises(SetupError) as caught:
        run(
            ["sh", "-c", "echo one >&2; echo disk full >&2; exit 3"],
            mend="Free some space.",
        )
    assert str(caught.value) == "sh failed (3). Free some space.\none\ndisk full"
    with pytest.raises(
        SetupError, match="no-such-program is not installed. Install it."
    ):
        run(["no-such-program"], mend="Install it.")


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What a set-up did, instead of doing it; this account is root and everything is missing."""
    log: list[str] = []

    def note[T](name: str, answer: T) -> Callable[..., T]:
        def noted(*words: object) -> T:
            log.append(" ".join([name, *map(str, words)]))
            return answer

        return noted

    monkeypatch.setattr(debian.os, "geteuid", lambda: 0)
    monkeypatch.setattr(setup, "missing", lambda _: ["runc"])
    monkeypatch.setattr(setup, "missing_browser", lambda: ["chromium"])
    monkeypatch.setattr(setup, "install_packages", note("install", None))
    monkeypatch.setattr(setup, "find_uv", lambda: "uv")
    monkeypatch.setattr(setup, "find_python", lambda _: tmp_path)
    monkeypatch.setattr(setup, "find_go", lambda _: tmp_path / "go")
    monkeypatch.setattr(setup, "make_venv", lambda *_: log.append("venv"))
    monkeypatch.setattr(setup, "find_tsc", note("typescript", tmp_path))
    monkeypatch.setattr(
        setup, "_build", lambda _, groups: log.append(f"build {groups}") or 0
    )
    return log


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--python"], ["venv"]),
        (
            ["--quick"],
            [
                "install ['chromium']",
                "venv",
                "typescript",
                "build ('helm', 'actionlint')",
            ],
        ),
        ([], ["install ['chromium', 'runc']", "venv", "build ()"]),
    ],
)
def test_does_as_much_as_is_asked_for(
    done: list[str],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    expected: list[str],
) -> None:
    """Packages first; nothing for the cluster where none is asked for."""
    monkeypatch.setattr(sys, "argv", ["setup", *options])
    assert setup.main() == 0
    assert done == expected


def test_asks_for_root_before_anything_is_done(
    done: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Only the cluster needs it, and nobody builds half an hour to hear that."""
    monkeypatch.setattr(debian.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "argv", ["setup"])
    assert setup.main() == 1
    assert done == []
    assert "`sudo scripts/demo`" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["setup", "--python"])
    assert setup.main() == 0


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "Start again: what was done is kept."),
        (SetupError("No Go."), 1, "Cannot go on: No Go."),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/var/x"),
            1,
            "/var/x: No space left on device. Free some space and start again",
        ),
        (
            PermissionError(errno.EACCES, os.strerror(errno.EACCES), ".venv/x"),
            1,
            ".venv/x: Permission denied. Perhaps root made it",
        ),
        (ConnectionError("reset"), 1, "reset. Mend that and start again"),
    ],
)
def test_ends_with_a_sentence_and_never_a_traceback(
    done: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    words: str,
) -> None:
    """Whatever ended it."""

    def fail(*_: object) -> NoReturn:
        raise error

    monkeypatch.setattr(setup, "make_venv", fail)
    monkeypatch.setattr(sys, "argv", ["setup", "--python"])
    assert setup.main() == code
    assert words in capsys.readouterr().err


def test_debian_is_asked_where_uv_fetches_no_python_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mirror that hangs ends nothing."""

    def hang(*_: object, **options: float) -> NoReturn:
        raise subprocess.TimeoutExpired("uv", options["timeout"])

    monkeypatch.setattr(subprocess, "run", hang)
    assert python.fetch_python("uv") is None


@pytest.mark.parametrize("version", [None, "3.10", "3.11"])
def test_the_starter_names_the_package_of_a_python_that_is_missing_or_old(
    tmp_path: Path, version: str | None
) -> None:
    """It is the only part that runs without Python."""
    (tmp_path / "dirname").symlink_to(str(shutil.which("dirname")))
    if version:
        program = tmp_path / "python3"
        program.write_text(
            "#!/bin/sh\n"
            f'[ "$1" = -m ] && echo "started $*" || exec {sys.executable} -c '
            f'"import sys; sys.version_info = ({version.replace(".", ", ")}); $2"\n'
        )
        program.chmod(0o755)
    said = subprocess.run(
        [ROOT / "scripts" / "setup", "--quick"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if version == "3.11":
        assert said.stdout == "started -m tools.setup --quick\n"
    else:
        assert said.returncode == 1
        assert said.stderr == (
            "This needs Python 3.11 or newer. Run: apt-get install python3\n"
        )


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("demo", ""),
        ("demo --pods 300", ""),
        ("demo --kubeconfig FILE", "--python"),
        ("demo --kubeconfig=FILE", "--python"),
        ("demo --help", "--python"),
        ("lint", "--python"),
        ("test --quick", "--quick"),
        ("test", ""),
        ("bench --json FILE", ""),
    ],
)
def test_a_command_prepares_no_more_than_it_needs(
    tmp_path: Path, command: str, expected: str
) -> None:
    """Who shows the own cluster waits for no build, and need not be root."""
    name, *words = command.split()
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    shutil.copy(ROOT / "scripts" / name, scripts)
    (scripts / "setup").write_text('#!/bin/sh\necho "$@" > asked\nexit 1\n')
    (scripts / "setup").chmod(0o755)
    subprocess.run([scripts / name, *words], check=False)
    assert (tmp_path / "asked").read_text().strip() == expected


def test_digests_tell_parts_apart() -> None:
    """Moving a letter from one part to the next is another digest."""
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("ab", "c") == digest("ab", b"c")


def test_set_up_speaks_the_language_of_python_3_11() -> None:
    """It runs before there is any other Python."""
    files = [
        *sorted((ROOT / "tools" / "setup").glob("*.py")),
        ROOT / "tools" / "release.py",
    ]
    for path in files:
        checked = subprocess.run(
            [
                Path(sys.executable).parent / "ruff",
                *(
                    "check",
                    "--target-version",
                    "py311",
                    "--isolated",
                    "--select",
                    "E9,F",
                ),
                path,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert checked.returncode == 0, checked.stdout


def test_the_coverage_gate_names_modules_that_are_tested_too_little() -> None:
    """More than 95 %, the config flow whole, and none forgotten."""
    every = {
        str(path.relative_to(ROOT)): {"summary": {"percent_covered": 100.0}}
        for path in (ROOT / INTEGRATION).rglob("*.py")
    }
    assert shortfalls({"files": every}) == []
    flow, hub, errors = (
        f"{INTEGRATION}{name}"
        for name in ("config_flow.py", "hub.py", "kube/errors.py")
    )
    every[flow]["summary"]["percent_covered"] = 99.5
    every[hub]["summary"]["percent_covered"] = 95.0
    del every[errors]
    assert shortfalls({"files": every}) == [
        f"{flow}: 99.5 %, 100 % is asked",
        f"{hub}: 95.0 %, more than 95 % is asked",
        f"{errors}: not measured",
    ]
