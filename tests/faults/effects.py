"""Reads the source for every call that reaches outside the process, and says which of them have a boundary."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dml
from faults.boundaries import OS_EFFECTS

ROOMS = ("api", "asset", "catalog", "execution", "feature", "upload", "workspace")
SOURCE = Path(dml.__file__).parent

OUTSIDE = frozenset(
    [
        "os",
        "shutil",
        "sqlite3",
        "requests",
        "urllib3",
        "socket",
        "subprocess",
        "tempfile",
        "fcntl",
        "io",
        "mmap",
        "ctypes",
        "urllib",
        "http",
        "ssl",
        "select",
        "signal",
        "asyncio",
        "multiprocessing",
        "ftplib",
        "smtplib",
        "threading",
        "pty",
        "resource",
        "glob",
        "fileinput",
        "dbm",
        "shelve",
    ]
)
"""Modules by which a program reaches outside itself, or begins something that does."""

PURE = frozenset(["urllib.parse", "http.client", "requests.exceptions", "requests.structures"])
"""Parts of them that only compute."""

METHODS = frozenset(
    [
        "write_text",
        "write_bytes",
        "mkdir",
        "unlink",
        "rename",
        "rmdir",
        "symlink_to",
        "hardlink_to",
        "touch",
        "chmod",
        "lchmod",
        "open",
        "execute",
        "executemany",
        "executescript",
        "backup",
        "deserialize",
        "blobopen",
        "truncate",
        "sendfile",
        "send",
        "sendall",
    ]
)
"""Methods of paths, files and databases that change something, whatever they are called on."""


@dataclass(frozen=True)
class Call:
    """A call found in the source.

    Attributes:
        module: Without ``dml.``.
        function: The innermost one it stands in, ``<module>`` outside of any.
        name: ``os.rename``, ``.mkdir``, ``open``, …
        line: Its line.
    """

    module: str
    function: str
    name: str
    line: int


def calls() -> list[Call]:
    """Every call of these rooms that reaches outside the process."""
    found: list[Call] = []
    for room in ROOMS:
        for path in sorted((SOURCE / room).rglob("*.py")):
            module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
            found += calls_of(module, path.read_text(encoding="utf-8"))
    return found


def calls_of(module: str, text: str) -> list[Call]:
    """The calls of one module's source."""
    tree = ast.parse(text)
    return list(_walk(tree, module, "<module>", _imported(tree)))


def _imported(tree: ast.Module) -> dict[str, str]:
    """Local name → what it stands for, of the modules that reach outside."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                package = alias.name.partition(".")[0]
                if package in OUTSIDE:
                    names[alias.asname or package] = alias.name if alias.asname else package
        elif isinstance(node, ast.ImportFrom) and not node.level and _reaches_outside(node.module or ""):
            names |= {alias.asname or alias.name: f"{node.module}:{alias.name}" for alias in node.names}
    return names


def _reaches_outside(module: str) -> bool:
    return module not in PURE and module.partition(".")[0] in OUTSIDE


def _walk(node: ast.AST, module: str, function: str, names: dict[str, str]) -> Iterator[Call]:
    for child in ast.iter_child_nodes(node):
        inside = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
        if isinstance(child, ast.Call):
            name = _name(child, names)
            if name is not None:
                yield Call(module, function, name, child.lineno)
        elif isinstance(child, ast.Attribute) and isinstance(child.value, ast.Name) and not isinstance(node, ast.Call):
            # A function that is handed on is called by somebody else.
            origin = names.get(child.value.id)
            if origin is not None and ":" not in origin and f"{origin}.{child.attr}" in HOOKED:
                yield Call(module, function, f"{origin}.{child.attr}", child.lineno)
        yield from _walk(child, module, inside, names)


def _name(call: ast.Call, names: dict[str, str]) -> str | None:
    target = call.func
    if isinstance(target, ast.Name):
        if target.id == "open":
            return "open"
        return names.get(target.id)
    parts = []
    while isinstance(target, ast.Attribute):
        parts.append(target.attr)
        target = target.value
    if isinstance(target, ast.Name) and target.id in names:
        return ".".join([names[target.id], *reversed(parts)])
    method = parts[0] if parts else ""
    if method == "replace":  # of a path: one argument; of a text: two
        return ".replace" if len(call.args) == 1 and not call.keywords else None
    return f".{method}" if method in METHODS else None


HOOKED = frozenset(
    [
        *(f"os.{name}" for name in OS_EFFECTS),
        "open",
        "os.fdopen",  # wraps io.open
        ".open",  # a path's: io.open
        ".write_text",
        ".write_bytes",
        ".mkdir",
        ".unlink",
        ".rename",
        ".replace",
        ".rmdir",
        ".symlink_to",
        ".hardlink_to",
        ".chmod",
        ".touch",
        ".truncate",
        ".execute",
        ".executemany",
        ".backup",
        "sqlite3.connect",
        "tempfile.TemporaryDirectory",  # os.mkdir, shutil.rmtree
        "tempfile.mkstemp",  # os.open
        "shutil.copyfile",
        "shutil.copyfileobj",
        "shutil.copystat",
        "shutil.rmtree",
    ]
)
"""Calls that end in a function which ``boundaries`` replaces."""

READS = frozenset(
    [
        "io:StringIO",
        "os.access",
        "os.close",
        "os.cpu_count",
        "os.fspath",
        "os.fstat",
        "os.getpid",
        "os.getuid",
        "os.kill",  # asked with signal 0: whether a process lives
        "os.major",
        "os.minor",
        "fcntl.ioctl",  # how many bytes a pipe holds
        "os.path.abspath",
        "os.path.basename",
        "os.path.commonpath",
        "os.path.exists",
        "os.path.islink",
        "os.path.join",
        "os.path.lexists",
        "os.path.realpath",
        "os.pipe",
        "os.pread",
        "os.read",
        "os.stat",
        "os.statvfs",
        "os.urandom",
        "os.walk",
        "os.environ.get",
        "os.environ.items",
        "os.register_at_fork",
        "requests:PreparedRequest",
        "requests.exceptions.ChunkedEncodingError",
        "shutil.which",
        "socket.gethostname",
        "threading.Event",
        "threading.Lock",
        "threading.RLock",
        "threading.Thread",
        "threading.current_thread",
        "threading.enumerate",
        "threading.get_ident",
        "threading.local",
    ]
)
"""Calls that change nothing outside the process."""
