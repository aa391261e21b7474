"""What a run is given: its inputs, its workflow, why it is done.

The JSON form is deriva-ml's own (its ``ExecutionConfiguration``), so that either program reads what the other one
wrote, in the registry and in the ``configuration.json`` that is kept with each execution. Asks no catalog.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml.dataset.spec import DatasetSpec
from dml.errors import UsageError
from dml.execution.environment import redact_arguments
from dml.execution.workflow import Workflow
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.workspace.executions import ExecutionRow

__all__ = [
    "AssetSpec",
    "DatasetSpec",
    "ExecutionConfiguration",
    "LocalFile",
    "Workflow",
    "configuration_of",
    "load_configuration",
]

_LARGEST_FILE = 16 << 20
_KEYS = frozenset(("datasets", "assets", "workflow", "description", "argv", "config_choices"))


@dataclass(frozen=True)
class AssetSpec:
    """An input asset.

    Attributes:
        rid: RID of its row.
        cache: Whether its bytes are kept in the workspace's cache for later executions.
        asset_role: ``Input``; accepted for deriva-ml's sake, outputs are registered with ``asset_file_path``.
    """

    rid: str
    cache: bool = False
    asset_role: str = "Input"

    def __post_init__(self) -> None:
        from dml.catalog.rows import validate_rid

        if self.asset_role != "Input":
            what = f"{self.rid} is given as {safe(self.asset_role)}, but a configuration names inputs"
            raise UsageError(what, hint="Outputs are registered with asset_file_path.")
        object.__setattr__(self, "rid", validate_rid(self.rid))

    @classmethod
    def parse(cls, text: str) -> AssetSpec:
        """Read the shorthand ``RID`` or ``RID:cache``.

        Raises:
            UsageError: The RID is malformed, or something else follows the colon.
        """
        rid, colon, word = text.strip().partition(":")
        if colon and word != "cache":
            raise UsageError(f"{text!r} is not an asset", hint=f"Write {rid}, or {rid}:cache to keep its bytes.")
        return cls(rid, cache=bool(colon))


@dataclass(frozen=True)
class LocalFile:
    """An input file of this machine that is no row of the catalog yet.

    Attributes:
        path: Where it lies.
        cache: Accepted for deriva-ml's sake; a local file needs no cache.
    """

    path: str
    cache: bool = False


@dataclass(frozen=True)
class ExecutionConfiguration:
    """The inputs, workflow and purpose of one execution.

    Bare strings and mappings are taken for datasets (``RID`` or ``RID@1.2.0``) and assets (``RID`` or ``RID:cache``).

    Attributes:
        workflow: The code; may be given to ``create_execution`` instead.
        description: Free text, Markdown.
        datasets: Input datasets; without a version the current one is meant, resolved when the execution is created.
        assets: Input assets, specifications and local files.
        argv: The command line; secrets in it are hidden when it is recorded.
        config_choices: Hydra group → option.
    """

    workflow: Workflow | None = None
    description: str = ""
    datasets: list[DatasetSpec] = field(default_factory=list)
    assets: list[AssetSpec | LocalFile] = field(default_factory=list)
    argv: list[str] = field(default_factory=list)
    config_choices: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.description, str):
            raise UsageError(f"The description is {type(self.description).__name__}, not text")
        object.__setattr__(self, "datasets", [DatasetSpec.of(one) for one in _items(self.datasets, "datasets")])
        object.__setattr__(self, "assets", [_asset(one) for one in _items(self.assets, "assets")])
        object.__setattr__(self, "argv", [str(argument) for argument in self.argv])
        object.__setattr__(self, "config_choices", {str(k): str(v) for k, v in self.config_choices.items()})
        _refuse_duplicates([one.rid for one in self.datasets], "dataset")
        _refuse_duplicates([one.rid for one in self.assets if isinstance(one, AssetSpec)], "asset")

    @property
    def asset_specs(self) -> list[AssetSpec]:
        """The input assets that are rows of the catalog."""
        return [one for one in self.assets if isinstance(one, AssetSpec)]

    @property
    def local_files(self) -> list[LocalFile]:
        """The input files of this machine."""
        return [one for one in self.assets if isinstance(one, LocalFile)]

    def with_versions(self, datasets: Sequence[DatasetSpec]) -> ExecutionConfiguration:
        """The same with each dataset pinned as given."""
        return replace(self, datasets=list(datasets))

    def to_mapping(self, workflow_rid: str | None = None) -> dict[str, Any]:
        """The JSON form; secrets in ``argv`` are hidden.

        Args:
            workflow_rid: RID of the registered workflow.
        """
        return {
            "datasets": [spec.to_mapping() for spec in self.datasets],
            "assets": [_asset_mapping(one) for one in self.assets],
            "workflow": None if self.workflow is None else self.workflow.to_mapping(workflow_rid),
            "description": self.description,
            "argv": redact_arguments(self.argv),
            "config_choices": dict(self.config_choices),
        }

    def to_json(self, workflow_rid: str | None = None, *, indent: int | None = None) -> str:
        """``to_mapping`` as text."""
        return json.dumps(self.to_mapping(workflow_rid), ensure_ascii=False, indent=indent)

    @classmethod
    def from_mapping(cls, document: Mapping[str, Any]) -> ExecutionConfiguration:
        """Read the JSON form.

        Raises:
            UsageError: A key is unknown, or a value has not the form it must have.
        """
        unknown = sorted(set(document) - _KEYS)
        if unknown:
            raise UsageError(
                f"The configuration has unknown {', '.join(map(safe, unknown))}",
                hint=f"Known: {', '.join(sorted(_KEYS))}.",
            )
        workflow = document.get("workflow")
        if workflow is not None and not isinstance(workflow, Mapping):
            raise UsageError(
                "The configuration's workflow is no mapping", hint='Write {"name": …, "workflow_type": …}.'
            )
        choices = document.get("config_choices") or {}
        argv = document.get("argv") or []
        if not isinstance(choices, Mapping) or not isinstance(argv, list):
            raise UsageError("In the configuration, argv is a list and config_choices a mapping")
        return cls(
            workflow=None if workflow is None else Workflow.from_mapping(workflow),
            description=document.get("description") or "",
            datasets=document.get("datasets") or [],
            assets=document.get("assets") or [],
            argv=argv,
            config_choices=dict(choices),
        )

    @classmethod
    def load_configuration(cls, path: Path | str) -> ExecutionConfiguration:
        """Read a configuration file, as :func:`load_configuration` does."""
        return load_configuration(Path(path))


def configuration_of(row: ExecutionRow) -> ExecutionConfiguration:
    """The recorded configuration of an execution; an empty one when another program stored something else."""
    try:
        document = json.loads(row.config_json)
        return ExecutionConfiguration.from_mapping(document if isinstance(document, dict) else {})
    except (ValueError, UsageError):
        return ExecutionConfiguration(description=row.description or "")


def load_configuration(path: Path) -> ExecutionConfiguration:
    """Read a configuration from a JSON or YAML file (by its suffix, ``.yaml`` or ``.yml``).

    Raises:
        UsageError: The file cannot be read, is malformed, or holds no configuration.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise UsageError(f"cannot read {safe(path)}: {error.strerror}", hint="Name a JSON or YAML file.") from error
    if len(content) > _LARGEST_FILE:
        raise UsageError(f"{safe(path)} is larger than {_LARGEST_FILE >> 20} MiB; that is no configuration")
    try:
        document = _parse(path, content.decode())
    except ValueError as error:
        raise UsageError(f"{safe(path)} cannot be read: {safe(error, limit=200)}", hint="Mend the file.") from error
    if not isinstance(document, Mapping):
        raise UsageError(f"{safe(path)} holds no mapping", hint="Its top level has keys such as datasets and assets.")
    try:
        return ExecutionConfiguration.from_mapping(document)
    except UsageError as error:
        raise UsageError(f"{safe(path)}: {error.message}", hint=error.hint) from error


def _parse(path: Path, text: str) -> object:
    if path.suffix.lower() not in (".yaml", ".yml"):
        return json.loads(text)
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _items(value: object, name: str) -> Iterable[Any]:
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise UsageError(f"{name} is a list", hint=f"Write {name}=[…].")
    return value


def _asset(value: object) -> AssetSpec | LocalFile:
    match value:
        case AssetSpec() | LocalFile():
            return value
        case str():
            return AssetSpec.parse(value)
        case {"rid": str(rid), **rest} if set(rest) <= {"cache"}:
            return AssetSpec(rid, cache=bool(rest.get("cache", False)))
        case {"path": str(path), **rest} if set(rest) <= {"cache"}:
            return LocalFile(path, cache=bool(rest.get("cache", False)))
    raise UsageError(f"{safe(value, limit=80)} is no asset", hint='Write a RID, {"rid": …, "cache": …} or {"path": …}.')


def _asset_mapping(asset: AssetSpec | LocalFile) -> dict[str, Any]:
    if isinstance(asset, AssetSpec):
        return {"rid": asset.rid, "cache": asset.cache}
    return {"path": asset.path, "cache": asset.cache}


def _refuse_duplicates(rids: Sequence[str], kind: str) -> None:
    twice = sorted({rid for rid in rids if rids.count(rid) > 1})
    if twice:
        raise UsageError(f"The {kind} {twice[0]} is named twice", hint="Name each input once.")
