"""Orchestration: parent and child executions, how a sweep went. Never mixed with lineage, which is data flow.

The names below are the public API; each is loaded when it is first used.
"""

from dml.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__, __file__)
