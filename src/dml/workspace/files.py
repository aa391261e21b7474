"""Opening and creating files inside a root directory without ever leaving it through a symbolic link.

The root itself is trusted (a home directory may well be a link); every component below it is opened relative to its
parent's descriptor with ``O_NOFOLLOW`` (openat(2)), so that a link planted between check and use is met with an error
and not followed.
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
    """Turn the system's errors about a file that is worked on inside the block into ours; see ``disk_error``."""
    try:
        yield
    except OSError as error:
        raise disk_error(path, error) from error


def disk_error(path: Path, error: OSError) -> DmlError:
    """The error for a file that could not be written or read: worth trying again when something ran out."""
    if error.errno in _FULL:
        return RetryableError(
            f"The disk is full: {safe(path)} cannot be written",
            hint="Make room (`dml cache clear`, `dml exec gc`) and run the command again.",
        )
    if error.errno in _EXHAUSTED:
        return RetryableError(
            f"{safe(path)} cannot be used: {error.strerror}", hint="End other programs and run the command again."
        )
    return DmlError(
        f"{safe(path)} cannot be used: {error.strerror or error}",
        hint="Check the permissions and the disk, or name another directory with --workspace.",
    )


def check_inside(root: Path, path: Path, *, last_may_be_link: bool = False) -> Path:
    """Return the absolute form of ``path`` when it lies below ``root`` and no component on the way is a symbolic link.

    Only looks; creates nothing. Components that do not exist yet are fine.

    Args:
        root: The trusted directory.
        path: Absolute, or relative to ``root``.
        last_may_be_link: Accept a link as the last component (deriva-ml stages a file as a link to its source).

    Raises:
        UnsafePathError: It leaves the root, is the root, has a refused name, or passes through a symbolic link.
    """
    parts = _parts_below(root, path)
    # Strings, since a Path for each step would cost more than the looks at the disk, for every file of a commit.
    current = os.path.abspath(root)  # noqa: PTH100
    for position, part in enumerate(parts):
        current = f"{current.removesuffix(os.sep)}{os.sep}{part}"
        if os.path.islink(current) and not (last_may_be_link and position == len(parts) - 1):  # noqa: PTH114
            raise _link_on_the_way(Path(current))
    return Path(current)


def make_directory(root: Path, path: Path) -> Path:
    """Create ``path`` below ``root`` with its parents (mode 0o777 less the umask); existing directories are kept.

    Raises:
        UnsafePathError: As ``check_inside``; also when something else than a directory is in the way.
    """
    with _opened_directory(root, _parts_below(root, path), create=True):
        return _absolute(root).joinpath(*_parts_below(root, path))


def open_inside(
    root: Path, path: Path, flags: int = os.O_RDONLY, mode: int = 0o666, *, make_parents: bool = False
) -> int:
    """Open a file below ``root`` and return its descriptor; the last component is never followed when it is a link.

    Args:
        root: The trusted directory; created when ``make_parents`` is set.
        path: Absolute, or relative to ``root``.
        flags: Flags of open(2); ``O_NOFOLLOW`` and ``O_CLOEXEC`` are added.
        mode: Permissions of a file that is created, less the umask.
        make_parents: Create missing directories on the way.

    Raises:
        UnsafePathError: As ``check_inside``.
        OSError: Whatever else open(2) says, ``FileNotFoundError`` and ``FileExistsError`` among it.
    """
    *parents, name = _parts_below(root, path)
    with _opened_directory(root, parents, create=make_parents) as directory:
        try:
            return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=directory)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK):
                raise _link_on_the_way(_absolute(root).joinpath(*parents, name)) from error
            raise


def open_regular(root: Path, path: Path, *, follow_last: bool = False) -> int:
    """Open an existing regular file below ``root`` for reading.

    A FIFO or a device is refused without waiting on it.

    Args:
        root: The trusted directory.
        path: Absolute, or relative to ``root``.
        follow_last: Follow a link that is the last component, wherever it leads (a file staged as a link).

    Raises:
        UnsafePathError: As ``check_inside``, or it is no regular file.
        OSError: Whatever else open(2) says.
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


def look_at_regular(root: Path, path: Path, *, follow_last: bool = False) -> os.stat_result:
    """The status of an existing regular file below ``root``; arguments and errors as of ``open_regular``."""
    checked = check_inside(root, path, last_may_be_link=follow_last)
    found = os.stat(checked, follow_symlinks=follow_last)  # noqa: PTH116
    if not stat.S_ISREG(found.st_mode):
        raise _not_regular(path)
    return found


def write_atomically(root: Path, path: Path, content: bytes, *, mode: int = 0o666) -> Path:
    """Write a whole file below ``root`` so that a reader sees the old or the new content, also after a power loss.

    Parents are created. The bytes go to a temporary name beside it, are synced, renamed over it, and the directory is
    synced.

    Raises:
        UnsafePathError: As ``check_inside``.
        OSError: The disk is full, or the place cannot be written.
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
    """The components of a path below the root, each a safe name; ``..`` is refused even where it would cancel out."""
    base, given = os.path.abspath(root), os.fspath(path)  # noqa: PTH100
    if path.is_absolute():
        inside = base.rstrip(os.sep) + os.sep
        if given != base and not given.startswith(inside):
            raise UnsafePathError(f"{safe(path)} is not inside {safe(root)}")
        given = given[len(inside) :]
    parts = [part for part in given.split(os.sep) if part not in ("", os.curdir)]  # noqa: PTH206
    if not parts:
        raise UnsafePathError(f"{safe(root)} itself is not a place for a file")
    return tuple(safe_file_name(part) for part in parts)


@contextlib.contextmanager
def _opened_directory(root: Path, parts: tuple[str, ...] | list[str], *, create: bool) -> Iterator[int]:
    if create:
        root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        walked = _absolute(root)
        for part in parts:
            walked = walked / part
            child = _open_child(descriptor, part, walked, create=create)
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
            raise _link_on_the_way(path) from error
        raise


def _not_regular(path: Path) -> UnsafePathError:
    return UnsafePathError(f"{safe(path)} is not a regular file", hint="Replace it by a file, or unstage it.")


def _link_on_the_way(path: Path) -> UnsafePathError:
    return UnsafePathError(
        f"{safe(path)} is a symbolic link or not a directory; it is not followed inside a workspace",
        hint="Remove it, or point --workspace at the directory it leads to.",
    )
