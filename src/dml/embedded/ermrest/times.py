"""Instants of a catalog: microseconds since 1970, their text, and the ids made of the same alphabet.

A transaction time is an integer of microseconds (UTC). A snapshot id is that integer in base 32
(Crockford's alphabet, no I, L, O, U), eleven digits written as ``361-FEMW-757T``; a RID is a
counter written the same way, in groups of four from the right. As in ERMrest, which packs 64 bits
into digits of five, a zero bit follows the number, so that the last digit is always even.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

__all__ = ["END_OF_TIME", "decode_snaptime", "encode_rid", "encode_snaptime", "instant_text", "now"]

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_DIGITS = {digit: value for value, digit in enumerate(_ALPHABET)} | {"O": 0, "I": 1, "L": 1}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

END_OF_TIME = 2**62
"""The end of a version that is still current; later than any transaction time."""


def now() -> int:
    """The clock, in microseconds since 1970."""
    return time.time_ns() // 1000


def _base32(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 32)
        digits = _ALPHABET[digit] + digits
    return digits or "0"


def _grouped(digits: str) -> str:
    groups: list[str] = []
    while digits:
        digits, group = digits[:-4], digits[-4:]
        groups.insert(0, group)
    return "-".join(groups)


def encode_rid(number: int) -> str:
    """The RID of a sequence number, such as ``1-A0B2``."""
    return _grouped(_base32(number << 1))


def encode_snaptime(microseconds: int) -> str:
    """The snapshot id of a transaction time, such as ``361-FEMW-757T``."""
    return _grouped(_base32(microseconds << 1).rjust(11, "0"))


def decode_snaptime(text: str) -> int | None:
    """The transaction time of a snapshot id; None if the id is not valid."""
    digits = text.upper().replace("-", "")
    if not digits or len(digits) > 12:
        return None
    number = 0
    for digit in digits:
        if digit not in _DIGITS:
            return None
        number = number * 32 + _DIGITS[digit]
    return number >> 1


def instant_text(microseconds: int) -> str:
    """A transaction time as the value of a ``timestamptz`` column, in UTC."""
    moment = _EPOCH + timedelta(microseconds=microseconds)
    return timestamp_text(moment) + "+00:00"


def timestamp_text(moment: datetime) -> str:
    """Date and time without a zone; a fraction only when there is one, without trailing zeros.

    Texts of this form sort like the moments they name, also with ``+00:00`` appended.
    """
    text = moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    return f"{text}.{moment.microsecond:06d}".rstrip("0") if moment.microsecond else text
