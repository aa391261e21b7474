"""Reads every byte of a bag: its files against the index, everything else against its manifests."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dml.cache.bag_files import BagFile, mark_lost, mark_present
from dml.cache.file_checks import find_fault
from dml.cache.index import Index
from dml.dataset.bagit import payload_path, read_manifest, read_tag_manifest, tag_manifest
from dml.errors import IntegrityError, UnsafePathError

__all__ = ["Fault", "Scan", "paths_of", "scan_files", "scan_metadata"]


@dataclass(frozen=True)
class Fault:
    """Something wrong with a cached file.

    Attributes:
        path: The file, relative to its bag or asset directory.
        problem: ``wrong checksum``, ``wrong length``, ``missing``, ``not in the manifest``, ``symbolic link``,
            ``unsafe path``, ``unreadable``, or the sentence of an error.
        repaired: Whether it has been repaired.
    """

    path: str
    problem: str
    repaired: bool = False


@dataclass
class Scan:
    """Number and size of the correct files that were read, and the faults that were found."""

    files: int = 0
    bytes: int = 0
    faults: list[Fault] = field(default_factory=list)


def scan_files(index: Index, key: str, bag: Path, files: Sequence[BagFile], scan: Scan) -> list[str]:
    """Compare the files of a bag with the index and record the result; returns paths of damaged and lost files.

    A file that was never fetched is no fault.
    """
    broken, intact = [], []
    for file in files:
        problem = find_fault(payload_path(bag, file.path), file.length, file.checksum)
        if problem == "missing" and not (file.present or file.lost):
            continue
        if problem:
            broken.append(file.path)
            scan.faults.append(Fault(file.path, problem))
            continue
        scan.files += 1
        scan.bytes += file.length
        intact.append(file.path)
    if broken:
        mark_lost(index, key, broken)
    if intact:
        mark_present(index, key, bag, intact)
    return broken


def scan_metadata(bag: Path, tag_md5: str, files: set[str], scan: Scan) -> None:
    """Compare everything but the files of a bag with its manifests, and find what no manifest lists.

    Args:
        bag: The bag.
        tag_md5: MD5 of the tag manifest when the bag was recorded; empty when unknown.
        files: Paths of the files that are fetched apart from the metadata.
        scan: Takes the result.
    """
    tags = _tag_files(bag, tag_md5, scan)
    expected = dict(tags)
    with contextlib.suppress(IntegrityError):  # the tag manifest then reports the manifest as damaged or missing
        for path, checksum in read_manifest(bag).items():
            try:
                payload_path(bag, path)
            except UnsafePathError:
                scan.faults.append(Fault(path, "unsafe path"))
                continue
            if path not in files:
                expected[path] = checksum
    for path, checksum in sorted(expected.items()):
        problem = find_fault(bag / path, None, checksum)
        if problem:
            scan.faults.append(Fault(path, problem))
        else:
            scan.files += 1
            scan.bytes += (bag / path).stat().st_size
    for path in paths_of(bag):
        if (bag / path).is_symlink():
            scan.faults.append(Fault(path, "symbolic link"))
        elif path not in expected and path not in files and (path.startswith("data/") or _is_stray_tag(path, tags)):
            scan.faults.append(Fault(path, "not in the manifest"))


def paths_of(bag: Path) -> Iterator[str]:
    """All files and symbolic links of a bag, relative to it."""
    for directory, subdirectories, names in os.walk(bag):
        links = [name for name in subdirectories if Path(directory, name).is_symlink()]
        for name in (*names, *links):
            yield Path(directory, name).relative_to(bag).as_posix()


def _is_stray_tag(path: str, tags: Collection[str]) -> bool:
    """Whether a file outside the payload should be in the tag manifest, which is optional (RFC 8493, 2.2.1)."""
    return bool(tags) and not ("/" not in path and path.startswith("tagmanifest-"))


def _tag_files(bag: Path, tag_md5: str, scan: Scan) -> dict[str, str]:
    """Checksums of the tag files; a tag manifest that is not the recorded one is a fault."""
    try:
        manifest = tag_manifest(bag)
        problem = find_fault(manifest, None, tag_md5) if tag_md5 else ""
        checksums = {} if problem == "missing" else read_tag_manifest(bag)
    except (IntegrityError, OSError) as error:
        scan.faults.append(Fault("tagmanifest", str(error)))
        return {}
    if problem:
        scan.faults.append(Fault(manifest.name, problem))
    return checksums
