"""Which tag follows which."""

import time

import pytest

from custom_components.home_cluster.model.versions import (
    is_safe_pattern,
    may_move,
    newer,
    parse_version,
)
from tests.unit.model.image_tags import SCHEMES

CASES = [
    pytest.param(
        installed, policy, newest, tags, id=f"{scheme.image}:{installed} {policy}"
    )
    for scheme in SCHEMES
    for installed, policy, newest, tags in scheme.rows()
]


def test_the_table_is_long_enough() -> None:
    """The schemes of well-known images, each by several of its tags."""
    assert len(CASES) >= 300


@pytest.mark.parametrize(("installed", "policy", "newest", "tags"), CASES)
def test_the_newest_of_the_same_shape(
    installed: str, policy: str, newest: str, tags: list[str]
) -> None:
    """As far as the policy allows."""
    assert (newer(installed, tags, policy) or [""])[0] == newest


@pytest.mark.parametrize(
    ("tag", "moves"),
    [
        ("latest", True),
        ("16", True),
        ("16-alpine", True),
        ("2.7-alpine", True),
        ("2026.10", True),
        ("10.9.0-unstable", True),
        ("sha-1a2b3c4", True),
        ("1.2.3", False),
        ("v1.2.3-ls45", False),
        ("2026.10.4", False),
        ("20240115", False),
        ("2024-01-15", False),
        ("bookworm-20240115", False),
        ("v0.9-5-g1a2b3c4", False),
        ("1.2.3-rc1", False),
    ],
)
def test_tags_that_move(tag: str, moves: bool) -> None:
    """Those of less than three numbers, and names of channels."""
    assert may_move(tag) is moves


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "latest",
        "4bb420d",
        "sha-1a2b3c4",
        "x" * 200,
        "1" * 100,
        f"sha256-{'a1' * 32}.sig",
        "1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d",
    ],
)
def test_what_has_no_version(tag: str) -> None:
    """Names, commits, signatures, and what no registry would take."""
    assert parse_version(tag) is None


def test_newest_first_and_each_once() -> None:
    """An older one is taken where the newest lacks an architecture."""
    tags = ["1.0.0", "1.2.0", "1.10.0", "1.2.0", "1.9.0-rc1"]
    assert newer("1.0.0", tags) == ["1.10.0", "1.2.0"]


def test_a_pattern_orders_by_numbers() -> None:
    """Also tags that have no version of their own, and an installed one that does not match."""
    tags = ["jazz-9", "jazz-10", "blues-11", "jazz-a1b2c3d4"]
    assert newer("jazz-9", tags, r"jazz-\d+") == ["jazz-10"]
    assert newer("latest", tags, r"jazz-\d+") == ["jazz-10", "jazz-9"]
    assert newer("latest", tags, r"jazz-[a-d0-9]{8}") == ["jazz-a1b2c3d4"]


@pytest.mark.parametrize(
    ("pattern", "safe"),
    [
        (r"v1\.\d+\.\d+", True),
        (r"[0-9]+\.[0-9]+(?:-ls\d+)?", True),
        (r"(?P<v>\d+)\.0", True),
        (r"[(+*)]+", True),
        (r"\(\d+\)\+", True),
        ("(a+)+", False),
        ("(?:a|b)*", False),
        ("(a|aa){2,}", False),
        (r"(\d)\1", False),
        ("(?P<x>a)(?P=x)", False),
        ("(?=x)x", False),
        ("(?i)v1", False),
        ("a?" * 20, False),
        (".*" * 8, False),
        ("(", False),
    ],
)
def test_patterns_of_strangers(pattern: str, safe: bool) -> None:
    """A hint is untrusted: no pattern may hold up Home Assistant."""
    assert is_safe_pattern(pattern) is safe


def test_ten_thousand_tags_cost_little() -> None:
    """Of any kind, and with any pattern."""
    tags = [
        f"v{major}.{minor}.{patch}-ls{patch}"
        for major in range(10)
        for minor in range(100)
        for patch in range(10)
    ]
    began = time.process_time()
    assert newer("v0.0.0-ls0", tags)[0] == "v9.99.9-ls9"
    assert newer("v0.0.0-ls0", tags, r"v1\..*-ls\d+")[0] == "v1.99.9-ls9"
    assert time.process_time() - began < 2
