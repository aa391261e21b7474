"""The summary of a run: what runs, on which inputs, and how much must be downloaded first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dml.errors import DmlError
from dml.experiment.composition import Composition
from dml.preflight.check_context import CheckContext
from dml.preflight.results import RunSummary

__all__ = ["parameters_of", "summarize"]


def summarize(context: CheckContext) -> RunSummary:
    """Summarize the run; what the checks have not found out stays empty. Sends no requests."""
    plan = context.plan
    composition = plan.composition
    function = composition.function if composition else None
    values: dict[str, Any] = {
        "experiment": plan.name,
        "target": str(plan.target or ""),
        "description": plan.description,
        "jobs": composition.job_count or 1 if composition else 1,
        "function": function.target if function else "",
        "parameters": parameters_of(composition) if composition else {},
    }
    values |= _code(context) | _inputs(context)
    if context.catalog is not None and context.catalog.identity.known:
        try:
            identity = context.catalog.identity()
            values["identity"] = identity.display_name if identity else ""
        except DmlError:
            values["identity"] = ""
    return RunSummary(**values)


def parameters_of(composition: Composition) -> Mapping[str, object]:
    """The parameters of the called function in the first job, without those that the runner passes."""
    job = next((job for job in composition.jobs if job.composed), None)
    key = composition.function.key if composition.function else "model_config"
    node = job.config.get(key) if job is not None else None
    if not isinstance(node, Mapping):
        return {}
    return {
        str(key): value
        for key, value in node.items()
        if not str(key).startswith("_") and key not in ("ml_instance", "execution", "dry_run")
    }


def _code(context: CheckContext) -> dict[str, str]:
    if context.code is None:
        return {}
    try:
        facts = context.code()
    except DmlError:
        return {}
    return {"commit": facts.short_commit, "branch": facts.branch, "version": facts.version or ""}


def _inputs(context: CheckContext) -> dict[str, Any]:
    from dml.preflight.checks.cache import input_downloads

    if context.catalog is None:
        datasets = context.plan.datasets
        return {"datasets": {str(dataset): str(context.tiers.dataset(dataset).tier) for dataset in datasets}}
    if not context.catalog.details.known:
        return {}
    try:
        downloads = input_downloads(context)
    except DmlError:
        return {}
    assets = {asset.rid for asset in context.assets}
    tiers = {download.name: str(download.tier) for download in downloads}
    return {
        "datasets": {name: tier for name, tier in tiers.items() if name not in assets},
        "assets": {name: tier for name, tier in tiers.items() if name in assets},
        "bytes_to_fetch": sum(download.bytes for download in downloads),
    }
