"""The workflow: it has a name, its types are terms, and its source code is found."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterator, Sequence

from dml.catalog.vocabulary import Term
from dml.errors import DmlError
from dml.execution.catalog_facts import WORKFLOW_TYPE, is_rid
from dml.preflight.check_context import CheckContext
from dml.preflight.results import Result, failed, ok, skipped, warning
from dml.preflight.run_plan import RequestedWorkflow

GROUP = "workflow"


def check(context: CheckContext) -> Iterator[Result]:
    """Report the workflow."""
    composition = context.plan.composition
    if composition is not None and not any(job.composed for job in composition.jobs):
        yield skipped(GROUP, "workflow", "the configuration did not compose")
        return
    workflow = context.plan.workflow
    if workflow is None:
        if context.plan.needs_workflow:
            fix = "add a workflow to the config group workflow"
            yield failed(GROUP, "workflow", "no workflow: an execution needs one", fix)
        elif composition is not None:
            yield skipped(GROUP, "types", "the notebook's workflow type could not be determined")
        return
    if workflow.rid:
        yield from _registered(context, workflow)
        return
    if not workflow.name.strip():
        yield failed(GROUP, "name", "the workflow has no name", "set name= in the config group workflow")
    yield from _types(context, workflow)
    if context.plan.needs_workflow:
        yield from _source(context, workflow)


def nearest_terms(known: Sequence[Term], name: str) -> list[str]:
    """The terms whose name or synonym is most similar to a name, best first; the first two terms when none is."""
    by_spelling = {spelling.casefold(): term.name for term in known for spelling in (term.name, *term.synonyms)}
    matches = difflib.get_close_matches(name.casefold(), list(by_spelling), 3, 0.4)
    return list(dict.fromkeys(by_spelling[match] for match in matches)) or [term.name for term in known[:2]]


def _missing_type(known: Sequence[Term], name: str) -> Result:
    table = WORKFLOW_TYPE.rpartition(":")[2]
    similar = nearest_terms(known, name)
    suggestion = f"; nearest: {', '.join(similar)}" if similar else ""
    command = f'dml vocab add {table} {shlex.quote(name)} -d "…"'
    return failed(GROUP, "term", f'no term "{name}" in {table}{suggestion}', command, subject=name)


def _types(context: CheckContext, workflow: RequestedWorkflow) -> Iterator[Result]:
    names = context.plan.workflow_types
    if not names:
        fix = "set workflow_type= in the config group workflow"
        yield failed(GROUP, "types", f"the workflow {workflow.name!r} has no type", fix)
        return
    if context.catalog is None:
        yield skipped(GROUP, "types", context.no_catalog_reason)
        return
    known = context.catalog.rows().workflow_types
    spellings = {spelling for term in known for spelling in (term.name, *term.synonyms)}
    missing = [name for name in names if name not in spellings]
    for name in missing:
        yield _missing_type(known, name)
    if not missing:
        yield ok(GROUP, "types", f"{workflow.name} · {', '.join(names)}")


def _source(context: CheckContext, workflow: RequestedWorkflow) -> Iterator[Result]:
    from dml.workflow.source import describe_source

    if workflow.url and workflow.checksum:
        yield ok(GROUP, "source", workflow.url)
        return
    if workflow.path is None:
        composition = context.plan.composition
        if composition is not None and composition.function is not None:
            message = f"the source of {composition.function.target} was not found"
            yield failed(GROUP, "source", message, "check the name in the config group model_config")
        else:
            yield skipped(GROUP, "source", "the file that runs is unknown")
        return
    try:
        source = describe_source(workflow.path, url=workflow.url, checksum=workflow.checksum, allow_dirty=True)
    except DmlError as error:
        yield failed(GROUP, "source", error.message.splitlines()[0], error.hint)
        return
    if not source.url:
        state = "is not in a git repository" if source.git_root is None else "is in a repository without a remote"
        yield warning(GROUP, "source", f"{workflow.path.name} {state}: no link will be recorded")
    else:
        yield ok(GROUP, "source", source.url)


def _registered(context: CheckContext, workflow: RequestedWorkflow) -> Iterator[Result]:
    rid = str(workflow.rid)
    if context.catalog is None:
        yield skipped(GROUP, "workflow", context.no_catalog_reason)
        return
    row = context.catalog.rows().workflow if is_rid(rid) else None
    if row is None:
        message = f"no workflow {rid} in {context.catalog.catalog.target}"
        yield failed(GROUP, "workflow", message, "dml workflow list", subject=rid)
    else:
        yield ok(GROUP, "workflow", f"{rid} {row.get('Name') or ''}".strip(), subject=rid)
