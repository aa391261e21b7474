"""What a preflight of fifty datasets and fifty assets costs on the embedded catalog, over HTTP on loopback."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from dml.workspace.layout import find_workspace

TITLE = "a preflight of 50 datasets and 50 assets, over HTTP on loopback"

MANY = 50


def run() -> Iterator[str]:
    """Make the inputs in a catalog of its own, then look at them three times."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ["HOME"] = folder
        for name in ("CONFIG", "CACHE", "STATE", "DATA"):
            os.environ[f"XDG_{name}_HOME"] = str(home / name.lower())
        yield from _measured(home)


def _measured(home: Path) -> Iterator[str]:
    from dml.catalog.administration import create_catalog
    from dml.catalog.connection import connect
    from dml.catalog.ml_schema import initialise
    from dml.embedded.application import open_application
    from dml.embedded.serve import running
    from dml.execution.configuration import AssetSpec, DatasetSpec, ExecutionConfiguration, Workflow
    from dml.preflight.preflight import build_context, preflight
    from dml.preflight.run_plan import plan_from_configuration
    from dml.target import Target

    made = create_catalog("local")
    catalog = connect(made)
    initialise(catalog)
    datasets, assets = _inputs(catalog, home)
    configuration = ExecutionConfiguration(
        workflow=Workflow("Train", "Training", url="https://example.org/train.py", checksum="1"),
        description="fifty of each",
        datasets=[DatasetSpec(rid, "0.1.0") for rid in datasets],
        assets=[AssetSpec(rid) for rid in assets],
    )
    with running(open_application()) as url:
        target = Target(url.partition("://")[2].rstrip("/"), made.catalog_id)
        for _ in range(3):
            connection = connect(target, scheme="http")
            subject = plan_from_configuration(configuration, target, name="fifty")
            began = perf_counter()
            report = preflight(build_context(subject, connection, find_workspace(target)))
            took = perf_counter() - began
            heads = connection.traffic.count("HEAD")
            yield f"{took:.2f} s, {report.requests - heads} catalog requests (limit 12) and {heads} HEAD"


def _inputs(catalog: object, home: Path) -> tuple[list[str], list[str]]:
    from typing import Any

    from dml.catalog.objects import object_path, upload
    from dml.catalog.rows import insert
    from dml.dataset.curation import create_dataset

    there: Any = catalog
    rows = []
    for number in range(MANY):
        content = f"content {number}".encode()
        path = home / f"{number}.bin"
        path.write_bytes(content)
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        url = object_path("Execution_Asset", md5, path.name)
        upload(there, path, url, md5_hex=md5)
        rows.append({"URL": url, "Filename": path.name, "Length": len(content), "MD5": md5})
    assets = [str(row["RID"]) for row in insert(there, "deriva-ml:Execution_Asset", rows)]
    datasets = [create_dataset(there, description=f"Dataset {number}").rid for number in range(MANY)]
    return datasets, assets
