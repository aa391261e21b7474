"""``dml run-notebook``: run a notebook as an execution and keep it as an output."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from dml.cli.app.framework import command, current, single
from dml.cli.experiment_options import (
    DEFAULT_TIMEOUT,
    AllowDirty,
    Cfg,
    ConfigDir,
    Info,
    ListConfigs,
    Python,
    ShowingCommand,
    Timeout,
    Yes,
)

if TYPE_CHECKING:
    from dml.experiment.composition import Composition

app = single("run-notebook")


@command(
    app,
    "run-notebook",
    cls=ShowingCommand,
    examples=[
        ("dml run-notebook notebooks/roc_analysis.ipynb", "Check, ask for confirmation, run, commit."),
        ("dml run-notebook roc.ipynb -p threshold 0.4 assets=roc_quick --yes", "With a parameter and an override."),
        ("dml run-notebook roc.ipynb --inspect", "List its parameters."),
    ],
)
def run_notebook(
    words: Annotated[
        list[str],
        Argument(metavar="NOTEBOOK [OVERRIDES]...", help="The notebook, followed by overrides of its configuration."),
    ],
    parameter: Annotated[
        list[str] | None,
        Option("--parameter", "-p", metavar="NAME VALUE", help="A parameter (or NAME=VALUE); may be repeated."),
    ] = None,
    file: Annotated[
        Path | None, Option("--file", "-f", metavar="FILE", help="Parameters in JSON or YAML; -p takes precedence.")
    ] = None,
    kernel: Annotated[str | None, Option("--kernel", "-k", metavar="NAME", help="The Jupyter kernel to use.")] = None,
    log_output: Annotated[bool, Option("--log-output", help="Show the output of cells while they run.")] = False,
    inspect: Annotated[bool, Option("--inspect", help="Print the notebook's parameters and exit.")] = False,
    list_configs: ListConfigs = False,
    cfg: Cfg = None,
    info: Info = None,
    config_dir: ConfigDir = None,
    config_name: Annotated[
        str | None,
        Option("--config-name", metavar="NAME", help="The configuration to use (default: the notebook's name)."),
    ] = None,
    yes: Yes = False,
    allow_dirty: AllowDirty = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
    python: Python = None,
) -> None:
    """Run a notebook of the current project as an execution.

    Runs the checks of `dml preflight`, asks for confirmation, runs the notebook with papermill in the project's
    environment, and commits the executed notebook and its Markdown export with the outputs. The notebook must call
    `run_notebook()` first. A project written for deriva-ml uses deriva-ml's own notebook runner.
    """
    from dml.cli.experiment_options import composed, naming
    from dml.cli.run import ask, context_of, refuse_problems, refuse_unloaded
    from dml.cli.run_view import configs_document, exit_code, outcome_document, render_configs, render_outcome
    from dml.errors import NotFoundError
    from dml.experiment import run
    from dml.experiment.launch import NotebookRequest, run_notebook_file
    from dml.experiment.launch_deriva_ml import run_deriva_ml_notebook

    notebook, overrides, given = _sorted(words, parameter or [])
    if not notebook.is_file():
        raise NotFoundError(f"no such notebook: {notebook}", hint="Give the path of the notebook.")
    name = config_name or notebook.stem
    showing = list_configs or inspect or cfg is not None or info is not None
    composition: Composition = composed(
        overrides,
        config_dir=config_dir,
        config_name=name,
        multirun=False,
        timeout=timeout,
        python=python,
        others=False,
        packages=not showing,
    )
    console = current().console
    if list_configs:
        console.emit(
            "run_notebook.list_configs", configs_document(composition), lambda: render_configs(console, composition)
        )
        if not composition.loaded:
            raise typer.Exit(2)
        return
    if showing:
        refuse_unloaded(composition)
    if cfg is not None or info is not None:
        if cfg is not None:
            refuse_problems(composition, [job.problem for job in composition.jobs if not job.composed])
        flags = [*(["--cfg", cfg] if cfg else []), *(["--info", info] if info else [])]
        raise typer.Exit(run.show(composition, flags))
    request = NotebookRequest(
        path=notebook.absolute(),
        config_name=name,
        overrides=composition.overrides,
        parameters=_parameters(file, given),
        kernel=kernel,
        log_output=log_output,
        inspect=inspect,
        allow_dirty=allow_dirty,
    )
    arguments = _theirs(composition, notebook, overrides, file, given, kernel, log_output=log_output)
    if inspect:
        if composition.api == "deriva_ml":
            raise typer.Exit(run_deriva_ml_notebook(composition, request.path, ["--inspect"], prints_result=True).code)
        raise typer.Exit(run_notebook_file(composition.project, request).code)
    ask(composition, yes=yes, allow_dirty=allow_dirty, checked=True, notebook=notebook.absolute())
    context = context_of(composition, allow_dirty)
    outcome = run.run_notebook(composition, context, request, arguments)
    where = naming(context.target)
    console.emit("run_notebook", outcome_document(outcome), lambda: render_outcome(console, outcome, where))
    if not outcome.succeeded:
        raise typer.Exit(exit_code(outcome))


def _theirs(
    composition: Composition,
    notebook: Path,
    overrides: list[str],
    file: Path | None,
    given: list[tuple[str, str]],
    kernel: str | None,
    *,
    log_output: bool,
) -> list[str]:
    """The arguments for deriva-ml's notebook runner; empty in a project that is not written for it.

    Raises:
        UsageError: Another configuration than the notebook's own is named, which that runner cannot take.
    """
    from dml.errors import UsageError

    if composition.api != "deriva_ml":
        return []
    name = composition.request.config_name
    if name != notebook.stem:
        raise UsageError(
            f"deriva-ml's runner only takes the configuration {notebook.stem} for {notebook.name}, not {name}",
            hint=f"Omit --config-name, or store {name} under the name {notebook.stem}.",
        )
    words = ["--file", str(file.absolute())] if file is not None else []
    words += [word for key, value in given for word in ("--parameter", key, value)]
    words += ["--kernel", kernel] if kernel is not None else []
    words += ["--log-output"] if log_output else []
    return [*words, *overrides]


def _sorted(words: list[str], names: list[str]) -> tuple[Path, list[str], list[tuple[str, str]]]:
    """The notebook, the overrides and the parameters among the words of the command line.

    The parser gives an option one word, so the VALUE of ``-p NAME VALUE`` comes among the others: they are taken in
    order. A value that looks like an override is written ``-p NAME=VALUE``.

    Raises:
        UsageError: No word names a notebook, or names and values do not go together.
    """
    from dml.errors import UsageError

    notebooks = [word for word in words if word.endswith(".ipynb")]
    if len(notebooks) != 1:
        raise UsageError("name one notebook, a file that ends in .ipynb", hint="dml run-notebook NOTEBOOK.ipynb")
    rest = [word for word in words if word not in notebooks]
    overrides = [word for word in rest if "=" in word or word.startswith(("+", "~"))]
    values = [word for word in rest if word not in overrides]
    bare = [name for name in names if "=" not in name]
    if len(bare) != len(values):
        raise UsageError(
            f"got {len(bare)} parameter names and {len(values)} values", hint="Write -p NAME VALUE, or -p NAME=VALUE."
        )
    pairs = [(name.partition("=")[0], name.partition("=")[2]) for name in names if "=" in name]
    return Path(notebooks[0]), overrides, [*pairs, *zip(bare, values, strict=True)]


def _parameters(file: Path | None, given: list[tuple[str, str]]) -> dict[str, Any]:
    """The parameters of a file, then those of the command line, each read as YAML reads a value.

    Raises:
        UsageError: The file cannot be read, or holds no mapping.
    """
    import yaml

    from dml.errors import UsageError

    parameters: dict[str, Any] = {}
    if file is not None:
        try:
            document = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise UsageError(f"cannot read {file}: {error}", hint="Name a JSON or YAML file.") from error
        if not isinstance(document, dict):
            raise UsageError(f"{file} does not contain parameters", hint="Its top level must be a mapping.")
        parameters.update(document)
    return {**parameters, **{name: yaml.safe_load(value) for name, value in given}}
