"""Connecting by address and token, and from inside the cluster."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping
import json
import logging
from pathlib import Path
import socket
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.home_cluster.const import DOMAIN
from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from tests.integration.api_server import READ_ALL, UID, ApiServer
from tests.integration.flow_texts import suggested
from tests.integration.impostor import Impostor
from tests.integration.pki import Authority, fingerprint

pytestmark = pytest.mark.usefixtures("no_setup", "socket_enabled")


async def start(hass: HomeAssistant, method: str) -> str:
    """Choose a method in the menu; return the flow's id."""
    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    assert result["type"] is FlowResultType.MENU
    assert set(result["menu_options"]) == {"in_cluster", "kubeconfig", "token"}
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], {"next_step_id": method}
    )
    assert not result.get("errors")
    return str(result["flow_id"])


async def submit(
    hass: HomeAssistant, flow_id: str, typed: Mapping[str, Any]
) -> dict[str, Any]:
    """Submit a form."""
    return dict(await hass.config_entries.flow.async_configure(flow_id, dict(typed)))


async def finish(
    hass: HomeAssistant,
    flow_id: str,
    typed: Mapping[str, Any],
    title: str = "127.0.0.1",
) -> dict[str, Any]:
    """Submit good data and the default selection; return the new entry's data."""
    result = await submit(hass, flow_id, typed)
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "selection", result
    result = await submit(hass, flow_id, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == title
    assert result["options"] == {"mode": "all", "namespaces": []}
    assert result["result"].unique_id == UID
    return dict(result["data"])


def good(api: ApiServer, authority: Authority) -> dict[str, Any]:
    """Return what connects."""
    return {"url": api.url, "token": "reader", "ca": authority.pem, "verify_ssl": True}


def expired_token() -> str:
    """Return a service account's token whose time is over."""
    claims = (
        urlsafe_b64encode(json.dumps({"exp": 1700000000}).encode()).decode().rstrip("=")
    )
    return f"eyJhbGciOiJSUzI1NiJ9.{claims}.c2ln"


async def test_connects_by_address_token_and_authority(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    flow_id = await start(hass, "token")
    data = await finish(hass, flow_id, good(api, authority))
    assert data == {
        "method": "token",
        "url": api.url,
        "token": "reader",
        "ca": authority.pem,
        "verify_ssl": True,
    }


async def test_takes_an_address_without_scheme_and_an_authority_as_kubeconfigs_hold_it(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    flow_id = await start(hass, "token")
    data = await finish(
        hass,
        flow_id,
        {
            "url": f" 127.0.0.1:{api.port}/ ",
            "token": "Bearer reader\n",
            "ca": b64encode(authority.pem.encode()).decode(),
            "verify_ssl": True,
        },
    )
    assert data["url"] == api.url
    assert data["token"] == "reader"
    assert data["ca"] == authority.pem


async def test_shows_an_unknown_certificate_and_pins_it_when_submitted_again(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    flow_id = await start(hass, "token")
    result = await submit(
        hass, flow_id, {"url": api.url, "token": "reader", "ca": "", "verify_ssl": True}
    )
    assert result["errors"] == {"ca": "untrusted_certificate"}
    assert result["description_placeholders"]["fingerprint"] == fingerprint(
        authority.pem
    )
    assert api.requests == []
    shown = suggested(result)
    assert shown["ca"].strip() == authority.pem.strip()
    assert shown["token"] == "reader"
    data = await finish(hass, flow_id, shown)
    assert data["ca"].strip() == authority.pem.strip()


@pytest.mark.parametrize("with_authority", [False, True])
async def test_an_impostor_gets_no_byte_before_its_certificate_was_accepted(
    hass: HomeAssistant,
    api: ApiServer,
    authority: Authority,
    tmp_path: Path,
    with_authority: bool,
) -> None:
    flow_id = await start(hass, "token")
    typed = good(api, authority)
    if not with_authority:
        typed["ca"] = ""
    stranger = Impostor(Authority("stranger").server_context(tmp_path))
    async with stranger.listening():
        result = await submit(hass, flow_id, {**typed, "url": stranger.url})
        assert set(result["errors"]) == {"ca"}
        assert stranger.connections >= 1
    assert stranger.received == b""
    await finish(hass, flow_id, {**typed, "ca": authority.pem})


async def test_a_wrong_authority_stays_in_the_form_with_the_served_fingerprint(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    flow_id = await start(hass, "token")
    typed = {**good(api, authority), "ca": Authority("another").pem}
    result = await submit(hass, flow_id, typed)
    assert result["errors"] == {"ca": "wrong_ca"}
    assert result["description_placeholders"]["fingerprint"] == fingerprint(
        authority.pem
    )
    assert suggested(result) == typed
    assert api.tokens_seen == set()
    await finish(hass, flow_id, good(api, authority))


async def test_verification_can_be_given_up(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    flow_id = await start(hass, "token")
    data = await finish(
        hass, flow_id, {**good(api, authority), "ca": "", "verify_ssl": False}
    )
    assert data["verify_ssl"] is False
    assert data["ca"] == ""


@pytest.mark.parametrize(
    ("change", "field", "key"),
    [
        ({"url": "   "}, "url", "empty_url"),
        ({"url": "https://"}, "url", "invalid_url"),
        ({"url": "ftp://127.0.0.1:6443"}, "url", "invalid_url"),
        ({"url": "https://127.0.0.1:99999"}, "url", "invalid_url"),
        ({"url": "https://user:word@127.0.0.1"}, "url", "invalid_url"),
        ({"url": "https://[::1"}, "url", "invalid_url"),
        ({"url": "the cluster"}, "url", "invalid_url"),
        ({"url": "http://127.0.0.1:6443"}, "url", "plain_http"),
        ({"token": ""}, "token", "empty_token"),
        ({"token": "Bearer "}, "token", "empty_token"),
        ({"token": "two words"}, "token", "invalid_token"),
        ({"token": "first\nsecond"}, "token", "invalid_token"),
        ({"token": "schlüssel"}, "token", "invalid_token"),
        ({"token": "somebody-else"}, "token", "invalid_auth"),
        ({"token": "a.b.c"}, "token", "invalid_auth"),
        ({"token": expired_token()}, "token", "token_expired"),
        ({"ca": "my authority"}, "ca", "bad_ca"),
        ({"ca": "aGVsbG8="}, "ca", "bad_ca"),
        (
            {"ca": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"},
            "ca",
            "bad_ca",
        ),
        ({"ca": "-----BEGIN EC PRIVATE KEY-----\nMHcC"}, "ca", "ca_is_key"),
    ],
)
async def test_says_what_is_wrong_keeps_what_was_typed_and_goes_on(
    hass: HomeAssistant,
    api: ApiServer,
    authority: Authority,
    change: dict[str, str],
    field: str,
    key: str,
) -> None:
    flow_id = await start(hass, "token")
    typed = good(api, authority) | change
    result = await submit(hass, flow_id, typed)
    assert result["step_id"] == "token"
    assert result["errors"] == {field: key}
    assert suggested(result) == typed
    await finish(hass, flow_id, good(api, authority))


async def test_names_a_refused_connection(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{closed.getsockname()[1]}"
    flow_id = await start(hass, "token")
    result = await submit(hass, flow_id, {**good(api, authority), "url": url})
    assert result["errors"] == {"url": "refused"}
    assert result["description_placeholders"]["url"] == url
    await finish(hass, flow_id, good(api, authority))


@pytest.mark.parametrize(
    ("problem", "key"),
    [
        (socket.gaierror(-2, "Name or service not known"), "dns"),
        (TimeoutError(), "timeout"),
        (OSError(101, "Network is unreachable"), "network"),
    ],
)
async def test_names_what_is_between(
    hass: HomeAssistant,
    api: ApiServer,
    authority: Authority,
    problem: OSError,
    key: str,
) -> None:
    flow_id = await start(hass, "token")
    with patch.object(hass.loop, "create_connection", side_effect=problem):
        result = await submit(hass, flow_id, good(api, authority))
    assert result["errors"] == {"url": key}
    await finish(hass, flow_id, good(api, authority))


async def test_a_plain_port_gets_no_token(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    flow_id = await start(hass, "token")
    plain = Impostor(
        None, answer=b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
    )
    async with plain.listening():
        result = await submit(hass, flow_id, {**good(api, authority), "url": plain.url})
    assert result["errors"] == {"url": "not_tls"}
    assert b"reader" not in plain.received
    await finish(hass, flow_id, good(api, authority))


@pytest.mark.parametrize(
    ("served", "key"),
    [
        ({"hosts": ("k3s.home.arpa",)}, "server_certificate_wrong_host"),
        ({"days": (-30, -1)}, "server_certificate_expired"),
        ({"days": (1, 30)}, "server_certificate_not_yet_valid"),
    ],
)
@pytest.mark.parametrize("with_authority", [True, False])
async def test_names_what_no_authority_can_mend(
    hass: HomeAssistant,
    api: ApiServer,
    authority: Authority,
    tmp_path: Path,
    served: dict[str, Any],
    key: str,
    with_authority: bool,
) -> None:
    flow_id = await start(hass, "token")
    odd = ApiServer(authority.server_context(tmp_path, **served))
    async with odd.serving():
        typed = {**good(odd, authority), **({} if with_authority else {"ca": ""})}
        result = await submit(hass, flow_id, typed)
    assert result["errors"] == {"url": key}
    assert odd.requests == []
    await finish(hass, flow_id, good(api, authority))


@pytest.mark.parametrize("tells_account", [True, False])
async def test_an_account_that_may_not_read_the_cluster_id_is_told_the_rule(
    hass: HomeAssistant, api: ApiServer, authority: Authority, tells_account: bool
) -> None:
    api.accounts["small"] = ()
    api.tells_account = tells_account
    flow_id = await start(hass, "token")
    result = await submit(hass, flow_id, {**good(api, authority), "token": "small"})
    assert result["errors"] == {"base": "uid_forbidden"}
    yaml = result["description_placeholders"]["yaml"]
    assert "kind: Role\n" in yaml
    assert "namespace: kube-system" in yaml
    assert "namespaces" in yaml
    assert ("kind: RoleBinding" in yaml) is tells_account
    api.accounts["small"] = api.accounts["reader"]
    await finish(hass, flow_id, {**good(api, authority), "token": "small"})


async def test_a_denial_that_does_not_last_is_overheard(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    api.false_denials = 2
    flow_id = await start(hass, "token")
    await finish(hass, flow_id, good(api, authority))


@pytest.mark.parametrize(
    ("state", "key"),
    [
        ({"not_kubernetes": True}, "not_kubernetes"),
        ({"broken": 500}, "cannot_connect"),
        ({"broken": 429}, "cannot_connect"),
    ],
)
async def test_names_a_server_that_does_not_answer_as_kubernetes(
    hass: HomeAssistant,
    api: ApiServer,
    authority: Authority,
    state: dict[str, Any],
    key: str,
) -> None:
    for name, value in state.items():
        setattr(api, name, value)
    flow_id = await start(hass, "token")
    result = await submit(hass, flow_id, good(api, authority))
    assert result["errors"] == {"url": key}
    api.not_kubernetes, api.broken = False, None
    await finish(hass, flow_id, good(api, authority))


async def test_a_connected_cluster_is_not_added_again(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    MockConfigEntry(domain=DOMAIN, unique_id=UID).add_to_hass(hass)
    flow_id = await start(hass, "token")
    result = await submit(hass, flow_id, good(api, authority))
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"


async def test_several_clusters_are_several_entries(
    hass: HomeAssistant, api: ApiServer, authority: Authority
) -> None:
    MockConfigEntry(domain=DOMAIN, unique_id="another-cluster").add_to_hass(hass)
    flow_id = await start(hass, "token")
    await finish(hass, flow_id, good(api, authority))
    assert len(hass.config_entries.async_entries(DOMAIN)) == 2


async def test_outside_of_a_pod_there_is_no_way_from_inside(
    hass: HomeAssistant,
) -> None:
    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    assert result["menu_options"][-1] == "in_cluster"
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], {"next_step_id": "in_cluster"}
    )
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "not_in_cluster"


@pytest.mark.usefixtures("pod")
async def test_a_pod_connects_to_its_own_cluster(hass: HomeAssistant) -> None:
    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    assert result["menu_options"][0] == "in_cluster"
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], {"next_step_id": "in_cluster"}
    )
    assert result["step_id"] == "selection"
    result = await submit(hass, result["flow_id"], {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"] == {"method": "in_cluster"}
    assert result["title"] == "Kubernetes"


@pytest.mark.usefixtures("pod")
async def test_a_pod_without_rights_is_told_the_rule_and_tries_again(
    hass: HomeAssistant, api: ApiServer
) -> None:
    api.accounts["reader"] = ()
    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], {"next_step_id": "in_cluster"}
    )
    assert result["step_id"] == "in_cluster"
    assert result["errors"] == {"base": "uid_forbidden"}
    assert "kube-system" in result["description_placeholders"]["yaml"]
    api.accounts["reader"] = (READ_ALL,)
    result = await submit(hass, result["flow_id"], {})
    assert result["step_id"] == "selection"
    result = await submit(hass, result["flow_id"], {})
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    ("spoil", "key"),
    [
        (lambda api, pod: api.accounts.clear(), "invalid_auth"),
        (lambda api, pod: setattr(api, "broken", 503), "cannot_connect"),
        (
            lambda api, pod: (pod / "ca.crt").write_text(Authority().pem),
            "server_untrusted",
        ),
        (
            lambda api, pod: (pod / "token").write_text("two words"),
            "bad_service_account",
        ),
        (
            lambda api, pod: (pod / "ca.crt").write_text("nothing"),
            "bad_service_account",
        ),
    ],
)
async def test_a_pod_is_told_what_stands_in_its_way(
    hass: HomeAssistant,
    api: ApiServer,
    authority: Authority,
    pod: Path,
    spoil: Callable[[ApiServer, Path], Any],
    key: str,
) -> None:
    accounts = dict(api.accounts)
    spoil(api, pod)
    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], {"next_step_id": "in_cluster"}
    )
    assert result["errors"] == {"base": key}
    api.accounts, api.broken = accounts, None
    (pod / "ca.crt").write_text(authority.pem)
    (pod / "token").write_text("reader")
    result = await submit(hass, result["flow_id"], {})
    assert result["step_id"] == "selection"
    result = await submit(hass, result["flow_id"], {})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_no_secret_is_logged(
    hass: HomeAssistant,
    api: ApiServer,
    authority: Authority,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "s3cr3t-t0ken"
    flow_id = await start(hass, "token")
    await submit(hass, flow_id, {**good(api, authority), "token": secret})
    api.accounts[secret] = api.accounts["reader"]
    await finish(hass, flow_id, {**good(api, authority), "token": secret})
    assert secret not in caplog.text
