"""Image references."""

import pytest

from custom_components.home_cluster.model.images import Image, parse_image

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("reference", "image"),
    [
        ("nginx", Image("docker.io", "library/nginx", "", "")),
        ("nginx:1.27", Image("docker.io", "library/nginx", "1.27", "")),
        (
            "koenkk/zigbee2mqtt:2.1.0",
            Image("docker.io", "koenkk/zigbee2mqtt", "2.1.0", ""),
        ),
        ("docker.io/nginx:1.27", Image("docker.io", "library/nginx", "1.27", "")),
        (
            "index.docker.io/library/nginx",
            Image("docker.io", "library/nginx", "", ""),
        ),
        (
            "registry-1.docker.io/koenkk/zigbee2mqtt:2",
            Image("docker.io", "koenkk/zigbee2mqtt", "2", ""),
        ),
        ("ghcr.io/home/fridge:v1", Image("ghcr.io", "home/fridge", "v1", "")),
        ("registry:5000/fridge:v1", Image("registry:5000", "fridge", "v1", "")),
        ("localhost/fridge", Image("localhost", "fridge", "", "")),
        ("192.168.1.2:5000/a/b/c", Image("192.168.1.2:5000", "a/b/c", "", "")),
        (
            f"registry:5000/a/fridge:v1@{DIGEST}",
            Image("registry:5000", "a/fridge", "v1", DIGEST),
        ),
        (f"fridge@{DIGEST}", Image("docker.io", "library/fridge", "", DIGEST)),
    ],
)
def test_takes_a_reference_apart(reference: str, image: Image) -> None:
    assert parse_image(reference) == image


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        ("registry:5000/fridge", "latest"),
        ("registry:5000/fridge:v1", "v1"),
        (f"fridge:v1@{DIGEST}", "v1"),
        (f"fridge@{DIGEST}", "abababababab"),
    ],
)
def test_tells_what_people_call_the_version(reference: str, version: str) -> None:
    assert parse_image(reference).version == version


def test_its_short_name_is_the_last_part_of_the_path() -> None:
    assert parse_image("ghcr.io/home/fridge:v1").short == "fridge"
    assert parse_image("nginx").short == "nginx"
