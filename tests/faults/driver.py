"""Runs one step of the lifecycle again and again, each time broken at the next boundary, and compares what is left.

A program of its own: it imports everything once and forks a child for every run, so that a child may be killed and no
thread of a test runner is forked. The parent opens no connection.

Usage: ``python -m faults.driver SCENARIO KIND:ACTION DIRECTORY [--stride N] [--first N] [--whole]``; prints one JSON
document: how many points were tried, which boundaries were met, and every difference from an undisturbed run. Without
arguments it does this for each line of standard input, a JSON object of ``arguments`` and ``environment``, and answers
with a line ``[exit status, document or traceback]``: what was imported once is not imported again.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import json
import mmap
import os
import shutil
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dml.embedded.ermrest.grammar import parse_data_path
from dml.errors import DmlError
from faults import boundaries, scenarios
from faults.boundaries import SIGNALS, Fault
from faults.scenarios import CANARY, SCENARIOS, SMALL, WHOLE, Size

MOST_POINTS = 5_000
LONGEST = 120
"""Seconds after which a child is killed: everything ends."""

_COUNTER = struct.Struct("=q")


class Sent:
    """Bytes of request bodies that were sent, by this process and all it forks."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _COUNTER.size)

    def add(self, count: int) -> None:
        """Count some more."""
        _COUNTER.pack_into(self._memory, 0, self.total() + count)

    def total(self) -> int:
        """Bytes so far."""
        return int(_COUNTER.unpack_from(self._memory, 0)[0])

    def reset(self) -> None:
        """Begin at zero."""
        _COUNTER.pack_into(self._memory, 0, 0)


@dataclass
class Enumeration:
    """A scenario with one fault, tried at many points.

    Attributes:
        name: Of the scenario.
        fault: ``KIND:ACTION``; with a ``+`` behind it everything from the point on is broken.
        root: An empty directory.
        size: How much is put out.
        differences: What was wrong, by point.
        longest: Seconds that the slowest repeat took, for information.
    """

    name: str
    fault: str
    root: Path
    size: Size = SMALL
    differences: list[dict[str, Any]] = field(default_factory=list)
    sites: dict[str, int] = field(default_factory=dict)
    tried: int = 0
    declared: int = 0
    rid: str | None = None

    def run(self, stride: int = 1, first: int = 1) -> dict[str, Any]:
        """Prepare, run once undisturbed, then break it at ``first``, ``first + stride``, … until a run ends unhit."""
        scenario, sent = SCENARIOS[self.name], Sent()
        live, template = self.root / "live", self.root / "template"
        self._prepare(live, scenario)
        shutil.copytree(live, template, symlinks=True)
        keep = self.name != "discard"
        kind, action = self.fault.rstrip("+").split(":")
        lasting = self.fault.endswith("+")
        clean = Fault(kind, 0, action, sent=sent.add)
        self.declared, self.sites = _must(_learn(lambda: self._act(scenario, clean)))
        usual = sent.total()
        expected = _must(_learn(lambda: scenarios.observe(keep_aborted=keep)))
        for point in range(first, MOST_POINTS, stride):
            _renew(live, template)
            sent.reset()
            broken = Fault(kind, point, action, lasting, sent=sent.add)
            began = time.monotonic()
            status, met = in_child(lambda broken=broken: self._act(scenario, broken))
            if status == 0 and met[0] < point:
                break
            self.tried += 1
            again = Fault(kind, 0, action, sent=sent.add)
            after, seen = in_child(lambda again=again: self._repeat(scenario, again, keep))
            problem: dict[str, Any] = {}
            if after != 0:
                problem = {"repeat": seen}
            elif seen["wrong"] or seen["observed"] != expected:
                there = seen["observed"]
                different = {
                    key: (expected[key], there.get(key)) for key in expected if expected[key] != there.get(key)
                }
                problem = {"wrong": seen["wrong"], "different": different}
            if sent.total() > usual + self.size.chunk:
                problem["sent again"] = sent.total() - usual
            if self._secrets(live):
                problem["secret in"] = self._secrets(live)
            if status not in self._ways_to_end(action):
                problem["ended"] = (status, met)
            if problem:
                self.differences.append({"point": point, "seconds": time.monotonic() - began, **problem})
        return {
            "points": self.tried,
            "declared": self.declared,
            "sites": self.sites,
            "differences": self.differences,
            "expected": expected,
        }

    def _prepare(self, live: Path, scenario: scenarios.Scenario) -> None:
        outside = self.root / "outside"
        outside.mkdir(parents=True)
        live.mkdir()
        os.environ["DML_TEST_OUTSIDE"] = str(outside)
        for name in ("CONFIG", "CACHE", "STATE", "DATA"):
            os.environ[f"XDG_{name}_HOME"] = str(live / name.lower())
        os.environ["HOME"] = str(live)
        os.chdir(outside)
        scenarios.plant_secrets()
        _must(_learn(scenarios.prepare_catalog))
        prepare = scenario.prepare
        self.rid = _must(_learn(lambda: prepare(self.size))) if prepare else None

    def _act(self, scenario: scenarios.Scenario, fault: Fault) -> tuple[int, dict[str, int]]:
        boundaries.install(fault)
        try:
            scenario.act(self.rid, self.size)
        except DmlError:
            if fault.action in SIGNALS or not fault.at:
                raise
        return fault.count, dict(fault.sites)

    def _repeat(self, scenario: scenarios.Scenario, again: Fault, keep: bool) -> dict[str, Any]:
        wrong = scenarios.problems_between(self.rid)
        boundaries.install(again)
        scenario.act(self.rid, self.size)
        wrong += scenarios.problems_between(self.rid)
        return {"wrong": wrong, "observed": scenarios.observe(keep_aborted=keep)}

    def _secrets(self, live: Path) -> list[str]:
        wanted = CANARY.encode()
        return [str(path) for path in live.rglob("*") if path.is_file() and wanted in path.read_bytes()]

    @staticmethod
    def _ways_to_end(action: str) -> tuple[int, ...]:
        return (-SIGNALS[action],) if action == "kill" else (0,)


def in_child(work: Callable[[], Any], seconds: int = LONGEST) -> tuple[int, Any]:
    """Run a function in a forked child; its exit status (negative for a signal) and what it returned.

    Args:
        work: The function; what it returns must be JSON.
        seconds: When the child is killed; 0 for never.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        signal.alarm(seconds)
        code = 0
        try:
            answer = json.dumps(work(), default=str, sort_keys=True)
        except DmlError as error:
            code, answer = 3, json.dumps(f"{type(error).__name__}: {error}\n{traceback.format_exc()}")
        except BaseException:
            code, answer = 4, json.dumps(traceback.format_exc())
        with os.fdopen(writer, "w") as stream:
            stream.write(answer)
        os._exit(code)
    os.close(writer)
    with os.fdopen(reader) as stream:
        text = stream.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status, json.loads(text) if text else None


def _renew(live: Path, template: Path) -> None:
    shutil.rmtree(live)
    shutil.copytree(template, live, symlinks=True)


def _learn(work: Callable[[], Any], seconds: int = LONGEST) -> tuple[int, Any]:
    """Run in a child; then load what it loaded, so that no later child has to."""
    status, answer = in_child(lambda: (work(), list(sys.modules)), seconds)
    if status != 0:
        return status, answer
    for name in answer[1]:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    parse_data_path("entity", "lab:Image")  # builds the parser of the embedded catalog
    gc.freeze()  # a collection in a child would copy the pages of everything that was imported
    return status, answer[0]


def _must(result: tuple[int, Any]) -> Any:
    status, answer = result
    if status != 0:
        raise SystemExit(f"a step that must work ended with {status}: {answer}")
    return answer


def run(arguments: list[str]) -> dict[str, Any]:
    """Do what a command line names; see the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scenario", choices=sorted(SCENARIOS))
    parser.add_argument("fault")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--whole", action="store_true")
    given = parser.parse_args(arguments)
    size = WHOLE if given.whole else SMALL
    return Enumeration(given.scenario, given.fault, given.directory, size).run(given.stride, given.first)


def _serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)

        def answer(request: dict[str, Any] = request) -> dict[str, Any]:
            os.environ.clear()
            os.environ.update(request["environment"])
            return run(request["arguments"])

        print(json.dumps(_learn(answer, seconds=0)), flush=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(run(sys.argv[1:])))
    else:
        _serve()
