"""Write the tables of names in docs/python-api.md from the docstrings; with ``--check``, report whether they differ.

A table follows a line ``<!-- table: NAME -->``, where NAME is ``dml`` for the public names or the name of a class.
"""

from __future__ import annotations

import inspect
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dml

PAGE = Path(__file__).parents[1] / "docs" / "python-api.md"
TABLE = re.compile(r"(<!-- table: (\w+) -->\n\n)(?:\|[^\n]*\n)*")

WITHOUT_DOCSTRING = {
    "__version__": ("dml", "The version of this package."),
    "base_defaults": (
        "dml.experiment.base_config",
        "The option of each config group, unless an experiment chooses one.",
    ),
    "DerivaBaseConfig": ("dml.experiment.base_config", "`BaseConfig` as a Hydra configuration, to build others on."),
}


def summary(value: Any) -> str:
    """The first paragraph of a docstring, as Markdown for a table cell."""
    first = (inspect.getdoc(value) or "").partition("\n\n")[0]
    return " ".join(first.split()).replace("``", "`").replace("|", "\\|")


def names() -> Iterator[str]:
    """One row for each public name, sorted by module."""
    rows = []
    for name in dml.__all__:
        if name in WITHOUT_DOCSTRING:
            module, text = WITHOUT_DOCSTRING[name]
        else:
            value = getattr(dml, name)
            module, text = value.__module__, summary(value)
        rows.append((module, name, text))
    yield "| name | module | what it is |"
    yield "|---|---|---|"
    yield from (f"| `{name}` | `{module}` | {text} |" for module, name, text in sorted(rows))


def members(kind: type) -> Iterator[str]:
    """One row for each public method and property that a class defines itself."""
    yield "| name | what it does |"
    yield "|---|---|"
    fields = getattr(kind, "__dataclass_fields__", {})
    for name, attribute in vars(kind).items():
        if name.startswith("_") or name in fields:
            continue
        if isinstance(attribute, property):
            yield f"| `{name}` | {summary(attribute)} |"
            continue
        parameters = inspect.signature(getattr(attribute, "__func__", attribute)).parameters.values()
        shown = [
            f"**{parameter.name}" if parameter.kind is parameter.VAR_KEYWORD else parameter.name
            for parameter in parameters
        ]
        yield f"| `{name}` `({', '.join(shown[1:])})` | {summary(attribute)} |"


def page(text: str) -> str:
    """The page with every table rewritten from the code."""
    return TABLE.sub(
        lambda match: match[1] + "\n".join(names() if match[2] == "dml" else members(getattr(dml, match[2]))) + "\n",
        text,
    )


def main() -> int:
    """Write the page, or check it; 1 when the check fails."""
    warnings.simplefilter("ignore", DeprecationWarning)
    before = PAGE.read_text(encoding="utf-8")
    after = page(before)
    if "--check" in sys.argv[1:]:
        return int(before != after)
    PAGE.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
