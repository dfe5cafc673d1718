"""Kubeconfigs: which context, which server, which credentials.

Static credentials are read here. A user with a plugin (`exec`) or a login (`auth-provider: oidc`)
is left to the official client, see `plugin.py`.
"""

from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
import time
from typing import Any, Final

import yaml

from .errors import CredentialsError
from .material import Material, read_file, valid_proxy, valid_token, valid_url
from .plugin import Issued, ask_plugin
from .tls import Executor, make_ssl_context

# A token of a plugin that is about to end is not used any more.
_LEEWAY: Final = 60.0
# A plugin that failed is left alone for this long, whoever asks.
_PAUSE: Final = 10.0


@dataclass(frozen=True)
class KubeconfigResult:
    """What a kubeconfig holds.

    `static` are the credentials themselves, for text without references to files or programs;
    a kubeconfig that is a file is a reference too and stays one, since k3s and others renew it.
    """

    contexts: tuple[str, ...]
    chosen: str
    url: str
    static: dict[str, Any] | None = field(repr=False)
    needs_package: bool


@dataclass(frozen=True)
class _Chosen:
    """One context of a kubeconfig, read as far as that goes without a plugin."""

    contexts: tuple[str, ...]
    name: str
    material: Material
    folder: Path | None
    cluster: dict[str, Any] = field(repr=False)
    plugin: dict[str, Any] | None = field(repr=False)


async def read_kubeconfig(
    text_or_path: str, context: str | None, run: Executor
) -> KubeconfigResult:
    """Read a kubeconfig, given as text or by its absolute path; no program is run.

    Without `context` its current one is taken, or the only one there is. Raises `CredentialsError`.
    """

    def read() -> _Chosen:
        chosen = _choose(text_or_path, context)
        material = chosen.material
        make_ssl_context(
            material.ca, material.certificate, material.key, material.verify
        )
        return chosen

    chosen: _Chosen = await run(read)
    material = chosen.material
    static: dict[str, Any] | None = None
    if not material.rereads and chosen.plugin is None:
        static = {
            "url": material.url,
            "token": material.token,
            "ca": material.ca,
            "client_certificate": material.certificate,
            "client_key": material.key,
            "verify_ssl": material.verify,
            "server_name": material.server_name,
            "proxy": material.proxy,
        }
    return KubeconfigResult(
        chosen.contexts, chosen.name, material.url, static, chosen.plugin is not None
    )


class KubeconfigReader:
    """Reads a kubeconfig again and again; a plugin is asked only when its answer ends."""

    def __init__(
        self, text_or_path: str, context: str | None, clock: Callable[[], float]
    ) -> None:
        """Read nothing yet."""
        self._text_or_path = text_or_path
        self._context = context
        self._clock = clock
        self._asked: dict[str, Any] | None = None
        self._issued = Issued()
        self._until = 0.0
        self._failure: CredentialsError | None = None
        self._pause_until = 0.0

    def __call__(self, renew: bool) -> Material:
        """Return the material of now; blocks, for as long as a plugin takes."""
        chosen = _choose(self._text_or_path, self._context)
        if chosen.plugin is None:
            return chosen.material
        ended = self._clock() >= self._until
        if renew or ended or chosen.plugin != self._asked:
            self._ask(chosen, chosen.plugin)
        issued = self._issued
        return replace(
            chosen.material,
            token=issued.token,
            certificate=issued.certificate,
            key=issued.key,
            expires=issued.expires,
        )

    def _ask(self, chosen: _Chosen, plugin: dict[str, Any]) -> None:
        failure = self._failure
        if failure and plugin == self._asked and self._clock() < self._pause_until:
            raise CredentialsError(failure.message, reason=failure.reason)
        # An identity provider may take back a refresh token once it was used.
        login = self._issued.login if plugin == self._asked else {}
        self._asked, self._failure = plugin, None
        try:
            self._issued = ask_plugin(plugin, chosen.cluster, chosen.folder, login)
        except CredentialsError as error:
            self._failure, self._until = error, 0.0
            self._pause_until = self._clock() + _PAUSE
            raise
        self._until = float("inf")
        if self._issued.expires is not None:
            life = self._issued.expires - time.time()
            self._until = self._clock() + max(life - _LEEWAY, life / 2)


def _choose(text_or_path: str, context: str | None) -> _Chosen:
    text, file = text_or_path.strip(), None
    if text.startswith(("/", "~")) and "\n" not in text:
        file = Path(text).expanduser()
        text = read_file(file)
    config = _parse(text)
    contexts = _named(config, "contexts", "context")
    name = _name_of(config, contexts, context)
    place = contexts[name]
    cluster = _named(config, "clusters", "cluster").get(_text(place, "cluster"))
    if not cluster or not _text(cluster, "server"):
        raise CredentialsError(f"context {name} names no cluster", reason="no_cluster")
    user = _named(config, "users", "user").get(_text(place, "user"))
    if user is None:
        raise CredentialsError(f"context {name} names no user", reason="no_user")
    return _read(name, tuple(contexts), cluster, user, file)


def _read(
    name: str,
    contexts: tuple[str, ...],
    cluster: dict[str, Any],
    user: dict[str, Any],
    file: Path | None,
) -> _Chosen:
    files = _Files(file.absolute().parent if file else None)
    proxy = _text(cluster, "proxy-url")
    material = Material(
        url=valid_url(_text(cluster, "server")),
        ca=files.pem(cluster, "certificate-authority", "bad_ca"),
        verify=not cluster.get("insecure-skip-tls-verify"),
        server_name=_text(cluster, "tls-server-name"),
        proxy=valid_proxy(proxy) if proxy else "",
        token=files.token(user),
        certificate=files.pem(user, "client-certificate", "bad_certificate"),
        key=files.pem(user, "client-key", "bad_key"),
    )
    if _text(user, "as"):
        raise CredentialsError(
            "impersonation is not supported", reason="unsupported_auth"
        )
    plugin = (
        None
        if material.token or material.certificate or material.key
        else _plugin_of(user)
    )
    material = replace(material, rereads=file is not None or files.used)
    if plugin and material.ca:
        # A plugin is told the authority itself, wherever the kubeconfig has it from.
        cluster = {**cluster, "ca": material.ca}
    return _Chosen(contexts, name, material, files.folder, cluster, plugin)


def _plugin_of(user: dict[str, Any]) -> dict[str, Any]:
    for key in ("exec", "auth-provider"):
        if isinstance(user.get(key), dict):
            if key == "auth-provider" and user[key].get("name") != "oidc":
                break
            return {key: user[key]}
    if user.keys() - {"as", "extensions"}:
        raise CredentialsError(
            "only tokens, client certificates, exec plugins and OIDC logins are supported",
            reason="unsupported_auth",
        )
    raise CredentialsError("the user has no credentials", reason="no_credentials")


def _parse(text: str) -> dict[str, Any]:
    try:
        config = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        # Its own text would show the line, and with it a secret.
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = f"line {line} is not YAML"
    except yaml.YAMLError:
        problem = "this is not YAML"
    else:
        if isinstance(config, dict) and all(
            isinstance(config.get(key), list) for key in ("clusters", "contexts")
        ):
            return config
        raise CredentialsError("this is not a kubeconfig", reason="not_kubeconfig")
    raise CredentialsError(problem, reason="not_yaml")


def _named(
    config: dict[str, Any], plural: str, single: str
) -> dict[str, dict[str, Any]]:
    """Return a kubeconfig's list of named things by their names; of two with a name the first."""
    found: dict[str, dict[str, Any]] = {}
    entries = config.get(plural)
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            value = entry.get(single)
            found.setdefault(entry["name"], value if isinstance(value, dict) else {})
    return found


def _name_of(
    config: dict[str, Any], contexts: dict[str, dict[str, Any]], wanted: str | None
) -> str:
    there = ", ".join(contexts) or "none"
    name = wanted or _text(config, "current-context")
    if not name and len(contexts) == 1:
        return next(iter(contexts))
    if not name:
        raise CredentialsError(
            f"choose a context: {there}", reason="no_context", choices=tuple(contexts)
        )
    if name not in contexts:
        raise CredentialsError(
            f"there is no context {name}, but: {there}",
            reason="unknown_context",
            choices=tuple(contexts),
        )
    return name


def _text(mapping: dict[str, Any], key: str) -> str:
    value = mapping.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise CredentialsError(f"{key} must be text", reason="not_kubeconfig")
    return value


class _Files:
    """The files that a kubeconfig refers to; relative paths start at its own folder."""

    def __init__(self, folder: Path | None) -> None:
        """Remember whether any is used."""
        self.folder = folder
        self.used = False

    def pem(self, mapping: dict[str, Any], key: str, reason: str) -> str:
        """Return PEM text that is embedded or, failing that, referred to."""
        if data := _text(mapping, f"{key}-data"):
            try:
                return b64decode("".join(data.split()), validate=True).decode("ascii")
            except ValueError:
                pass
            raise CredentialsError(
                f"{key}-data is not base64 of a PEM text", reason=reason
            )
        return self._read(_text(mapping, key))

    def token(self, user: dict[str, Any]) -> str:
        """Return the user's token; that of a file goes before an embedded one."""
        token = self._read(_text(user, "tokenFile")) or _text(user, "token")
        return valid_token(token) if token else ""

    def _read(self, reference: str) -> str:
        if not reference:
            return ""
        path = Path(reference).expanduser()
        if self.folder is None and not path.is_absolute():
            raise CredentialsError(
                f"{reference} is relative: give the kubeconfig by its path, or embed the file",
                reason="file_not_found",
            )
        self.used = True
        return read_file((self.folder or Path()) / path)
