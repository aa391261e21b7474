"""Run the example: one step after the other, each only if it is not done yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dml import settings
from dml.api.deriva_ml import DerivaML
from dml.api.execution import Execution
from dml.catalog.objects import download
from dml.catalog.rows import select
from dml.dataset.lookup import find_datasets
from dml.dataset.records import DATASET_VERSION, Dataset
from dml.demo import demo_catalog, domain, evaluate, load, split, train
from dml.demo.digits import IMAGES, require_packages
from dml.demo.step import Step, outputs_of
from dml.errors import IntegrityError
from dml.execution.status import ExecutionStatus
from dml.progress import SILENT, Progress
from dml.target import Target
from dml.upload.report import UploadProgress
from dml.workspace.scratch import ScratchDirectory, scratch_root

if TYPE_CHECKING:
    from dml.upload.observer import ProgressCallback

__all__ = ["DemoResult", "run"]

T = TypeVar("T")


@dataclass(frozen=True)
class DemoResult:
    """The results of the example in the catalog.

    Attributes:
        target: The catalog.
        workspace: Directory of its workspace.
        executions: RID of each step's execution, by the name of its workflow.
        datasets: ``RID@VERSION`` by role: ``all``, ``split``, ``training``, ``testing``.
        model: RID of the trained model.
        predictions: RID of the predictions.
        accuracy: Fraction of correct predictions for the testing images, read from the predictions in the catalog.
        images: Number of images.
        made: Whether this run did anything.
        requests: Number of requests of this run.
    """

    target: Target
    workspace: Path
    executions: Mapping[str, str]
    datasets: Mapping[str, str]
    model: str
    predictions: str
    accuracy: float
    images: int
    made: bool
    requests: int


def run(
    overrides: Mapping[str, object] | None = None,
    *,
    progress: Progress = SILENT,
    images: int = IMAGES,
) -> DemoResult:
    """Run the example, or its unfinished steps, and make its catalog the default target.

    Writes an embedded catalog, its workspace, a record in the data directory and the user's profile. The profile is
    left alone if nothing else had to be done and a catalog is selected already.

    Args:
        overrides: Settings given as options, in the form of ``settings.resolve``.
        progress: Receives the progress of the steps and the uploads.
        images: Number of images to load if none are loaded yet.

    Raises:
        LockedError: Another process is running the example.
        UsageError: A package of the extra ``demo`` is not installed.
    """
    require_packages()
    with demo_catalog.demo_lock():
        target, created = demo_catalog.find_or_create()
        chosen = settings.resolve({**(overrides or {}), "catalog": str(target)})
        ml = DerivaML(
            target.host,
            target.catalog_id,
            working_dir=chosen.workspace,
            cache_dir=chosen.get("cache_dir"),
            default_schema=domain.SCHEMA,
        )
        progress.message(f"Catalog {target}: {'created' if created else 'already exists'}")
        domain.define(ml)
        result = _Steps(ml, progress, images).all(chosen.workspace)
        if result.made or not settings.resolve().has_target:
            settings.write_profile("catalog", str(target))
            settings.unset_profile("host")
        ml.session.close()
        return result


class _Steps:
    """The steps of the example on one connection; records whether any of them had to be made."""

    def __init__(self, ml: DerivaML, progress: Progress, images: int) -> None:
        self._ml = ml
        self._images = images
        self._progress = progress
        self._made = False

    def all(self, workspace: Path) -> DemoResult:
        """Make every step that is not done and return the results."""
        ml = self._ml
        loaded, digits = self._do(
            load.STEP,
            lambda: load.create(ml, self._images),
            lambda execution: load.load(ml, execution, self._images, self._on_progress()),
            self._digits,
        )
        divided, parts = self._do(
            split.STEP,
            lambda: split.create(ml, digits["all"]),
            lambda execution: split.split(ml, execution),
            self._parts,
        )
        trained, model = self._do(
            train.STEP,
            lambda: train.create(ml, parts["training"]),
            train.train_model,
            lambda execution: outputs_of(ml, execution).get(train.MODEL),
        )
        evaluated, predictions = self._do(
            evaluate.STEP,
            lambda: evaluate.create(ml, parts["testing"]),
            lambda execution: evaluate.evaluate(execution, model),
            lambda execution: outputs_of(ml, execution).get(evaluate.PREDICTIONS),
        )
        steps = {load.STEP: loaded, split.STEP: divided, train.STEP: trained, evaluate.STEP: evaluated}
        return DemoResult(
            target=ml.catalog.target,
            workspace=workspace,
            executions={step.name: rid for step, rid in steps.items()},
            datasets={**digits, **parts},
            model=model,
            predictions=predictions,
            accuracy=self._accuracy(predictions),
            images=self._images,
            made=self._made,
            requests=ml.catalog.traffic.requests,
        )

    def _do(
        self,
        step: Step,
        create: Callable[[], Execution],
        work: Callable[[Execution], object],
        result: Callable[[Execution], T | None],
    ) -> tuple[str, T]:
        """The RID of the step's execution and its result, after making or completing the step if necessary."""
        existing = step.find(self._ml)
        if existing is not None and existing.status == ExecutionStatus.UPLOADED:
            value = result(existing)
            if value is not None:
                self._progress.message(f"{step.name}: {existing.execution_rid} is already done")
                return existing.execution_rid, value
        self._made = True
        # An existing execution that cannot be completed is followed by a new one.
        for attempt in (existing, None) if existing is not None else (None,):
            execution = attempt or create()
            self._progress.message(f"{step.name}: {execution.execution_rid} {'continued' if attempt else 'started'}")
            work(execution)
            value = result(execution)
            if value is not None:
                return execution.execution_rid, value
        raise IntegrityError(f"{step.name} ended without its result")

    def _digits(self, execution: Execution) -> dict[str, str] | None:
        datasets = self._datasets_of(execution)
        return next(({"all": _release(dataset)} for dataset in datasets if "Complete" in dataset.types), None)

    def _parts(self, execution: Execution) -> dict[str, str] | None:
        parts = {
            name.lower(): _release(dataset)
            for dataset in self._datasets_of(execution)
            for name in ("Split", "Training", "Testing")
            if name in dataset.types
        }
        return parts if len(parts) == 3 else None

    def _datasets_of(self, execution: Execution) -> list[Dataset]:
        """The datasets of which an execution produced a release."""
        rows = select(self._ml.catalog, DATASET_VERSION, where={"Execution": execution.execution_rid})
        datasets = find_datasets(self._ml.catalog, [str(row["Dataset"]) for row in rows if row.get("Snapshot")])
        return list(datasets.values())

    def _accuracy(self, predictions: str) -> float:
        row = select(self._ml.catalog, "deriva-ml:Execution_Asset", where={"RID": predictions})[0]
        with ScratchDirectory(scratch_root(self._ml.session.workspace.root), "accuracy") as folder:
            path = folder / evaluate.PREDICTIONS
            download(self._ml.catalog, str(row["URL"]), path, length=int(row["Length"]), md5_hex=str(row["MD5"]))
            return evaluate.accuracy_of(path)

    def _on_progress(self) -> ProgressCallback:
        return lambda event: _report(self._progress, event)


def _release(dataset: Dataset) -> str:
    """``RID@VERSION`` of the newest release."""
    release = dataset.newest_release
    return f"{dataset.rid}@{release.text}" if release else dataset.rid


def _report(progress: Progress, event: UploadProgress) -> None:
    if event.phase == "uploaded" and event.file_name:
        progress.begin(event.file_name, event.bytes_total)
        progress.advance(event.file_name, event.bytes_completed)
        progress.finish(event.file_name, "uploaded")
