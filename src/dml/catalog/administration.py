"""Creating and deleting catalogs, and listing the embedded ones.

deriva is imported only to send requests, because shells call the listing to complete a word.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from dml.directories import embedded_directory
from dml.errors import IntegrityError, UsageError
from dml.target import EMBEDDED_HOST, Target

_ANY = "0"
"""Placeholder for the catalog of a connection that sends requests to its host only."""


def create_catalog(
    host: str,
    catalog_id: str | None = None,
    *,
    credential: Mapping[str, str] | None = None,
    scheme: str | None = None,
) -> Target:
    """Create an empty catalog. The request is not retried, because a repeat would create a second catalog.

    Args:
        host: The host; ``local`` for an embedded catalog.
        catalog_id: The id of the catalog; chosen by the host when None.
        credential, scheme: As in ``connect``.

    Raises:
        ForbiddenError: The user may not create catalogs on the host.
        ConflictError: The id is in use, or belonged to a deleted catalog.
    """
    from dml.catalog.connection import connect

    connection = connect(Target(host, _ANY), credential=credential, scheme=scheme)
    path = "/ermrest/catalog"
    wanted = {} if catalog_id is None else {"id": catalog_id}
    done = connection.host_exchange(
        "POST",
        path,
        body=json.dumps(wanted).encode(),
        headers={"Accept": "application/json", "Content-Type": "application/json"},
    )
    answer = connection.border.json(done.response, path)
    if not isinstance(answer, dict) or not answer.get("id"):
        raise IntegrityError(f"{host} created a catalog but did not return its id")
    return Target(host, str(answer["id"]))


def delete_catalog(target: Target, *, credential: Mapping[str, str] | None = None, scheme: str | None = None) -> None:
    """Delete a catalog with all its rows and history. This cannot be undone.

    Raises:
        NotFoundError: There is no such catalog.
        UsageError: The target is a snapshot.
    """
    if target.snapshot is not None:
        raise UsageError(f"{target} is a snapshot; only whole catalogs can be deleted", hint="Omit the snapshot.")
    from dml.catalog.connection import connect

    connect(target, credential=credential, scheme=scheme).delete("")


def embedded_catalogs() -> list[str]:
    """The ids of the catalogs on the host ``local``, in numerical order. Reads only the names of files."""
    directory = embedded_directory() / "ermrest"
    try:
        names = [path.stem for path in directory.iterdir() if path.suffix == ".sqlite"]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(filter(str.isdecimal, names), key=int)


def list_embedded_catalogs() -> list[Target]:
    """The catalogs on the host ``local``, in numerical order."""
    return [Target(EMBEDDED_HOST, number) for number in embedded_catalogs()]
