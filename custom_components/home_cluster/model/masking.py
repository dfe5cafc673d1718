"""Taking secrets out of text that programs wrote: by their shape, and by the names before them."""

import re
from typing import Final

MASK: Final = "***"

# A tail can begin within a key, and a limit can end within one.
_KEY_BLOCK: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----"
    r"(?:(?!-----END )[\s\S])*(?:-----END [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----)?"
)
_KEY_REST: Final = re.compile(
    r"\A(?:(?:\S{10,40}Z )?[A-Za-z0-9+/=]{0,76}\r?\n)*(?:\S{10,40}Z )?-----END [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----"
)

_NAMES: Final = (
    r"(?<!com)(?<!by)(?<!tres)pass(?:word|wd|phrase)?|pwd|psk|pin[_-]?code|secret|token|api[ _.-]?key|apikey|access[ _.-]?key"
    r"|private[ _.-]?key|encryption[ _.-]?key|signing[ _.-]?key|network[ _.-]?key|shared[ _.-]?key|auth[ _.-]?key"
    r"|credentials?|cookie|session[_.-]?id|client[_.-]?secret|bearer|sig(?:nature)?|_auth|\"auth"
)
# What stands behind such a name and "=" or ":", in quotes or up to the next space or separator.
_NAMED: Final = re.compile(
    rf"(?P<before>(?:{_NAMES})[\w.\]-]{{0,40}}\\?[\"']?\s{{0,3}}(?:=>|:=|=|:)\s{{0,3}}(?:(?:bearer|basic)\s+)?)"
    r"(?P<value>\\\"(?:[^\"\\\n]|\\[^\"\n])*|\"(?:[^\"\\\n]|\\.)*|'[^'\n]*|[^\s\"',;&)}\]]+)",
    re.IGNORECASE,
)
_QUOTES: Final = ('\\"', '"', "'")
_FLAG: Final = re.compile(
    rf"(?P<before>(?<![\w-])--?[\w-]{{0,40}}(?:{_NAMES})[\w-]{{0,20}}\s+)(?P<value>(?!-)\S+)",
    re.IGNORECASE,
)
_AUTHORIZATION: Final = re.compile(
    r"(?P<before>\bauthorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:(?:bearer|basic|digest|token|negotiate)\s+)?)"
    r"(?P<value>[^\s\"',;]+)",
    re.IGNORECASE,
)
_SCHEME: Final = re.compile(
    r"(?P<before>\b(?:bearer|basic)\s+)(?P<value>[A-Za-z0-9._~+/=-]{8,})", re.IGNORECASE
)
_COOKIE: Final = re.compile(
    r"(?P<before>\b(?:set-)?cookie:\s*)(?P<value>[^\r\n]+)", re.IGNORECASE
)
_IN_URL: Final = re.compile(
    r"(?P<before>\b[a-z][a-z0-9+.-]{1,20}://)(?P<value>[^\s/@\"'<>]{1,300})@",
    re.IGNORECASE,
)

# What is a secret by its own shape.
_SHAPES: Final = re.compile(
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"  # JSON web tokens
    r"|\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"  # AWS
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}"  # GitHub
    r"|\bgl(?:pat|rt|dt|ptt|cbt)-[\w-]{16,}"  # GitLab
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{8,}"  # Slack
    r"|\bAIza[\w-]{30,}"  # Google
    r"|\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}"  # Stripe
    r"|\bsk-[A-Za-z0-9_-]{20,}"  # OpenAI, Anthropic
    r"|\bhf_[A-Za-z0-9]{20,}|\bnpm_[A-Za-z0-9]{20,}|\bdckr_pat_[\w-]{16,}|\bpypi-[\w-]{20,}"
    r"|\bAGE-SECRET-KEY-1[A-Z0-9]{20,}"  # age, SOPS
    r"|\bhv[sbr]\.[\w-]{16,}|\bs\.[A-Za-z0-9]{24}\b"  # Vault, OpenBao
    r"|\b\d{8,10}:[A-Za-z0-9_-]{35}\b"  # Telegram bots
    r"|\bK10[0-9a-f]{48,}::[\w:.-]+"  # k3s nodes
    r"|\b[a-z0-9]{6}\.[a-z0-9]{16}\b"  # kubeadm
    r"|\$(?:2[abxy]|argon2\w*|[156])\$[^\s\"']{20,}"  # password hashes
)


def mask(text: str) -> str:
    """Return the text with `***` in the place of what looks like a secret.

    Private keys, tokens of well-known shapes, credentials in URLs and headers, and what is named
    password, token, key or the like. It takes time in proportion to the text.
    """
    text = _KEY_BLOCK.sub(MASK, text)
    text = _KEY_REST.sub(MASK, text)
    text = _COOKIE.sub(rf"\g<before>{MASK}", text)
    text = _AUTHORIZATION.sub(rf"\g<before>{MASK}", text)
    text = _IN_URL.sub(rf"\g<before>{MASK}@", text)
    text = _SHAPES.sub(MASK, text)
    text = _SCHEME.sub(rf"\g<before>{MASK}", text)
    text = _FLAG.sub(rf"\g<before>{MASK}", text)
    return _NAMED.sub(_masked, text)


def _masked(found: re.Match[str]) -> str:
    """Keep the quotes, so that what was JSON still is."""
    quote = next((q for q in _QUOTES if found["value"].startswith(q)), "")
    return f"{found['before']}{quote}{MASK}"
