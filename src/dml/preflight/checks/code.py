"""The code: in git, committed, pushed and at a version tag, so that the code of a run can be found later."""

from __future__ import annotations

import os
from collections.abc import Iterator

from dml.errors import DmlError
from dml.preflight.check_context import CheckContext
from dml.preflight.code_facts import CodeFacts
from dml.preflight.results import Result, failed, ok, skipped, warning

GROUP = "code"

_SHOWN = 3


def check(context: CheckContext) -> Iterator[Result]:
    """Report the state of the repository."""
    if context.code is None:
        yield skipped(GROUP, "repository", "no code to check")
        return
    try:
        facts = context.code()
    except DmlError as error:
        yield skipped(GROUP, "repository", error.message)
        return
    allowed = context.plan.allow_dirty or os.environ.get("DERIVA_ML_ALLOW_DIRTY", "").lower() == "true"
    problem = warning if allowed else failed
    if facts.root is None:
        yield problem(GROUP, "repository", f"{context.plan.root} is not in a git repository", "git init, then commit")
        return
    if not facts.commit:
        yield problem(GROUP, "commit", "the repository has no commits", "git add -A && git commit")
        return
    problems = [*_changes(facts, allowed), *_remote(facts, allowed), *_tag(facts)]
    yield from problems
    where = f"{facts.branch or 'detached'} @ {facts.short_commit}"
    state = "" if any(result.check in ("clean", "remote", "pushed") for result in problems) else ", clean, pushed"
    yield ok(GROUP, "commit", f"{where}{state}" + (f" · {facts.tag}" if facts.tag else ""))


def _changes(facts: CodeFacts, allowed: bool) -> Iterator[Result]:
    if facts.dirty:
        more = f" and {len(facts.dirty) - _SHOWN} more" if len(facts.dirty) > _SHOWN else ""
        problem = warning if allowed else failed
        yield problem(
            GROUP,
            "clean",
            f"uncommitted changes: {', '.join(facts.dirty[:_SHOWN])}{more}",
            "git commit -a, or accept them with --allow-dirty",
        )


def _remote(facts: CodeFacts, allowed: bool) -> Iterator[Result]:
    if not facts.remotes:
        problem = warning if allowed else failed
        message = "the repository has no remote: the execution will not link to its code"
        yield problem(GROUP, "remote", message, "git remote add origin URL")
    elif facts.unpushed is None:
        yield warning(GROUP, "pushed", "nothing has been pushed yet", f"git push -u {facts.remotes[0]} {facts.branch}")
    elif facts.unpushed:
        noun = "commit is" if facts.unpushed == 1 else "commits are"
        yield warning(
            GROUP, "pushed", f"{facts.unpushed} {noun} not pushed: the recorded link will not work", "git push"
        )


def _tag(facts: CodeFacts) -> Iterator[Result]:
    recorded = f"the recorded version will be {facts.version}" if facts.version else "no version will be recorded"
    if not facts.tag:
        yield warning(GROUP, "tag", f"no version tag; {recorded}", "dml bump minor")
    elif facts.commits_since_tag:
        noun = "commit" if facts.commits_since_tag == 1 else "commits"
        yield warning(GROUP, "tag", f"{facts.commits_since_tag} {noun} since {facts.tag}; {recorded}", "dml bump patch")
