"""An empty object store and a client of it, in process."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from dml.embedded.application import Application
from dml.embedded.transport import WsgiAdapter

BASE = "https://local"


class CutShort:
    """A body that announces more bytes than it has."""

    def __init__(self, data: bytes, announced: int) -> None:
        self._data = data
        self._announced = announced

    def __len__(self) -> int:
        return self._announced

    def read(self, size: int) -> bytes:
        data, self._data = self._data[:size], self._data[size:]
        return data


class Store:
    """A session on an object store of its own; paths are below ``/hatrac``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.application = Application(root)
        self.session = requests.Session()
        self.session.mount(BASE, WsgiAdapter(self.application))

    def request(self, method: str, path: str, **options: object) -> requests.Response:
        url = BASE + (path if path.startswith("/hatrac") else f"/hatrac{path}")
        return self.session.request(method, url, **options)  # type: ignore[arg-type]

    def put(self, path: str, data: object = b"", **options: object) -> requests.Response:
        return self.request("PUT", path, data=data, **options)

    def get(self, path: str, **options: object) -> requests.Response:
        return self.request("GET", path, **options)

    def stored_files(self) -> list[Path]:
        """The files of objects on disk."""
        return [path for path in (self.root / "hatrac" / "objects").rglob("*") if path.is_file()]

    def pending(self) -> list[Path]:
        """The markers of changes under way, or left behind."""
        return list((self.root / "hatrac" / "pending").iterdir())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "root")
