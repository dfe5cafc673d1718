"""Kubeconfigs: contexts, credentials inside and beside them, and what is wrong with bad ones."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
import yaml

from custom_components.home_cluster.kube.credentials import (
    CREDENTIALS_REASONS,
    REREAD,
    read_kubeconfig,
    source_from,
)
from custom_components.home_cluster.kube.errors import CredentialsError
from tests.integration.pki import Authority

from .loopback import run, texts_of

SECRET = "planted-secret-7f3a9c"


@pytest.fixture(scope="module")
def authority() -> Authority:
    """The cluster's own authority."""
    return Authority()


def coded(text: str) -> str:
    """Return text as kubeconfigs embed it."""
    return b64encode(text.encode()).decode()


def kubeconfig(
    user: Any = None, cluster: dict[str, Any] | None = None, **changes: Any
) -> dict[str, Any]:
    """Return a kubeconfig of one cluster."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "home",
        "contexts": [{"name": "home", "context": {"cluster": "k3s", "user": "me"}}],
        "clusters": [
            {
                "name": "k3s",
                "cluster": {"server": "https://127.0.0.1:6443/", **(cluster or {})},
            }
        ],
        "users": [{"name": "me", "user": {"token": SECRET} if user is None else user}],
    } | changes


async def refusal(config: Any, context: str | None = None) -> CredentialsError:
    """Return why a kubeconfig cannot be used."""
    text = config if isinstance(config, str) else yaml.safe_dump(config)
    with pytest.raises(CredentialsError) as caught:
        await read_kubeconfig(text, context, run)
    assert caught.value.reason in CREDENTIALS_REASONS
    assert not [text for text in texts_of(caught.value) if SECRET in text]
    return caught.value


async def test_embedded_credentials_are_copied_out(authority: Authority) -> None:
    certificate, key = authority.issue("home")
    config = kubeconfig(
        {"client-certificate-data": coded(certificate), "client-key-data": coded(key)},
        {
            "certificate-authority-data": coded(authority.pem),
            "tls-server-name": "kubernetes",
            "proxy-url": "http://proxy.lan:3128",
        },
    )
    result = await read_kubeconfig(yaml.safe_dump(config), None, run)
    assert (result.contexts, result.chosen) == (("home",), "home")
    assert (result.url, result.needs_package) == ("https://127.0.0.1:6443", False)
    assert result.static == {
        "url": "https://127.0.0.1:6443",
        "token": "",
        "ca": authority.pem,
        "client_certificate": certificate,
        "client_key": key,
        "verify_ssl": True,
        "server_name": "kubernetes",
        "proxy": "http://proxy.lan:3128",
    }
    assert key.splitlines()[1] not in repr(result)


async def test_a_token_is_copied_out() -> None:
    config = kubeconfig(cluster={"insecure-skip-tls-verify": True})
    result = await read_kubeconfig(yaml.safe_dump(config), "home", run)
    assert result.static is not None
    assert (result.static["token"], result.static["verify_ssl"]) == (SECRET, False)
    assert SECRET not in repr(result)


async def test_json_is_a_kubeconfig_too() -> None:
    text = str(kubeconfig()).replace("'", '"')
    assert (await read_kubeconfig(text, None, run)).url == "https://127.0.0.1:6443"


async def test_a_wrapped_certificate_is_read(authority: Authority) -> None:
    wrapped = "\n".join(coded(authority.pem)[i : i + 64] for i in range(0, 800, 64))
    config = kubeconfig(cluster={"certificate-authority-data": wrapped})
    result = await read_kubeconfig(yaml.safe_dump(config), None, run)
    assert result.static is not None
    assert result.static["ca"] == authority.pem


def two_contexts() -> dict[str, Any]:
    """Return a kubeconfig of two clusters without a current one."""
    contexts = [
        {"name": name, "context": {"cluster": "k3s", "user": "me"}}
        for name in ("attic", "cellar")
    ]
    config = kubeconfig(contexts=contexts)
    del config["current-context"]
    return config


async def test_the_only_context_need_not_be_current() -> None:
    config = kubeconfig() | {"current-context": ""}
    assert (await read_kubeconfig(yaml.safe_dump(config), None, run)).chosen == "home"


async def test_of_many_contexts_one_must_be_chosen() -> None:
    error = await refusal(two_contexts())
    assert error.reason == "no_context"
    assert "attic, cellar" in error.message
    result = await read_kubeconfig(yaml.safe_dump(two_contexts()), "cellar", run)
    assert (result.chosen, result.contexts) == ("cellar", ("attic", "cellar"))


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("clusters: [", "not_yaml"),
        (f"a: b\ntoken: '{SECRET}\nc: d", "not_yaml"),
        ("\x00", "not_yaml"),
        ("hello", "not_kubeconfig"),
        ("", "not_kubeconfig"),
        ("[1, 2]", "not_kubeconfig"),
        ({"clusters": 1, "contexts": 2}, "not_kubeconfig"),
        (kubeconfig(contexts=[]), "unknown_context"),
        (kubeconfig() | {"contexts": [], "current-context": None}, "no_context"),
        (kubeconfig() | {"current-context": "attic"}, "unknown_context"),
        (kubeconfig(contexts=[1, {"name": "home"}]), "no_cluster"),
        (kubeconfig(clusters=[]), "no_cluster"),
        (kubeconfig(clusters=[{"name": "k3s", "cluster": {}}]), "no_cluster"),
        (kubeconfig(users=[]), "no_user"),
        (kubeconfig(users=None), "no_user"),
        (kubeconfig({}), "no_credentials"),
        (kubeconfig({"username": "admin", "password": SECRET}), "unsupported_auth"),
        (kubeconfig({"token": SECRET, "as": "root"}), "unsupported_auth"),
        (kubeconfig({"auth-provider": {"name": "gcp"}}), "unsupported_auth"),
        (kubeconfig({"token": 12345}), "not_kubeconfig"),
        (kubeconfig({"token": f"{SECRET} {SECRET}"}), "bad_token"),
        (kubeconfig({"tokenFile": "token"}), "file_not_found"),
        (kubeconfig({"tokenFile": "/nowhere/token"}), "file_not_found"),
        (kubeconfig(cluster={"server": "http://127.0.0.1:8080"}), "plain_http"),
        (kubeconfig(cluster={"server": "https://x:y"}), "bad_url"),
        (kubeconfig(cluster={"server": 6443}), "not_kubeconfig"),
        (kubeconfig(cluster={"proxy-url": "socks5://proxy.lan"}), "bad_proxy"),
        (kubeconfig(cluster={"certificate-authority-data": "%%%"}), "bad_ca"),
        (kubeconfig(cluster={"certificate-authority-data": coded("hello")}), "bad_ca"),
        (kubeconfig(cluster={"certificate-authority-data": coded("ä")}), "bad_ca"),
        (kubeconfig({"client-certificate-data": "%%%"}), "bad_certificate"),
        (kubeconfig({"client-certificate-data": coded(SECRET)}), "bad_certificate"),
        (kubeconfig({"client-key-data": "%%%"}), "bad_key"),
    ],
)
async def test_what_is_wrong_is_named(config: Any, reason: str) -> None:
    assert (await refusal(config)).reason == reason


async def test_a_key_that_is_missing_is_named(authority: Authority) -> None:
    certificate, _ = authority.issue("home")
    config = kubeconfig({"client-certificate-data": coded(certificate)})
    assert (await refusal(config)).reason == "bad_key"


async def test_a_context_that_is_not_there_is_named() -> None:
    error = await refusal(kubeconfig(), "attic")
    assert error.reason == "unknown_context"
    assert "home" in error.message


@pytest.mark.parametrize(
    "user", [{"exec": {"command": "x"}}, {"auth-provider": {"name": "oidc"}}]
)
async def test_a_plugin_needs_the_package_and_is_not_run(user: dict[str, Any]) -> None:
    result = await read_kubeconfig(yaml.safe_dump(kubeconfig(user)), None, run)
    assert (result.static, result.needs_package) == (None, True)


async def test_credentials_go_before_a_plugin() -> None:
    config = kubeconfig({"token": SECRET, "exec": {"command": "x"}})
    assert not (await read_kubeconfig(yaml.safe_dump(config), None, run)).needs_package


async def test_a_kubeconfig_that_is_a_file_stays_one(tmp_path: Path) -> None:
    file = tmp_path / "k3s.yaml"
    file.write_text(yaml.safe_dump(kubeconfig()))
    result = await read_kubeconfig(f" {file} ", None, run)
    assert (result.static, result.needs_package) == (None, False)
    error = await refusal(str(tmp_path / "missing.yaml"))
    assert error.reason == "file_not_found"


async def test_a_rewritten_kubeconfig_is_read_again(tmp_path: Path) -> None:
    now = 0.0
    file = tmp_path / "k3s.yaml"
    file.write_text(yaml.safe_dump(kubeconfig({"token": "first"})))
    data = {"method": "kubeconfig", "kubeconfig": str(file), "context": "home"}
    source = source_from(data, run, clock=lambda: now)
    assert (await source.load()).token == "first"
    file.write_text(yaml.safe_dump(kubeconfig({"token": "second"})))
    assert (await source.load(renew=True)).token == "second"
    file.write_text(yaml.safe_dump(kubeconfig({"token": "third"})))
    now = REREAD
    assert (await source.load()).token == "third"


async def test_files_beside_the_kubeconfig_are_references(
    tmp_path: Path, authority: Authority
) -> None:
    now = 0.0
    certificate, key = authority.issue("home")
    (tmp_path / "pki").mkdir()
    for name, text in (("ca", authority.pem), ("crt", certificate), ("key", key)):
        (tmp_path / "pki" / name).write_text(text)
    config = kubeconfig(
        {"client-certificate": "pki/crt", "client-key": "pki/key"},
        {"certificate-authority": "pki/ca"},
    )
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(config))
    result = await read_kubeconfig(str(file), None, run)
    assert result.static is None
    data = {"method": "kubeconfig", "kubeconfig": str(file), "context": "home"}
    source = source_from(data, run, clock=lambda: now)
    first = await source.load()
    certificate, key = authority.issue("home", days=(-1, 7))
    (tmp_path / "pki" / "crt").write_text(certificate)
    (tmp_path / "pki" / "key").write_text(key)
    now = REREAD
    second = await source.load()
    assert second.ssl is not first.ssl
    assert first.expires is not None
    assert second.expires is not None
    assert second.expires < first.expires


async def test_a_token_file_is_followed_from_pasted_text_too(tmp_path: Path) -> None:
    now = 0.0
    (tmp_path / "token").write_text("first\n")
    text = yaml.safe_dump(
        kubeconfig({"tokenFile": str(tmp_path / "token"), "token": "old"})
    )
    assert (await read_kubeconfig(text, None, run)).static is None
    source = source_from(
        {"method": "kubeconfig", "kubeconfig": text}, run, clock=lambda: now
    )
    for turn, token in enumerate(("first", "second", "third")):
        (tmp_path / "token").write_text(token)
        now = turn * REREAD
        assert (await source.load()).token == token


async def test_embedded_data_goes_before_a_file(authority: Authority) -> None:
    cluster = {
        "certificate-authority": "/nowhere/ca",
        "certificate-authority-data": coded(authority.pem),
    }
    result = await read_kubeconfig(
        yaml.safe_dump(kubeconfig(cluster=cluster)), None, run
    )
    assert result.static is not None
