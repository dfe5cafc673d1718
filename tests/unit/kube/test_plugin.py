"""Plugins and logins of kubeconfigs, by the official client in a process of its own."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from io import StringIO
import json
import logging
from pathlib import Path
import sys
import tempfile
import textwrap
import time
from typing import Any

from aiohttp import web
from kubernetes.config.kube_config import KubeConfigLoader
import pytest
from urllib3.util import ssl_
import yaml

from custom_components.home_cluster.kube import plugin, plugin_process
from custom_components.home_cluster.kube.credentials import (
    CREDENTIALS_REASONS,
    RETRY,
    Source,
    source_from,
)
from custom_components.home_cluster.kube.errors import CredentialsError
from tests.integration.pki import Authority

from .loopback import Server, run, texts_of
from .test_kubeconfig import kubeconfig

pytestmark = pytest.mark.usefixtures("socket_enabled")

SECRET = "planted-secret-7f3a9c"
API = "client.authentication.k8s.io/v1"


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@pytest.fixture(scope="module")
def authority() -> Authority:
    """An authority for identity providers and clusters."""
    return Authority()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where kubeconfig and plugin are; what is left in the place for scratch files fails the test."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    yield tmp_path
    assert not list(scratch.iterdir())


def script(folder: Path, body: str) -> Path:
    """Write a plugin that counts its runs in `runs`."""
    path = folder / "plugin"
    path.write_text(
        f"#!{sys.executable}\n"
        "import json, os, pathlib, sys, time\n"
        "here = pathlib.Path(__file__).parent\n"
        "runs = here / 'runs'\n"
        "count = int(runs.read_text()) + 1 if runs.exists() else 1\n"
        "runs.write_text(str(count))\n"
        "def give(**status):\n"
        f"    print(json.dumps({{'apiVersion': {API!r}, 'kind': 'ExecCredential', 'status': status}}))\n"
        + textwrap.dedent(body)
    )
    path.chmod(0o755)
    return path


def runs(folder: Path) -> int:
    """Return how often the plugin ran."""
    return int((folder / "runs").read_text())


def source_of(
    folder: Path,
    user: Any,
    clock: Clock | None = None,
    cluster: dict[str, Any] | None = None,
) -> Source:
    """Return the source of a kubeconfig in a file."""
    file = folder / "config"
    file.write_text(yaml.safe_dump(kubeconfig(user, cluster)))
    data = {"method": "kubeconfig", "kubeconfig": str(file), "context": "home"}
    return source_from(data, run, clock=clock or Clock())


def asks(command: str = "./plugin", **more: Any) -> dict[str, Any]:
    """Return a user with a plugin."""
    return {"exec": {"apiVersion": API, "command": command, **more}}


async def refusal(source: Source, *, renew: bool = False) -> CredentialsError:
    """Return why there are no credentials."""
    with pytest.raises(CredentialsError) as caught:
        await source.load(renew=renew)
    assert caught.value.reason in CREDENTIALS_REASONS
    assert not [text for text in texts_of(caught.value) if SECRET in text]
    return caught.value


async def test_a_plugin_gives_a_token(folder: Path) -> None:
    script(folder, "give(token='t-' + os.environ['WHO'] + '-' + sys.argv[1])")
    user = asks(args=["fridge"], env=[{"name": "WHO", "value": "me"}])
    credentials = await source_of(folder, user).load()
    assert credentials.token == "t-me-fridge"


async def test_a_plugin_is_asked_again_only_when_its_token_ends(folder: Path) -> None:
    clock = Clock()
    script(
        folder,
        """
        import datetime
        ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=900)
        give(token=f't{count}', expirationTimestamp=ends.strftime('%Y-%m-%dT%H:%M:%SZ'))
        """,
    )
    source = source_of(folder, asks(), clock)
    first = await source.load()
    assert first.token == "t1"
    assert first.expires == pytest.approx(time.time() + 900, abs=10)
    for clock.now in (60, 400, 830):
        assert await source.load() is first
    clock.now = 895
    assert (await source.load()).token == "t2"
    assert runs(folder) == 2


async def test_a_refused_token_is_asked_for_again_and_again(folder: Path) -> None:
    script(folder, "give(token=f't{count}')")
    source = source_of(folder, asks())
    assert (await source.load()).token == "t1"
    assert (await source.load(renew=True)).token == "t2"
    assert (await source.load(renew=True)).token == "t3"


async def test_a_plugin_gives_a_certificate(folder: Path, authority: Authority) -> None:
    certificate, key = authority.issue("home", days=(-1, 1))
    (folder / "crt").write_text(certificate)
    (folder / "key").write_text(key)
    script(
        folder,
        """
        give(clientCertificateData=(here / 'crt').read_text(),
             clientKeyData=(here / 'key').read_text())
        """,
    )
    credentials = await source_of(folder, asks()).load()
    assert credentials.token is None
    assert credentials.expires == pytest.approx(time.time() + 86400, abs=60)


async def test_a_plugin_is_told_the_cluster_and_its_authority(
    folder: Path, authority: Authority
) -> None:
    (folder / "ca.pem").write_text(authority.pem)
    script(
        folder,
        """
        (here / 'told').write_text(os.environ['KUBERNETES_EXEC_INFO'])
        give(token='t')
        """,
    )
    source = source_of(
        folder,
        asks(provideClusterInfo=True),
        cluster={"certificate-authority": "ca.pem"},
    )
    await source.load()
    told = json.loads((folder / "told").read_text())["spec"]
    assert told["interactive"] is False
    assert told["cluster"]["server"] == "https://127.0.0.1:6443/"
    assert (
        told["cluster"]["certificate-authority-data"]
        == b64encode(authority.pem.encode()).decode()
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (f"print({SECRET!r}, file=sys.stderr); sys.exit(7)", "ended with 7"),
        (f"print({SECRET!r})", "none"),
        (f"print(json.dumps({{'status': {SECRET!r}}}))", "none"),
        ("give()", "failed"),
        ("give(clientCertificateData='only')", "failed"),
        (f"give(token='t', expirationTimestamp={SECRET!r})", "failed"),
        ("give(token=['t'])", "failed"),
        ("os.kill(os.getpid(), 9)", "ended with -9"),
        ("os.kill(os.getppid(), 9)", "failed"),
    ],
)
async def test_a_plugin_that_fails_is_an_error_and_never_no_credentials(
    folder: Path, body: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    script(folder, body)
    error = await refusal(source_of(folder, asks()))
    assert error.reason == "exec_failed"
    assert "plugin" in error.message
    assert said in error.message
    assert SECRET not in caplog.text


async def test_a_plugin_that_fails_later_costs_nothing_while_its_token_is_good(
    folder: Path,
) -> None:
    clock = Clock()
    script(
        folder,
        """
        if count == 2:
            sys.exit(1)
        give(token=f't{count}', expirationTimestamp='2999-01-01T00:00:00Z')
        """,
    )
    source = source_of(folder, asks(), clock)
    first = await source.load()
    clock.now = 1e12
    assert await source.load() is first
    clock.now += RETRY
    assert (await source.load()).token == "t3"


async def test_a_plugin_that_failed_is_not_run_for_everyone_who_asks(
    folder: Path,
) -> None:
    clock = Clock()
    script(folder, "sys.exit(1)")
    source = source_of(folder, asks(), clock)
    for _ in range(4):
        assert (await refusal(source)).reason == "exec_failed"
    assert (await refusal(source, renew=True)).reason == "exec_failed"
    assert runs(folder) == 1
    clock.now = 10
    await refusal(source)
    assert runs(folder) == 2
    # A kubeconfig that was mended is tried at once.
    script(folder, "give(token=sys.argv[1])")
    text = yaml.safe_dump(kubeconfig(asks(args=["mended"])))
    (folder / "config").write_text(text)
    assert (await source.load()).token == "mended"


@pytest.mark.parametrize(
    "command", ["no-such-plugin", "./no-such-plugin", "./not-executable"]
)
async def test_a_plugin_that_is_not_there_is_named_with_how_to_get_it(
    folder: Path, command: str
) -> None:
    (folder / "not-executable").write_text("")
    source = source_of(
        folder, asks(command, args=[SECRET], installHint="Ask your provider.")
    )
    error = await refusal(source)
    assert error.reason == "exec_missing"
    assert command.removeprefix("./") in error.message
    assert "Ask your provider." in error.message


async def test_a_plugin_without_a_command_is_an_error(folder: Path) -> None:
    error = await refusal(source_of(folder, {"exec": {"apiVersion": API}}))
    assert error.reason == "exec_failed"


async def test_a_plugin_that_hangs_is_stopped_with_all_it_started(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(
        folder,
        """
        import subprocess
        child = subprocess.Popen(['sleep', '600'])
        (here / 'pids').write_text(f'{os.getpid()} {child.pid}')
        time.sleep(600)
        """,
    )
    # On a busy machine it takes a while until the plugin even runs.
    for limit in (2, 10, 60):
        monkeypatch.setattr(plugin, "TIMEOUT", float(limit))
        error = await refusal(source_of(folder, asks()))
        assert error.reason == "exec_failed"
        assert f"no answer in {limit} s" in error.message
        if (folder / "pids").exists():
            break
    pids = (folder / "pids").read_text().split()
    deadline = time.monotonic() + 10
    while alive := [pid for pid in pids if runs_still(pid)]:
        assert time.monotonic() < deadline, alive


def runs_still(pid: str) -> bool:
    """Say whether a process is alive; one that nobody has waited for is not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


async def test_a_noisy_plugin_is_read_to_its_end(folder: Path) -> None:
    script(
        folder,
        "sys.stderr.write('x' * 1_000_000)\ngive(token='t', note='y' * 1_000_000)",
    )
    assert (await source_of(folder, asks()).load()).token == "t"


async def test_a_process_that_answers_nonsense_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "nonsense.py").write_text(f"print({SECRET!r})")
    monkeypatch.setattr(plugin, "_PROGRAM", folder / "nonsense.py")
    assert (await refusal(source_of(folder, asks()))).reason == "exec_failed"


async def test_a_plugin_that_asks_gets_no_answer(folder: Path) -> None:
    script(folder, "give(token='got-' + (sys.stdin.read() or 'nothing'))")
    assert (await source_of(folder, asks()).load()).token == "got-nothing"


async def test_without_the_official_client_there_is_a_word_for_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(folder, "give(token='t')")
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    assert (await refusal(source_of(folder, asks()))).reason == "package_missing"
    assert not (folder / "runs").exists()


async def test_the_official_client_is_not_loaded_into_home_assistant(
    folder: Path,
) -> None:
    script(folder, "give(token='t')")
    before = {name for name in sys.modules if name.startswith("kubernetes")}
    await source_of(folder, asks()).load()
    assert {name for name in sys.modules if name.startswith("kubernetes")} == before


# Logins


def jwt(expires: float, who: str = "me") -> str:
    """Return an identity token."""
    claims = urlsafe_b64encode(json.dumps({"exp": expires, "sub": who}).encode())
    return f"e30.{claims.decode().rstrip('=')}.c2ln"


class Provider:
    """An identity provider that takes each refresh token once."""

    def __init__(self) -> None:
        """Begin with r1."""
        self.turn = 1
        self.life = 3600.0
        self.broken = False
        self.port = 0

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Tell where tokens are, and give them."""
        if self.broken:
            return web.json_response({"error": SECRET}, status=500)
        if request.path.endswith("openid-configuration"):
            return web.json_response(
                {"token_endpoint": f"https://127.0.0.1:{self.port}/token"}
            )
        form = await request.post()
        if form["refresh_token"] != f"r{self.turn}":
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.turn += 1
        return web.json_response(
            {
                "access_token": "a",
                "token_type": "Bearer",
                "id_token": jwt(time.time() + self.life, f"turn-{self.turn}"),
                "refresh_token": f"r{self.turn}",
            }
        )


@pytest.fixture
def provider() -> Provider:
    """An identity provider."""
    return Provider()


def login(provider: Provider, authority: Authority, **changes: Any) -> dict[str, Any]:
    """Return a user with a login."""
    config = {
        "client-id": "home",
        "client-secret": SECRET,
        "idp-issuer-url": f"https://127.0.0.1:{provider.port}",
        "idp-certificate-authority-data": b64encode(authority.pem.encode()).decode(),
        "id-token": jwt(0),
        "refresh-token": "r1",
    } | changes
    config = {key: value for key, value in config.items() if value is not None}
    return {"auth-provider": {"name": "oidc", "config": config}}


def serving(provider: Provider, authority: Authority, folder: Path) -> Server:
    """Return the provider's server, still to be started."""
    return Server(provider, authority.server_context(folder))


@pytest.mark.parametrize("token", [jwt(0), None])
@pytest.mark.parametrize("secret", [SECRET, None])
async def test_a_login_that_ended_is_renewed(
    folder: Path,
    authority: Authority,
    provider: Provider,
    token: str | None,
    secret: str | None,
) -> None:
    async with serving(provider, authority, folder).serving() as server:
        provider.port = server.port
        user = login(
            provider, authority, **{"id-token": token, "client-secret": secret}
        )
        source = source_of(folder, user)
        first = await source.load()
    assert first.expires == pytest.approx(time.time() + 3600, abs=30)
    assert first.token is not None
    assert provider.turn == 2


async def test_a_refresh_token_that_was_replaced_is_used_next(
    folder: Path, authority: Authority, provider: Provider
) -> None:
    clock = Clock()
    provider.life = 200
    async with serving(provider, authority, folder).serving() as server:
        provider.port = server.port
        source = source_of(folder, login(provider, authority), clock)
        tokens = [(await source.load()).token]
        for clock.now in (1000, 2000):
            tokens.append((await source.load()).token)
    assert len(set(tokens)) == 3
    assert provider.turn == 4


async def test_a_token_that_is_still_good_asks_nobody(
    folder: Path, authority: Authority, provider: Provider
) -> None:
    token = jwt(time.time() + 3600)
    source = source_of(folder, login(provider, authority, **{"id-token": token}))
    assert (await source.load()).token == token


async def test_a_provider_in_a_file_is_trusted_by_it(
    folder: Path, authority: Authority, provider: Provider
) -> None:
    (folder / "idp.pem").write_text(authority.pem)
    async with serving(provider, authority, folder).serving() as server:
        provider.port = server.port
        changes = {
            "idp-certificate-authority-data": None,
            "idp-certificate-authority": "idp.pem",
        }
        assert (
            await source_of(folder, login(provider, authority, **changes)).load()
        ).token


async def test_a_stranger_never_gets_the_refresh_token(
    folder: Path, authority: Authority, provider: Provider
) -> None:
    async with serving(provider, authority, folder).serving() as server:
        provider.port = server.port
        changes: dict[str, Any] = {"idp-certificate-authority-data": None}
        error = await refusal(source_of(folder, login(provider, authority, **changes)))
    assert error.reason == "oidc_failed"
    assert not server.asked


async def test_a_provider_without_tls_is_not_asked(
    folder: Path, authority: Authority, provider: Provider
) -> None:
    async with Server(provider).serving() as server:
        error = await refusal(
            source_of(
                folder, login(provider, authority, **{"idp-issuer-url": server.url})
            )
        )
    assert error.reason == "oidc_failed"
    assert not server.asked


@pytest.mark.parametrize(
    ("changes", "broken", "life"),
    [
        ({"refresh-token": "stolen"}, False, 3600),
        ({"refresh-token": None}, False, 3600),
        ({"client-id": None}, False, 3600),
        ({}, True, 3600),
        ({}, False, -10),
    ],
)
async def test_a_login_that_fails_is_an_error_and_never_an_old_token(
    folder: Path,
    authority: Authority,
    provider: Provider,
    changes: dict[str, Any],
    broken: bool,
    life: float,
) -> None:
    provider.broken, provider.life = broken, life
    async with serving(provider, authority, folder).serving() as server:
        provider.port = server.port
        error = await refusal(source_of(folder, login(provider, authority, **changes)))
    assert error.reason == "oidc_failed"


# The process itself, from within


@pytest.fixture(autouse=True)
def strictness(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take back what the process does to itself."""
    monkeypatch.setitem(
        vars(ssl_), "VERIFY_X509_STRICT", vars(ssl_)["VERIFY_X509_STRICT"]
    )


def ask(folder: Path, user: dict[str, Any]) -> Any:
    """Let the process's program answer here."""
    target = StringIO()
    request = {
        "path": sys.path,
        "scratch": tempfile.gettempdir(),
        "folder": str(folder),
        "user": user,
        "cluster": {"server": "https://127.0.0.1:6443", "ca": "PEM"},
        "login": {},
    }
    plugin_process.main(StringIO(json.dumps(request)), target)
    return json.loads(target.getvalue())


def test_the_process_answers_for_a_plugin(folder: Path) -> None:
    script(folder, "give(token='t', expirationTimestamp='2026-01-01T00:00:00Z')")
    answer = ask(folder, asks(provideClusterInfo=True))
    assert answer == {
        "token": "t",
        "certificate": None,
        "key": None,
        "expires": 1767225600.0,
    }
    script(folder, "sys.exit(3)")
    assert ask(folder, asks()) == {"failed": "ended with 3"}
    assert ask(folder, asks("./missing")) == {"missing": True}


def test_the_process_answers_for_a_login(
    folder: Path, authority: Authority, provider: Provider
) -> None:
    token = jwt(time.time() + 3600)
    answer = ask(folder, login(provider, authority, **{"id-token": token}))
    assert answer["token"] == token
    assert answer["login"] == {"id-token": token, "refresh-token": "r1"}
    plain = login(provider, authority, **{"idp-issuer-url": "http://idp.lan"})
    assert ask(folder, plain) == {"failed": "needs an https:// address"}


def test_the_process_tells_no_token_that_ended(
    folder: Path,
    authority: Authority,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The official client gives up quietly if a provider does not describe itself.
    monkeypatch.setattr(KubeConfigLoader, "_refresh_oidc", lambda self, provider: None)
    assert ask(folder, login(provider, authority)) == {"failed": "gave no new token"}
