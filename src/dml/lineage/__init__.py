"""Data flow: what produced an artifact and from what, what was made from it, and the renderings of both.

The names below are the public API; each is loaded when it is first used.
"""

from dml.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__, __file__)
