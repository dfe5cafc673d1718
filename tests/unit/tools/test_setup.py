"""Set-up: what is found, what is said, and in which words."""

from pathlib import Path
import subprocess
import sys

import pytest

from tools.coverage_gate import INTEGRATION, shortfalls
from tools.setup import debian, go, python
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
