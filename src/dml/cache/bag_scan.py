"""Reading every byte of a bag: its files against the index, everything else against its manifests."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dml.cache.files import BagFile, mark_gone, mark_here
from dml.cache.index import Index
from dml.dataset.bagit import payload_path, read_manifest, read_tag_manifest, tag_manifest
from dml.dataset.checksums import has_checksum
from dml.errors import IntegrityError, UnsafePathError

__all__ = ["Fault", "Reading", "paths_of", "problem_of", "read_assets", "read_metadata"]


@dataclass(frozen=True)
class Fault:
    """One thing that is not as it should be.

    Attributes:
        path: The file, relative to its bag or asset directory.
        problem: ``wrong bytes``, ``gone``, ``not in the manifest``, ``a symbolic link``, ``unreadable``.
        repaired: Whether it was put right.
    """

    path: str
    problem: str
    repaired: bool = False


@dataclass
class Reading:
    """Counts and faults while a bag is read."""

    files: int = 0
    bytes: int = 0
    faults: list[Fault] = field(default_factory=list)


def read_assets(index: Index, key: str, bag: Path, files: Sequence[BagFile], reading: Reading) -> list[str]:
    """Compare the files of a bag with the index; returns the paths of those that are wrong or gone."""
    broken, right = [], []
    for file in files:
        problem = problem_of(payload_path(bag, file.path), file.length, file.checksum)
        if problem == "gone" and not (file.present or file.lost):
            continue
        if problem:
            broken.append(file.path)
            reading.faults.append(Fault(file.path, problem))
            continue
        reading.files += 1
        reading.bytes += file.length
        right.append(file.path)
    if broken:
        mark_gone(index, key, broken)
    if right:
        mark_here(index, key, bag, right)
    return broken


def read_metadata(bag: Path, tag_md5: str, files: set[str], reading: Reading) -> None:
    """Compare everything but the files with the manifests, and name what no manifest knows."""
    tags = _tag_files(bag, tag_md5, reading)
    expected = dict(tags)
    with contextlib.suppress(IntegrityError):  # then the tag manifest says so
        for path, checksum in read_manifest(bag).items():
            try:
                payload_path(bag, path)
            except UnsafePathError:
                reading.faults.append(Fault(path, "a path that is not safe"))
                continue
            if path not in files:
                expected[path] = checksum
    for path, checksum in sorted(expected.items()):
        problem = problem_of(bag / path, None, checksum)
        if problem:
            reading.faults.append(Fault(path, problem))
        else:
            reading.files += 1
            reading.bytes += (bag / path).stat().st_size
    for path in paths_of(bag):
        if (bag / path).is_symlink():
            reading.faults.append(Fault(path, "a symbolic link"))
        elif path not in expected and path not in files and (path.startswith("data/") or _is_stray_tag(path, tags)):
            reading.faults.append(Fault(path, "not in the manifest"))


def _is_stray_tag(path: str, tags: Collection[str]) -> bool:
    """Whether a file beside the payload should be in the tag manifest; a bag need not have one (RFC 8493, 2.2.1)."""
    return bool(tags) and not ("/" not in path and path.startswith("tagmanifest-"))


def _tag_files(bag: Path, tag_md5: str, reading: Reading) -> dict[str, str]:
    """Checksums of the tag files, once their own manifest is what it was when the bag was entered."""
    try:
        place = tag_manifest(bag)
        problem = problem_of(place, None, tag_md5) if tag_md5 else ""
        found = {} if problem == "gone" else read_tag_manifest(bag)
    except (IntegrityError, OSError) as error:
        reading.faults.append(Fault("tagmanifest", str(error)))
        return {}
    if problem:
        reading.faults.append(Fault(place.name, problem))
    return found


def problem_of(place: Path, length: int | None, checksum: str) -> str:
    """What is wrong with a file; empty when nothing is."""
    try:
        if place.is_symlink():
            return "a symbolic link"
        if not place.is_file():
            return "gone"
        if length is not None and place.stat().st_size != length:
            return "wrong length"
        return "" if has_checksum(place, checksum) else "wrong bytes"
    except OSError:
        return "unreadable"


def paths_of(bag: Path) -> Iterator[str]:
    for here, directories, names in os.walk(bag):
        links = [name for name in directories if Path(here, name).is_symlink()]
        for name in (*names, *links):
            yield Path(here, name).relative_to(bag).as_posix()
