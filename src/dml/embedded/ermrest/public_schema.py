"""ERMrest's built-in tables in schema ``public``, and the first transaction of a catalog, which creates them."""

from __future__ import annotations

from typing import Any

from dml.embedded.authn import Client
from dml.embedded.ermrest import tables
from dml.embedded.ermrest.documents import CATALOG_ACLS
from dml.embedded.ermrest.inserts import insert
from dml.embedded.ermrest.model import Model, Root
from dml.embedded.ermrest.model_change import Change
from dml.embedded.ermrest.model_history import record
from dml.embedded.ermrest.request_bodies import Rows
from dml.embedded.ermrest.storage import Storage, Transaction

__all__ = ["initialize_catalog", "register_client"]


def _column(name: str, kind: str = "text", nullok: bool = True) -> dict[str, Any]:
    return {"name": name, "type": {"typename": kind}, "nullok": nullok}


_SYSTEM = [
    _column("RID", "ermrest_rid", False),
    _column("RCT", "ermrest_rct", False),
    _column("RMT", "ermrest_rmt", False),
    _column("RCB", "ermrest_rcb"),
    _column("RMB", "ermrest_rmb"),
]


def _table(columns: list[dict[str, Any]], *keys: list[str]) -> dict[str, Any]:
    return {
        "column_definitions": _SYSTEM + columns,
        "keys": [{"unique_columns": ["RID"]}, *({"unique_columns": key} for key in keys)],
    }


_PUBLIC = {
    "schema_name": "public",
    "tables": {
        "ERMrest_Client": _table(
            [
                _column("ID", nullok=False), _column("Display_Name"), _column("Full_Name"), _column("Email"),
                _column("Client_Object", "jsonb", False),
            ],
            ["ID"],
        ),
        "ERMrest_Group": _table(
            [_column("ID", nullok=False), _column("URL"), _column("Display_Name"), _column("Description")], ["ID"]
        ),
        "ERMrest_RID_Lease": _table([_column("ID")], ["RCB", "ID"]),
    },
}  # fmt: skip


def initialize_catalog(storage: Storage, client: Client, annotations: dict[str, Any], owners: list[str]) -> None:
    """Create the initial model in a new file; without ``owners`` the client becomes the owner."""
    with storage.writing(client.id, rebuilds=True) as transaction:
        draft = Model(0, Root({}, {}), {}, {})
        acls: dict[str, Any] = {name: [] for name in CATALOG_ACLS}
        draft.put(Root(annotations, acls | {"owner": owners or [client.id]}))
        tables.create_all(Change(transaction, draft), [_PUBLIC])
        record(transaction, draft)
        transaction.connection.execute("UPDATE state SET created = ?", (transaction.time,))
        register_client(transaction, draft, client)


def register_client(transaction: Transaction, model: Model, client: Client) -> None:
    """Insert the client into ERMrest_Client if it has no row there."""
    table = model.find_table("public", "ERMrest_Client")
    if table is None:
        return
    known = f"SELECT 1 FROM t{table.id:d} WHERE {table.column('ID').stored} = ?"  # noqa: S608
    if transaction.connection.execute(known, (client.id,)).fetchone():
        return
    described = {"id": client.id, "display_name": client.display_name, "full_name": client.full_name}
    row = {
        "ID": client.id, "Display_Name": client.display_name, "Full_Name": client.full_name, "Client_Object": described,
    }  # fmt: skip
    insert(transaction, model, table, Rows([row]), defaults=set(), nondefaults=set(), skip_conflicts=True)
