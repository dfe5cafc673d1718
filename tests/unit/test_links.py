"""Links and pictures of the documentation lead somewhere."""

from pathlib import Path
import re

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "charts/**/*.md", "blueprints/**/*.md")
    for page in ROOT.glob(pattern)
)
HEADING = re.compile(r"^#+ +(.+?)\s*$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]+))?\)")


def anchors(page: Path) -> set[str]:
    """The names by which GitHub lets a page's headings be found."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in HEADING.findall(page.read_text(encoding="utf-8"))
    }


def places(page: Path) -> list[tuple[str, str]]:
    """Where a page points to within the project: file and heading, either may be empty."""
    return [
        (target, heading)
        for target, heading in LINK.findall(page.read_text(encoding="utf-8"))
        if "://" not in target
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target, heading in places(page):
        there = page.parent / target if target else page
        assert there.exists(), f"there is no {target}"
        if heading:
            assert heading in anchors(there), f"{target} has no heading {heading}"


def test_every_picture_is_shown() -> None:
    shown = {
        (page.parent / target).resolve() for page in PAGES for target, _ in places(page)
    }
    assert {*ROOT.glob("docs/pictures/*")} <= shown
