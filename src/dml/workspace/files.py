"""Opening and creating files inside a root directory without leaving it through a symbolic link.

The root itself is trusted and may be a link. Every component below it is opened relative to its parent with
``O_NOFOLLOW`` (openat(2)), so that a link planted between check and use causes an error and is not followed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from dml.errors import DmlError, RetryableError, UnsafePathError
from dml.safe_text import safe
from dml.workspace.names import safe_file_name

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FULL = {errno.ENOSPC, errno.EDQUOT}
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn the system's errors about one file, raised in this block, into dml's; see ``disk_error``."""
    try:
        yield
    except OSError as error:
        raise disk_error(path, error) from error


def disk_error(path: Path, error: OSError) -> DmlError:
    """The error for a file that could not be read or written; retryable if disk, memory or descriptors ran out."""
    if error.errno in _FULL:
        return RetryableError(
            f"the disk is full: cannot write {safe(path)}",
            hint="Free space with `dml cache clear` or `dml exec gc`, then run the command again.",
        )
    if error.errno in _EXHAUSTED:
        return RetryableError(
            f"cannot use {safe(path)}: {error.strerror}", hint="Close other programs, then run the command again."
        )
    return DmlError(
        f"cannot use {safe(path)}: {error.strerror or error}",
        hint="Check its permissions and the disk, or use another directory with --workspace.",
    )


def check_inside(root: Path, path: Path, *, last_may_be_link: bool = False) -> Path:
    """Check that ``path`` is below ``root`` and that no component below the root is a symbolic link. Creates nothing.

    Args:
        root: The trusted directory.
        path: Absolute, or relative to ``root``; it need not exist.
        last_may_be_link: Accept a link as the last component (deriva-ml stages a file as a link to its source).

    Returns:
        The absolute path.

    Raises:
        UnsafePathError: The path leaves the root, is the root, has an unsafe name, or passes through a symbolic link.
    """
    parts = _parts_below(root, path)
    # Strings, because creating a Path for each component takes longer than the calls, for every file of a commit.
    current = os.path.abspath(root)  # noqa: PTH100
    for position, part in enumerate(parts):
        current = f"{current.removesuffix(os.sep)}{os.sep}{part}"
        if os.path.islink(current) and not (last_may_be_link and position == len(parts) - 1):  # noqa: PTH114
            raise _link_error(Path(current))
    return Path(current)


def make_directory(root: Path, path: Path) -> Path:
    """Create the directory ``path`` below ``root`` with its parents (mode 0o777 minus the umask), unless it exists.

    Raises:
        UnsafePathError: As ``check_inside``; also when a component is not a directory.
    """
    with _opened_directory(root, _parts_below(root, path), create=True):
        return _absolute(root).joinpath(*_parts_below(root, path))


def open_inside(
    root: Path, path: Path, flags: int = os.O_RDONLY, mode: int = 0o666, *, make_parents: bool = False
) -> int:
    """Open a file below ``root`` and return its descriptor; a link is not followed.

    Args:
        root: The trusted directory; created when ``make_parents`` is set.
        path: Absolute, or relative to ``root``.
        flags: Flags of open(2); ``O_NOFOLLOW`` and ``O_CLOEXEC`` are added.
        mode: Permissions of a new file, minus the umask.
        make_parents: Create missing parent directories.

    Raises:
        UnsafePathError: As ``check_inside``.
        OSError: Any other error of open(2), including ``FileNotFoundError`` and ``FileExistsError``.
    """
    *parents, name = _parts_below(root, path)
    with _opened_directory(root, parents, create=make_parents) as directory:
        try:
            return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=directory)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK):
                raise _link_error(_absolute(root).joinpath(*parents, name)) from error
            raise


def open_regular(root: Path, path: Path, *, follow_last: bool = False) -> int:
    """Open an existing regular file below ``root`` for reading and return its descriptor.

    A FIFO or a device is refused without blocking on it.

    Args:
        root: The trusted directory.
        path: Absolute, or relative to ``root``.
        follow_last: Follow a link that is the last component, wherever it points (a file staged as a link).

    Raises:
        UnsafePathError: As ``check_inside``; also when it is not a regular file.
        OSError: Any other error of open(2).
    """
    if follow_last:
        checked = check_inside(root, path, last_may_be_link=True)
        descriptor = os.open(checked, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    else:
        descriptor = open_inside(root, path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _not_regular(path)
    return descriptor


def stat_regular(root: Path, path: Path, *, follow_last: bool = False) -> os.stat_result:
    """The stat(2) result of an existing regular file below ``root``; arguments and errors are ``open_regular``'s."""
    checked = check_inside(root, path, last_may_be_link=follow_last)
    status = os.stat(checked, follow_symlinks=follow_last)  # noqa: PTH116
    if not stat.S_ISREG(status.st_mode):
        raise _not_regular(path)
    return status


def write_atomically(root: Path, path: Path, content: bytes, *, mode: int = 0o666) -> Path:
    """Write a whole file below ``root`` so that readers see the old or the new content, even after a power failure.

    Missing parents are created. The bytes are written to a temporary file in the same directory, synced and renamed;
    then the directory is synced.

    Raises:
        UnsafePathError: As ``check_inside``.
        OSError: The disk is full, or the directory cannot be written.
    """
    *parents, name = _parts_below(root, path)
    temporary = f".{name[:200]}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    with _opened_directory(root, parents, create=True) as directory:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(temporary, flags, mode, dir_fd=directory)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=directory)
            raise
        os.fsync(directory)
    return _absolute(root).joinpath(*parents, name)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve would follow links


def _parts_below(root: Path, path: Path) -> tuple[str, ...]:
    """The components of a path below the root, each a safe name; ``..`` is refused even where it would stay inside."""
    base, given = os.path.abspath(root), os.fspath(path)  # noqa: PTH100
    if path.is_absolute():
        inside = base.rstrip(os.sep) + os.sep
        if given != base and not given.startswith(inside):
            raise UnsafePathError(f"{safe(path)} is not inside {safe(root)}")
        given = given[len(inside) :]
    parts = [part for part in given.split(os.sep) if part not in ("", os.curdir)]  # noqa: PTH206
    if not parts:
        raise UnsafePathError(f"{safe(root)} is the directory itself, not a file in it")
    return tuple(safe_file_name(part) for part in parts)


@contextlib.contextmanager
def _opened_directory(root: Path, parts: tuple[str, ...] | list[str], *, create: bool) -> Iterator[int]:
    if create:
        root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        path = _absolute(root)
        for part in parts:
            path = path / part
            child = _open_child(descriptor, part, path, create=create)
            os.close(descriptor)
            descriptor = child
        yield descriptor
    finally:
        os.close(descriptor)


def _open_child(parent: int, name: str, path: Path, *, create: bool) -> int:
    if create:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, dir_fd=parent)
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENOTDIR):
            raise _link_error(path) from error
        raise


def _not_regular(path: Path) -> UnsafePathError:
    return UnsafePathError(f"{safe(path)} is not a regular file", hint="Replace it with a file, or unstage it.")


def _link_error(path: Path) -> UnsafePathError:
    return UnsafePathError(
        f"{safe(path)} is a symbolic link or not a directory, and links inside a workspace are not followed",
        hint="Remove it, or give the directory it points to with --workspace.",
    )
