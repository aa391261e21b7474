"""Compose a project's Hydra configuration; a script for the project's own interpreter, Python 3.10 or newer.

It imports nothing of dml, which need not be installed there, and imports Hydra, which may be missing, only after the
user's modules. The request is a JSON document on standard input, the answer a JSON document on the file descriptor
given as first argument; the output of the user's modules is not redirected. When the time is up, Python writes a
traceback to the second file descriptor. Configurations are composed, never instantiated.
"""

from __future__ import annotations

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
"""The libraries whose configuration API a project may import."""

_HYDRA_SETTING = re.compile(r"[+~]*hydra[./=@]")
"""Matches overrides of Hydra's own settings, which apply to a sweep as a whole."""


class StopWorkError(Exception):
    """The composition cannot continue; the answer contains what is known so far."""


class Worker:
    """A request, and the answer as far as it is known."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.root = os.path.realpath(request["root"])
        self.config_dir = os.path.realpath(request["config_dir"])
        self.deadline = time.monotonic() + request["seconds"] * 0.8  # leaves time to send the answer
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
        """Import the configuration modules in the order of deriva-ml: subpackages, modules, ``experiments``."""
        package = Path(self.config_dir)
        sys.path[:0] = [str(package.parent), str(package.parent.parent)]
        package_name = package.name
        try:
            loaded = importlib.import_module(package_name)
        except BaseException as error:
            self.add_error("import", error, package_name)
            raise StopWorkError from None
        for name in _modules_of(package_name, list(loaded.__path__)):
            try:
                importlib.import_module(name)
            except BaseException as error:
                self.add_error("import", error, name)
        fallback = getattr(loaded, "load_all_configs", None)
        if callable(fallback) and not self.answer["errors"]:
            try:
                fallback()
            except BaseException as error:
                self.add_error("import", error, f"{package_name}.load_all_configs")
        if self.answer["errors"]:
            raise StopWorkError
        self.answer["api"] = next((name for name in APIS if name in sys.modules), None)

    def register(self) -> None:
        """Pass the stored configurations to Hydra, and list them."""
        try:
            import hydra
            from hydra_zen import store
        except ImportError as error:
            self.add_error("setup", error, "hydra_zen")
            raise StopWorkError from None
        self.answer["hydra"] = hydra.__version__
        groups: dict[str, list[str]] = {}
        for entry in store:
            groups.setdefault(str(entry["group"] or ""), []).append(str(entry["name"]))
        self.answer["groups"] = {group: sorted(set(names)) for group, names in sorted(groups.items())}
        try:
            store.add_to_hydra_store(overwrite_ok=True)
        except Exception as error:
            self.add_error("setup", error, "hydra_zen store")
            raise StopWorkError from None
        self.answer["multiruns"] = {
            str(name): {"overrides": [str(text) for text in spec.overrides], "description": str(spec.description or "")}
            for name, spec in sorted(_registry("_multirun_registry").items())
        }
        self.answer["notebooks"] = sorted(map(str, _registry("_notebook_configs")))

    # Composing ----------------------------------------------------------------------------------------------

    def compose(self) -> None:
        """Compose the request, with every job of a sweep, and then the project's other configurations."""
        from hydra import initialize
        from hydra.core.global_hydra import GlobalHydra

        GlobalHydra.instance().clear()
        with initialize(version_base="1.3", config_path=None, job_name="dml"):
            self._compose_request()
            if self.request.get("others"):
                self._compose_others()

    def _compose_request(self) -> None:
        overrides, is_sweep = self._expand(self.request["overrides"])
        self.answer["overrides"] = overrides
        name = self.request["config_name"]
        if not self._is_valid(overrides):
            return
        try:
            is_sweep = is_sweep or _asks_for_sweep(name, overrides)
            jobs = self._jobs(name, overrides) if is_sweep else [list(overrides)]
        except Exception as error:
            self.add_error("compose", error, " ".join(overrides))
            return
        self.answer["mode"] = "multirun" if is_sweep else "run"
        self.answer["job_count"] = len(jobs)
        for number, job in enumerate(jobs[: self.request["job_limit"]]):
            if number and time.monotonic() > self.deadline:
                break
            self.answer["jobs"].append(self._job(name, number, job))
        first = self.answer["jobs"][0] if self.answer["jobs"] else {}
        if first.get("config"):
            self.answer["function"] = _describe_function(first["config"])

    def _is_valid(self, overrides: list[str]) -> bool:
        """Whether every override conforms to Hydra's grammar; adds an error for each one that does not."""
        from hydra.core.override_parser.overrides_parser import OverridesParser

        parser = OverridesParser.create()
        before = len(self.answer["errors"])
        for text in overrides:
            try:
                parser.parse_override(text)
            except Exception as error:
                self.add_problem(
                    "compose", type(error).__name__, f"{text!r} is not a valid override: {_sentence(error)}", text
                )
        return len(self.answer["errors"]) == before

    def _expand(self, overrides: list[str]) -> tuple[list[str], bool]:
        """The overrides with those of the multirun in place of ``+multirun=NAME``, and whether this is a sweep."""
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
                names = ", ".join(self.answer["multiruns"]) or "none"
                self.add_problem("compose", "NoSuchMultirun", f"no multirun {value!r}; multiruns: {names}", text)
                raise StopWorkError
            self.answer["multirun"] = {"name": value, **spec}
            is_sweep = True
            expanded += spec["overrides"]
            if spec["description"] and not any(override.partition("=")[0] == "description" for override in overrides):
                expanded.append(f"description={_quoted(spec['description'])}")
        return expanded, is_sweep

    def _jobs(self, config_name: str, overrides: list[str]) -> list[list[str]]:
        """The overrides of every job, as Hydra's own sweeper determines them."""
        from hydra.core.global_hydra import GlobalHydra
        from hydra.core.override_parser.overrides_parser import OverridesParser

        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        parsed = parser.parse_overrides(overrides)
        plain = [text for text, item in zip(overrides, parsed, strict=True) if not item.is_sweep_override()]
        hydra_node = _compose(config_name, plain).hydra
        sweeper = hydra_node.sweeper
        self.answer["launcher"] = str(hydra_node.launcher.get("_target_"))
        self.answer["sweeper"] = str(sweeper.get("_target_"))
        if not self.answer["sweeper"].endswith("BasicSweeper"):
            return [plain]  # another sweeper chooses its jobs only when it runs
        configured = [f"{key}={value}" for key, value in (sweeper.get("params") or {}).items()]
        parsed = parser.parse_overrides(configured + _task_overrides(overrides))
        jobs: list[list[str]] = _hydra_internals().jobs_of(parsed)
        self.answer["hydra_overrides"] = [text for text in overrides if _HYDRA_SETTING.match(text)]
        return jobs

    def _job(self, config_name: str, number: int, overrides: list[str]) -> dict[str, Any]:
        from omegaconf import OmegaConf, open_dict

        job: dict[str, Any] = {"number": number, "overrides": overrides}
        try:
            composed = _compose(config_name, [*overrides, *self.answer.get("hydra_overrides", [])])
            job["choices"] = {str(k): str(v) for k, v in composed.hydra.runtime.choices.items()}
            job.setdefault("launcher", str(composed.hydra.launcher.get("_target_")))
            with open_dict(composed):
                del composed["hydra"]
            job["missing"] = sorted(_missing(OmegaConf.to_container(composed, resolve=False), ""))
            try:
                config = OmegaConf.to_container(composed, resolve=True, enum_to_str=True)
            except Exception as error:  # an interpolation failed
                job["interpolation"] = _sentence(error)
                config = OmegaConf.to_container(composed, resolve=False, enum_to_str=True)
            job["config"] = config
        except Exception as error:
            job["error"] = self.describe_error("compose", error, " ".join(overrides))
        return job

    def _compose_others(self) -> None:
        """Compose the project's other experiments, sweeps and notebooks; only their errors are reported."""
        main, groups = self.request["config_name"], self.answer["groups"]
        if main in self.answer["notebooks"] and "deriva_model" in groups.get("", ()):
            main = "deriva_model"
        pending = [(main, [f"+experiment={name}"], f"experiment {name}") for name in groups.get("experiment", [])]
        pending += [(name, [], f"notebook {name}") for name in self.answer["notebooks"]]
        for name, spec in self.answer["multiruns"].items():
            try:
                pending += [(main, job, f"multirun {name}") for job in self._multirun_jobs(spec["overrides"])]
            except Exception as error:
                self.answer["others"].append(
                    {**self.describe_error("compose", error, ""), "subject": f"multirun {name}"}
                )
        reported: set[str] = set()
        composed = 0
        for config_name, overrides, subject in pending:
            if time.monotonic() > self.deadline:
                break
            composed += 1
            try:
                _compose(config_name, overrides)
            except Exception as error:
                if subject not in reported:
                    self.answer["others"].append({**self.describe_error("compose", error, ""), "subject": subject})
                reported.add(subject)
        self.answer["others_composed"] = [composed, len(pending)]

    def _multirun_jobs(self, overrides: list[str]) -> list[list[str]]:
        """The overrides of the first jobs of a named multirun."""
        from hydra.core.global_hydra import GlobalHydra
        from hydra.core.override_parser.overrides_parser import OverridesParser

        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        jobs: list[list[str]] = _hydra_internals().jobs_of(parser.parse_overrides(_task_overrides(overrides)))
        return jobs[:50]

    # Errors -------------------------------------------------------------------------------------------------

    def add_error(self, stage: str, error: BaseException, subject: str) -> None:
        """Add an exception to the errors of the answer."""
        self.answer["errors"].append(self.describe_error(stage, error, subject))

    def add_problem(self, stage: str, kind: str, message: str, subject: str) -> None:
        """Add a problem without a location to the errors of the answer."""
        self.answer["errors"].append(
            {"stage": stage, "kind": kind, "message": message, "subject": subject, "file": None, "line": None}
        )

    def describe_error(self, stage: str, error: BaseException, subject: str) -> dict[str, Any]:
        """An error with its innermost location in the project's own files."""
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if self._is_own(frame.filename)]
        file, line = (frames[-1].filename, frames[-1].lineno) if frames else (None, None)
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
        """Whether a file belongs to the project, outside its environment."""
        if filename.startswith("<"):  # code that is not in a file
            return False
        path = os.path.realpath(filename)
        inside = path.startswith((self.root + os.sep, self.config_dir + os.sep))
        return inside and "site-packages" not in path and f"{os.sep}.venv{os.sep}" not in path


def _modules_of(name: str, paths: list[str]) -> list[str]:
    """The dotted names below a package: first its subpackages, then modules by name, ``experiments`` last."""
    modules = sorted(pkgutil.iter_modules(paths), key=lambda module: (module.name == "experiments", module.name))
    names: list[str] = []
    for module in modules:
        if module.ispkg:
            below = [str(Path(path, module.name)) for path in paths]
            names += [f"{name}.{module.name}", *_modules_of(f"{name}.{module.name}", below)]
    return names + [f"{name}.{module.name}" for module in modules if not module.ispkg]


def _task_overrides(overrides: list[str]) -> list[str]:
    """The overrides without those of Hydra's own settings."""
    return [text for text in overrides if not _HYDRA_SETTING.match(text)]


def _describe_function(config: dict[str, Any]) -> Any:
    """Call ``describe_function`` of the file beside this one, which is not importable by name here."""
    spec = importlib.util.spec_from_file_location(
        "_dml_function_source", Path(__file__).with_name("function_source.py")
    )
    assert spec is not None  # noqa: S101 - the file is part of this package
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.describe_function(config)


def _registry(attribute: str) -> dict[str, Any]:
    """The registry that the configuration API of either library keeps in a module's ``attribute``."""
    registry: dict[str, Any] = {}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in APIS:
            entries = getattr(module, "__dict__", {}).get(attribute)
            if isinstance(entries, dict):
                registry.update(entries)
    return registry


def _hydra_internals() -> Any:
    """The module of that name beside this file, which is not on the path."""
    path = Path(os.path.realpath(__file__)).with_name("hydra_internals.py")
    spec = importlib.util.spec_from_file_location("_dml_hydra_internals", path)
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - it is a file of Python
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _compose(config_name: str, overrides: list[str]) -> Any:
    from hydra import compose

    return compose(config_name, overrides=overrides, return_hydra_config=True)


def _missing(value: Any, path: str) -> list[str]:
    """The keys without a value; ``OmegaConf.missing_keys`` would fail on a broken interpolation."""
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
        mode = _compose(config_name, [text for text in overrides if "," not in text]).hydra.get("mode")
    except Exception:  # the same error occurs when the job is composed, and is reported then
        return False
    return str(getattr(mode, "name", mode)).upper() == "MULTIRUN"


def _quoted(text: str) -> str:
    from hydra.core.override_parser.types import Quote, QuotedString

    return str(QuotedString(text, Quote.single).with_quotes())


def _sentence(error: BaseException) -> str:
    """The message of an error in one line, with the options that Hydra lists."""
    if isinstance(error, SystemExit):
        return f"called sys.exit({error.code!r})"
    if isinstance(error, SyntaxError):
        return str(error.msg)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("See https:")]
    if not lines:
        return type(error).__name__
    text = " ".join(lines[:2])
    if len(lines) > 2 and lines[1].endswith(":"):  # Hydra lists the options, one per line, and then its search path
        options = list(itertools.takewhile(lambda line: not line.endswith(":"), lines[2:]))
        text += f" {', '.join(options[:12])}" + (" …" if len(options) > 12 else "")
    return text[:500]


def _packages() -> dict[str, str]:
    from importlib.metadata import distributions

    packages: dict[str, str] = {}
    for distribution in distributions():
        name = distribution.metadata["Name"]
        if name:
            packages.setdefault(name.lower().replace("_", "-").replace(".", "-"), distribution.version)
    return packages


def main() -> None:
    """Answer the request and exit immediately, without waiting for threads or exit handlers of the user's modules."""
    answer_fd, stack_fd = int(sys.argv[1]), int(sys.argv[2])
    for descriptor in (answer_fd, stack_fd):
        os.set_inheritable(descriptor, False)
    directory = str(Path(os.path.realpath(__file__)).parent)
    sys.path[:] = [path for path in sys.path if os.path.realpath(path or os.curdir) != directory]
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
    except StopWorkError:
        pass
    except BaseException as error:
        worker.add_error("setup", error, "composition")
    text = json.dumps(worker.answer, default=str).encode()
    while text:
        text = text[os.write(answer_fd, text) :]
    for output in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):
            output.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
