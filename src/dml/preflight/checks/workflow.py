"""The workflow: it has a name, its types are terms, and the code it stands for is found."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterator, Sequence

from dml.catalog.vocabulary import Term
from dml.errors import DmlError
from dml.execution.catalog_facts import WORKFLOW_TYPE, is_rid
from dml.preflight.check_context import CheckContext
from dml.preflight.results import Result, failed, ok, skipped, warning
from dml.preflight.run_plan import WantedWorkflow

GROUP = "workflow"


def check(look: CheckContext) -> Iterator[Result]:
    """Report the workflow."""
    composition = look.subject.composition
    if composition is not None and not any(job.composed for job in composition.jobs):
        yield skipped(GROUP, "workflow", "the configuration did not compose")
        return
    workflow = look.subject.workflow
    if workflow is None:
        if look.subject.needs_workflow:
            yield failed(
                GROUP, "workflow", "there is no workflow, which an execution needs", "add one to the group workflow"
            )
        elif composition is not None:
            yield skipped(GROUP, "types", "which type the notebook gives its workflow cannot be read")
        return
    if workflow.rid:
        yield from _registered(look, workflow)
        return
    if not workflow.name.strip():
        yield failed(GROUP, "name", "the workflow has no name", "name= in the group workflow")
    yield from _types(look, workflow)
    if look.subject.needs_workflow:
        yield from _source(look, workflow)


def nearest_terms(known: Sequence[Term], name: str) -> list[str]:
    """The names of the terms that are spelt most like a name, synonyms counted; the first few terms when none is."""
    spelled = {form.casefold(): term.name for term in known for form in (term.name, *term.synonyms)}
    close = difflib.get_close_matches(name.casefold(), list(spelled), 3, 0.4)
    return list(dict.fromkeys(spelled[form] for form in close)) or [term.name for term in known[:2]]


def missing_term(group: str, table: str, known: Sequence[Term], name: str) -> Result:
    """The result for a term that is not there."""
    near = nearest_terms(known, name)
    nearest = f"; nearest: {', '.join(near)}" if near else ""
    command = f'dml vocab add {table} {shlex.quote(name)} -d "…"'
    return failed(group, "term", f'no term "{name}" in {table}{nearest}', command, subject=name)


def _types(look: CheckContext, workflow: WantedWorkflow) -> Iterator[Result]:
    names = look.subject.workflow_types
    if not names:
        yield failed(
            GROUP, "types", f"the workflow {workflow.name!r} has no type", "workflow_type= in the group workflow"
        )
        return
    if look.catalog is None:
        yield skipped(GROUP, "types", look.without_catalog)
        return
    known = look.catalog.rows().workflow_types
    spelled = {form for term in known for form in (term.name, *term.synonyms)}
    missing = [name for name in names if name not in spelled]
    for name in missing:
        yield missing_term(GROUP, WORKFLOW_TYPE.rpartition(":")[2], known, name)
    if not missing:
        yield ok(GROUP, "types", f"{workflow.name} · {', '.join(names)}")


def _source(look: CheckContext, workflow: WantedWorkflow) -> Iterator[Result]:
    from dml.workflow.source import describe_source

    if workflow.url and workflow.checksum:
        yield ok(GROUP, "source", workflow.url)
        return
    if workflow.path is None:
        composition = look.subject.composition
        if composition is not None and composition.function is not None:
            what = f"the source of {composition.function.target} was not found"
            yield failed(GROUP, "source", what, "check its name in the group model_config")
        else:
            yield skipped(GROUP, "source", "which file runs is not known")
        return
    try:
        source = describe_source(workflow.path, url=workflow.url, checksum=workflow.checksum, allow_dirty=True)
    except DmlError as error:
        yield failed(GROUP, "source", error.message.splitlines()[0], error.hint)
        return
    if not source.url:
        why = "is in no repository" if source.git_root is None else "is in a repository without a remote"
        yield warning(GROUP, "source", f"{workflow.path.name} {why}: no link will be recorded")
    else:
        yield ok(GROUP, "source", source.url)


def _registered(look: CheckContext, workflow: WantedWorkflow) -> Iterator[Result]:
    rid = str(workflow.rid)
    if look.catalog is None:
        yield skipped(GROUP, "workflow", look.without_catalog)
        return
    row = look.catalog.rows().workflow if is_rid(rid) else None
    if row is None:
        target = look.catalog.catalog.target
        yield failed(GROUP, "workflow", f"there is no workflow {rid} in {target}", "name a registered one", subject=rid)
    else:
        yield ok(GROUP, "workflow", f"{rid} {row.get('Name') or ''}".strip(), subject=rid)
