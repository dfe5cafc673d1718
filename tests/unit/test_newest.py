"""Which version of an image is the newest that a device may get."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from custom_components.home_cluster.model.images import parse_image
from custom_components.home_cluster.newest import Query, find_newest
from custom_components.home_cluster.registry.client import Registries
from custom_components.home_cluster.registry.documents import ImageInfo
from custom_components.home_cluster.registry.errors import NotFound, Unreachable

BOTH = frozenset({"amd64", "arm64"})


class Shelf:
    """A registry of one repository: architectures by tag; those that are None are gone."""

    def __init__(self, images: Mapping[str, frozenset[str] | None]) -> None:
        """Have these."""
        self.images = images
        self.broken: set[str] = set()
        self.asked: list[str] = []

    async def tags(self, registry: str, repository: str) -> list[str]:
        """All of them."""
        self.asked.append("tags")
        return list(self.images)

    async def image(self, registry: str, repository: str, reference: str) -> ImageInfo:
        """One of them."""
        self.asked.append(reference)
        if reference in self.broken:
            raise Unreachable("it did not answer")
        found = self.images.get(reference)
        if found is None:
            raise NotFound("it has no such image")
        return ImageInfo(
            f"sha256:{reference}",
            found,
            {"org.opencontainers.image.source": "https://example.org", "other": "x"},
        )


async def newest(
    shelf: Shelf,
    installed: str = "fridge:v1.0.0",
    *architectures: str,
    policy: str = "major",
) -> Any:
    """Look at a shelf."""
    query = Query(
        parse_image(installed), policy, frozenset(architectures or ("arm64",))
    )
    return await find_newest(cast(Registries, shelf), query)


async def test_the_newest_with_the_architectures_of_all_nodes() -> None:
    """Newer ones that lack one are named."""
    shelf = Shelf(
        {
            "v1.0.0": BOTH,
            "v1.1.0": BOTH,
            "v1.2.0": None,
            "v1.3.0": frozenset({"amd64"}),
            "v1.4.0": frozenset({"arm64"}),
        }
    )
    found = await newest(shelf, "fridge:v1.0.0", "amd64", "arm64")
    assert (found.tag, found.digest, found.passed_over) == ("v1.1.0", "", "v1.4.0")
    assert found.labels == {"org.opencontainers.image.source": "https://example.org"}


async def test_what_the_installed_one_lacks_as_well_is_not_missed() -> None:
    """On those nodes it does not run anyhow; unless nobody can tell what it lacks."""
    shelf = Shelf({"v1.0.0": frozenset({"amd64"}), "v1.1.0": frozenset({"amd64"})})
    assert (await newest(shelf, "fridge:v1.0.0", "amd64", "arm64")).tag == "v1.1.0"
    shelf.broken.add("v1.0.0")
    assert (await newest(shelf, "fridge:v1.0.0", "amd64", "arm64")).tag == "v1.0.0"


async def test_without_a_newer_one_nothing_more_is_asked() -> None:
    """One request a day."""
    shelf = Shelf({"v1.0.0": BOTH, "v0.9.0": BOTH})
    found = await newest(shelf, "fridge:v1.0.0", "amd64", "arm64")
    assert found.tag == "v1.0.0"
    assert shelf.asked == ["tags"]


@pytest.mark.parametrize(
    ("installed", "policy", "asked"),
    [
        ("fridge", "major", ["tags", "latest"]),
        ("fridge:latest", "digest", ["tags", "latest"]),
        ("fridge:v1.0.0", "off", []),
        ("fridge@sha256:x", "major", []),
    ],
)
async def test_what_is_asked_of_tags_that_have_no_order(
    installed: str, policy: str, asked: list[str]
) -> None:
    """What a tag stands for now; nothing of a digest alone."""
    shelf = Shelf({"latest": BOTH, "v1.0.0": BOTH, "v2.0.0": BOTH})
    found = await newest(shelf, installed, policy=policy)
    assert shelf.asked == asked
    assert found.digest == ("sha256:latest" if asked else "")


async def test_only_so_many_are_tried() -> None:
    """A hundred versions without the right architecture cost ten questions."""
    shelf = Shelf({f"v1.{number}.0": frozenset({"amd64"}) for number in range(100)})
    assert (await newest(shelf)).tag == "v1.0.0"
    assert len(shelf.asked) == 11
