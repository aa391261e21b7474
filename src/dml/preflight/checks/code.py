"""The code: under git, clean, pushed, at a version tag, so that what runs can be found again."""

from __future__ import annotations

import os
from collections.abc import Iterator

from dml.errors import DmlError
from dml.preflight.check_context import CheckContext
from dml.preflight.code_facts import CodeFacts
from dml.preflight.results import Result, failed, ok, skipped, warning

GROUP = "code"

_SHOWN = 3


def check(look: CheckContext) -> Iterator[Result]:
    """Report the state of the repository."""
    if look.code is None:
        yield skipped(GROUP, "repository", "no code is named")
        return
    try:
        facts = look.code()
    except DmlError as error:
        yield skipped(GROUP, "repository", error.message)
        return
    allowed = look.subject.allow_dirty or os.environ.get("DERIVA_ML_ALLOW_DIRTY", "").lower() == "true"
    judge = warning if allowed else failed
    if facts.root is None:
        yield judge(GROUP, "repository", f"{look.subject.root} is in no git repository", "git init, then commit")
        return
    if not facts.commit:
        yield judge(GROUP, "commit", "the repository has no commit", "git add -A && git commit")
        return
    problems = [*_changes(facts, allowed), *_remote(facts, allowed), *_tag(facts)]
    yield from problems
    where = f"{facts.branch or 'detached'} @ {facts.short_commit}"
    state = "" if any(one.check in ("clean", "remote", "pushed") for one in problems) else ", clean, pushed"
    yield ok(GROUP, "commit", f"{where}{state}" + (f" · {facts.tag}" if facts.tag else ""))


def _changes(facts: CodeFacts, allowed: bool) -> Iterator[Result]:
    if facts.dirty:
        more = f" and {len(facts.dirty) - _SHOWN} more" if len(facts.dirty) > _SHOWN else ""
        judge = warning if allowed else failed
        yield judge(
            GROUP,
            "clean",
            f"uncommitted changes: {', '.join(facts.dirty[:_SHOWN])}{more}",
            "git commit -a, or accept them with --allow-dirty",
        )


def _remote(facts: CodeFacts, allowed: bool) -> Iterator[Result]:
    if not facts.remotes:
        judge = warning if allowed else failed
        yield judge(
            GROUP, "remote", "the repository has no remote, so no link shows the code", "git remote add origin URL"
        )
    elif facts.unpushed is None:
        yield warning(GROUP, "pushed", "nothing was pushed yet", f"git push -u {facts.remotes[0]} {facts.branch}")
    elif facts.unpushed:
        noun = "commit is" if facts.unpushed == 1 else "commits are"
        yield warning(
            GROUP, "pushed", f"{facts.unpushed} {noun} not pushed: the recorded link leads nowhere", "git push"
        )


def _tag(facts: CodeFacts) -> Iterator[Result]:
    recorded = f"the version recorded is {facts.version}" if facts.version else "no version is recorded"
    if not facts.tag:
        yield warning(GROUP, "tag", f"there is no version tag; {recorded}", "dml bump minor")
    elif facts.commits_since_tag:
        noun = "commit" if facts.commits_since_tag == 1 else "commits"
        yield warning(GROUP, "tag", f"{facts.commits_since_tag} {noun} after {facts.tag}; {recorded}", "dml bump patch")
