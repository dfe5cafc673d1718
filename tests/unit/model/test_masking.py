"""What is taken out of logs and messages before anybody sees them."""

import json
import time

import pytest

from custom_components.home_cluster.model.masking import mask

JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJlLW9mLWl0"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("password=hunter2", "hunter2"),
        ("MQTT_PASSWORD=hunter2 started", "hunter2"),
        ("mqtt password: hunter2", "hunter2"),
        ('{"password": "two words", "user": "me"}', "two words"),
        (r'"{\"password\":\"hunter2\"}"', "hunter2"),
        (r'{"password": "a \"quoted\" hunter2"}', "hunter2"),
        ('{"password": "cut in the mid', "in the mid"),
        ("passwd='two words'", "two words"),
        ("passphrase => hunter2", "hunter2"),
        ("db.password := hunter2", "hunter2"),
        ("PGPASSWORD=hunter2", "hunter2"),
        ("wpa psk=hunter2222", "hunter2222"),
        ("api_key: 0a1b2c3d", "0a1b2c3d"),
        ("X-Api-Key: 0a1b2c3d", "0a1b2c3d"),
        ("apikey=0a1b2c3d&q=1", "0a1b2c3d"),
        ("GET /login?access_token=0a1b2c3d&x=1", "0a1b2c3d"),
        ("?X-Amz-Signature=0a1b2c3d", "0a1b2c3d"),
        ("client_secret=0a1b2c3d", "0a1b2c3d"),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/x", "wJalrXUtnFEMI"),
        ("key AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"),
        ("credentials: 0a1b2c3d", "0a1b2c3d"),
        ("network_key: 0a1b2c3d4e5f", "0a1b2c3d4e5f"),
        ("encryption key=0a1b", "0a1b"),
        ("Authorization: Bearer 0a1b2c3d", "0a1b2c3d"),
        ("authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ('"Authorization": "0a1b2c3d"', "0a1b2c3d"),
        ("sent Bearer 0a1b2c3d4e5f", "0a1b2c3d4e5f"),
        ("Set-Cookie: sid=0a1b; Path=/", "0a1b"),
        (f"got {JWT} back", JWT[:20]),
        ("mqtt://me:hunter2@broker:1883", "hunter2"),
        ("postgres://me:hun%40ter2@db/home", "hun%40ter2"),
        ("https://ghx0a1b2c3d@git.home/x.git", "ghx0a1b2c3d"),
        ("run --token 0a1b2c3d now", "0a1b2c3d"),
        ("run --mqtt-password=0a1b2c3d now", "0a1b2c3d"),
        ("run -password 0a1b2c3d", "0a1b2c3d"),
        ("ghp_0123456789abcdefghijABCDEFGHIJ", "ghp_01234"),
        ("glpat-0123456789abcdefghij", "glpat-0123"),
        ("xoxb-0123456789-abcdef", "0123456789-abcdef"),
        ("AIzaSyA0123456789abcdefghijklmnopqrstuv", "SyA01234"),
        ("sk_live_0123456789abcdef", "0123456789abcdef"),
        ("sk-ant-api03-0123456789abcdefghij", "0123456789abcdefghij"),
        ("hvs.CAESIJ0123456789abcdef", "CAESIJ0123"),
        ("123456789:AAE0123456789abcdefghijklmnopqrstuv", "AAE012345"),
        ("AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQ", "QQQQQQQQ"),
        ("abcdef.0123456789abcdef", "0123456789abcdef"),
        (f"K10{'0a' * 32}::server:hunter2", "hunter2"),
        ("root:$6$rounds=5000$salt$0123456789abcdefghij:1", "0123456789abcdefghij"),
        ('{"auths":{"r.home":{"auth":"dXNlcjpwYXNz"}}}', "dXNlcjpwYXNz"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----\nup",
            "IBAAKC",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMIIEow\nIBAAKC", "IBAAKC"),
        (f"{'M' * 64}\n{'N' * 64}\nOOOO=\n-----END PRIVATE KEY-----\nup", "NNNN"),
        (
            f"2026-11-27T19:00:00.1Z {'M' * 64}\n2026-11-27T19:00:00.1Z NNNN=\n"
            "2026-11-27T19:00:00.1Z -----END PRIVATE KEY-----\nup",
            "NNNN",
        ),
    ],
)
def test_hides(text: str, secret: str) -> None:
    """By the name before it, or by its shape."""
    assert secret in text
    masked = mask(text)
    assert secret not in masked
    assert "***" in masked


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-27T19:00:00Z INFO fridge at 4.2 °C, door closed",
        "GET /api/v1/pods?watch=1 200 in 12 ms",
        'MountVolume.SetUp failed for volume "x": secret "mqtt" not found',
        "Error: secrets are not readable",
        "the token expired",
        "listening on http://0.0.0.0:8080/status@home",
        "image sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "pods/fridge-5d4f8c7b9-x2x2x started on pi-attic",
        "compass: 12 degrees north",
        "",
    ],
)
def test_leaves_what_helps(text: str) -> None:
    """Ordinary lines stay as they are."""
    assert mask(text) == text


def test_what_was_json_still_is() -> None:
    """Only the values go."""
    text = json.dumps({"user": "me", "password": 'with "quotes"', "retries": 3})
    assert json.loads(mask(text)) == {"user": "me", "password": "***", "retries": 3}


@pytest.mark.parametrize(
    "text",
    [
        "a" * 200_000,
        "password" * 25_000,
        "token=" * 30_000,
        "--" * 100_000,
        "://" * 60_000,
        "eyJ" * 60_000,
        ("A" * 64 + "\n") * 3_000,
        "-----BEGIN PRIVATE KEY-----" * 7_000,
        'password="' * 20_000,
        '\\"' * 100_000,
        "authorization: " * 13_000,
    ],
    ids=lambda text: text[:12],
)
def test_no_text_takes_long(text: str) -> None:
    """A program may write anything."""
    start = time.process_time()
    mask(text)
    assert time.process_time() - start < 2.0
