"""Nesting of executions: their parents and children, as started by sweeps and pipelines; lineage is the data flow.

The names below are the public API; each is loaded when it is first used.
"""

from dml.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__, __file__)
