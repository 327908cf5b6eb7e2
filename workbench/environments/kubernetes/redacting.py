"""Text of others without the secrets in it. Pure."""

from __future__ import annotations

import re

from workbench.spec import HIDDEN

_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_JWT = re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
_BEARER = re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{12,}")
_BASE64_KEY = re.compile(r"LS0tLS1CRUdJTi[A-Za-z0-9+/=]{40,}")


def redacted_text(text: str) -> str:
    """Return text without private keys and tokens, plain or base64."""
    text = _PEM.sub(HIDDEN, text)
    text = _BASE64_KEY.sub(HIDDEN, text)
    text = _JWT.sub(HIDDEN, text)
    return _BEARER.sub(rf"\1{HIDDEN}", text)
