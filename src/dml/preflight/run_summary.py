"""The card of a run: what will run, on what, and how much has to come for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dml.errors import DmlError
from dml.experiment.composition import Composition
from dml.preflight.check_context import CheckContext
from dml.preflight.results import RunSummary

__all__ = ["card_of", "parameters_of"]


def card_of(look: CheckContext) -> RunSummary:
    """The card; what could not be found out is left empty. Asks nothing that no check has asked."""
    subject = look.subject
    composition = subject.composition
    function = composition.function if composition else None
    values: dict[str, Any] = {
        "experiment": subject.name,
        "target": str(subject.target or ""),
        "description": subject.description,
        "jobs": composition.job_count or 1 if composition else 1,
        "function": function.target if function else "",
        "parameters": parameters_of(composition) if composition else {},
    }
    values |= _code(look) | _inputs(look)
    if look.catalog is not None and look.catalog.identity.known:
        try:
            identity = look.catalog.identity()
            values["identity"] = identity.display_name if identity else ""
        except DmlError:
            values["identity"] = ""
    return RunSummary(**values)


def parameters_of(composition: Composition) -> Mapping[str, object]:
    """The parameters of what is called, as the first job sets them; without those that the runner gives."""
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


def _code(look: CheckContext) -> dict[str, str]:
    if look.code is None:
        return {}
    try:
        facts = look.code()
    except DmlError:
        return {}
    return {"commit": facts.short_commit, "branch": facts.branch, "version": facts.version or ""}


def _inputs(look: CheckContext) -> dict[str, Any]:
    from dml.preflight.checks.cache import inputs_to_fetch

    if look.catalog is None:
        return {"datasets": {str(one): str(look.tiers.dataset(one).tier) for one in look.subject.datasets}}
    if not look.catalog.details.known:
        return {}
    try:
        found = inputs_to_fetch(look)
    except DmlError:
        return {}
    assets = {one.rid for one in look.assets}
    return {
        "datasets": {one.name: str(one.tier) for one in found if one.name not in assets},
        "assets": {one.name: str(one.tier) for one in found if one.name in assets},
        "bytes_to_fetch": sum(one.bytes for one in found),
    }
