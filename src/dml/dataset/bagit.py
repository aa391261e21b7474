"""The files that make a directory a BagIt bag, written and read; nothing about datasets, no network.

BagIt 0.97, as bdbag writes it: ``bagit.txt``, ``bag-info.txt``, ``manifest-md5.txt`` with one line for each payload
file whether it is here or still to be fetched, ``fetch.txt`` with the latter, ``tagmanifest-md5.txt``. They are not
written by bdbag's ``make_bag``, because that changes the working directory of the whole process and writes a
configuration file to the home. What a bag names is not trusted: every path is judged before it is used.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote

from dml._version import __version__
from dml.dataset.checksums import file_md5, manifests, spelled
from dml.errors import IntegrityError, UnsafePathError
from dml.safe_text import safe

__all__ = [
    "TAG_MANIFEST",
    "Remote",
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
"""The file from which all other checksums of a bag that dml writes follow."""

_NAME_BYTES = 255


@dataclass(frozen=True)
class Remote:
    """A payload file that is fetched later.

    Attributes:
        path: Its place in the bag, as in ``data/asset/Image/1-ABC/a.png``.
        url: Where its bytes are.
        length: Their number.
        checksum: Their checksum, an MD5 where the bag has it (``checksums``); empty when no manifest names it.
    """

    path: str
    url: str
    length: int
    checksum: str


def write_tag_files(directory: Path, remotes: Sequence[Remote], info: Mapping[str, str]) -> None:
    """Turn a directory with a ``data`` directory into a bag.

    Args:
        directory: The directory.
        remotes: Payload files that are not in it yet.
        info: Lines of ``bag-info.txt``.
    """
    local = [path for path in sorted((directory / "data").rglob("*")) if path.is_file()]
    manifest = {path.relative_to(directory).as_posix(): file_md5(path) for path in local}
    manifest |= {remote.path: remote.checksum for remote in remotes}
    size = sum(path.stat().st_size for path in local) + sum(remote.length for remote in remotes)
    facts = {
        "BagIt-Profile-Identifier": "https://raw.githubusercontent.com/fair-research/bdbag/master/profiles/bdbag-profile.json",
        "Bag-Software-Agent": f"dml {__version__}",
        **info,
        "Payload-Oxum": f"{size}.{len(manifest)}",
    }
    _write(directory / "bagit.txt", ["BagIt-Version: 0.97", "Tag-File-Character-Encoding: UTF-8"])
    _write(directory / "bag-info.txt", [f"{name}: {' '.join(str(text).split())}" for name, text in facts.items()])
    _write(directory / "manifest-md5.txt", [f"{md5}  {_encoded(path)}" for path, md5 in sorted(manifest.items())])
    if remotes:
        lines = (f"{one.url}\t{one.length}\t{quote(one.path)}" for one in sorted(remotes, key=lambda one: one.path))
        _write(directory / "fetch.txt", lines)
    tags = [path for path in sorted(directory.glob("*.txt")) if path.name != TAG_MANIFEST]
    _write(directory / TAG_MANIFEST, [f"{file_md5(path)}  {path.name}" for path in tags])


def read_manifest(directory: Path) -> dict[str, str]:
    """The checksum of each payload file by its place in the bag: its MD5 where a manifest has it, else another one.

    Raises:
        IntegrityError: There is no readable manifest, or none with an algorithm that is known here.
    """
    found = _checksums(directory, "manifest")
    if found is None:
        raise IntegrityError(f"{safe(directory.name)} is no bag: it has no manifest of its files")
    return found


def read_tag_manifest(directory: Path) -> dict[str, str]:
    """The checksum of each tag file by its name; a line that names another place is passed over.

    Raises:
        IntegrityError: The tag manifest is not readable, or its algorithm is not known here.
    """
    found = _checksums(directory, "tagmanifest") or {}
    return {name: checksum for name, checksum in found.items() if _is_plain(name) and not name.startswith("data/")}


def tag_manifest(directory: Path) -> Path:
    """The file from which all other checksums of a bag follow; it need not exist."""
    return next((path for _, path in manifests(directory, "tagmanifest")), directory / TAG_MANIFEST)


def _checksums(directory: Path, kind: str) -> dict[str, str] | None:
    entries: dict[str, str] = {}
    found = manifests(directory, kind)
    for algorithm, manifest in found:
        for line in _lines(manifest):
            digest, _, path = line.partition(" ")
            name = path.strip().removeprefix("*").replace("%0D", "\r").replace("%0A", "\n")
            entries.setdefault(name, spelled(algorithm, digest))
    return entries if found else None


def read_fetch(directory: Path) -> list[Remote]:
    """What a bag still has to fetch, each path judged after it is decoded.

    Raises:
        IntegrityError: A line is malformed.
        UnsafePathError: A path would leave the bag's payload.
    """
    manifest = read_manifest(directory)
    remotes = []
    for line in _lines(directory / "fetch.txt"):
        fields = line.split(None, 2)
        if len(fields) != 3 or not fields[1].isdigit():
            raise IntegrityError(f"{directory.name}/fetch.txt has the malformed line {safe(line, limit=120)}")
        path = unquote(fields[2])
        payload_path(directory, path)
        remotes.append(Remote(path, fields[0], int(fields[1]), manifest.get(path, "")))
    return remotes


def read_info(path: Path) -> dict[str, str]:
    """The lines of a bag's ``bag-info.txt``.

    Raises:
        IntegrityError: It cannot be read.
    """
    try:
        lines = (path / "bag-info.txt").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise IntegrityError(f"{path} is no bag: bag-info.txt cannot be read") from error
    return {name.strip(): text.strip() for name, colon, text in (line.partition(":") for line in lines) if colon}


def payload_path(directory: Path, path: str) -> Path:
    """The file that a decoded path of a bag means.

    Raises:
        UnsafePathError: It is no plain relative path below ``data``, or a directory on the way is a symbolic link.
    """
    parts = PurePosixPath(path).parts
    if len(parts) < 2 or parts[0] != "data" or not _is_plain(path):
        raise UnsafePathError(f"the bag {directory.name} names the path {safe(path, limit=120)!r}, which is not safe")
    here = directory
    for part in parts[:-1]:
        here = here / part
        if here.is_symlink():
            raise UnsafePathError(f"{here} is a symbolic link and is not followed")
    return here / parts[-1]


def safe_filename(name: object, rid: str) -> str:
    """The file name of an asset, judged before it becomes a path.

    Raises:
        UnsafePathError: It is no plain file name.
    """
    text = str(name or "")
    if not text or "/" in text or _is_bad(text):
        raise UnsafePathError(f"asset {rid} has the file name {safe(text, limit=80)!r}, which is not safe")
    return text


def _is_plain(path: str) -> bool:
    """Whether a decoded path is relative, in its shortest form, and cannot lead upwards however it is decoded again."""
    parts = PurePosixPath(path).parts
    return "/".join(parts) == path and "%2e%2e" not in path.lower() and not any(_is_bad(part) for part in parts)


def _is_bad(part: str) -> bool:
    try:
        too_long = len(part.encode()) > _NAME_BYTES
    except UnicodeEncodeError:
        return True
    return too_long or part in (".", "..") or any(mark in part for mark in "\\\0")


def _encoded(path: str) -> str:
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
