"""Run the benchmarks named on the command line, or all of them, and print what they measure."""

from __future__ import annotations

import pkgutil
import sys
import traceback
from importlib import import_module
from pathlib import Path


def names() -> list[str]:
    """The modules of this package that measure something, in alphabetical order."""
    found = (module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return sorted(name for name in found if not name.startswith("_"))


def main(wanted: list[str]) -> int:
    """Run them one after the other; one that fails is said and does not stop the others.

    Returns:
        0, 1 when one failed, 2 when one is not known.
    """
    unknown = sorted(set(wanted) - set(names()))
    if unknown:
        sys.stderr.write(f"error: no benchmark {', '.join(unknown)}\nhint: there are: {', '.join(names())}\n")
        return 2
    failed = 0
    for name in wanted or names():
        module = import_module(f"benchmarks.{name}")
        sys.stdout.write(f"\n{name}: {module.TITLE}\n\n")
        try:
            for line in module.run():
                sys.stdout.write(f"  {line}\n")
                sys.stdout.flush()
        except Exception:
            failed += 1
            sys.stdout.write(f"  did not run to its end:\n{traceback.format_exc(limit=3)}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
