"""Removing secrets from text and data before they are stored or shown.

Secrets are cookies, bearer tokens and other authorization headers, passwords in URLs, the parameters of signed URLs,
and values under a name such as ``token``. They are recognized by their form, so more than necessary may be removed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "[hidden]"

_WORDS_OF_SECRETS = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|cookie|webauthn|credentials?|authorization|api[_-]?key|access[_-]?key"
    r"|private[_-]?key|session(?:[_-]?id)?|signature|sig|bearer|auth"
)
_SECRET_NAME = re.compile(rf"(?:^|[^a-z]|_)(?:{_WORDS_OF_SECRETS})s?(?:$|[^a-z]|_)", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)\b((?:set-)?cookie|(?:proxy-)?authorization)(\"?'?\s*[:=]\s*)[^\r\n]+"), rf"\1\2{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic|digest)(\s+)[A-Za-z0-9._~+/=-]{6,}"), rf"\1\2{HIDDEN}"),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,30}://)[^/?#@\s]+@"), rf"\1{HIDDEN}@"),
    (re.compile(r"(?i)([?&;](?:x-(?:amz|goog|ms)-[a-z-]+|policy|se|sp|sv)=)[^&;\s\"'<>]+"), rf"\1{HIDDEN}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]*"), HIDDEN),
    (re.compile(r"\b(?:gh[pousr]|glpat|github_pat|xox[abprs]|hf|sk|AKIA)[_-]?[A-Za-z0-9_-]{16,}\b"), HIDDEN),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), HIDDEN),
)
_ASSIGNED = re.compile(r"(?<![A-Za-z0-9_.-])(?P<name>[A-Za-z0-9_.-]{1,100})[\"']?\s{0,20}[:=]\s{0,20}(?!\[hidden\])")
_VALUE = re.compile(r"\"[^\"]*\"|'[^']*'|[^\s,;&}\])\"']+")
_OPTION = re.compile(r"(?P<name>(?<!\S)--?[A-Za-z][A-Za-z-]*)(?P<sign>\s+)(?![-\[])\S+")


def redact(text: str) -> str:
    """The text with everything that looks like a secret replaced by ``[hidden]``."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return _hide_assigned(_OPTION.sub(_hide_option, text))


def redact_data(value: Any) -> Any:
    """JSON-like data with secrets replaced: whole values under the name of a secret, and secrets within any text."""
    if isinstance(value, Mapping):
        return {
            redact(str(name)): HIDDEN
            if is_secret_name(str(name)) and content not in (None, "", True, False)
            else redact_data(content)
            for name, content in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_data(item) for item in value]
    return redact(value) if isinstance(value, str) else value


def is_secret_name(name: str) -> bool:
    """Whether a variable, header or parameter with this name is taken for a secret."""
    return _SECRET_NAME.search(_CAMEL.sub("_", name)) is not None


def _hide_option(match: re.Match[str]) -> str:
    return f"{match['name']}{match['sign']}{HIDDEN}" if is_secret_name(match["name"]) else match[0]


def _hide_assigned(text: str) -> str:
    """Hide the value after each secret name, also within the value of another name (``url=…?token=…``)."""
    parts, position = [], 0
    for match in _ASSIGNED.finditer(text):
        if match.start() < position or not is_secret_name(match["name"]):
            continue
        value = _VALUE.match(text, match.end())
        if value is not None:
            parts += [text[position : match.end()], HIDDEN]
            position = value.end()
    return "".join([*parts, text[position:]])
