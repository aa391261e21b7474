"""The whole example: step after step, each only where it is not done yet."""

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
from dml.demo import divide, domain, evaluate, load, place, train
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
    """What the example left in the catalog.

    Attributes:
        target: The catalog.
        workspace: Its workspace on disk.
        executions: RID of each step's execution, by the name of its workflow.
        datasets: ``RID@VERSION`` by role: ``all``, ``split``, ``training``, ``testing``.
        model: RID of the trained model.
        predictions: RID of the predictions.
        accuracy: Share of correct predictions among the held-out images, read from the predictions in the catalog.
        images: How many images there are.
        made: Whether anything was done by this run.
        requests: Requests of this run.
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
    """Run the example to its end, or what is left of it, and make its catalog the default target.

    Writes an embedded catalog, its workspace, a record in the data directory and the user's profile. The profile is
    left alone when nothing else had to be done and a catalog is chosen already.

    Args:
        overrides: Settings given as flags, as ``settings.resolve`` takes them.
        progress: Told of each step and of uploads.
        images: How many images are loaded where none are yet.

    Raises:
        LockedError: Another process runs the example.
        UsageError: A package of the extra ``demo`` is not installed.
    """
    require_packages()
    with place.alone():
        target, created = place.find_or_create()
        chosen = settings.resolve({**(overrides or {}), "catalog": str(target)})
        ml = DerivaML(
            target.host,
            target.catalog_id,
            working_dir=chosen.workspace,
            cache_dir=chosen.get("cache_dir"),
            default_schema=domain.SCHEMA,
        )
        progress.message(f"Catalog {target}: {'made' if created else 'there already'}")
        domain.define(ml)
        result = _Steps(ml, progress, images).all(chosen.workspace)
        if result.made or not settings.resolve().has_target:
            settings.write_profile("catalog", str(target))
            settings.unset_profile("host")
        ml.session.close()
        return result


class _Steps:
    """The steps on one connection; remembers whether any of them had to be done."""

    def __init__(self, ml: DerivaML, progress: Progress, images: int) -> None:
        self._ml = ml
        self._images = images
        self._progress = progress
        self._made = False

    def all(self, workspace: Path) -> DemoResult:
        """Do every step and tell what there is."""
        ml = self._ml
        loaded, digits = self._do(
            load.STEP,
            lambda: load.create(ml, self._images),
            lambda one: load.load(ml, one, self._images, self._watch()),
            self._digits,
        )
        divided, split = self._do(
            divide.STEP, lambda: divide.create(ml, digits["all"]), lambda one: divide.divide(ml, one), self._split
        )
        trained, model = self._do(
            train.STEP,
            lambda: train.create(ml, split["training"]),
            train.learn,
            lambda one: outputs_of(ml, one).get(train.MODEL),
        )
        evaluated, predictions = self._do(
            evaluate.STEP,
            lambda: evaluate.create(ml, split["testing"]),
            lambda one: evaluate.evaluate(one, model),
            lambda one: outputs_of(ml, one).get(evaluate.PREDICTIONS),
        )
        steps = {load.STEP: loaded, divide.STEP: divided, train.STEP: trained, evaluate.STEP: evaluated}
        return DemoResult(
            target=ml.catalog.target,
            workspace=workspace,
            executions={step.name: rid for step, rid in steps.items()},
            datasets={**digits, **split},
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
        """The RID of the step's execution and its result: found, completed, or made."""
        execution = step.find(self._ml)
        if execution is not None and execution.status == ExecutionStatus.UPLOADED:
            found = result(execution)
            if found is not None:
                self._progress.message(f"{step.name}: {execution.execution_rid} is there already")
                return execution.execution_rid, found
        self._made = True
        for attempt in (execution, None):
            one = attempt or create()
            self._progress.message(f"{step.name}: {one.execution_rid} {'taken up' if attempt else 'begun'}")
            work(one)
            found = result(one)
            if found is not None:
                return one.execution_rid, found
            if attempt is None:
                break
        raise IntegrityError(f"{step.name} ended without its result")

    def _digits(self, execution: Execution) -> dict[str, str] | None:
        made = self._datasets_of(execution)
        return next(({"all": _release(one)} for one in made if "Complete" in one.types), None)

    def _split(self, execution: Execution) -> dict[str, str] | None:
        made = self._datasets_of(execution)
        found = {
            name.lower(): _release(one)
            for one in made
            for name in ("Split", "Training", "Testing")
            if name in one.types
        }
        return found if len(found) == 3 else None

    def _datasets_of(self, execution: Execution) -> list[Dataset]:
        """The datasets whose release an execution made."""
        rows = select(self._ml.catalog, DATASET_VERSION, where={"Execution": execution.execution_rid})
        found = find_datasets(self._ml.catalog, [str(row["Dataset"]) for row in rows if row.get("Snapshot")])
        return list(found.values())

    def _accuracy(self, predictions: str) -> float:
        row = select(self._ml.catalog, "deriva-ml:Execution_Asset", where={"RID": predictions})[0]
        with ScratchDirectory(scratch_root(self._ml.session.workspace.root), "accuracy") as folder:
            path = folder / evaluate.PREDICTIONS
            download(self._ml.catalog, str(row["URL"]), path, length=int(row["Length"]), md5_hex=str(row["MD5"]))
            return evaluate.accuracy_of(path)

    def _watch(self) -> ProgressCallback:
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
