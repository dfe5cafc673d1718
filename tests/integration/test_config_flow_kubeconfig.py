"""Connecting by kubeconfig."""

import asyncio
from base64 import b64encode
from collections.abc import Iterator
import json
from pathlib import Path
import socket
from threading import Event
from typing import Any
from unittest.mock import patch

import pytest
import yaml

from custom_components.home_cluster import connect
from custom_components.home_cluster.const import DOMAIN, KUBERNETES_REQUIREMENT
from custom_components.home_cluster.kube.credentials import CREDENTIALS_REASONS
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from tests.integration.api_server import ApiServer
from tests.integration.flow_texts import TEXTS, suggested
from tests.integration.impostor import Impostor
from tests.integration.pki import Authority
from tests.integration.test_config_flow import expired_token, finish, start, submit

pytestmark = pytest.mark.usefixtures("no_setup", "socket_enabled")


def b64(text: str) -> str:
    """Return text as kubeconfigs embed it."""
    return b64encode(text.encode()).decode()


def config(
    api: ApiServer,
    authority: Authority,
    *,
    user: dict[str, Any] | None = None,
    cluster: dict[str, Any] | None = None,
    **top: Any,
) -> dict[str, Any]:
    """Return a kubeconfig with the context `home`."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "home",
        "clusters": [
            {
                "name": "k3s",
                "cluster": cluster
                or {
                    "server": api.url,
                    "certificate-authority-data": b64(authority.pem),
                },
            }
        ],
        "users": [
            {"name": "me", "user": {"token": "reader"} if user is None else user}
        ],
        "contexts": [{"name": "home", "context": {"cluster": "k3s", "user": "me"}}],
        **top,
    }


def typed(kubeconfig: dict[str, Any] | str, context: str = "") -> dict[str, str]:
    """Return the filled-in form."""
    text = kubeconfig if isinstance(kubeconfig, str) else yaml.safe_dump(kubeconfig)
    return {"kubeconfig": text, "context": context}


async def test_a_pasted_kubeconfig_is_kept_as_the_credentials_in_it(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    flow_id = await start(hass, "kubeconfig")
    data = await finish(hass, flow_id, typed(config(api, authority)), title="home")
    assert data["method"] == "kubeconfig"
    assert "kubeconfig" not in data
    assert data["static"]["url"] == api.url
    assert data["static"]["token"] == "reader"
    assert data["static"]["ca"] == authority.pem


async def test_connects_with_a_client_certificate(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    api.certificate_account = api.accounts["reader"]
    certificate, key = authority.issue("system:admin")
    user = {"client-certificate-data": b64(certificate), "client-key-data": b64(key)}
    flow_id = await start(hass, "kubeconfig")
    data = await finish(
        hass, flow_id, typed(config(api, authority, user=user)), title="home"
    )
    assert data["static"]["client_certificate"] == certificate
    assert data["static"]["client_key"] == key


async def test_a_file_stays_a_reference(
    hass: HomeAssistant, api: ApiServer, authority: Authority, tmp_path: Path
) -> None:
    file = tmp_path / "kubeconfig.yaml"
    file.write_text(yaml.safe_dump(config(api, authority)))
    flow_id = await start(hass, "kubeconfig")
    data = await finish(hass, flow_id, typed(f" {file}\n"), title="home")
    assert data == {"method": "kubeconfig", "kubeconfig": str(file), "context": "home"}


async def test_offers_the_contexts_when_none_is_current(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    several = config(api, authority)
    del several["current-context"]
    several["contexts"].append(
        {"name": "work", "context": {"cluster": "x", "user": "me"}}
    )
    flow_id = await start(hass, "kubeconfig")
    result = await submit(hass, flow_id, typed(several))
    assert result["errors"] == {"context": "no_context"}
    assert result["description_placeholders"]["contexts"] == "home, work"
    assert result["data_schema"].schema["context"].config["options"] == ["home", "work"]
    assert suggested(result)["kubeconfig"] == typed(several)["kubeconfig"]
    await finish(hass, flow_id, typed(several, "home"), title="home")


async def test_says_which_contexts_there_are(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    flow_id = await start(hass, "kubeconfig")
    result = await submit(hass, flow_id, typed(config(api, authority), "hoem"))
    assert result["errors"] == {"context": "unknown_context"}
    assert result["description_placeholders"]["contexts"] == "home"
    assert suggested(result)["context"] == "hoem"
    await finish(hass, flow_id, typed(config(api, authority), "home"), title="home")


async def test_a_chosen_context_goes_before_the_current_one(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    several = config(api, authority, **{"current-context": "nowhere"})
    flow_id = await start(hass, "kubeconfig")
    await finish(hass, flow_id, typed(several, " home "), title="home")


NOT_EVEN_A_KUBECONFIG = [
    ("  \n ", "kubeconfig", "empty_kubeconfig"),
    ("clusters: [\n- }", "kubeconfig", "not_yaml"),
    ("a: b: c", "kubeconfig", "not_yaml"),
    ("\x00\x01", "kubeconfig", "not_yaml"),
    ("hello", "kubeconfig", "not_kubeconfig"),
    ("apiVersion: v1\nkind: Pod\n", "kubeconfig", "not_kubeconfig"),
    ("[1, 2]", "kubeconfig", "not_kubeconfig"),
    ("/nowhere/kubeconfig.yaml", "kubeconfig", "file_not_found"),
]


@pytest.mark.parametrize(("text", "field", "key"), NOT_EVEN_A_KUBECONFIG)
async def test_says_what_text_cannot_be_used_and_goes_on(
    hass: HomeAssistant,
    api: ApiServer,
    authority: Authority,
    text: str,
    field: str,
    key: str,
) -> None:
    flow_id = await start(hass, "kubeconfig")
    result = await submit(hass, flow_id, typed(text))
    assert result["errors"] == {field: key}
    assert suggested(result) == typed(text)
    await finish(hass, flow_id, typed(config(api, authority)), title="home")


def embedded(**user: Any) -> dict[str, Any]:
    """Return a user section."""
    return {"user": {key.replace("_", "-"): value for key, value in user.items()}}


BROKEN_CONTENTS = [
    ({"contexts": [], "current-context": ""}, "context", "no_context"),
    (
        {"contexts": [{"name": "home", "context": {"user": "me"}}]},
        "kubeconfig",
        "no_cluster",
    ),
    (
        {"contexts": [{"name": "home", "context": {"cluster": "gone", "user": "me"}}]},
        "kubeconfig",
        "no_cluster",
    ),
    (
        {"contexts": [{"name": "home", "context": {"cluster": "k3s"}}]},
        "kubeconfig",
        "no_user",
    ),
    (embedded(), "kubeconfig", "no_credentials"),
    (embedded(username="admin", password="x"), "kubeconfig", "unsupported_auth"),
    (embedded(auth_provider={"name": "gcp"}), "kubeconfig", "unsupported_auth"),
    (embedded(token="two words"), "kubeconfig", "bad_token"),
    (embedded(tokenFile="token"), "kubeconfig", "file_not_found"),
    (embedded(tokenFile="/nowhere/token"), "kubeconfig", "file_not_found"),
    (
        embedded(client_certificate_data="!", client_key_data="!"),
        "kubeconfig",
        "bad_certificate",
    ),
    (
        embedded(
            client_certificate_data=b64(Authority().pem), client_key_data=b64("none")
        ),
        "kubeconfig",
        "bad_key",
    ),
    ({"cluster": {"server": "ftp://127.0.0.1"}}, "kubeconfig", "bad_url"),
    (
        {"cluster": {"server": "http://127.0.0.1"}},
        "kubeconfig",
        "kubeconfig_plain_http",
    ),
    (
        {
            "cluster": {
                "server": "https://127.0.0.1",
                "proxy-url": "socks5://127.0.0.1:9",
            }
        },
        "kubeconfig",
        "bad_proxy",
    ),
    (
        {
            "cluster": {
                "server": "https://127.0.0.1",
                "certificate-authority-data": b64("no"),
            }
        },
        "kubeconfig",
        "kubeconfig_bad_ca",
    ),
    (embedded(token="somebody-else"), "kubeconfig", "invalid_auth"),
    (embedded(token=expired_token()), "kubeconfig", "token_expired"),
]


@pytest.mark.parametrize(("change", "field", "key"), BROKEN_CONTENTS)
async def test_says_what_is_wrong_inside_and_goes_on(
    hass: HomeAssistant,
    api: ApiServer,
    authority: Authority,
    change: dict[str, Any],
    field: str,
    key: str,
) -> None:
    broken = typed(config(api, authority, **change))
    flow_id = await start(hass, "kubeconfig")
    result = await submit(hass, flow_id, broken)
    assert result["errors"] == {field: key}
    assert suggested(result) == broken
    await finish(hass, flow_id, typed(config(api, authority)), title="home")


async def test_names_an_expired_client_certificate(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    certificate, key = Authority("old").issue("system:admin", days=(-30, -1))
    user = {"client-certificate-data": b64(certificate), "client-key-data": b64(key)}
    flow_id = await start(hass, "kubeconfig")
    # The API server itself looks at a client's certificate only after the handshake.
    assert api.context is not None
    async with ApiServer(
        Authority("other").server_context(Path(hass.config.config_dir))
    ).serving() as lax:
        cluster = {"server": lax.url, "insecure-skip-tls-verify": True}
        result = await submit(
            hass, flow_id, typed(config(api, authority, user=user, cluster=cluster))
        )
    assert result["errors"] == {"kubeconfig": "certificate_expired"}
    await finish(hass, flow_id, typed(config(api, authority)), title="home")


async def test_a_server_that_the_kubeconfig_does_not_trust_gets_no_token(
    hass: HomeAssistant, api: ApiServer, authority: Authority, tmp_path: Path
) -> None:
    stranger = Impostor(Authority("stranger").server_context(tmp_path))
    flow_id = await start(hass, "kubeconfig")
    async with stranger.listening():
        cluster = {
            "server": stranger.url,
            "certificate-authority-data": b64(authority.pem),
        }
        result = await submit(
            hass, flow_id, typed(config(api, authority, cluster=cluster))
        )
    assert result["errors"] == {"kubeconfig": "server_untrusted"}
    assert stranger.received == b""
    await finish(hass, flow_id, typed(config(api, authority)), title="home")


async def test_names_a_server_that_is_down(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{closed.getsockname()[1]}"
    flow_id = await start(hass, "kubeconfig")
    down = config(api, authority, cluster={"server": url})
    result = await submit(hass, flow_id, typed(down))
    assert result["errors"] == {"kubeconfig": "refused"}
    assert result["description_placeholders"]["url"] == url
    await finish(hass, flow_id, typed(config(api, authority)), title="home")


def plugin(command: str, *args: str) -> dict[str, Any]:
    """Return a user whose credentials a program gives."""
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": command,
            "args": list(args),
            "interactiveMode": "Never",
        }
    }


@pytest.mark.parametrize(
    ("user", "key"),
    [
        (plugin("no-such-plugin"), "exec_missing"),
        (plugin("false"), "exec_failed"),
        (plugin("echo", "not json"), "exec_failed"),
        (
            {
                "auth-provider": {
                    "name": "oidc",
                    "config": {
                        "idp-issuer-url": "http://127.0.0.1",
                        "client-id": "x",
                        "refresh-token": "y",
                    },
                }
            },
            "oidc_failed",
        ),
    ],
)
async def test_names_a_plugin_that_gives_no_credentials(
    hass: HomeAssistant,
    api: ApiServer,
    authority: Authority,
    user: dict[str, Any],
    key: str,
) -> None:
    flow_id = await start(hass, "kubeconfig")
    result = await submit(hass, flow_id, typed(config(api, authority, user=user)))
    assert result["errors"] == {"kubeconfig": key}
    assert api.requests == []
    await finish(hass, flow_id, typed(config(api, authority)), title="home")


@pytest.fixture
def working_plugin() -> dict[str, Any]:
    """Give the token `reader` by a program."""
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "reader"},
    }
    return plugin("echo", json.dumps(answer))


async def test_credentials_from_a_program_are_asked_for_each_time(
    hass: HomeAssistant,
    api: ApiServer,
    authority: Authority,
    working_plugin: dict[str, Any],
) -> None:
    form = typed(config(api, authority, user=working_plugin))
    flow_id = await start(hass, "kubeconfig")
    data = await finish(hass, flow_id, form, title="home")
    assert data == {
        "method": "kubeconfig",
        "kubeconfig": form["kubeconfig"].strip(),
        "context": "home",
    }


@pytest.fixture
def package() -> Iterator[list[bool]]:
    """Let the package be missing until the list is emptied."""
    missing = [True]
    find = "custom_components.home_cluster.kube.plugin.importlib.util.find_spec"

    from importlib.util import find_spec  # noqa: PLC0415

    def seek(name: str, package: str | None = None) -> Any:
        return None if name == "kubernetes" and missing else find_spec(name, package)

    with patch(find, seek):
        yield missing


async def test_fetches_the_package_when_a_plugin_needs_it(
    hass: HomeAssistant,
    api: ApiServer,
    authority: Authority,
    working_plugin: dict[str, Any],
    package: list[bool],
) -> None:
    fetched: list[Any] = []

    async def fetch(*args: Any, **kwargs: Any) -> None:
        fetched.append((args[1:], kwargs))
        await asyncio.sleep(0)
        package.clear()

    form = typed(config(api, authority, user=working_plugin))
    flow_id = await start(hass, "kubeconfig")
    with patch(
        "custom_components.home_cluster.config_flow.async_process_requirements", fetch
    ):
        result = await submit(hass, flow_id, form)
        assert result["type"] is FlowResultType.SHOW_PROGRESS
        assert result["step_id"] == "install"
        assert result["progress_action"] == "install"
        await hass.async_block_till_done()
    assert fetched == [((DOMAIN, [KUBERNETES_REQUIREMENT]), {"is_built_in": False})]
    result = await hass.config_entries.flow.async_configure(flow_id)
    assert result["step_id"] == "selection"
    result = await submit(hass, flow_id, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"]["kubeconfig"] == form["kubeconfig"].strip()


async def test_says_that_the_package_could_not_be_fetched_and_tries_again(
    hass: HomeAssistant,
    api: ApiServer,
    authority: Authority,
    working_plugin: dict[str, Any],
    package: list[bool],
) -> None:
    form = typed(config(api, authority, user=working_plugin))
    flow_id = await start(hass, "kubeconfig")
    seen = Event()
    attempts = 0

    def fail(*args: Any, **kwargs: Any) -> bool:
        nonlocal attempts
        attempts += 1
        return not seen.wait(10)

    with (
        patch("homeassistant.requirements.pkg_util.install_package", fail),
        patch("homeassistant.requirements.pkg_util.is_installed", return_value=False),
    ):
        for tried in (3, 6):
            result = await submit(hass, flow_id, form)
            assert result["type"] is FlowResultType.SHOW_PROGRESS
            seen.set()
            await hass.async_block_till_done()
            result = await hass.config_entries.flow.async_configure(flow_id)
            assert result["errors"] == {"kubeconfig": "package_missing"}
            assert suggested(result) == form
            assert attempts == tried
            seen.clear()
    package.clear()
    await finish(hass, flow_id, form, title="home")


async def test_what_is_wrong_after_the_package_came_is_said_too(
    hass: HomeAssistant, api: ApiServer, authority: Authority, package: list[bool]
) -> None:
    async def fetch(*args: Any, **kwargs: Any) -> None:
        await asyncio.sleep(0)
        package.clear()

    flow_id = await start(hass, "kubeconfig")
    with patch(
        "custom_components.home_cluster.config_flow.async_process_requirements", fetch
    ):
        await submit(
            hass, flow_id, typed(config(api, authority, user=plugin("no-such-plugin")))
        )
        await hass.async_block_till_done()
    result = await hass.config_entries.flow.async_configure(flow_id)
    assert result["errors"] == {"kubeconfig": "exec_missing"}
    await finish(hass, flow_id, typed(config(api, authority)), title="home")


def test_every_reason_of_bad_credentials_has_a_text() -> None:
    """The rest of the reasons belongs to a service account."""
    keys = {
        connect._OF_KUBECONFIG.get(reason, reason) for reason in CREDENTIALS_REASONS
    }
    assert keys - {"not_in_cluster"} <= set(TEXTS["config"]["error"])
