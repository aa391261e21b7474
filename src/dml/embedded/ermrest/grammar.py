"""Parsing of data paths with Lark, piece by piece; pieces seen before are not parsed again."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

from lark import Lark, Token, Transformer, UnexpectedInput, v_args
from lark.exceptions import VisitError
from werkzeug.exceptions import BadRequest

from dml.embedded.ermrest import path as ast

__all__ = ["DataPath", "parse_data_path"]

_KINDS = ("entity", "attribute", "attributegroup", "aggregate")
_DEPTH = 100


class DataPath:
    """A parsed path: its elements, its projection if it has one, its modifiers.

    Attributes:
        api: ``entity``, ``attribute``, ``attributegroup`` or ``aggregate``.
        groups: The group keys of an ``attributegroup``; empty otherwise.
        outputs: What an ``attribute`` or ``aggregate`` shows, or an ``attributegroup`` besides its keys.
    """

    __slots__ = ("api", "elements", "groups", "modifiers", "outputs")

    def __init__(
        self,
        api: str,
        elements: tuple[ast.Element, ...],
        groups: ast.Projection,
        outputs: ast.Projection,
        modifiers: ast.Modifiers,
    ) -> None:
        self.api = api
        self.elements = elements
        self.groups = groups
        self.outputs = outputs
        self.modifiers = modifiers


def _decoded(text: str) -> str:
    try:
        return unquote(text.replace("+", " "), errors="strict")
    except UnicodeDecodeError:
        raise BadRequest("The path is not UTF-8.") from None


@v_args(inline=True)
class _Builder(Transformer[Token, Any]):
    """Turns what the parser recognises into the records of ``path``."""

    def NAME(self, token: Token) -> str:  # noqa: N802
        return _decoded(str(token))

    def QUANTIFIED(self, token: Token) -> tuple[str, tuple[str, ...]]:  # noqa: N802
        values = tuple(_decoded(value) for value in str(token)[4:-1].split(","))
        return str(token)[:3], values

    def OPERATOR(self, token: Token) -> str:  # noqa: N802
        return str(token)[2:-2]

    def FUNCTION(self, token: Token) -> str:  # noqa: N802
        return str(token)[:-1]

    def qualified(self, *names: str | None) -> ast.Name:
        return tuple(name for name in names if name is not None)

    def columns(self, *names: ast.Name) -> tuple[ast.Name, ...]:
        return names

    def any_column(self) -> None:
        return None

    def table(self, alias: str | None, name: ast.Name) -> ast.TableStep:
        return ast.TableStep(name, alias)

    def reference(self, alias: str | None, columns: tuple[ast.Name, ...]) -> ast.Reference:
        return ast.Reference(columns, alias)

    def join(self, alias: str | None, left: tuple[ast.Name, ...], right: tuple[ast.Name, ...]) -> ast.Join:
        return ast.Join(left, right, None, alias)

    def outer_join(self, alias: str | None, outer: Token, left: Any, right: Any) -> ast.Join:
        return ast.Join(left, right, cast(Any, str(outer)), alias)

    def context(self, alias: str) -> ast.Context:
        return ast.Context(alias)

    def filter(self, predicate: ast.Predicate) -> ast.Filter:
        return ast.Filter(predicate)

    def disjunction(self, *operands: ast.Predicate) -> ast.Predicate:
        return operands[0] if len(operands) == 1 else ast.Junction("OR", operands)

    def conjunction(self, *operands: ast.Predicate) -> ast.Predicate:
        return operands[0] if len(operands) == 1 else ast.Junction("AND", operands)

    def negation(self, operand: ast.Predicate) -> ast.Negation:
        return ast.Negation(operand)

    def equals(self, column: ast.Name | None, value: str = "") -> ast.Compare:
        return ast.Compare(column, "=", (value,))

    def compares(self, column: ast.Name | None, operator: str, value: str = "") -> ast.Compare:
        return ast.Compare(column, operator, (value,))

    def equals_quantified(self, column: ast.Name | None, values: Any) -> ast.Compare:
        return ast.Compare(column, "=", values[1], values[0])

    def compares_quantified(self, column: ast.Name | None, operator: str, values: Any) -> ast.Compare:
        return ast.Compare(column, operator, values[1], values[0])

    def is_null(self, column: ast.Name | None) -> ast.IsNull:
        return ast.IsNull(column)

    def projection(self, *items: ast.Item) -> ast.Projection:
        return items

    def grouping(self, keys: ast.Projection, others: ast.Projection | None) -> tuple[ast.Projection, ast.Projection]:
        return keys, others or ()

    def item(self, alias: str | None, source: Any) -> ast.Item:
        return ast.Item(source, alias)

    def plain_column(self, name: ast.Name) -> ast.ColumnRef:
        return ast.ColumnRef(name)

    def all_columns(self) -> ast.AllColumns:
        return ast.AllColumns()

    def all_columns_of(self, alias: str) -> ast.AllColumns:
        return ast.AllColumns(alias)

    def aggregate(self, function: str, column: ast.Name) -> ast.Aggregate:
        return ast.Aggregate(function, column)

    def aggregate_rows(self, function: str, alias: str | None = None) -> ast.Aggregate:
        return ast.Aggregate(function, None, alias)

    def bin(self, function: str, column: ast.Name, count: str, low: str | None, high: str | None) -> ast.Bin:
        if function != "bin":
            raise BadRequest(f'"{function}" takes one column.')
        return ast.Bin(column, count, low, high)

    def sort_key(self, name: ast.Name, descending: Token | None = None) -> ast.SortKey:
        return ast.SortKey(":".join(name), descending is not None)

    def sort(self, *keys: ast.SortKey) -> tuple[ast.SortKey, ...]:
        return keys

    def boundary_value(self, value: str = "") -> str:
        return value

    def boundary_null(self) -> None:
        return None

    def page(self, which: Token, *boundary: str | None) -> ast.Page:
        return ast.Page(str(which) == "@before(", boundary)

    def modifiers(self, *parts: Any) -> ast.Modifiers:
        sort = next((part for part in parts if not isinstance(part, ast.Page)), ())
        pages = tuple(part for part in parts if isinstance(part, ast.Page))
        if len({page.before for page in pages}) < len(pages):
            raise BadRequest("@after(…) and @before(…) can each stand once.")
        return ast.Modifiers(sort, pages)


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(
        Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8"),
        parser="lalr",
        start=["element", "projection", "grouping", "modifiers"],
        transformer=_Builder(),
        maybe_placeholders=True,
    )


def _parse_piece(start: str, text: str) -> Any:
    depth = deepest = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    if deepest > _DEPTH:
        raise BadRequest(f"Parentheses are nested more than {_DEPTH} deep.")
    try:
        return _parser().parse(text, start=start)
    except UnexpectedInput as error:
        shown = text[:200] + ("…" if len(text) > 200 else "")
        raise BadRequest(f'Cannot parse "{shown}" at character {getattr(error, "pos_in_stream", None) or 0}.') from None
    except VisitError as error:
        if isinstance(error.orig_exc, BadRequest):
            raise error.orig_exc from None
        raise


@lru_cache(maxsize=2048)
def _parse_short(start: str, text: str) -> Any:
    return _parse_piece(start, text)


def _parse(start: str, text: str) -> Any:
    return _parse_short(start, text) if len(text) < 300 else _parse_piece(start, text)


def parse_data_path(api: str, text: str) -> DataPath:
    """Parse what follows ``/entity/`` and its like.

    Args:
        api: Which of the four kinds of resource.
        text: The rest of the path, still percent-encoded.

    Raises:
        BadRequest: It does not follow the grammar (400).
    """
    if api not in _KINDS:
        raise BadRequest(f'"{api}" is not a data resource.')
    pieces = text.split("/")
    last, at, modifiers = pieces[-1].partition("@")
    pieces[-1] = last
    if any("@" in piece for piece in pieces):
        raise BadRequest("A modifier such as @sort(…) must stand at the end of the path.")
    groups: ast.Projection = ()
    outputs: ast.Projection = ()
    if api != "entity":
        if len(pieces) < 2:
            raise BadRequest(f"/{api}/ needs a path and a list of columns.")
        shown = pieces.pop()
        if api == "attributegroup":
            groups, outputs = _parse("grouping", shown)
        else:
            outputs = _parse("projection", shown)
    elements = tuple(_parse("element", piece) for piece in pieces)
    return DataPath(api, elements, groups, outputs, _parse("modifiers", at + modifiers) if at else ast.Modifiers())
