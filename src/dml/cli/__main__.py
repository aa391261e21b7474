"""Entry point of ``dml``: runs the command and turns its result or exception into messages and an exit code.

The user always sees one line that says what happened and, if possible, what to do next;
with ``--json`` one ``dml.error/1`` document on standard output. A traceback is shown only with ``--debug``; for an
unexpected exception it is written to a crash log.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

__all__ = ["main"]

COMPLETE_VARIABLE = "_DML_COMPLETE"


class Signalled(SystemExit):
    """Raised when a signal asks the process to end; unwinds like KeyboardInterrupt.

    A ``SystemExit``, since asyncio keeps any other exception that a task raises, and the program would go on.
    """

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``dml`` with ``argv`` (the process's own arguments by default).

    Returns:
        The exit code, one of ``exit_codes.EXIT_CODES``.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    with _signals():
        try:
            _prepare_streams()
            return _run(arguments)
        except KeyboardInterrupt:
            _say("interrupted")
            return 128 + signal.SIGINT
        except Signalled as error:
            return 128 + error.number
        except BrokenPipeError:
            _abandon_stdout()
            return 128 + signal.SIGPIPE


def _run(arguments: list[str]) -> int:
    from dml.cli.app.invocation import Invocation, enter

    invocation = Invocation(debug=bool(os.environ.get("DML_DEBUG")))
    enter(invocation)
    try:
        if COMPLETE_VARIABLE in os.environ:
            from dml.cli.app.shell_complete import answer

            return answer(os.environ[COMPLETE_VARIABLE])
        from dml.cli.app.supported_versions import refuse_unsupported_typer

        refuse_unsupported_typer()
        from dml.cli.app.commands import root
        from dml.cli.app.typer_internals import run

        code = run(root(), arguments)
        sys.stdout.flush()  # here, so that a full disk is reported like any other error
        return code
    except BrokenPipeError:
        raise
    except Exception as error:
        if isinstance(error, OSError):
            _abandon_full_stdout()
        from dml.cli.app.failure import report

        wants_json = invocation.json or "--json" in arguments[: _end_of_options(arguments)]
        return report(error, json=wants_json, debug=invocation.debug)


def _end_of_options(arguments: list[str]) -> int:
    """The arguments before a literal ``--``; the options of a wrapped program are not ours."""
    return arguments.index("--") if "--" in arguments else len(arguments)


def _prepare_streams() -> None:
    """Make both streams safe to write: closed ones are discarded, and every character can be encoded."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into ``Signalled`` for the time of a command, unless they are ignored (nohup)."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise Signalled(number)

    previous = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                previous[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _abandon_stdout() -> None:
    """Point standard output at nothing, so that the interpreter's own last flush does not complain."""
    with suppress(OSError, ValueError, AttributeError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)


def _abandon_full_stdout() -> None:
    """Point standard output at nothing when what is left in it cannot be written."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        _abandon_stdout()


def _say(text: str) -> None:
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
