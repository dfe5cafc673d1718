"""What a registry is asked, and what its answers are taken for."""

from collections.abc import AsyncIterator
import json
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import aiohttp
from aiohttp import web
import pytest

from custom_components.home_cluster.registry import client as client_module
from custom_components.home_cluster.registry.auth import Credential, parse_challenge
from custom_components.home_cluster.registry.client import Registries
from custom_components.home_cluster.registry.errors import (
    Malformed,
    NotFound,
    RegistryError,
    TooManyRequests,
    Unauthorized,
    Unreachable,
)
from tests.integration.pki import Authority
from tests.unit.registry.fake import SOURCE, FakeRegistry, image

pytestmark = pytest.mark.usefixtures("socket_enabled")

HOME = Credential("home", "open sesame")


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session as Home Assistant has one."""
    async with aiohttp.ClientSession() as one:
        yield one


@pytest.fixture
async def registry(socket_enabled: None) -> AsyncIterator[FakeRegistry]:
    """An open registry with a few fridges."""
    fake = FakeRegistry()
    for tag in ("v1.0.0", "v1.1.0", "v1.2.0"):
        fake.push("home/fridge", tag, image(tag, source=SOURCE, version=tag))
    async with fake.serving():
        yield fake


def plain(
    fake: FakeRegistry, credential: Credential | None = None
) -> dict[str, Credential]:
    """Return the credentials for a registry that is said not to be encrypted."""
    return {f"http://{fake.name}": credential or Credential("", "")}


async def test_tags_come_page_by_page(
    session: aiohttp.ClientSession, registry: FakeRegistry
) -> None:
    """As many as there are."""
    for number in range(10_000):
        registry.repositories["home/fridge"][f"v2.0.{number}"] = "sha256:x"
    registries = Registries(session, plain(registry))
    tags = await registries.tags(registry.name, "home/fridge")
    assert len(tags) == 10_003
    assert len(registry.asked) == 11


async def test_an_endless_list_ends(
    session: aiohttp.ClientSession,
    registry: FakeRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the number of tags, and by that of pages."""
    monkeypatch.setattr(client_module, "MOST_TAGS", 2)
    registry.page = 1
    registries = Registries(session, plain(registry))
    assert len(await registries.tags(registry.name, "home/fridge")) == 2
    monkeypatch.setattr(client_module, "MOST_TAGS", 100)
    monkeypatch.setattr(client_module, "MOST_PAGES", 1)
    assert len(await registries.tags(registry.name, "home/fridge")) == 1


async def test_a_list_that_is_the_same_is_not_sent_again(
    session: aiohttp.ClientSession, registry: FakeRegistry
) -> None:
    """Where the registry has ETags."""
    registry.etags = True
    registries = Registries(session, plain(registry))
    first = await registries.tags(registry.name, "home/fridge")
    assert await registries.tags(registry.name, "home/fridge") == first
    registry.push("home/fridge", "v1.3.0", image("v1.3.0"))
    assert "v1.3.0" in await registries.tags(registry.name, "home/fridge")


async def test_the_digest_is_asked_by_head(
    session: aiohttp.ClientSession, registry: FakeRegistry
) -> None:
    """And made from the manifest where a registry does not say it."""
    registries = Registries(session, plain(registry))
    wanted = registry.repositories["home/fridge"]["v1.0.0"]
    assert await registries.digest(registry.name, "home/fridge", "v1.0.0") == wanted
    assert registry.asked == ["HEAD /v2/home/fridge/manifests/v1.0.0"]
    registry.with_digest = False
    assert await registries.digest(registry.name, "home/fridge", "v1.0.0") == wanted
    assert registry.asked[-1] == "GET /v2/home/fridge/manifests/v1.0.0"


async def test_an_image_tells_its_architectures_and_labels(
    session: aiohttp.ClientSession, registry: FakeRegistry
) -> None:
    """An index those of its Linux images; and a digest is asked for once only."""
    registries = Registries(session, plain(registry))
    found = await registries.image(registry.name, "home/fridge", "v1.1.0")
    assert found.architectures == {"arm64", "amd64"}
    assert found.labels["org.opencontainers.image.source"] == SOURCE
    assert found.labels["org.opencontainers.image.version"] == "v1.1.0"
    asked = len(registry.asked)
    assert await registries.image(registry.name, "home/fridge", found.digest) == found
    assert len(registry.asked) == asked


async def test_a_single_manifest_tells_by_its_configuration(
    session: aiohttp.ClientSession, registry: FakeRegistry
) -> None:
    """It has no platforms of its own."""
    registry.push(
        "home/fridge", "old", image("old", "arm64", single=True, title="Fridge")
    )
    registries = Registries(session, plain(registry))
    found = await registries.image(registry.name, "home/fridge", "old")
    assert found.architectures == {"arm64"}
    assert found.labels["org.opencontainers.image.title"] == "Fridge"


async def test_only_so_many_images_are_remembered(
    session: aiohttp.ClientSession,
    registry: FakeRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And lists of tags."""
    monkeypatch.setattr(client_module, "_REMEMBERED", 1)
    monkeypatch.setattr(client_module, "_LISTS", 1)
    registry.etags = True
    registry.push("home/oven", "v1.0.0", image("oven"))
    registries = Registries(session, plain(registry))
    for repository in ("home/fridge", "home/oven", "home/fridge"):
        await registries.image(registry.name, repository, "v1.0.0")
        await registries.tags(registry.name, repository)
    assert len(registries._known) == 1
    assert len(registries._lists) == 1


@pytest.mark.parametrize(
    ("login", "credential"),
    [
        ("basic", HOME),
        ("token", None),
        ("token", HOME),
        ("private token", HOME),
        ("bearer", Credential("", "open sesame")),
    ],
)
async def test_ways_to_say_who_asks(
    session: aiohttp.ClientSession,
    registry: FakeRegistry,
    login: str,
    credential: Credential | None,
) -> None:
    """What was accepted is not asked for again; a token is for one repository."""
    registry.login = login
    registry.push("home/oven", "v1.0.0", image("oven"))
    registries = Registries(session, plain(registry, credential))
    await registries.tags(registry.name, "home/fridge")
    asked = len(registry.asked)
    await registries.tags(registry.name, "home/fridge")
    assert len(registry.asked) == asked + 1
    assert await registries.tags(registry.name, "home/oven") == ["v1.0.0"]


async def test_a_token_is_used_as_long_as_it_lives(
    session: aiohttp.ClientSession, registry: FakeRegistry
) -> None:
    """By the clock."""
    registry.login = "token"
    now = 0.0
    registries = Registries(session, plain(registry), clock=lambda: now)
    await registries.tags(registry.name, "home/fridge")
    now = 289
    await registries.tags(registry.name, "home/fridge")
    assert sum("/token" in line for line in registry.asked) == 1
    now = 291
    await registries.tags(registry.name, "home/fridge")
    assert sum("/token" in line for line in registry.asked) == 2


@pytest.mark.parametrize(
    ("login", "credential"),
    [
        ("basic", None),
        ("basic", Credential("home", "wrong")),
        ("basic", Credential("", "a token")),
        ("private token", None),
        ("private token", Credential("home", "wrong")),
        ("bearer", Credential("", "wrong")),
    ],
)
async def test_who_is_not_known_is_told_so(
    session: aiohttp.ClientSession,
    registry: FakeRegistry,
    login: str,
    credential: Credential | None,
) -> None:
    """Whether no account is set or another one; and no secret is in the error."""
    registry.login = login
    registries = Registries(session, plain(registry, credential))
    with pytest.raises(Unauthorized) as error:
        await registries.tags(registry.name, "home/fridge")
    assert ("set for it" in str(error.value)) is (credential is not None)
    assert "wrong" not in repr(error.value)
    assert credential is None or "wrong" not in repr(credential)


async def test_no_secret_is_sent_to_others(
    session: aiohttp.ClientSession, registry: FakeRegistry
) -> None:
    """Where a blob is somewhere else, nor to a token service in clear text that nobody named."""
    registry.login = "basic"
    registries = Registries(session, plain(registry, HOME))
    other = FakeRegistry(repositories=registry.repositories, blobs=registry.blobs)
    async with other.serving():
        registry.answers["/blobs/"] = lambda request: web.Response(
            status=307, headers={"Location": f"http://{other.name}{request.path}"}
        )
        found = await registries.image(registry.name, "home/fridge", "v1.0.0")
    assert found.labels["org.opencontainers.image.source"] == SOURCE
    assert other.authorizations == [""]

    registry.login, registry.realm = "token", "http://tokens.example.org/token"
    for credentials in ({}, {registry.name: HOME}):
        with pytest.raises(RegistryError):
            await Registries(session, credentials).tags(registry.name, "home/fridge")


async def test_plain_http_only_at_home_and_without_a_secret(
    session: aiohttp.ClientSession, registry: FakeRegistry
) -> None:
    """A registry of the own network may do without TLS, unless an account would be sent."""
    assert await Registries(session).tags(registry.name, "home/fridge")
    with pytest.raises(Unreachable, match="not encrypted"):
        await Registries(session, {registry.name: HOME}).tags(
            registry.name, "home/fridge"
        )


async def test_a_certificate_must_be_trusted(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Else nothing is asked."""
    authority = Authority()
    async with FakeRegistry(
        context=authority.server_context(tmp_path)
    ).serving() as fake:
        with pytest.raises(Unreachable, match="not trusted"):
            await Registries(session).tags(fake.name, "home/fridge")
    assert fake.asked == []


def respond(**words: Any) -> Any:
    """Return what answers so."""
    return lambda _: web.Response(**words)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (respond(status=500), Unreachable, "error 500"),
        (respond(status=404), NotFound, "no such image"),
        (respond(status=403), Unauthorized, "no such image"),
        (respond(status=401), Unauthorized, "wants an account"),
        (
            respond(status=401, headers={"WWW-Authenticate": "!"}),
            Unauthorized,
            "wants an account",
        ),
        (
            respond(status=401, headers={"WWW-Authenticate": "Bearer realm=nowhere"}),
            Malformed,
            "no usable token service",
        ),
        (
            respond(
                status=401, headers={"WWW-Authenticate": 'Bearer realm="http://[x/"'}
            ),
            Malformed,
            "no usable token service",
        ),
        (respond(status=418), Malformed, "418"),
        (respond(text="<html>"), Malformed, "cannot be read"),
        (respond(text='{"tags": 3}'), Malformed, "cannot be read"),
        (respond(body=b'{"tags": ["\xff"]}'), Malformed, "cannot be read"),
        (respond(body=b"x" * (9 << 20)), Malformed, "more than 8 MiB"),
        (
            respond(
                text='{"tags": ["1"]}', headers={"Link": '<http://[x/>; rel="next"'}
            ),
            Malformed,
            "next page",
        ),
        (
            respond(status=302, headers={"Location": "/v2/elsewhere/tags/list"}),
            Malformed,
            "without end",
        ),
        (
            respond(status=302, headers={"Location": "ftp://example.org/"}),
            Malformed,
            "not encrypted",
        ),
    ],
)
async def test_answers_that_are_of_no_use(
    session: aiohttp.ClientSession,
    registry: FakeRegistry,
    answer: Any,
    error: type[RegistryError],
    words: str,
) -> None:
    """Each is an error that says why."""
    registry.answers["/v2/"] = answer
    with pytest.raises(error, match=words):
        await Registries(session, plain(registry)).tags(registry.name, "home/fridge")


@pytest.mark.parametrize(
    "document",
    [
        "[]",
        "{}",
        '{"manifests": []}',
        '{"manifests": [{"platform": {"os": "windows"}}]}',
        '{"config": {"digest": "../../secret"}}',
        '{"manifests": 3}',
        "not JSON",
    ],
)
async def test_manifests_that_are_none(
    session: aiohttp.ClientSession, registry: FakeRegistry, document: str
) -> None:
    """Each is an error that says why."""
    registry.answers["/manifests/sha256"] = respond(text=document)
    with pytest.raises(Malformed):
        await Registries(session, plain(registry)).image(
            registry.name, "home/fridge", "v1.0.0"
        )


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("120", 120, 120),
        ("Fri, 31 Dec 2038 23:59:59 GMT", 1e8, 1e10),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0, 0),
        ("Fri, 31 Dec 1999 23:59:59 -0000", 0, 0),
    ],
)
async def test_a_registry_says_how_long_to_leave_it_alone(
    session: aiohttp.ClientSession,
    registry: FakeRegistry,
    header: str,
    low: float,
    high: float,
) -> None:
    """In seconds or by a date."""
    registry.answers["/tags/"] = respond(status=429, headers={"Retry-After": header})
    with pytest.raises(TooManyRequests) as error:
        await Registries(session, plain(registry)).tags(registry.name, "home/fridge")
    assert error.value.retry_after is not None
    assert low <= error.value.retry_after <= high


@pytest.mark.parametrize("header", ["", "soon"])
async def test_or_not_how_long(
    session: aiohttp.ClientSession, registry: FakeRegistry, header: str
) -> None:
    """Then others decide."""
    registry.answers["/tags/"] = respond(status=429, headers={"Retry-After": header})
    with pytest.raises(TooManyRequests) as error:
        await Registries(session, plain(registry)).tags(registry.name, "home/fridge")
    assert error.value.retry_after is None


@pytest.mark.parametrize("token", ['{"token": ""}', "{}", '{"token": "a\\nb"}', "[]"])
async def test_a_token_service_without_tokens(
    session: aiohttp.ClientSession, registry: FakeRegistry, token: str
) -> None:
    """Is an error of the registry."""
    registry.login = "token"
    registry.answers["/token"] = respond(text=token)
    with pytest.raises(Malformed):
        await Registries(session, plain(registry)).tags(registry.name, "home/fridge")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("127.0.0.1:1", "did not answer"),
        ("a b", "address"),
        ("a:99999", "address"),
        ("[::1", "address"),
        ("/", "address"),
    ],
)
async def test_a_registry_that_is_not_there(
    session: aiohttp.ClientSession, address: str, words: str
) -> None:
    """Is unreachable, for whatever reason."""
    with pytest.raises(Unreachable, match=words):
        await Registries(session).tags(address, "home/fridge")


async def test_a_registry_that_takes_its_time(
    session: aiohttp.ClientSession,
    registry: FakeRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Is not waited for."""
    monkeypatch.setattr(client_module, "_LIMITS", aiohttp.ClientTimeout(total=0.001))
    with pytest.raises(Unreachable, match="in time"):
        await Registries(session, plain(registry)).tags(registry.name, "home/fridge")


def failing(error: Exception, seen: list[str]) -> Any:
    """Return a session whose requests fail."""

    class Session:
        def request(self, method: str, url: Any, **_: Any) -> Any:
            seen.append(str(url))
            raise error

    return Session()


async def test_docker_hub_has_a_host_of_another_name() -> None:
    """Its images are named docker.io."""
    seen: list[str] = []
    session = failing(aiohttp.ServerDisconnectedError(), seen)
    with pytest.raises(Unreachable):
        await Registries(session).tags("docker.io", "library/nginx")
    assert seen == ["https://registry-1.docker.io/v2/library/nginx/tags/list?n=1000"]


@pytest.mark.parametrize("name", ["docker.io", "hub.docker.com", "index.docker.io"])
async def test_docker_hub_by_any_of_its_names(name: str) -> None:
    """An account is set for what people call it."""
    registries = Registries(failing(OSError(), []), {name: Credential("", "a token")})
    assert registries._authorization("docker.io", "home/fridge") == "Bearer a token"


async def test_a_name_that_nobody_knows() -> None:
    """It says so."""
    error = aiohttp.ClientConnectorDNSError(Mock(), OSError("no such name"))
    with pytest.raises(Unreachable, match="name is not known"):
        await Registries(failing(error, [])).tags("nowhere.example.org", "x")


@pytest.mark.parametrize(
    ("repository", "reference"),
    [
        ("../admin", "1"),
        ("Home/Fridge", "1"),
        ("home/fridge?x=", "1"),
        ("", "1"),
        ("home/fridge", "../x"),
        ("home/fridge", ""),
        ("home/fridge", "sha256:12"),
    ],
)
async def test_what_can_be_no_image_is_not_asked_for(
    repository: str, reference: str
) -> None:
    """The names come from whoever wrote a workload."""
    registries = Registries(failing(AssertionError(), []))
    with pytest.raises(NotFound):
        await registries.image("registry.home", repository, reference)


@pytest.mark.parametrize(
    ("header", "scheme", "realm", "scope"),
    [
        ('Bearer realm="https://a/t",scope="x:y"', "bearer", "https://a/t", "x:y"),
        ('bearer  Realm=https://a/t , scope="x, y"', "bearer", "https://a/t", "x, y"),
        (r'Basic realm="say \"hello\""', "basic", 'say "hello"', ""),
        ("Negotiate", "negotiate", "", ""),
        ("", "", "", ""),
    ],
)
def test_challenges(header: str, scheme: str, realm: str, scope: str) -> None:
    """As registries write them."""
    found = parse_challenge(header)
    assert (found.scheme, found.realm, found.scope) == (scheme, realm, scope)


def test_a_credential_keeps_its_secret() -> None:
    """It is in no representation."""
    assert "sesame" not in repr(HOME)
    assert json.dumps(HOME.header)
