"""The workflow of a configuration: what its user says about the code, and where the code came from.

Making one costs nothing; its source is looked up (git, notebook, environment) when an execution is created.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dml.errors import UsageError
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.workflow.record import WorkflowSource

_KEYS = frozenset(
    (
        "name",
        "workflow_type",
        "description",
        "url",
        "version",
        "rid",
        "workflow_rid",
        "checksum",
        "is_notebook",
        "git_root",
        "allow_dirty",
    )
)


@dataclass
class Workflow:
    """A workflow to be found or registered; one of the catalog is a ``RegisteredWorkflow``.

    Attributes:
        name: Name of the workflow.
        workflow_type: Terms of ``Workflow_Type``; one may be given as a bare string.
        description: Description of the workflow, Markdown.
        url: A link to the code; with a checksum it is taken as it stands and git is not asked.
        checksum: Of the code.
        version: Of the code.
        workflow_rid: The RID of a registered workflow; then nothing else is looked up.
        is_notebook: Whether the code is a notebook.
        git_root: Its work tree, where a lock file may lie.
        allow_dirty: Whether uncommitted changes are accepted; the execution then records that there were some.
        path: The script or notebook; the calling script when None.
        module: The dotted name of a module, instead of a path.
        project: A directory, for a workflow without a script: the project around it is what is recorded.
    """

    name: str
    workflow_type: list[str]
    description: str = ""
    url: str | None = None
    checksum: str | None = None
    version: str | None = None
    workflow_rid: str | None = None
    is_notebook: bool = False
    git_root: Path | None = None
    allow_dirty: bool = False
    path: Path | None = None
    module: str | None = None
    project: Path | None = None

    def __init__(
        self,
        name: str,
        workflow_type: str | Sequence[str] = (),
        description: str = "",
        *,
        url: str | None = None,
        checksum: str | None = None,
        version: str | None = None,
        workflow_rid: str | None = None,
        is_notebook: bool = False,
        git_root: Path | str | None = None,
        allow_dirty: bool = False,
        path: Path | str | None = None,
        module: str | None = None,
        project: Path | str | None = None,
    ) -> None:
        """Check the fields.

        Raises:
            UsageError: There is no name.
        """
        if not name or not name.strip():
            raise UsageError("A workflow needs a name", hint="Give --workflow-name NAME.")
        values: dict[str, Any] = {
            "name": name,
            "workflow_type": workflow_type,
            "description": description or "",
            "url": url or None,
            "checksum": checksum or None,
            "version": version,
            "workflow_rid": workflow_rid,
            "is_notebook": is_notebook,
            "git_root": Path(git_root) if git_root else None,
            "allow_dirty": allow_dirty,
            "path": Path(path) if path else None,
            "module": module,
            "project": Path(project) if project else None,
        }
        for field_name, value in values.items():
            Workflow.__setattr__(self, field_name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        """Change a field; one type may be given as a bare string. Writes nothing."""
        if name == "workflow_type":
            value = [value] if isinstance(value, str) else list(value)
        object.__setattr__(self, name, value)

    @property
    def rid(self) -> str | None:
        """``workflow_rid`` by deriva-ml's older name."""
        return self.workflow_rid

    @property
    def workflow_types(self) -> list[str]:
        """Its types; of a workflow of the catalog, as the catalog has them now."""
        return list(self.workflow_type)

    def add_workflow_type(self, workflow_type: Any) -> None:
        """Give it a type, a term or its name; of a workflow of the catalog, there."""
        self.add_workflow_types([workflow_type])

    def add_workflow_types(self, workflow_types: Any) -> None:
        """Give it types, terms or their names, one or several; of a workflow of the catalog, there."""
        given = (
            [workflow_types] if isinstance(workflow_types, str) or hasattr(workflow_types, "name") else workflow_types
        )
        names = [str(getattr(one, "name", one)) for one in given]
        self.workflow_type = list(dict.fromkeys([*self.workflow_types, *names]))

    def remove_workflow_type(self, workflow_type: Any) -> None:
        """Take a type from it, a term or its name; of a workflow of the catalog, there."""
        name = str(getattr(workflow_type, "name", workflow_type))
        self.workflow_type = [one for one in self.workflow_types if one != name]

    @staticmethod
    def get_url_and_checksum(executable_path: Path | str, allow_dirty: bool = False) -> tuple[str, str]:
        """Link and checksum of a script or notebook, from git.

        Raises:
            ConflictError: Uncommitted changes, or no repository, and ``allow_dirty`` is not set.
            NotFoundError: There is no such file.
        """
        from dml.workflow.source import describe_source

        source = describe_source(Path(executable_path), allow_dirty=allow_dirty)
        return source.url, source.checksum

    @staticmethod
    def get_dynamic_version(root: Path | str | None = None) -> str:
        """The version of the project in a directory (the working directory when None), from its tags or pyproject.toml.

        Raises:
            NotFoundError: It has none.
        """
        from dml.workflow.project import project_version

        return project_version(Path.cwd() if root is None else Path(root))

    def setup_url_checksum(self) -> Workflow:
        """The same with URL, checksum, version and work tree filled in, as ``locate`` finds them."""
        return self.located(self.locate())

    def locate(self) -> WorkflowSource:
        """Where the code came from; asks git unless URL and checksum are given.

        Raises:
            ConflictError: Uncommitted changes, or no repository, and ``allow_dirty`` is not set.
            UsageError: No script can be found.
        """
        from dml.workflow.project import describe_project
        from dml.workflow.source import describe_source

        if self.project is not None and not (self.url or self.path or self.module):
            return describe_project(self.name, self.project, allow_dirty=self.allow_dirty)
        if self.url and self.checksum:
            return describe_source(self.path, url=self.url, checksum=self.checksum, version=self.version)
        return describe_source(
            self.path,
            module=self.module,
            url=self.url,
            checksum=self.checksum,
            version=self.version,
            allow_dirty=self.allow_dirty,
        )

    def located(self, source: WorkflowSource) -> Workflow:
        """The same with what was found out about its source."""
        return replace(
            self,
            url=source.url,
            checksum=source.checksum,
            version=source.version,
            git_root=source.git_root or self.git_root,
            is_notebook=source.is_notebook or self.is_notebook,
        )

    def to_mapping(self, workflow_rid: str | None = None) -> dict[str, Any]:
        """The JSON form of deriva-ml's configurations; it reads its RID under ``rid`` in every release."""
        return {
            "name": self.name,
            "workflow_type": list(self.workflow_type),
            "description": self.description,
            "url": self.url,
            "version": self.version,
            "rid": workflow_rid or self.workflow_rid,
            "checksum": self.checksum,
            "is_notebook": self.is_notebook,
            "git_root": str(self.git_root) if self.git_root else None,
            "allow_dirty": self.allow_dirty,
        }

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Workflow:
        """Read the JSON form.

        Raises:
            UsageError: A key is unknown, or there is no name.
        """
        unknown = sorted(set(values) - _KEYS)
        if unknown:
            raise UsageError(
                f"The workflow has unknown {safe(', '.join(unknown))}", hint=f"Known: {', '.join(sorted(_KEYS))}."
            )
        return cls(
            str(values.get("name") or ""),
            values.get("workflow_type") or [],
            values.get("description") or "",
            url=values.get("url"),
            checksum=values.get("checksum"),
            version=values.get("version"),
            workflow_rid=values.get("workflow_rid") or values.get("rid"),
            is_notebook=bool(values.get("is_notebook")),
            git_root=values.get("git_root"),
            allow_dirty=bool(values.get("allow_dirty")),
        )
