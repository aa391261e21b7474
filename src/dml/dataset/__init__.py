"""Datasets: what a specification means, which versions there are, how they are curated, exported and read.

The names below are the public API. Each is loaded when it is first used, so that what only reads a specification does
not load what speaks to a catalog.
"""

from dml.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__, __file__)
