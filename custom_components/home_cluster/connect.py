"""Trying what a user typed: a cluster that answers, or the field that is wrong and why."""

import asyncio
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
import os
import time
from typing import Any, Final
from urllib.parse import urlsplit

from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from .const import (
    CONF_CA,
    CONF_CONTEXT,
    CONF_KUBECONFIG,
    CONF_METHOD,
    CONF_STATIC,
    CONF_TOKEN,
    CONF_URL,
    CONF_VERIFY_SSL,
    METHOD_IN_CLUSTER,
    METHOD_KUBECONFIG,
    METHOD_TOKEN,
)
from .kube.access import Missing, account_name, rbac_yaml
from .kube.client import Client
from .kube.credentials import read_kubeconfig, source_from
from .kube.errors import (
    CredentialsError,
    Forbidden,
    KubeError,
    NotFound,
    Unauthorized,
    Unreachable,
    Unreadable,
    UntrustedCertificate,
)
from .kube.material import valid_token, valid_url
from .kube.tls import make_ssl_context, probe_certificate

FORM: Final = "base"
IN_CLUSTER_TITLE: Final = "Kubernetes"

# Valid accounts get false 403s for some 30 ms after the API server started.
DENIAL_PAUSE: Final = 0.5
DENIALS: Final = 3

# Reasons of `Unreachable` that have a text of their own; each is an error's key.
_UNREACHABLE: Final = frozenset({"refused", "dns", "timeout", "not_tls", "network"})
# What is wrong with a served certificate that no authority can mend.
_INCURABLE: Final = {
    "expired": "server_certificate_expired",
    "not_yet_valid": "server_certificate_not_yet_valid",
    "wrong_host": "server_certificate_wrong_host",
}
# The fields to blame for where the server is and for who we are.
_FIELDS: Final = {
    METHOD_IN_CLUSTER: (FORM, FORM),
    METHOD_KUBECONFIG: (CONF_KUBECONFIG, CONF_KUBECONFIG),
    METHOD_TOKEN: (CONF_URL, CONF_TOKEN),
}
# What a kubeconfig can have wrong just as the other form can, with another way out.
_OF_KUBECONFIG: Final = {
    "bad_ca": "kubeconfig_bad_ca",
    "plain_http": "kubeconfig_plain_http",
}
_OF_CONTEXT: Final = frozenset({"no_context", "unknown_context"})


class Refused(Exception):
    """The data cannot be used: which `field` is wrong ("base": none of them alone) and why.

    `key` is the error's translation key, `placeholders` its words; `fill` is what the form should
    hold when it comes back, beside what was typed; `choices` are good values for the field.
    """

    def __init__(
        self,
        key: str,
        field: str = FORM,
        *,
        fill: Mapping[str, str] | None = None,
        choices: tuple[str, ...] = (),
        **placeholders: str,
    ) -> None:
        """Keep the answer."""
        super().__init__(key)
        self.key = key
        self.field = field
        self.fill = fill or {}
        self.choices = choices
        self.placeholders = placeholders


@dataclass(frozen=True, kw_only=True)
class Connection:
    """A cluster that answered: the entry's data and title, and who it said it is."""

    data: dict[str, Any] = field(repr=False)
    title: str
    uid: str
    client: Client = field(repr=False)


def is_path(kubeconfig: str) -> bool:
    """Say whether a kubeconfig was given as the path of a file."""
    return kubeconfig.startswith(("/", "~")) and "\n" not in kubeconfig


def in_a_pod() -> bool:
    """Say whether Home Assistant runs on a cluster itself."""
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST"))


def open_client(hass: HomeAssistant, data: Mapping[str, Any]) -> Client:
    """Return a client for an entry's data; nothing is sent yet."""
    return Client(
        async_get_clientsession(hass), source_from(data, hass.async_add_executor_job)
    )


async def connect_in_cluster(hass: HomeAssistant) -> Connection:
    """Connect with the service account of Home Assistant's own pod."""
    data = {CONF_METHOD: METHOD_IN_CLUSTER}
    return await _ask(hass, data, title=IN_CLUSTER_TITLE)


async def connect_by_token(hass: HomeAssistant, typed: Mapping[str, Any]) -> Connection:
    """Connect with an address, a token and an authority.

    The token is sent only when the server's certificate was verified, or when the user gave up
    verification.
    """
    url = _address(typed[CONF_URL])
    token = _token(typed[CONF_TOKEN])
    ca = await _authority(hass, typed.get(CONF_CA, ""))
    verify = typed[CONF_VERIFY_SSL]
    if verify:
        await _verify(hass, url, ca)
    data = {
        CONF_METHOD: METHOD_TOKEN,
        CONF_URL: url,
        CONF_TOKEN: token,
        CONF_CA: ca,
        CONF_VERIFY_SSL: verify,
    }
    return await _ask(hass, data, title=str(urlsplit(url).hostname))


async def connect_by_kubeconfig(
    hass: HomeAssistant, typed: Mapping[str, Any]
) -> Connection:
    """Connect with a kubeconfig, pasted or by path; static credentials are copied out of it."""
    text = typed[CONF_KUBECONFIG].strip()
    if not text:
        raise Refused("empty_kubeconfig", CONF_KUBECONFIG)
    try:
        found = await read_kubeconfig(
            text,
            typed.get(CONF_CONTEXT, "").strip() or None,
            hass.async_add_executor_job,
        )
    except CredentialsError as err:
        raise _of_credentials(err, METHOD_KUBECONFIG) from err
    data: dict[str, Any] = {CONF_METHOD: METHOD_KUBECONFIG, CONF_CONTEXT: found.chosen}
    if found.static is not None:
        data[CONF_STATIC] = found.static
    else:
        data[CONF_KUBECONFIG] = text
    return await _ask(hass, data, title=found.chosen)


def _address(text: str) -> str:
    if not text.strip():
        raise Refused("empty_url", CONF_URL)
    try:
        return valid_url(text)
    except CredentialsError as err:
        key = "plain_http" if err.reason == "plain_http" else "invalid_url"
        raise Refused(key, CONF_URL, url=text) from err


def _token(text: str) -> str:
    if not text.strip().removeprefix("Bearer").strip():
        raise Refused("empty_token", CONF_TOKEN)
    try:
        return valid_token(text)
    except CredentialsError as err:
        raise Refused("invalid_token", CONF_TOKEN) from err


async def _authority(hass: HomeAssistant, text: str) -> str:
    """Return the certificates as PEM text; kubeconfigs hold them in base64, so take that too."""
    pem = text.strip()
    if not pem:
        return ""
    if "-----BEGIN" not in pem:
        try:
            pem = b64decode("".join(pem.split()), validate=True).decode().strip()
        except ValueError as err:
            raise Refused("bad_ca", CONF_CA) from err
    if "PRIVATE KEY" in pem:
        raise Refused("ca_is_key", CONF_CA)
    try:
        await hass.async_add_executor_job(make_ssl_context, pem)
    except CredentialsError as err:
        raise Refused("bad_ca", CONF_CA) from err
    return f"{pem}\n"


async def _verify(hass: HomeAssistant, url: str, ca: str) -> None:
    """Hold the handshake against the authority; a stranger's certificate goes back to the user."""
    try:
        served = await probe_certificate(url, ca, run=hass.async_add_executor_job)
    except Unreachable as err:
        raise _of_server(err, url, CONF_URL) from err
    if served.trusted:
        return
    shown = served.fingerprint
    if served.error in _INCURABLE:
        raise Refused(_INCURABLE[served.error], CONF_URL, url=url)
    if ca:
        raise Refused("wrong_ca", CONF_CA, fingerprint=shown)
    raise Refused(
        "untrusted_certificate", CONF_CA, fill={CONF_CA: served.pem}, fingerprint=shown
    )


async def _ask(hass: HomeAssistant, data: dict[str, Any], *, title: str) -> Connection:
    """Let the cluster tell who it is."""
    place, secret = _FIELDS[data[CONF_METHOD]]
    source = source_from(data, hass.async_add_executor_job)
    url = ""
    try:
        credentials = await source.load()
        url = credentials.url
        client = Client(async_get_clientsession(hass), source)
        await client.version()
        uid = await insist(client.cluster_uid)
    except CredentialsError as err:
        raise _of_credentials(err, data[CONF_METHOD]) from err
    except Unauthorized as err:
        key = "invalid_auth"
        if credentials.expires is not None and credentials.expires < time.time():
            key = "token_expired" if credentials.token else "certificate_expired"
        raise Refused(key, secret) from err
    except Forbidden as err:
        missing = Missing("get", "", "namespaces", "kube-system")
        raise Refused("uid_forbidden", yaml=await rules(client, [missing])) from err
    except UntrustedCertificate as err:
        raise Refused(
            _INCURABLE.get(err.reason, "server_untrusted"), place, url=url
        ) from err
    except Unreachable as err:
        raise _of_server(err, url, place) from err
    except (NotFound, Unreadable) as err:
        raise Refused("not_kubernetes", place, url=url) from err
    except KubeError as err:
        raise Refused("cannot_connect", place, url=url, detail=err.message) from err
    return Connection(data=data, title=title, uid=uid, client=client)


async def insist[T](request: Callable[[], Awaitable[T]]) -> T:
    """Make a request, and make it again when it was denied: one denial proves nothing."""
    for _ in range(DENIALS - 1):
        try:
            return await request()
        except Forbidden:
            await asyncio.sleep(DENIAL_PAUSE)
    return await request()


async def rules(client: Client, missing: Iterable[Missing]) -> str:
    """Return the YAML that gives the client's account missing rights."""
    try:
        account = await account_name(client)
    except KubeError:
        account = ""
    return rbac_yaml(missing, account)


def _of_credentials(err: CredentialsError, method: str) -> Refused:
    if method == METHOD_IN_CLUSTER:
        key = err.reason if err.reason == "not_in_cluster" else "bad_service_account"
        return Refused(key, detail=err.message)
    place = CONF_CONTEXT if err.reason in _OF_CONTEXT else CONF_KUBECONFIG
    return Refused(
        _OF_KUBECONFIG.get(err.reason, err.reason),
        place,
        choices=err.choices,
        contexts=", ".join(err.choices) or "–",
        detail=err.message,
    )


def _of_server(err: Unreachable, url: str, place: str) -> Refused:
    key = err.reason if err.reason in _UNREACHABLE else "cannot_connect"
    return Refused(key, place, url=url, detail=err.message)
