"""The environment: the lock file is up to date, and the installed packages match it."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tokenize
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from dml.experiment.composition import Composition
from dml.experiment.worker_process import clean_environment
from dml.preflight.check_context import CheckContext
from dml.preflight.results import Result, failed, ok, skipped, warning

GROUP = "environment"

_FILE: Final = re.compile(r"(?<![\w/.-])(?:src|scripts|notebooks)/[\w./-]*\.(?:py|ipynb)\b")
_LISTING: Final = re.compile(r"deriva-ml-run[^\n`]*--info(?![=\w])[^\n]*")
_STATEMENT_STARTS: Final = (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
_UV_SECONDS: Final = 60
_SHOWN: Final = 3


def check(context: CheckContext) -> Iterator[Result]:
    """Report interpreter and lock file."""
    composition = context.plan.composition
    if composition is None:
        return
    if not composition.python:
        yield skipped(GROUP, "interpreter", "the configuration did not compose")
        return
    yield from _documents(composition)
    lock = composition.project.root / "uv.lock"
    if not lock.is_file():
        yield skipped(GROUP, "lock", "the project has no uv.lock")
        return
    if not composition.project.uses_venv:
        where = composition.project.interpreter
        yield warning(GROUP, "interpreter", f"the project has uv.lock but no .venv; {where} is used", "uv sync")
    yield from _lock_is_current(context, composition.project.root)
    yield from _agreement(composition, lock)


def _lock_is_current(context: CheckContext, root: Path) -> Iterator[Result]:
    uv = shutil.which("uv")
    if uv is None:
        yield skipped(GROUP, "lock", "uv is not installed, so uv.lock was not checked against pyproject.toml")
        return
    command = [uv, "lock", "--check", "--project", str(root), *(["--offline"] if context.offline else [])]
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_UV_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        yield skipped(GROUP, "lock", f"uv lock --check did not finish: {type(error).__name__}")
        return
    if done.returncode == 0:
        yield ok(GROUP, "lock", "uv.lock is up to date")
    elif "needs to be updated" in done.stderr or "missing" in done.stderr.lower():
        yield failed(GROUP, "lock", "uv.lock does not match pyproject.toml", "uv lock, then commit it")
    else:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        reason = lines[0] if lines else f"exit code {done.returncode}"
        yield skipped(GROUP, "lock", f"uv lock --check failed: {reason[:160]}")


def _agreement(composition: Composition, lock: Path) -> Iterator[Result]:
    try:
        document = tomllib.loads(lock.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        yield failed(GROUP, "agree", f"cannot read uv.lock: {str(error)[:120]}", "uv lock")
        return
    locked = locked_versions(document)
    differing = [
        f"{name} {composition.packages[name]} (locked: {', '.join(sorted(versions))})"
        for name, versions in sorted(locked.items())
        if name in composition.packages and composition.packages[name] not in versions
    ]
    if differing:
        more = f" and {len(differing) - _SHOWN} more" if len(differing) > _SHOWN else ""
        yield warning(
            GROUP, "agree", f"installed versions differ from uv.lock: {', '.join(differing[:_SHOWN])}{more}", "uv sync"
        )
    else:
        yield ok(GROUP, "agree", f"Python {composition.python}; the installed packages match uv.lock")


def locked_versions(document: Mapping[str, Any]) -> dict[str, set[str]]:
    """The versions of each package in ``uv.lock``, without the packages of the project itself."""
    versions: dict[str, set[str]] = defaultdict(set)
    for package in document.get("package", ()):
        source = package.get("source") or {}
        if "version" in package and not {"editable", "virtual"} & source.keys():
            versions[str(package["name"])].add(str(package["version"]))
    return dict(versions)


def _documents(composition: Composition) -> Iterator[Result]:
    """Report files that the README, or comments in the configuration, mention but that do not exist."""
    root = composition.project.root
    modules = sorted(composition.project.config_directory.rglob("*.py"))
    for path in [*sorted(root.glob("README*")), *modules]:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            continue
        name = composition.project.relative(path)
        for first, prose in _prose(text) if path.suffix == ".py" else [(1, text)]:
            yield from _out_of_date(root, name, first, prose)


def _out_of_date(root: Path, name: str, first_line: int, prose: str) -> Iterator[Result]:
    """Report what a piece of text says that is no longer true.

    Args:
        root: The project's root directory.
        name: The file that contains the text.
        first_line: The line on which the text begins.
        prose: The text.
    """

    def location(offset: int) -> str:
        return f"{name}:{first_line + prose.count(chr(10), 0, offset)}"

    for path in _FILE.finditer(prose):
        if not (root / path[0]).exists():
            where = location(path.start())
            message = f"{where} mentions {path[0]}, which does not exist"
            yield warning(GROUP, "documents", message, f"edit {where}", subject=path[0])
    listing = _LISTING.search(prose)
    if listing:
        where = location(listing.start())
        message = f"{where} lists configurations with --info; use --list-configs"
        yield warning(GROUP, "documents", message, f"edit {where}", subject="--info")


def _prose(text: str) -> Iterator[tuple[int, str]]:
    """The comments and docstrings of a module, each with the number of its first line."""
    before = tokenize.NEWLINE  # the last token that is not a comment: a string after it is a docstring
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            is_docstring = token.type == tokenize.STRING and before in _STATEMENT_STARTS
            if token.type == tokenize.COMMENT or is_docstring:
                yield token.start[0], token.string
            if token.type not in (tokenize.COMMENT, tokenize.NL):
                before = token.type
    except (tokenize.TokenError, SyntaxError):
        return
