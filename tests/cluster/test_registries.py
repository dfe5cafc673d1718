"""What the integration asks of registries, asked of the real distribution registry, on loopback."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_socket

from custom_components.home_cluster.model.images import Image, parse_image
from custom_components.home_cluster.newest import Query, find_newest
from custom_components.home_cluster.registry.auth import Credential
from custom_components.home_cluster.registry.client import Registries
from custom_components.home_cluster.registry.errors import (
    NotFound,
    Unauthorized,
    Unreachable,
)
from testbed.images import make_image, make_index
from testbed.registry import RegistryClient
from testbed.token_service import ISSUER, SERVICE, TokenService

from .distribution import Distribution, free_address

ACCOUNT = ("home", "open sesame")
SOURCE = "https://github.com/home-cluster/home-cluster"

type Start = Callable[..., str]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the registry, with the images of a fridge, in one of its ways; its address."""
    pytest_socket.enable_socket()
    registries = Distribution(tmp_path)

    def start(**ways: Any) -> str:
        address = free_address()
        registries.start(address)
        with RegistryClient(address) as client:
            for tag in ("v1.0.0", "v1.1.0", "v1.10.0", "latest"):
                client.push(f"home/fridge:{tag}", image(tag, "amd64", "arm64"))
            client.push("home/fridge:v2.0.0", image("v2.0.0", "amd64"))
        if ways:
            registries.stop()
            registries.start(address, **ways)
        return address

    yield start
    registries.stop()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session as Home Assistant has one."""
    async with aiohttp.ClientSession() as one:
        yield one


def image(text: str, *architectures: str) -> Any:
    """A small image for the architectures."""
    labels = {"org.opencontainers.image.source": SOURCE}
    return make_index(
        (
            make_image(
                {"/device": text.encode()}, ["/device"], architecture=one, labels=labels
            )
            for one in architectures
        ),
        labels={},
    )


def fridge(address: str, tag: str = "v1.0.0") -> Image:
    """A reference of the fridge's image."""
    return parse_image(f"{address}/home/fridge:{tag}")


async def look(
    session: aiohttp.ClientSession,
    address: str,
    credentials: Mapping[str, Credential] | None = None,
    *architectures: str,
) -> str:
    """The newest tag that follows v1.0.0."""
    registries = Registries(session, credentials)
    query = Query(fridge(address), "major", frozenset(architectures or ("arm64",)))
    newest = await find_newest(registries, query)
    assert newest.labels["org.opencontainers.image.source"] == SOURCE
    return newest.tag


async def test_an_open_registry_tells_versions_digests_and_architectures(
    session: aiohttp.ClientSession, start: Start
) -> None:
    """In the home's own network it may do without TLS."""
    address = start()
    assert await look(session, address) == "v1.10.0"
    assert await look(session, address, None, "amd64") == "v2.0.0"
    assert await look(session, address, None, "amd64", "arm64") == "v1.10.0"
    registries = Registries(session)
    with RegistryClient(address) as client:
        digest = client.digest("home/fridge:latest")
    assert await registries.digest(address, "home/fridge", "latest") == digest
    newest = await find_newest(
        registries, Query(fridge(address, "latest"), "major", frozenset({"arm64"}))
    )
    assert (newest.tag, newest.digest) == ("latest", digest)
    for repository, reference in (("home/fridge", "v9"), ("home/oven", "v1")):
        with pytest.raises(NotFound):
            await registries.image(address, repository, reference)


async def test_ten_thousand_tags_are_read_page_by_page(
    session: aiohttp.ClientSession, start: Start, tmp_path: Path
) -> None:
    """The registry gives a thousand at a time."""
    address = start()
    tags = tmp_path / "registry/images/docker/registry/v2/repositories/home/fridge"
    known = tags / "_manifests/tags/v1.0.0/current/link"
    for number in range(10_000):
        link = tags / f"_manifests/tags/v1.11.{number}/current/link"
        link.parent.mkdir(parents=True)
        link.write_bytes(known.read_bytes())
    registries = Registries(session)
    assert len(await registries.tags(address, "home/fridge")) == 10_005
    assert await look(session, address) == "v1.11.9999"


async def test_a_registry_that_wants_a_password(
    session: aiohttp.ClientSession, start: Start
) -> None:
    """Gets it, if somebody set it and allowed that without TLS."""
    address = start(accounts=dict([ACCOUNT]))
    credential = Credential(*ACCOUNT)
    assert await look(session, address, {f"http://{address}": credential}) == "v1.10.0"
    with pytest.raises(Unreachable, match="not encrypted"):
        await look(session, address, {address: credential})
    for wrong in ({}, {f"http://{address}": Credential("home", "guess")}):
        with pytest.raises(Unauthorized):
            await look(session, address, wrong)


@pytest.mark.parametrize("accounts", [None, dict([ACCOUNT])])
async def test_a_registry_that_wants_tokens(
    session: aiohttp.ClientSession,
    start: Start,
    tmp_path: Path,
    accounts: dict[str, str] | None,
) -> None:
    """As public ones do: for everybody, or for who has an account."""
    service = TokenService(tmp_path / "tokens", accounts)
    with service.serving() as realm:
        address = start(
            tokens={
                "realm": realm,
                "service": SERVICE,
                "issuer": ISSUER,
                "rootcertbundle": str(service.certificate),
            }
        )
        known = {f"http://{address}": Credential(*ACCOUNT)} if accounts else None
        assert await look(session, address, known) == "v1.10.0"
        assert len(service.asked) == 1
        if accounts:
            with pytest.raises(Unauthorized):
                await look(session, address)
