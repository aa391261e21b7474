"""Reads and writes the tag files of BagIt bags (RFC 8493); knows nothing about datasets and makes no request.

Bags follow BagIt 0.97, as bdbag writes it: ``bagit.txt``, ``bag-info.txt``, ``manifest-md5.txt`` with a line for each
payload file whether or not it has been fetched, ``fetch.txt`` with those that have not, and ``tagmanifest-md5.txt``.
bdbag's ``make_bag`` is not used, because it changes the working directory of the process and writes a configuration
file to the home directory. Paths that a bag names are not trusted: each is checked before it is used.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote

from dml._version import __version__
from dml.dataset.checksums import file_md5, format_checksum, manifests
from dml.errors import IntegrityError, UnsafePathError
from dml.safe_text import safe

__all__ = [
    "TAG_MANIFEST",
    "RemoteFile",
    "payload_path",
    "read_fetch",
    "read_info",
    "read_manifest",
    "read_tag_manifest",
    "safe_filename",
    "tag_manifest",
    "write_tag_files",
]

TAG_MANIFEST = "tagmanifest-md5.txt"
"""The file on which all other checksums of a bag that dml writes depend."""

_MAX_NAME_BYTES = 255


@dataclass(frozen=True)
class RemoteFile:
    """A payload file that ``fetch.txt`` names.

    Attributes:
        path: Relative to the bag, such as ``data/asset/Image/1-ABC/a.png``.
        url: Where it is stored.
        length: Bytes.
        checksum: As in ``checksums``, MD5 where the bag has it; empty when no manifest lists the file.
    """

    path: str
    url: str
    length: int
    checksum: str


def write_tag_files(directory: Path, remotes: Sequence[RemoteFile], info: Mapping[str, str]) -> None:
    """Turn a directory that holds a ``data`` directory into a bag.

    Args:
        directory: The directory.
        remotes: Payload files that are not in it.
        info: Lines for ``bag-info.txt``.
    """
    local = [path for path in sorted((directory / "data").rglob("*")) if path.is_file()]
    manifest = {path.relative_to(directory).as_posix(): file_md5(path) for path in local}
    manifest |= {remote.path: remote.checksum for remote in remotes}
    size = sum(path.stat().st_size for path in local) + sum(remote.length for remote in remotes)
    tags = {
        "BagIt-Profile-Identifier": "https://raw.githubusercontent.com/fair-research/bdbag/master/profiles/bdbag-profile.json",
        "Bag-Software-Agent": f"dml {__version__}",
        **info,
        "Payload-Oxum": f"{size}.{len(manifest)}",
    }
    _write(directory / "bagit.txt", ["BagIt-Version: 0.97", "Tag-File-Character-Encoding: UTF-8"])
    _write(directory / "bag-info.txt", [f"{name}: {' '.join(str(text).split())}" for name, text in tags.items()])
    _write(directory / "manifest-md5.txt", [f"{md5}  {_encode(path)}" for path, md5 in sorted(manifest.items())])
    if remotes:
        ordered = sorted(remotes, key=lambda remote: remote.path)
        _write(directory / "fetch.txt", (f"{file.url}\t{file.length}\t{quote(file.path)}" for file in ordered))
    tag_files = [path for path in sorted(directory.glob("*.txt")) if path.name != TAG_MANIFEST]
    _write(directory / TAG_MANIFEST, [f"{file_md5(path)}  {path.name}" for path in tag_files])


def read_manifest(directory: Path) -> dict[str, str]:
    """The checksum of each payload file by its path in the bag: MD5 if a manifest has it, else another one.

    Raises:
        IntegrityError: There is no readable manifest, or none with a known algorithm.
    """
    checksums = _checksums(directory, "manifest")
    if checksums is None:
        raise IntegrityError(f"{safe(directory.name)} is not a bag: it has no manifest")
    return checksums


def read_tag_manifest(directory: Path) -> dict[str, str]:
    """The checksum of each tag file by its path; lines with an unsafe path or one in the payload are skipped.

    Raises:
        IntegrityError: The tag manifest is not readable, or its algorithm is unknown.
    """
    checksums = _checksums(directory, "tagmanifest") or {}
    return {path: checksum for path, checksum in checksums.items() if _is_plain(path) and not path.startswith("data/")}


def tag_manifest(directory: Path) -> Path:
    """The path of a bag's tag manifest; it need not exist."""
    return next((path for _, path in manifests(directory, "tagmanifest")), directory / TAG_MANIFEST)


def _checksums(directory: Path, kind: str) -> dict[str, str] | None:
    checksums: dict[str, str] = {}
    found = manifests(directory, kind)
    for algorithm, manifest in found:
        for line in _lines(manifest):
            digest, _, rest = line.partition(" ")
            path = rest.strip().removeprefix("*").replace("%0D", "\r").replace("%0A", "\n")
            checksums.setdefault(path, format_checksum(algorithm, digest))
    return checksums if found else None


def read_fetch(directory: Path) -> list[RemoteFile]:
    """The files that ``fetch.txt`` names, their paths decoded and checked.

    Raises:
        IntegrityError: A line is malformed.
        UnsafePathError: A path leads out of the payload.
    """
    manifest = read_manifest(directory)
    remotes = []
    for line in _lines(directory / "fetch.txt"):
        fields = line.split(None, 2)
        if len(fields) != 3 or not fields[1].isdigit():
            raise IntegrityError(f"{directory.name}/fetch.txt has a malformed line: {safe(line, limit=120)}")
        path = unquote(fields[2])
        payload_path(directory, path)
        remotes.append(RemoteFile(path, fields[0], int(fields[1]), manifest.get(path, "")))
    return remotes


def read_info(directory: Path) -> dict[str, str]:
    """The lines of a bag's ``bag-info.txt``.

    Raises:
        IntegrityError: It cannot be read.
    """
    try:
        lines = (directory / "bag-info.txt").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise IntegrityError(f"{directory} is not a bag: bag-info.txt cannot be read") from error
    return {name.strip(): text.strip() for name, colon, text in (line.partition(":") for line in lines) if colon}


def payload_path(directory: Path, path: str) -> Path:
    """The file that a decoded path of a bag means.

    Raises:
        UnsafePathError: It is not a plain relative path below ``data``, or passes through a symbolic link.
    """
    parts = PurePosixPath(path).parts
    if len(parts) < 2 or parts[0] != "data" or not _is_plain(path):
        raise UnsafePathError(f"the bag {directory.name} names an unsafe path: {safe(path, limit=120)!r}")
    current = directory
    for part in parts[:-1]:
        current = current / part
        if current.is_symlink():
            raise UnsafePathError(f"{current} is a symbolic link and is not followed")
    return current / parts[-1]


def safe_filename(name: object, rid: str) -> str:
    """The file name of an asset, checked before it becomes part of a path.

    Raises:
        UnsafePathError: It is not a plain file name.
    """
    text = str(name or "")
    if not text or "/" in text or _is_bad(text):
        raise UnsafePathError(f"asset {rid} has an unsafe file name: {safe(text, limit=80)!r}")
    return text


def _is_plain(path: str) -> bool:
    """Whether a decoded path is relative and normalised, and does not lead upwards if it is decoded once more."""
    parts = PurePosixPath(path).parts
    return "/".join(parts) == path and "%2e%2e" not in path.lower() and not any(_is_bad(part) for part in parts)


def _is_bad(part: str) -> bool:
    try:
        is_too_long = len(part.encode()) > _MAX_NAME_BYTES
    except UnicodeEncodeError:
        return True
    return is_too_long or part in (".", "..") or any(character in part for character in "\\\0")


def _encode(path: str) -> str:
    return path.replace("\r", "%0D").replace("\n", "%0A")


def _write(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except UnicodeDecodeError as error:
        raise IntegrityError(f"{path.parent.name}/{path.name} is not UTF-8") from error
    return [line for line in text.split("\n") if line.strip()]
