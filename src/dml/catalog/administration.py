"""Catalogs as a whole: creating one, deleting one, and which embedded ones there are.

deriva is imported only to speak to a host: listing is for shells that complete a word.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from dml.directories import embedded_directory
from dml.errors import IntegrityError, UsageError
from dml.target import EMBEDDED_HOST, Target

_ANY = "0"
"""Stands for a catalog where only its host is spoken to."""


def create_catalog(
    host: str,
    catalog_id: str | None = None,
    *,
    credential: Mapping[str, str] | None = None,
    scheme: str | None = None,
) -> Target:
    """Create an empty catalog. Writes the host; sent once, since a repeat would create a second one.

    Args:
        host: The host; ``local`` for an embedded catalog.
        catalog_id: The id it is to have; None leaves the choice to the host.
        credential: As in ``connect``.
        scheme: As in ``connect``.

    Raises:
        ForbiddenError: One may not create catalogs there.
        ConflictError: That id is taken, or was once.
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
        raise IntegrityError(f"{host} created a catalog and did not say which")
    return Target(host, str(answer["id"]))


def delete_catalog(target: Target, *, credential: Mapping[str, str] | None = None, scheme: str | None = None) -> None:
    """Delete a catalog with all its rows and history; there is no way back.

    Raises:
        NotFoundError: There is no such catalog.
        UsageError: The target is a snapshot.
    """
    if target.snapshot is not None:
        raise UsageError(f"{target} is a snapshot; only whole catalogs are deleted", hint="Leave out the snapshot.")
    from dml.catalog.connection import connect

    connect(target, credential=credential, scheme=scheme).delete("")


def embedded_catalogs() -> list[str]:
    """The ids of the catalogs of the host ``local``, by number. Reads names of files only, and makes none."""
    directory = embedded_directory() / "ermrest"
    try:
        names = [path.stem for path in directory.iterdir() if path.suffix == ".sqlite"]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(filter(str.isdecimal, names), key=int)


def list_embedded_catalogs() -> list[Target]:
    """The catalogs of the host ``local``, by number."""
    return [Target(EMBEDDED_HOST, number) for number in embedded_catalogs()]
