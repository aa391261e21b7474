"""What a model is given in a dry run: an execution that fetches inputs and takes outputs, and writes no catalog."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dml.dataset.spec import DatasetSpec
from dml.execution.asset_paths import AssetFilePath
from dml.execution.configuration import ExecutionConfiguration
from dml.workspace.layout import safe_file_name
from dml.workspace.scratch import Scratch, scratch_below

if TYPE_CHECKING:
    from dml.deriva_ml import DerivaML

__all__ = ["DryRunExecution"]

DRY_RUN_RID: Final = "0000"
"""The RID that deriva-ml gives dry runs as well."""


@dataclass
class DryRunExecution:
    """Stands for an execution that is not: inputs are real, outputs go to a directory that is thrown away.

    Attributes:
        configuration: What it was given, every dataset pinned to its version.
        working_dir: That directory, below the workspace, removed with this object's process.
        asset_paths: The fetched input assets by table.
        execution_rid: Always ``0000``.
    """

    configuration: ExecutionConfiguration
    working_dir: Path
    asset_paths: dict[str, list[AssetFilePath]]
    execution_rid: str = DRY_RUN_RID
    workflow_rid: str = DRY_RUN_RID
    staged: list[Path] = field(default_factory=list)
    features: int = 0
    _kept: Any = None

    @classmethod
    def prepare(cls, ml: DerivaML, configuration: ExecutionConfiguration) -> DryRunExecution:
        """Check the inputs against the catalog and fetch the assets, through the cache where that is wanted.

        Raises:
            NotFoundError: An input, a version or a term does not exist.
            IntegrityError: The bytes of an asset are not those that the catalog describes.
        """
        from dml.execution.fetching import fetch
        from dml.execution.resolving import check_workflow_types, pinned, resolve_inputs

        configuration = check_workflow_types(ml.catalog, configuration)
        resolved = resolve_inputs(ml.catalog, configuration)
        kept = Scratch(scratch_below(ml.place.workspace.root), "dry-run")
        root = kept.path
        paths: dict[str, list[AssetFilePath]] = {}
        for asset in resolved.assets:
            name = safe_file_name(str(asset.row.get("Filename") or asset.rid))
            folder = root / "downloaded-assets" / safe_file_name(asset.table.name) / safe_file_name(asset.rid)
            fetched = fetch(ml.place, asset, folder / name, root=root)
            path = AssetFilePath.of_input(
                fetched.path, schema=asset.table.schema, table=asset.table.name, rid=asset.rid, types=["Input_File"]
            )
            paths.setdefault(asset.table.name, []).append(path)
        return cls(pinned(configuration, resolved), root, paths, _kept=kept)

    @property
    def datasets(self) -> list[DatasetSpec]:
        """Its input datasets, each pinned to its version."""
        return self.configuration.datasets

    def asset_file_path(
        self,
        asset_name: str,
        file_name: str | Path,
        asset_types: str | Sequence[str] | None = None,  # noqa: ARG002 - the signature of an execution's
        rename_file: str | None = None,
        **_more: Any,
    ) -> Path:
        """A path to write an output to; it is thrown away."""
        name = safe_file_name(rename_file or Path(file_name).name)
        path = self.working_dir / "assets" / safe_file_name(str(asset_name).rpartition(":")[2]) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if Path(file_name).is_file():
            path.unlink(missing_ok=True)
            path.symlink_to(Path(file_name).absolute())
        self.staged.append(path)
        return path

    def metrics_file(self, filename: str = "metrics.jsonl") -> Path:
        """The path of a metrics file; it is thrown away."""
        return self.asset_file_path("Execution_Metadata", filename)

    def add_features(self, features: Iterable[Any]) -> int:
        """Count feature values, and forget them."""
        number = len(list(features))
        self.features += number
        return number

    def update_status(self, *_: Any, **__: Any) -> None:
        """A dry run has no status."""

    def summary(self) -> str:
        """What it was given, in one line."""
        assets = sum(len(paths) for paths in self.asset_paths.values())
        return f"{len(self.datasets)} datasets found, {assets} assets fetched"

    def staged_summary(self) -> str:
        """What it would have staged, in one line."""
        return f"{len(self.staged)} files and {self.features} feature values"
