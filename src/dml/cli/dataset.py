"""``dml dataset``: the group of commands about datasets; the commands themselves are in the modules it names.

``dataset_look`` finds and shows, ``dataset_members`` makes and changes, ``dataset_versions`` releases,
``dataset_parts`` splits, ``dataset_wide`` joins rows for other programs.
"""

from __future__ import annotations

from dml.cli import dataset_look, dataset_members, dataset_parts, dataset_versions, dataset_wide
from dml.cli.dataset_frame import app

__all__ = ["app", "dataset_look", "dataset_members", "dataset_parts", "dataset_versions", "dataset_wide"]
