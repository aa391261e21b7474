"""Composes a project's Hydra configuration; run as a script by the project's own interpreter, Python 3.10 or newer.

Imports nothing of dml, because dml need not be installed there; nothing of Hydra before the user's modules are looked
for, because that may be missing. A request is one JSON document on standard input, the answer one JSON document on the
file descriptor given as first argument; what the user's modules print goes where it would. On the second descriptor
Python itself writes where the code is when the time is up. Configurations are composed, never instantiated.
"""

from __future__ import annotations

import ast
import contextlib
import faulthandler
import importlib
import importlib.util
import itertools
import json
import os
import pkgutil
import re
import sys
import time
import traceback
from pathlib import Path
from typing import Any

APIS = ("deriva_ml", "dml")
_HYDRAS = re.compile(r"[+~]*hydra[./=@]")
"""Overrides of Hydra's own settings, which belong to a sweep as a whole."""


class Failure(Exception):
    """The work cannot go on; what is known so far is answered."""


class Worker:
    """One request with the answer as far as it is known."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.root = os.path.realpath(request["root"])
        self.config_dir = os.path.realpath(request["config_dir"])
        self.end = time.monotonic() + request["seconds"] * 0.8
        self.answer: dict[str, Any] = {
            "format": 1,
            "python": ".".join(map(str, sys.version_info[:3])),
            "executable": sys.executable,
            "errors": [],
            "jobs": [],
            "others": [],
        }

    # Loading ------------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Import every module of the configuration package, as deriva-ml does: subpackages, modules, experiments."""
        package = Path(self.config_dir)
        sys.path[:0] = [str(package.parent), str(package.parent.parent)]
        package_name = package.name
        try:
            loaded = importlib.import_module(package_name)
        except BaseException as error:
            self.failed("import", error, package_name)
            raise Failure from None
        for name in _modules_of(loaded):
            try:
                importlib.import_module(name)
            except BaseException as error:
                self.failed("import", error, name)
        fallback = getattr(loaded, "load_all_configs", None)
        if callable(fallback) and not self.answer["errors"]:
            try:
                fallback()
            except BaseException as error:
                self.failed("import", error, f"{package_name}.load_all_configs")
        if self.answer["errors"]:
            raise Failure
        self.answer["api"] = next((name for name in APIS if name in sys.modules), None)

    def register(self) -> None:
        """Hand what the modules stored to Hydra, and list it."""
        try:
            import hydra
            from hydra_zen import store
        except ImportError as error:
            self.failed("setup", error, "hydra_zen")
            raise Failure from None
        self.answer["hydra"] = hydra.__version__
        groups: dict[str, list[str]] = {}
        for entry in store:
            groups.setdefault(str(entry["group"] or ""), []).append(str(entry["name"]))
        self.answer["groups"] = {group: sorted(set(names)) for group, names in sorted(groups.items())}
        try:
            store.add_to_hydra_store(overwrite_ok=True)
        except Exception as error:
            self.failed("setup", error, "hydra_zen store")
            raise Failure from None
        self.answer["multiruns"] = {
            str(name): {"overrides": [str(one) for one in spec.overrides], "description": str(spec.description or "")}
            for name, spec in sorted(_registry("_multirun_registry").items())
        }
        self.answer["notebooks"] = sorted(map(str, _registry("_notebook_configs")))

    # Composing ----------------------------------------------------------------------------------------------

    def compose(self) -> None:
        """Compose what was asked for, every job of a sweep, then whatever else the project defines."""
        from hydra import initialize
        from hydra.core.global_hydra import GlobalHydra

        GlobalHydra.instance().clear()
        with initialize(version_base="1.3", config_path=None, job_name="dml"):
            self._wanted()
            if self.request.get("others"):
                self._others()

    def _wanted(self) -> None:
        overrides, is_sweep = self._expanded(self.request["overrides"])
        self.answer["overrides"] = overrides
        name = self.request["config_name"]
        if not self._readable(overrides):
            return
        try:
            is_sweep = is_sweep or _asks_for_sweep(name, overrides)
            choices = self._jobs(name, overrides) if is_sweep else [list(overrides)]
        except Exception as error:
            self.failed("compose", error, " ".join(overrides))
            return
        self.answer["mode"] = "multirun" if is_sweep else "run"
        self.answer["job_count"] = len(choices)
        for number, chosen in enumerate(choices[: self.request["job_limit"]]):
            if number and time.monotonic() > self.end:
                break
            self.answer["jobs"].append(self._job(name, number, chosen))
        first = self.answer["jobs"][0] if self.answer["jobs"] else {}
        if first.get("config"):
            self.answer["function"] = _function_of(first["config"])

    def _readable(self, overrides: list[str]) -> bool:
        """Whether Hydra's grammar takes every override; those that it does not take are told one by one."""
        from hydra.core.override_parser.overrides_parser import OverridesParser

        parser = OverridesParser.create()
        before = len(self.answer["errors"])
        for text in overrides:
            try:
                parser.parse_override(text)
            except Exception as error:
                self.problem("compose", type(error).__name__, f"{text!r} is no override: {_sentence(error)}", text)
        return len(self.answer["errors"]) == before

    def _expanded(self, overrides: list[str]) -> tuple[list[str], bool]:
        """``+multirun=NAME`` replaced by what it stands for; whether this is a sweep."""
        expanded: list[str] = []
        is_sweep = bool(self.request["multirun"])
        for text in overrides:
            key, _, value = text.partition("=")
            if key not in ("+multirun", "multirun"):
                expanded.append(text)
                is_sweep = is_sweep or (key.lstrip("+") == "hydra.mode" and value.upper() == "MULTIRUN")
                continue
            spec = self.answer["multiruns"].get(value)
            if spec is None:
                there = ", ".join(self.answer["multiruns"]) or "none"
                self.problem("compose", "NoSuchMultirun", f"no multirun {value!r}; there are: {there}", text)
                raise Failure
            self.answer["multirun"] = {"name": value, **spec}
            is_sweep = True
            expanded += spec["overrides"]
            if spec["description"] and not any(one.partition("=")[0] == "description" for one in overrides):
                expanded.append(f"description={_quoted(spec['description'])}")
        return expanded, is_sweep

    def _jobs(self, config_name: str, overrides: list[str]) -> list[list[str]]:
        """The overrides of every job, as Hydra's own sweeper makes them."""
        from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
        from hydra.core.global_hydra import GlobalHydra
        from hydra.core.override_parser.overrides_parser import OverridesParser

        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        parsed = parser.parse_overrides(overrides)
        plain = [text for text, one in zip(overrides, parsed, strict=True) if not one.is_sweep_override()]
        hydra_node = _composed(config_name, plain).hydra
        sweeper = hydra_node.sweeper
        self.answer["launcher"] = str(hydra_node.launcher.get("_target_"))
        self.answer["sweeper"] = str(sweeper.get("_target_"))
        if not self.answer["sweeper"].endswith("BasicSweeper"):
            return [plain]  # what another sweeper tries is known only when it runs
        given = [f"{key}={value}" for key, value in (sweeper.get("params") or {}).items()]
        ours = [one for one in overrides if not _HYDRAS.match(one)]
        batches = BasicSweeper.split_arguments(parser.parse_overrides(given + ours), None)
        self.answer["hydra_overrides"] = [one for one in overrides if _HYDRAS.match(one)]
        return [list(chosen) for chosen in itertools.chain.from_iterable(batches)]

    def _job(self, config_name: str, number: int, overrides: list[str]) -> dict[str, Any]:
        from omegaconf import OmegaConf, open_dict

        job: dict[str, Any] = {"number": number, "overrides": overrides}
        try:
            composed = _composed(config_name, [*overrides, *self.answer.get("hydra_overrides", [])])
            job["choices"] = {str(k): str(v) for k, v in composed.hydra.runtime.choices.items()}
            job.setdefault("launcher", str(composed.hydra.launcher.get("_target_")))
            with open_dict(composed):
                del composed["hydra"]
            job["missing"] = sorted(_missing(OmegaConf.to_container(composed, resolve=False), ""))
            try:
                config = OmegaConf.to_container(composed, resolve=True, enum_to_str=True)
            except Exception as error:  # an interpolation that leads nowhere
                job["interpolation"] = _sentence(error)
                config = OmegaConf.to_container(composed, resolve=False, enum_to_str=True)
            job["config"] = config
        except Exception as error:
            job["error"] = self.described("compose", error, " ".join(overrides))
        return job

    def _others(self) -> None:
        """Compose the project's other experiments, sweeps and notebooks; only their errors are kept."""
        main, groups = self.request["config_name"], self.answer["groups"]
        if main in self.answer["notebooks"] and "deriva_model" in groups.get("", ()):
            main = "deriva_model"
        todo = [(main, [f"+experiment={name}"], f"experiment {name}") for name in groups.get("experiment", [])]
        todo += [(name, [], f"notebook {name}") for name in self.answer["notebooks"]]
        for name, spec in self.answer["multiruns"].items():
            try:
                todo += [(main, job, f"multirun {name}") for job in self._plain_jobs(spec["overrides"])]
            except Exception as error:
                self.answer["others"].append({**self.described("compose", error, ""), "subject": f"multirun {name}"})
        seen: set[str] = set()
        composed = 0
        for config_name, overrides, subject in todo:
            if time.monotonic() > self.end:
                break
            composed += 1
            try:
                _composed(config_name, overrides)
            except Exception as error:
                if subject not in seen:
                    self.answer["others"].append({**self.described("compose", error, ""), "subject": subject})
                seen.add(subject)
        self.answer["others_composed"] = [composed, len(todo)]

    def _plain_jobs(self, overrides: list[str]) -> list[list[str]]:
        from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
        from hydra.core.global_hydra import GlobalHydra
        from hydra.core.override_parser.overrides_parser import OverridesParser

        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        ours = [one for one in overrides if not _HYDRAS.match(one)]
        (batch,) = BasicSweeper.split_arguments(parser.parse_overrides(ours), None)
        return [list(chosen) for chosen in batch[:50]]

    # Errors -------------------------------------------------------------------------------------------------

    def failed(self, stage: str, error: BaseException, subject: str) -> None:
        self.answer["errors"].append(self.described(stage, error, subject))

    def problem(self, stage: str, kind: str, message: str, subject: str) -> None:
        self.answer["errors"].append(
            {"stage": stage, "kind": kind, "message": message, "subject": subject, "file": None, "line": None}
        )

    def described(self, stage: str, error: BaseException, subject: str) -> dict[str, Any]:
        """An error with the innermost place in the project's own files."""
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if self._is_own(frame.filename)]
        file, line = (own[-1].filename, own[-1].lineno) if own else (None, None)
        if isinstance(error, SyntaxError) and error.filename and self._is_own(error.filename):
            file, line = error.filename, error.lineno
        return {
            "stage": stage,
            "kind": type(error).__name__,
            "message": _sentence(error),
            "detail": "\n".join(str(error).splitlines()[:40])[:4000],
            "subject": subject,
            "file": file,
            "line": line,
            "module": getattr(error, "name", None) if isinstance(error, ImportError) else None,
        }

    def _is_own(self, filename: str) -> bool:
        if filename.startswith("<"):  # code that is in no file
            return False
        path = os.path.realpath(filename)
        inside = path.startswith((self.root + os.sep, self.config_dir + os.sep))
        return inside and "site-packages" not in path and f"{os.sep}.venv{os.sep}" not in path


def _modules_of(package: Any) -> list[str]:
    """The dotted names below a package: subpackages first and whole, then modules by name, ``experiments`` last."""
    found = sorted(pkgutil.iter_modules(package.__path__), key=lambda one: (one.name == "experiments", one.name))
    names: list[str] = []
    for one in found:
        if one.ispkg:
            name = f"{package.__name__}.{one.name}"
            spec = importlib.util.find_spec(name)
            names.append(name)
            names += _below(name, list(spec.submodule_search_locations or ()) if spec else [])
    return names + [f"{package.__name__}.{one.name}" for one in found if not one.ispkg]


def _below(name: str, paths: list[str]) -> list[str]:
    names: list[str] = []
    modules: list[str] = []
    found = sorted(pkgutil.iter_modules(paths), key=lambda one: (one.name == "experiments", one.name))
    for one in found:
        if one.ispkg:
            names += [
                f"{name}.{one.name}",
                *_below(f"{name}.{one.name}", [str(Path(place, one.name)) for place in paths]),
            ]
        else:
            modules.append(f"{name}.{one.name}")
    return names + modules


def _registry(attribute: str) -> dict[str, Any]:
    """What the config API of either library has registered under a module's ``attribute``."""
    found: dict[str, Any] = {}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in APIS:
            there = getattr(module, "__dict__", {}).get(attribute)
            if isinstance(there, dict):
                found.update(there)
    return found


def _composed(config_name: str, overrides: list[str]) -> Any:
    from hydra import compose

    return compose(config_name, overrides=overrides, return_hydra_config=True)


def _missing(value: Any, path: str) -> list[str]:
    """The keys that have no value; ``OmegaConf.missing_keys`` fails where an interpolation leads nowhere."""
    if value == "???":
        return [path]
    if isinstance(value, dict):
        return [
            key for name, inner in value.items() for key in _missing(inner, f"{path}.{name}" if path else str(name))
        ]
    if isinstance(value, list):
        return [key for index, inner in enumerate(value) for key in _missing(inner, f"{path}[{index}]")]
    return []


def _asks_for_sweep(config_name: str, overrides: list[str]) -> bool:
    """Whether the configuration itself sets ``hydra.mode`` to MULTIRUN."""
    try:
        mode = _composed(config_name, [one for one in overrides if "," not in one]).hydra.get("mode")
    except Exception:  # it is told when the job itself is composed
        return False
    return str(getattr(mode, "name", mode)).upper() == "MULTIRUN"


def _quoted(text: str) -> str:
    from hydra.core.override_parser.types import Quote, QuotedString

    return str(QuotedString(text, Quote.single).with_quotes())


def _sentence(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"called sys.exit({error.code!r})"
    if isinstance(error, SyntaxError):
        return str(error.msg)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("See https:")]
    if not lines:
        return type(error).__name__
    text = " ".join(lines[:2])
    if len(lines) > 2 and lines[1].endswith(":"):  # Hydra lists what there is, a line each, then where it looked
        there = list(itertools.takewhile(lambda line: not line.endswith(":"), lines[2:]))
        text += f" {', '.join(there[:12])}" + (" …" if len(there) > 12 else "")
    return text[:500]


def _function_of(config: dict[str, Any]) -> dict[str, Any] | None:
    """The function that a configuration will call: its file, line and parameters, read without running anything."""
    for key in ("script_config", "model_config"):
        node = config.get(key)
        if isinstance(node, dict):
            target = node.get("_zen_target") or node.get("_target_")
            if isinstance(target, str):
                return {"key": key, "target": target, **_found(target)}
    return None


def _found(target: str) -> dict[str, Any]:
    parts = target.split(".")
    for length in range(len(parts) - 1, 0, -1):
        name, rest = ".".join(parts[:length]), parts[length:]
        module = sys.modules.get(name)
        if module is not None:
            return _loaded(module, rest)
        try:
            spec = importlib.util.find_spec(name)
        except BaseException:
            spec = None
        if spec is not None and spec.origin and spec.has_location:
            found = _definition(spec.origin, rest)
            return {"file": os.path.realpath(spec.origin), **found} if found["line"] else {"file": None}
    return {"file": None}


def _loaded(module: Any, names: list[str]) -> dict[str, Any]:
    """Where an object of a loaded module is defined, which may be another module."""
    thing = module
    for name in names:
        thing = getattr(thing, name, None)
    if thing is None:
        return {"file": None}
    while not hasattr(thing, "__code__") and (hasattr(thing, "func") or hasattr(thing, "__wrapped__")):
        thing = getattr(thing, "func", None) or thing.__wrapped__
    home = sys.modules.get(getattr(thing, "__module__", "") or "", module)
    file = getattr(getattr(thing, "__code__", None), "co_filename", None) or getattr(home, "__file__", None)
    if not file:
        return {"file": None}
    return {"file": os.path.realpath(file), **_definition(file, getattr(thing, "__qualname__", names[-1]).split("."))}


def _definition(file: str, names: list[str]) -> dict[str, Any]:
    try:
        body: Any = ast.parse(Path(file).read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return {"line": None, "parameters": None}
    node: Any = None
    for name in names:
        node = next((one for one in body if getattr(one, "name", None) == name), None)
        if node is None:
            return {"line": None, "parameters": None}
        body = getattr(node, "body", [])
    if isinstance(node, ast.ClassDef):
        node = next((one for one in node.body if getattr(one, "name", None) in ("__call__", "__init__")), node)
    arguments = getattr(node, "args", None)
    if arguments is None:
        return {"line": getattr(node, "lineno", None), "parameters": None}
    names_of = [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return {"line": node.lineno, "parameters": names_of, "any_keyword": arguments.kwarg is not None}


def _packages() -> dict[str, str]:
    from importlib.metadata import distributions

    found: dict[str, str] = {}
    for one in distributions():
        name = one.metadata["Name"]
        if name:
            found.setdefault(name.lower().replace("_", "-").replace(".", "-"), one.version)
    return found


def main() -> None:
    """Answer the one request and end at once, whatever threads and exit handlers the user's modules have left."""
    answer_fd, stack_fd = int(sys.argv[1]), int(sys.argv[2])
    for descriptor in (answer_fd, stack_fd):
        os.set_inheritable(descriptor, False)
    here = str(Path(os.path.realpath(__file__)).parent)
    sys.path[:] = [place for place in sys.path if os.path.realpath(place or os.curdir) != here]
    with os.fdopen(0, "rb", closefd=False) as stream:
        request = json.loads(stream.read())
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    sys.argv[:] = [request["config_name"]]
    faulthandler.dump_traceback_later(request["seconds"], exit=True, file=stack_fd)
    worker = Worker(request)
    try:
        worker.load()
        worker.register()
        worker.compose()
        if request.get("packages"):
            worker.answer["packages"] = _packages()
    except Failure:
        pass
    except BaseException as error:
        worker.failed("setup", error, "composition")
    text = json.dumps(worker.answer, default=str).encode()
    while text:
        text = text[os.write(answer_fd, text) :]
    for printed in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):
            printed.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
