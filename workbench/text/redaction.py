"""What must not be told: secrets, in any text.

Text from outside (a server's answer, a program's errors, a URL with a password, a traceback) goes through
`redacted_text` before it becomes a message, a record, an event, an output or a line of a log. Here, and nowhere else,
stands what counts as secret.

A secret is known by what stands before it (a header, a name such as ``password``, an option ``--token``) or by its
form (a private key, a JSON web token, keys as cloud providers make them, anything random enough). The names stay: what
is hidden is the value only.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any

TELLING = re.compile(
    r"(?i)(password|passwd|passphrase|secret|token|credential|private|api[-_.]?key|signing[-_.]?key|kubeconfig|bearer"
    r"|licen[sc]e)"
    r"|key(pem)?$|^(proxy-)?authorization$|^(set-)?cookie$"
)
"""Names of what must not be told: wherever a value so named would be shown or stored, `HIDDEN` stands instead."""

HIDDEN = "(not stored)"

_LEAST = 40
"""Characters from which on a text that looks drawn by lot is taken for a key."""
_CHANGES = 0.35
"""Share of neighbours of different kinds (upper case, lower case, digit) in what looks drawn by lot: it is about 0.6
there, and below 0.25 in names and paths."""

_NAME = (
    r"(?:pass(?:word|wd|phrase|code)|pwd|secret|token|credentials?|(?:api|access|account|auth|client|encryption|"
    r"license|private|secret|shared|signing|storage)[-_. ]?key)(?:[-_.]?(?:data|id|value|hash|key|pem))?"
)
_QUOTE = r"\\*[\"']"
_VALUE = rf"(?P<quote>{_QUOTE})(?P<quoted>(?:(?!(?P=quote))(?:\\.|[^\\]))*)(?P=quote)|(?P<bare>[^\s,;&\"'<>)}}\]\\]+)"
_NAMED = re.compile(rf"(?i){_NAME}(?P<end>{_QUOTE})?(?P<sign>\s*=>?\s*|\s*:\s+|:(?=\S))(?:{_VALUE})", re.DOTALL)
_LINE = re.compile(
    rf"(?im)^([ \t]*(?:- )?[\w.-]*{_NAME}:[ \t]+)(?P<quote>(?!))?(?P<quoted>(?!))?(?P<bare>[^\s#\"'{{\[|>].*)$"
)
"""A line of YAML, whose value ends with it. A text of one line is a sentence, most likely."""
_OPTION = re.compile(rf"(?i)(--?[\w-]*{_NAME}{_QUOTE}?(?:\s*,\s*|\s+))(?:{_VALUE})", re.DOTALL)
_USER = re.compile(r"((?:^|(?<=[\s\"',]))(?:-u|--user|--proxy-user)[\"']?[\s=,]+[\"']?[^\s:\"']+:)[^\s\"',]+")
_START = r"(?:\b|(?<=\\[nrt]))"
"""A word begins: also after a line break that is written as one, in JSON or a representation."""
_HEADER = re.compile(
    rf"(?i)({_START}(?:proxy-)?authorization(?:\\*[\"'])?\s*[:=]\s*(?:\\*[\"'\[])*"
    r"(?:(?:basic|bearer|negotiate|ntlm|token|apikey)\s+)?)"
    r"(?:(?:digest|aws4-[\w-]+|hawk|oauth)(?:\s*[\w-]+=(?:\\*\"[^\"\\\r\n]*\\*\"|[^\s,\"'\\]+),?)+|[^\s,;\"'\\\]]+)"
)
_COOKIE = re.compile(
    rf"(?i)({_START}(?:set-)?cookie2?(?:\\*[\"'])?\s*[:=]\s*(?:\\*[\"'\[])*)"
    r"[^\s;=\"']+=(?:[^\r\n\"'\\]|(?<==)\"[^\"\r\n]*\")*"
)
_HOST_USER = re.compile(
    r"(?P<scheme>\b[A-Za-z][\w+.-]*:/{2})(?:[^\s:/?#@\"'<>]*:(?!\d{1,5}(?:[/?#\s]|$))[^\s\"'<>]*|[^\s/@\"'<>]*)@"
)
_BARE_USER = re.compile(
    r"(?<![\w:/@.-])(?!mailto:)[^\s:/@\"'<>=,()\[\]{}]+:[^\s/@\"'<>]{2,}@"
    r"(?=[\w\[][\w.-]*(?:[:/\s\"',;)\]]|\Z))(?!sha\d+:|md5:)"
)
"""``user:password@host`` where nothing says the scheme; an image's ``name:tag@sha256:...`` is none."""
_PEM = re.compile(
    r"-----BEGIN (?!CERTIFICATE|TRUSTED|PUBLIC|RSA PUBLIC|X509)[A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)",
    re.DOTALL,
)
_FORMS = re.compile(
    r"LS0tLS1CRUdJTi[A-Za-z0-9+/=]{40,}"
    rf"|{_START}eyJ[\w-]{{8,}}\.[\w-]{{8,}}(?:\.[\w-]*)*"
    rf"|{_START}(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{{16}}\b"
    rf"|{_START}(?:AIza[\w-]{{35}}|ya29\.[\w.-]{{10,}}|GOCSPX-[\w-]{{20,}}|xox[abeoprs]-[\w-]{{10,}})"
    rf"|{_START}(?:gh[pousr]_|github_pat_|glpat-|hv[sb]\.|dop_v1_|sk-|npm_|pypi-)[\w-]{{16,}}"
)
_BEARER = re.compile(rf"(?i){_START}(bearer\s+)([^\s\"',;<>()\\]{{6,}})")
_BASIC = re.compile(rf"(?i){_START}(basic\s+)([A-Za-z0-9+/]{{4,}}={{0,2}})")
_LONG = re.compile(rf"(?<![\w+/-])(?<!base64,)[A-Za-z0-9+/_-]{{{_LEAST},}}={{0,2}}")

_HISTOGRAM = "HISTFA"
"""How a whole distribution begins (HdrHistogram V2, compressed, in base64), which is not a key."""

_HARMLESS = re.compile(
    r"(?i)(?:true|false|null|none|nil|yes|no|~|\(not|\(none\)|\*+|<[^>]*>|\[|\{|\$|and|or|is|was|are|must|to|for|of|the|not|with|"
    r"in|file|has|unknown|missing|invalid|expired|required|[|>][+-]?)"
)
"""Values that are none: switches, references and the words that follow such a name in a sentence."""
_BEGINS = re.compile(r"(?:^|[\[{(,;:&?\"'|-]|\\n|\n)\s*$")


def redacted(value: Any) -> Any:
    """Return a copy that may be stored and shown: without Secrets' data, keys, tokens and what is named like them."""
    if isinstance(value, Mapping):
        if value.get("kind") == "Secret":
            value = {key: _hide(one) if key in ("data", "stringData") else one for key, one in value.items()}
        hides = value.get("name") if isinstance(value.get("name"), str) and "value" in value else ""
        return {key: _redact_item(str(key), one, str(hides or "")) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(one) for one in value]
    return redacted_text(value) if isinstance(value, str) else value


def _redact_item(key: str, value: Any, variable: str) -> Any:
    telling = TELLING.search(key) or (key == "value" and TELLING.search(variable))
    return HIDDEN if telling and isinstance(value, str | bytes) and value else redacted(value)


def _hide(table: Any) -> Any:
    return dict.fromkeys(table, HIDDEN) if isinstance(table, Mapping) else HIDDEN


def redacted_text(text: str, *, by_lot: bool = True) -> str:
    """Return text without passwords, tokens, keys and cookies; doing so twice changes nothing more.

    Parameters
    ----------
    by_lot
        Whether what merely looks drawn by lot is hidden, too; not in a tool's own data, such as payloads.
    """
    return _short(text, by_lot) if len(text) <= 512 else _without_secrets(text, by_lot)


def _without_secrets(text: str, by_lot: bool) -> str:
    text = _PEM.sub(HIDDEN, text)
    text = _FORMS.sub(HIDDEN, text)
    if "@" in text:
        text = _HOST_USER.sub(rf"\g<scheme>{HIDDEN}@", text)
        text = _BARE_USER.sub(f"{HIDDEN}@", text)
    text = _HEADER.sub(_after, text)
    text = _COOKIE.sub(_after, text)
    text = _BEARER.sub(_bearer, text)
    text = _BASIC.sub(_basic, text)
    text = _OPTION.sub(_optional, text)
    text = _USER.sub(_after, text)
    text = _LINE.sub(_optional, text) if "\n" in text.strip() else text
    text = _NAMED.sub(_named, text)
    return _LONG.sub(_drawn, text) if by_lot else text


_short = lru_cache(maxsize=8192)(_without_secrets)


def _after(found: re.Match[str]) -> str:
    rest = found[0][len(found[1]) :]
    return found[0] if HIDDEN.startswith(rest) or rest.startswith("(not") else f"{found[1]}{HIDDEN}"


def _bearer(found: re.Match[str]) -> str:
    plain = found[2].rstrip(".-")
    return found[0] if plain.isalpha() and (plain.islower() or plain.istitle()) else f"{found[1]}{HIDDEN}"


def _basic(found: re.Match[str]) -> str:
    try:
        holds = b":" in base64.b64decode(found[2] + "=" * (-len(found[2]) % 4), validate=True)
    except binascii.Error:
        holds = False
    return f"{found[1]}{HIDDEN}" if holds else found[0]


def _kept(found: re.Match[str]) -> bool:
    """Whether what stands there is no secret: empty, a switch, a reference, a word of a sentence."""
    value = found["bare"] if found["quote"] is None else found["quoted"]
    return not value or (
        _HARMLESS.match(value) is not None and (_HARMLESS.fullmatch(value) is not None or value[0] in "(<[{$")
    )


def _replaced(found: re.Match[str]) -> str:
    name = "bare" if found["quote"] is None else "quoted"
    start, end = found.start(name) - found.start(), found.end(name) - found.start()
    return f"{found[0][:start]}{HIDDEN}{found[0][end:]}"


def _optional(found: re.Match[str]) -> str:
    value = found["bare"] if found["quote"] is None else found["quoted"]
    return found[0] if _kept(found) or value.startswith("-") or value.isupper() else _replaced(found)


def _named(found: re.Match[str]) -> str:
    if _kept(found):
        return found[0]
    if found["quote"] is None and ":" in found["sign"] and found["end"] is None and not _says(found):
        return found[0]
    return _replaced(found)


def _says(found: re.Match[str]) -> bool:
    """Whether ``name: value`` is a value's, and no sentence such as "unexpected token: comma"."""
    name = found[0][: found.start("sign") - found.start()].lower()
    if "token" not in name and "secret" not in name and not name.startswith("credential"):
        return True
    before = re.sub(r"[\w.-]*\Z", "", found.string[max(0, found.start() - 80) : found.start()])
    compound = (found.start() > 0 and found.string[found.start() - 1] in "-_.") or len(name) > len("credentials")
    value = found["bare"]
    return compound or _BEGINS.search(before) is not None or (len(value) > 7 and not value.strip(".").isalpha())


def _drawn(found: re.Match[str]) -> str:
    return HIDDEN if drawn_by_lot(found[0]) and not found[0].startswith(_HISTOGRAM) else found[0]


def drawn_by_lot(text: str) -> bool:
    """Whether a word mixes upper case, lower case and digits as keys do, and names, paths and digests do not."""
    kinds = [1 if one.isupper() else 2 if one.islower() else 3 if one.isdigit() else 0 for one in text]
    if not {1, 2, 3} <= set(kinds):
        return False
    changes = sum(one != other for one, other in pairwise(kinds) if one and other)
    return changes / len(text) > _CHANGES
