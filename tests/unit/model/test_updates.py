"""What of an image's updates concerns a workload."""

import pytest

from custom_components.home_cluster.kube.schema import Template
from custom_components.home_cluster.model.images import parse_image
from custom_components.home_cluster.model.updates import (
    architectures,
    counts_digest,
    named_image,
    policy_of,
    version_words,
    with_version,
)

from .world import node

DIGEST = "sha256:" + "ab" * 32
OTHER = "sha256:" + "cd" * 32


@pytest.mark.parametrize(
    ("hint", "reference", "policy"),
    [
        ("", "koenkk/zigbee2mqtt:2.1.0", "major"),
        ("", "postgres:16.4", "minor"),
        ("", "bitnami/postgresql:16.4.0", "minor"),
        ("major", "postgres:16.4", "major"),
        ("off", "nginx", "off"),
        (r"v1\..*", "nginx", r"v1\..*"),
    ],
)
def test_a_database_stays_below_its_next_major_version(
    hint: str, reference: str, policy: str
) -> None:
    """Unless somebody says otherwise."""
    assert policy_of(hint, parse_image(reference)) == policy


@pytest.mark.parametrize(
    ("reference", "tag", "policy", "words"),
    [
        ("fridge:v1.0.0", "v1.0.0", "major", "v1.0.0"),
        ("fridge:latest", "latest", "major", "latest@abababababab"),
        ("fridge:2.7-alpine", "2.8-alpine", "major", "2.8-alpine@abababababab"),
        ("fridge:v1.0.0", "v1.0.0", "digest", "v1.0.0@abababababab"),
        (f"fridge:v1.0.0@{OTHER}", "v1.1.0", "major", "v1.1.0@abababababab"),
    ],
)
def test_a_version_in_words(reference: str, tag: str, policy: str, words: str) -> None:
    """The digest where the tag says too little."""
    image = parse_image(reference)
    assert version_words(image, tag, DIGEST, policy) == words
    assert counts_digest(image, tag, policy) is ("@" in words)
    assert version_words(image, tag, "", policy) == tag


@pytest.mark.parametrize(
    ("reference", "tag", "digest", "result"),
    [
        ("fridge:v1", "v2", "", "fridge:v2"),
        ("registry:5000/a/fridge", "v2", "", "registry:5000/a/fridge:v2"),
        (f"docker.io/nginx:1@{OTHER}", "2", DIGEST, f"docker.io/nginx:2@{DIGEST}"),
        ("fridge", "", DIGEST, f"fridge@{DIGEST}"),
    ],
)
def test_the_repository_stays_as_it_is_written(
    reference: str, tag: str, digest: str, result: str
) -> None:
    """An admission policy compares its text."""
    assert with_version(reference, tag, digest) == result


@pytest.mark.parametrize(
    ("words", "image"),
    [
        ("v2", "registry.home/fridge:v2"),
        (" v2 ", "registry.home/fridge:v2"),
        (DIGEST, f"registry.home/fridge:v1@{DIGEST}"),
        ("oven:v3", "oven:v3"),
        ("ghcr.io/home/oven", "ghcr.io/home/oven"),
    ],
)
def test_what_somebody_means(words: str, image: str) -> None:
    """A tag, a digest, or a whole image."""
    assert named_image("registry.home/fridge:v1", words) == image


def test_the_architectures_of_the_nodes_it_may_run_on() -> None:
    """By its node selector, and all else that placing goes by."""
    nodes = [
        node("pi", labels={"room": "attic"}, architecture="arm64"),
        node("pc", labels={"room": "cellar"}, architecture="amd64"),
        node("new", architecture=""),
    ]
    assert architectures(Template(), nodes) == {"arm64", "amd64"}
    attic = Template(node_selector=(("room", "attic"),))
    assert architectures(attic, nodes) == {"arm64"}
    nowhere = Template(node_selector=(("room", "moon"),))
    assert architectures(nowhere, nodes) == frozenset()
