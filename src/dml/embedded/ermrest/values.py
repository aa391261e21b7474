"""Column types: what a value may be, how SQLite keeps it, and how it is shown.

SQLite holds text, integers, reals and NULL. Times are kept as text in UTC that sorts like the
instants, booleans as 0 and 1, JSON and arrays as JSON text. Conversions raise ``ValueError`` with a
sentence for the user when a value does not fit its type.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Literal
from uuid import UUID

from dml.embedded.ermrest.times import timestamp_text

__all__ = ["MAX_NESTING", "Stored", "Type", "compact_json", "find_type", "require_shallow"]

MAX_NESTING = 200
"""Levels of lists and objects that a JSON value may have; what the JSON module takes differs between Pythons."""

Stored = str | int | float | None
Family = Literal[
    "text", "integer", "float", "numeric", "boolean", "date", "timestamp", "timestamptz", "uuid", "json", "array"
]


@dataclass(frozen=True, slots=True)
class Type:
    """A column type by its ERMrest name.

    Attributes:
        name: Such as ``text``, ``int4`` or ``text[]``.
        family: What decides storage, comparison and conversion.
        base: Of an array its element type, of a domain such as ``markdown`` the type below it.
    """

    name: str
    family: Family
    base: Type | None = None

    @property
    def is_array(self) -> bool:
        """Whether values are lists of ``base``."""
        return self.family == "array"

    @property
    def is_number(self) -> bool:
        """Whether values can be summed."""
        return self.family in ("integer", "float", "numeric")

    @property
    def storage(self) -> str:
        """Types of one storage share their stored values unchanged."""
        return f"{self.base.storage}[]" if self.is_array and self.base else self.family

    def document(self) -> dict[str, Any]:
        """The type as written in a column document."""
        found: dict[str, Any] = {"typename": self.name}
        if self.base is not None:
            found["is_array" if self.is_array else "is_domain"] = True
            found["base_type"] = self.base.document()
        return found

    def from_json(self, value: Any) -> Stored:
        """A value of a JSON row as SQLite keeps it; text is read as the type's literal.

        A JSON column keeps ``null`` as JSON's own null, which is not the NULL of SQL.
        """
        if self.family == "json":
            return compact_json(_ordered(value) if self.name == "jsonb" else value)
        if value is None:
            return None
        if self.is_array:
            if not isinstance(value, list) or self.base is None:
                raise ValueError(f"{_shown(value)} is not an array")
            stored = [self.base.from_json(item) for item in value]
            return compact_json([self.base.show(item) for item in stored])
        if isinstance(value, str):
            return self.from_text(value)
        if isinstance(value, bool):
            return self.from_text("true" if value else "false")
        if isinstance(value, (int, float)) and self.family in ("float", "numeric"):
            return self.from_text(repr(value))
        return self.from_text(compact_json(value))

    def from_text(self, text: str) -> Stored:
        """A literal of a URL or a CSV field as SQLite keeps it."""
        if "\0" in text:
            raise ValueError("a text value cannot hold the character U+0000")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("a text value must be valid Unicode") from None
        try:
            return _READERS[self.family](self, text)
        except (OverflowError, InvalidOperation):
            raise ValueError(f"{_shown(text)} is out of range for {self.name}") from None

    def show(self, stored: Stored) -> Any:
        """A stored value as the JSON value of an answer."""
        converter = self.shower()
        return stored if converter is None or stored is None else converter(stored)

    def shower(self) -> Callable[[Any], Any] | None:
        """How stored values that are not NULL become JSON values; None when they are ones already."""
        if self.family in ("json", "array"):
            return json.loads
        if self.family in ("float", "numeric"):
            return _plain_number
        return bool if self.family == "boolean" else None

    def csv_text(self, stored: Stored) -> str:
        """A stored value as the text of a CSV field, NULL as nothing."""
        if stored is None:
            return ""
        if self.family == "boolean":
            return "t" if stored else "f"
        if self.is_array and self.base is not None:
            return "{" + ",".join(_array_item(item) for item in json.loads(str(stored))) + "}"
        shown = self.show(stored)
        return shown if isinstance(shown, str) else compact_json(shown)


def compact_json(value: Any) -> str:
    """JSON without spaces, in UTF-8; raises ``ValueError`` for NaN and for invalid Unicode."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    if "\\u0000" in text:
        raise ValueError("a value cannot hold the character U+0000")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("a value must be valid Unicode") from None
    return text


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return f'"{text[:60]}…"' if len(text) > 60 else f'"{text}"'


def _plain_number(value: float) -> Any:
    """Whole numbers without a fraction; infinities as their names, which JSON cannot spell."""
    if isinstance(value, float):
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        if value.is_integer() and abs(value) < 1e15:
            return int(value)
    return value


def _array_item(item: Any) -> str:
    """One element of an array in the braces notation of PostgreSQL."""
    if item is None:
        return "NULL"
    if isinstance(item, bool):
        return "t" if item else "f"
    text = item if isinstance(item, str) else compact_json(item)
    if text and text.upper() != "NULL" and not re.search(r'[\s{},"\\]', text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_INTEGER_BITS = {"int2": 15, "int4": 31, "int8": 63, "serial2": 15, "serial4": 31, "serial8": 63}
_BOOLEANS = {
    word[:size]: value for word, value in (("true", 1), ("false", 0), ("yes", 1)) for size in range(1, len(word) + 1)
}
_BOOLEANS |= {"n": 0, "no": 0, "on": 1, "off": 0, "of": 0, "1": 1, "0": 0}
_ARRAY_TOKEN = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,{}"\s][^,{}"]*?))\s*(,|$)', re.DOTALL)


def _read_text(kind: Type, text: str) -> Stored:
    if kind.name == "color_rgb_hex" and not re.fullmatch(r"#[0-9A-Fa-f]{6}", text):
        raise ValueError(f"{_shown(text)} is not a colour such as #00AAFF")
    return text


def _read_integer(kind: Type, text: str) -> Stored:
    if not re.fullmatch(r"\s*[+-]?[0-9]{1,40}\s*", text):
        raise ValueError(f"{_shown(text)} is not an integer")
    number = int(text)
    limit = 1 << _INTEGER_BITS.get(kind.name, 63)
    if not -limit <= number < limit:
        raise ValueError(f"{_shown(text)} is out of range for {kind.name}")
    return number


def _read_float(_kind: Type, text: str) -> Stored:
    try:
        number = float(text) if "_" not in text else math.nan
    except ValueError:
        raise ValueError(f"{_shown(text)} is not a number") from None
    if math.isnan(number):
        raise ValueError(f"{_shown(text)} is not a number that can be kept")
    return number


def _read_numeric(_kind: Type, text: str) -> Stored:
    """Kept as an integer or a double; what neither can hold exactly enough is refused."""
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError(f"{_shown(text)} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{_shown(text)} is not a number that can be kept")
    if number == number.to_integral_value() and abs(number) < 2**63:
        return int(number)
    if len(number.normalize().as_tuple().digits) > 15:
        raise ValueError(f"{_shown(text)} has more than the 15 digits this catalog keeps of a numeric")
    return float(number)


def _read_boolean(_kind: Type, text: str) -> Stored:
    try:
        return _BOOLEANS[text.strip().lower()]
    except KeyError:
        raise ValueError(f"{_shown(text)} is not a boolean") from None


def _read_moment(text: str) -> datetime:
    """A date or time as PostgreSQL's special values, a Julian day or ISO 8601 name it."""
    word = text.strip().lower()
    if word in _MOMENTS:
        return _MOMENTS[word]()
    if _JULIAN_DAY.fullmatch(word):
        return _midnight(date.fromordinal(int(word[1:]) - _JULIAN_DAY_0))
    try:
        return datetime.fromisoformat(text.strip().replace(" +", "+"))
    except ValueError:
        raise ValueError(f"{_shown(text)} is not a date or time") from None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _today(days: int = 0) -> datetime:
    return _midnight(datetime.now(UTC).date() + timedelta(days=days))


_MOMENTS: Mapping[str, Callable[[], datetime]] = {
    "now": lambda: datetime.now(UTC),
    "now()": lambda: datetime.now(UTC),
    "today": _today,
    "tomorrow": partial(_today, 1),
    "yesterday": partial(_today, -1),
    "epoch": lambda: datetime.fromtimestamp(0, UTC),
}
_ENDLESS = {"infinity": "infinity", "+infinity": "infinity", "-infinity": "-infinity"}
"""As text they sort before and after every date."""

_JULIAN_DAY = re.compile(r"j[0-9]{1,7}")
_JULIAN_DAY_0 = 1721425
_FAR_YEAR = re.compile(r"([0-9]{5,6})(-[0-9]{2}-[0-9]{2}.*)")
_LAST_YEAR = 294_276


def _beyond_calendar(kind: Type, text: str) -> str | None:
    """Infinity, or a date after the year 9999, which Python's calendar does not have; None for any other.

    The month and day of such a year are checked in a year of the same length; as text it sorts before the year 2000.
    """
    word = text.strip().lower()
    if word in _ENDLESS:
        return _ENDLESS[word]
    far = _FAR_YEAR.fullmatch(text.strip())
    if far is None or not 9999 < int(far[1]) <= _LAST_YEAR:
        return None
    twin = 2000 + int(far[1]) % 400
    return far[1] + str(_READERS[kind.family](kind, f"{twin}{far[2]}"))[4:]


def _read_date(kind: Type, text: str) -> Stored:
    endless = _beyond_calendar(kind, text)
    if endless is not None:
        return endless
    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        return _read_moment(text).date().isoformat()


def _read_timestamp(kind: Type, text: str) -> Stored:
    return _beyond_calendar(kind, text) or timestamp_text(_read_moment(text).replace(tzinfo=None))


def _read_timestamptz(kind: Type, text: str) -> Stored:
    endless = _beyond_calendar(kind, text)
    if endless is not None:
        return endless
    moment = _read_moment(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return timestamp_text(moment) + "+00:00"


def _read_uuid(_kind: Type, text: str) -> Stored:
    try:
        return str(UUID(text.strip()))
    except ValueError:
        raise ValueError(f"{_shown(text)} is not a UUID") from None


def _ordered(value: Any) -> Any:
    """The same JSON with the keys of objects in PostgreSQL's order, so that equal ``jsonb`` is equal text."""
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value, key=lambda key: (len(key), key))}
    return value


def require_shallow(value: Any) -> None:
    """Refuse JSON that is nested deeper than ``MAX_NESTING``.

    Raises:
        ValueError: It is.
    """
    level = [value]
    for _ in range(MAX_NESTING + 1):
        containers = [item for item in level if isinstance(item, list | dict)]
        if not containers:
            return
        level = [child for item in containers for child in (item.values() if isinstance(item, dict) else item)]
    raise ValueError(f"JSON is nested deeper than {MAX_NESTING} levels")


def _read_json(kind: Type, text: str) -> Stored:
    try:
        value = json.loads(text)
        stored = kind.from_json(value)
    except (ValueError, RecursionError):
        raise ValueError(f"{_shown(text)} is not JSON") from None
    require_shallow(value)
    return stored


def _read_array(kind: Type, text: str) -> Stored:
    """The braces notation of PostgreSQL, one dimension: ``{a,"b c",NULL}``."""
    body = text.strip()
    if kind.base is None or not (body.startswith("{") and body.endswith("}")):
        raise ValueError(f"{_shown(text)} is not an array such as {{a,b}}")
    body, items, position = body[1:-1], [], 0
    while position < len(body):
        found = _ARRAY_TOKEN.match(body, position)
        if found is None or (found[3] == "," and found.end() == len(body)):
            raise ValueError(f"{_shown(text)} is not an array such as {{a,b}}")
        position = found.end()
        if found[1] is not None:
            items.append(kind.base.from_text(re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL)))
        else:
            items.append(None if found[2].upper() == "NULL" else kind.base.from_text(found[2]))
    return compact_json([kind.base.show(item) for item in items])


_READERS: Mapping[Family, Callable[[Type, str], Stored]] = {
    "text": _read_text,
    "integer": _read_integer,
    "float": _read_float,
    "numeric": _read_numeric,
    "boolean": _read_boolean,
    "date": _read_date,
    "timestamp": _read_timestamp,
    "timestamptz": _read_timestamptz,
    "uuid": _read_uuid,
    "json": _read_json,
    "array": _read_array,
}


def _known_types() -> dict[str, Type]:
    plain: dict[str, Family] = {
        "text": "text", "int2": "integer", "int4": "integer", "int8": "integer", "serial2": "integer",
        "serial4": "integer", "serial8": "integer", "float4": "float", "float8": "float", "numeric": "numeric",
        "boolean": "boolean", "date": "date", "timestamp": "timestamp", "timestamptz": "timestamptz",
        "uuid": "uuid", "json": "json", "jsonb": "json",
    }  # fmt: skip
    found = {name: Type(name, family) for name, family in plain.items()}
    domains = {
        "markdown": "text", "longtext": "text", "gene_sequence": "text", "color_rgb_hex": "text",
        "ermrest_rid": "text", "ermrest_rcb": "text", "ermrest_rmb": "text", "ermrest_curie": "text",
        "ermrest_uri": "text", "ermrest_rct": "timestamptz", "ermrest_rmt": "timestamptz",
    }  # fmt: skip
    found |= {name: Type(name, found[base].family, found[base]) for name, base in domains.items()}
    return found | {f"{name}[]": Type(f"{name}[]", "array", kind) for name, kind in found.items()}


_TYPES = _known_types()


def find_type(name: str) -> Type:
    """The type with a name; ``ValueError`` if this catalog does not support it."""
    try:
        return _TYPES[name]
    except (KeyError, TypeError):
        raise ValueError(f"unknown column type {_shown(name)}") from None
