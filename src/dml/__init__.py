"""The operator's command suite for DERIVA-ML.

Importing this costs nothing: each public name is loaded when it is first used (PEP 562).
"""

from dml.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__, __file__)
