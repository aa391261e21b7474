"""A client on the embedded ERMrest in process, and small documents of models."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from dml.embedded.application import Application
from dml.embedded.transport import WsgiAdapter

SYSTEM = [
    {"name": "RID", "type": {"typename": "ermrest_rid"}, "nullok": False},
    {"name": "RCT", "type": {"typename": "ermrest_rct"}, "nullok": False},
    {"name": "RMT", "type": {"typename": "ermrest_rmt"}, "nullok": False},
    {"name": "RCB", "type": {"typename": "ermrest_rcb"}, "nullok": True},
    {"name": "RMB", "type": {"typename": "ermrest_rmb"}, "nullok": True},
]


def column(name: str, kind: str = "text", nullok: bool = True, default: Any = None) -> dict[str, Any]:
    return {"name": name, "type": {"typename": kind}, "nullok": nullok, "default": default}


def table(
    schema: str,
    name: str,
    columns: Sequence[dict[str, Any]] = (),
    keys: Sequence[Sequence[str]] = (),
    references: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    return {
        "schema_name": schema,
        "table_name": name,
        "column_definitions": SYSTEM + list(columns),
        "keys": [{"unique_columns": ["RID"]}, *({"unique_columns": list(key)} for key in keys)],
        "foreign_keys": list(references),
    }


def reference(
    schema: str,
    source: str,
    columns: Sequence[str],
    target: str,
    referenced: Sequence[str] = ("RID",),
    on_delete: str = "NO ACTION",
    on_update: str = "NO ACTION",
) -> dict[str, Any]:
    def side(name: str, names: Sequence[str]) -> list[dict[str, str]]:
        return [{"schema_name": schema, "table_name": name, "column_name": one} for one in names]

    return {
        "foreign_key_columns": side(source, columns),
        "referenced_columns": side(target, referenced),
        "on_delete": on_delete,
        "on_update": on_update,
    }


def name(text: str) -> str:
    """A name or value as a segment of a path."""
    return quote(text, safe="")


class Wire:
    """Requests to one catalog; paths are below it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.mount("https://local", WsgiAdapter(Application(root, apache_path_limit=False)))
        self.service = "https://local/ermrest"
        self.catalog = str(self.session.post(f"{self.service}/catalog").json()["id"])

    @property
    def file(self) -> Path:
        return self.root / "ermrest" / f"{self.catalog}.sqlite"

    def send(self, method: str, path: str, body: Any = None, snapshot: str = "", **more: Any) -> requests.Response:
        at = f"@{snapshot}" if snapshot else ""
        headers = dict(more.pop("headers", {}))
        if body is not None:
            more["data"] = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        url = f"{self.service}/catalog/{self.catalog}{at}{path}"
        return self.session.request(method, url, headers=headers, **more)

    def get(self, path: str, snapshot: str = "") -> Any:
        """The JSON of a successful GET."""
        response = self.send("GET", path, snapshot=snapshot)
        assert response.status_code == 200, (path, response.status_code, response.text)
        return response.json()

    def post(self, path: str, body: Any) -> Any:
        """The JSON of a successful POST."""
        response = self.send("POST", path, body)
        assert response.status_code in (200, 201), (path, response.status_code, response.text)
        return response.json() if response.content else None

    def put(self, path: str, body: Any) -> Any:
        """The JSON of a successful PUT."""
        response = self.send("PUT", path, body)
        assert response.status_code in (200, 201, 204), (path, response.status_code, response.text)
        return response.json() if response.content else None

    def status(self, method: str, path: str, body: Any = None, **more: Any) -> int:
        """Only the status; a refusal must say why, and never show a traceback."""
        response = self.send(method, path, body, **more)
        if response.status_code >= 400 and method != "HEAD":
            assert response.text.strip()
            assert "Traceback" not in response.text
        return response.status_code

    def snaptime(self) -> str:
        return str(self.get("")["snaptime"])


@pytest.fixture
def wire(tmp_path: Path) -> Wire:
    return Wire(tmp_path / "root")
