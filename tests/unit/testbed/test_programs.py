"""Programs are built once for each version of their sources, with words for every failure."""

from pathlib import Path

import pytest

from testbed import programs
from testbed.errors import TestbedError
from testbed.programs import Group, build, program
from tools.setup.report import SetupError

# A Go that notes each call and "builds" files of the names it is told by $MAKES.
_GO = """\
#!/bin/sh
echo "$CGO_ENABLED $*" >>"$CALLS"
[ -n "$FAILS" ] && { echo "./main.go:1:1: no such thing" >&2; exit 1; }
while [ "$1" != -o ]; do shift; done
for name in $MAKES; do echo "$(cat main.go)" >"$2$name"; done
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache, two groups of sources, and a Go; the file with its calls."""
    go, log = tmp_path / "go", tmp_path / "calls"
    go.write_text(_GO)
    go.chmod(0o755)
    log.touch()
    for name in ("lamp", "horn"):
        folder = tmp_path / "modules" / name
        folder.mkdir(parents=True)
        (folder / "go.mod").write_text(f"module {name}")
        (folder / "main.go").write_text(f"{name} 1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CALLS", str(log))
    monkeypatch.setenv("MAKES", "raw")
    monkeypatch.setattr(programs, "MODULES", tmp_path / "modules")
    monkeypatch.setattr(programs, "find_uv", lambda: "uv")
    monkeypatch.setattr(programs, "find_go", lambda _: go)
    groups = {
        name: Group(programs=(name,), packages=(".",), renamed={"raw": name})
        for name in ("lamp", "horn")
    }
    monkeypatch.setattr(programs, "GROUPS", groups)
    return log


def test_a_group_is_built_once_and_statically(calls: Path) -> None:
    """The second call only looks."""
    first, second = build(["lamp"]), build(["lamp"])
    assert first == second
    assert (first / "lamp").read_text() == "lamp 1\n"
    (line,) = calls.read_text().splitlines()
    assert line.startswith("0 build -v -trimpath -ldflags -s -w -o ")


def test_changed_sources_are_another_version_beside_the_old(
    calls: Path, tmp_path: Path
) -> None:
    """Two checkouts may share the cache."""
    old = build(["lamp"])
    (tmp_path / "modules" / "lamp" / "main.go").write_text("lamp 2")
    new = build(["lamp"])
    assert (new / "lamp").read_text() == "lamp 2\n"
    assert (old / "lamp").read_text() == "lamp 1\n"


def test_several_groups_are_one_folder_and_only_the_missing_is_built(
    calls: Path,
) -> None:
    """As the cluster wants them."""
    build(["lamp"])
    folder = build(["lamp", "horn"])
    assert {path.name for path in folder.iterdir()} == {"lamp", "horn"}
    assert len(calls.read_text().splitlines()) == 2
    assert program("horn").read_text() == "horn 1\n"


def test_a_failed_build_leaves_nothing_and_says_the_compiler_s_words(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence, and the next try starts over."""
    monkeypatch.setenv("FAILS", "yes")
    with pytest.raises(TestbedError, match="could not build lamp .*no such thing"):
        build(["lamp"])
    cache = tmp_path / "cache" / "home-cluster" / "programs"
    assert [path.name for path in cache.iterdir() if path.is_dir()] == []
    monkeypatch.delenv("FAILS")
    assert (build(["lamp"]) / "lamp").exists()


def test_without_go_one_sentence_says_what_to_do(
    calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set-up's own words."""

    def none(_: str) -> Path:
        raise SetupError("No Go 1.26 or newer was found. Install it and start again.")

    monkeypatch.setattr(programs, "find_go", none)
    with pytest.raises(TestbedError, match="No Go 1.26 or newer was found"):
        build(["lamp"])


def test_an_unknown_group_is_named_with_those_there_are(calls: Path) -> None:
    """A misspelt name is the usual mistake."""
    with pytest.raises(TestbedError, match="group lamb; there are lamp and horn"):
        build(["lamb"])


def test_every_group_of_the_project_has_its_pinned_modules() -> None:
    """A go.sum for whatever is not the standard library alone."""
    for name in programs.GROUPS:
        folder = programs.MODULES / name
        text = (folder / "go.mod").read_text()
        assert text.startswith("module github.com/home-cluster/home-cluster/testbed/")
        assert (folder / "go.sum").exists() == ("require" in text)
