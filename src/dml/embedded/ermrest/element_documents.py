"""Reading and validation of the documents that describe elements of the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from werkzeug.exceptions import BadRequest, Conflict

from dml.embedded.ermrest.values import Type, find_type

__all__ = [
    "Document", "checked_default", "common_fields", "constraint_name", "policy", "read_list", "read_mapping",
    "read_name", "read_object", "read_type",
]  # fmt: skip

Document = Mapping[str, Any]


def read_object(document: Any, what: str) -> dict[str, Any]:
    """A document that must be an object; 400 otherwise."""
    if not isinstance(document, dict):
        raise BadRequest(f"The document of {what} must be an object.")
    return document


def read_name(document: Document, key: str, what: str) -> str:
    """A name in a document; 400 if it is not valid."""
    name = document.get(key)
    if not isinstance(name, str) or not name or "\0" in name:
        raise BadRequest(f'The document of {what} needs a text "{key}".')
    try:
        name.encode()
    except UnicodeEncodeError:
        raise BadRequest(f'"{key}" must be valid Unicode.') from None
    return name


def _comment(document: Document) -> str | None:
    comment = document.get("comment")
    if comment is not None and not isinstance(comment, str):
        raise BadRequest("A comment must be text.")
    return comment


def read_mapping(document: Document, key: str) -> dict[str, Any]:
    """An object within a document, empty when absent."""
    found = document.get(key)
    if found is not None and not isinstance(found, dict):
        raise BadRequest(f'"{key}" must be an object.')
    return dict(found or {})


def policy(document: Document, key: str) -> dict[str, Any]:
    """The ACLs or ACL bindings of a document; their form is validated, but they are not enforced."""
    found = read_mapping(document, key)
    if key == "acls":
        return {name: members for name, members in found.items() if _acl(name, members) is not None}
    return {name: _binding(name, members) for name, members in found.items()}


def _acl(name: str, members: Any) -> list[str] | None:
    if members is not None and (
        not isinstance(members, list) or not all(isinstance(member, str) for member in members)
    ):
        raise BadRequest(f'ACL "{name}" must be a list of texts.')
    return members


def _binding(name: str, binding: Any) -> Any:
    if binding is False:
        return False
    if not isinstance(binding, dict) or "types" not in binding or "projection" not in binding:
        raise BadRequest(f'ACL binding "{name}" must be false or an object with "types" and "projection".')
    return {"projection_type": "acl", "scope_acl": ["*"], **binding}


def common_fields(document: Document, *fields: str) -> dict[str, Any]:
    """The fields common to all elements that the document contains."""
    found: dict[str, Any] = {}
    if "comment" in document:
        found["comment"] = _comment(document)
    for key in ("annotations", *fields):
        if key in document:
            found[key] = policy(document, key) if key.startswith("acl") else read_mapping(document, key)
    return found


def read_type(document: Any) -> Type:
    """The type of a column document; 400 if it does not exist."""
    if isinstance(document, str):
        document = {"typename": document}
    described = read_object(document, "a column type")
    name = described.get("typename")
    if name is None and described.get("is_array"):
        name = f"{read_object(described.get('base_type'), 'an array type').get('typename')}[]"
    try:
        return find_type(str(name))
    except ValueError as error:
        raise BadRequest(f"{error}.") from None


def constraint_name(document: Document, proposed: str, taken: set[str]) -> str:
    """The constraint's name in a document, or a free name derived from ``proposed``; 409 if it is in use."""
    names = document.get("names")
    if names:
        given = names[0][-1] if isinstance(names, list) and isinstance(names[0], list) and names[0] else None
        if not isinstance(given, str) or not given:
            raise BadRequest('"names" must be a list of [schema, constraint] pairs.')
        if given in taken:
            raise Conflict(f'Constraint "{given}" exists already.')
        return given
    proposed, number = proposed[:60], 1
    name = proposed
    while name in taken:
        name, number = f"{proposed}{number}", number + 1
    return name


def checked_default(kind: Type, default: Any) -> Any:
    """A default value that is valid for its type; 400 otherwise."""
    if default is not None:
        try:
            kind.from_json(default)
        except (ValueError, RecursionError) as error:
            raise BadRequest(f"Bad default: {error}.") from None
    return default


def read_list(document: Document, key: str) -> list[Any]:
    """A list within a document, empty when absent."""
    found = document.get(key) or []
    if not isinstance(found, list):
        raise BadRequest(f'"{key}" must be a list.')
    return found
