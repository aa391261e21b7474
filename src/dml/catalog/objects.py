"""Objects in Hatrac: their names and descriptions, upload and download.

Callers import this module; the parts are in ``object_info``, ``upload`` and ``download``.
"""

from dml.catalog.download import download
from dml.catalog.object_info import ObjectInfo, local_path, object_path, stat
from dml.catalog.upload import upload

__all__ = ["ObjectInfo", "download", "local_path", "object_path", "stat", "upload"]
