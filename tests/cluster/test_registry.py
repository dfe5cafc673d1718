"""Pushing to the real distribution registry, on loopback."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import pytest_socket

from testbed.errors import TestbedError
from testbed.images import Image, make_image, make_index
from testbed.registry import RegistryClient, RegistryError

from .distribution import Distribution, free_address

ACCOUNT = ("home", "open sesame")

type Start = Callable[[dict[str, str] | None], str]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a registry with these accounts (or for everybody); its address."""
    pytest_socket.enable_socket()
    registries = Distribution(tmp_path)

    def start(accounts: dict[str, str] | None) -> str:
        address = free_address()
        registries.start(address, accounts=accounts)
        return address

    yield start
    registries.stop()


def image(content: bytes = b"program") -> Image:
    parts = (
        make_image({"/device": content}, ["/device"], architecture=one, labels={})
        for one in ("amd64", "arm64")
    )
    return make_index(parts, labels={})


def test_what_is_pushed_is_there_under_its_tag_and_digest(start: Start) -> None:
    """A second push of the same sends nothing new and changes nothing."""
    with RegistryClient(start(None)) as client:
        fridge = image()
        assert client.tags("home/fridge") == []
        for _ in range(2):
            assert client.push("home/fridge:v1.0.0", fridge) == fridge.digest
        assert client.tags("home/fridge") == ["v1.0.0"]
        assert client.digest("home/fridge:v1.0.0") == fridge.digest


def test_a_tag_can_move_and_go(start: Start) -> None:
    """As `latest` does."""
    with RegistryClient(start(None)) as client:
        client.push("home/fridge:latest", image(b"old"))
        client.push("home/fridge:latest", new := image(b"new"))
        assert client.digest("home/fridge:latest") == new.digest
        client.delete("home/fridge:latest")
        assert client.tags("home/fridge") == []
        with pytest.raises(RegistryError) as caught:
            client.digest("home/fridge:latest")
        assert caught.value.status == 404


def test_layers_are_taken_over_from_other_repositories(start: Start) -> None:
    """The devices share their program."""
    with RegistryClient(start(None)) as client:
        fridge = image()
        client.push("home/fridge:v1.0.0", fridge)
        client.push("home/jazz:v1.0.0", fridge)
        assert client.digest("home/jazz:v1.0.0") == fridge.digest


def test_a_private_registry_knows_its_account(start: Start) -> None:
    """Nobody else sees or changes anything."""
    address = start(dict([ACCOUNT]))
    with RegistryClient(address, ACCOUNT) as client:
        client.push("home/fridge:v1.0.0", image())
        assert client.tags("home/fridge") == ["v1.0.0"]
    for account in (None, ("home", "guessed")):
        with RegistryClient(address, account) as client:
            assert client.ready()
            for do in (
                lambda: client.tags("home/fridge"),
                lambda: client.push("home/fridge:v2.0.0", image()),
            ):
                with pytest.raises(RegistryError) as caught:
                    do()
                assert caught.value.status == 401


def test_a_registry_that_is_not_there_is_said() -> None:
    """With its address."""
    pytest_socket.enable_socket()
    with RegistryClient("127.0.0.1:1") as client:
        assert not client.ready()
        with pytest.raises(TestbedError, match=r"127\.0\.0\.1:1 does not answer"):
            client.tags("home/fridge")
