"""Objects in Hatrac: their names, whether they are there, sending and fetching them.

The parts are in ``stored``, ``upload`` and ``download``; this is the one module that callers import.
"""

from dml.catalog.download import download
from dml.catalog.object_info import ObjectInfo, local_path, object_path, stat
from dml.catalog.upload import upload

__all__ = ["ObjectInfo", "download", "local_path", "object_path", "stat", "upload"]
